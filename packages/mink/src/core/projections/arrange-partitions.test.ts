import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arrangePartitions, equalRanges, type ArrangedPartition } from './arrange-partitions.ts';

function partitionsAt(...positions: readonly number[]): readonly ArrangedPartition[] {
  return equalRanges(positions.length).map((range, index) => {
    return { ...range, position: positions[index] ?? 0, epoch: 1, events: 10, movedAt: index, holdAt: undefined };
  });
}

const counts = fc.integer({ min: 1, max: 64 });

describe('arranging partitions', () => {
  test('splits at once: the parts are as far as the whole was, and what was applied is counted once', () => {
    expect(arrangePartitions(partitionsAt(7), 2)).toEqual([
      { from: 0, to: 512, position: 7, epoch: 2, events: 10, movedAt: 0, holdAt: undefined },
      { from: 512, to: 1_024, position: 7, epoch: 2, events: 0, movedAt: 0, holdAt: undefined },
    ]);
  });

  test('merges what is equally far, and fences whoever has had a part', () => {
    const [one, two] = partitionsAt(7, 7);
    const current = [one, { ...two, epoch: 5 }].filter((it): it is ArrangedPartition => it?.position !== undefined);
    expect(arrangePartitions(current, 1)).toEqual([
      { from: 0, to: 1_024, position: 7, epoch: 6, events: 20, movedAt: 1, holdAt: undefined },
    ]);
  });

  test('holds what is not equally far where the first is; the same step again changes nothing', () => {
    const held = arrangePartitions(partitionsAt(3, 7), 1);
    expect(held.map(({ position, holdAt, epoch }) => [position, holdAt, epoch])).toEqual([
      [3, 7, 2],
      [7, 7, 2],
    ]);
    const again = arrangePartitions(held, 1);
    expect(again.every((partition) => held.includes(partition))).toBe(true);
  });

  test('leaves alone what is as it should be', () => {
    const current = partitionsAt(1, 2, 3, 4);
    const arranged = arrangePartitions(current, 4);
    expect(arranged.every((partition) => current.includes(partition))).toBe(true);
  });

  test('comes to the wanted ranges from any others, and moves no slot back or over an event', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(20), { minLength: 1, maxLength: 64 }),
        fc.array(counts, { minLength: 1 }),
        (at, ways) => {
          let current = partitionsAt(...at);
          const slots = (): readonly number[] =>
            current.flatMap(({ from, to, position }) => Array.from({ length: to - from }, () => position));
          for (const wanted of ways) {
            const before = slots();
            current = arrangePartitions(current, wanted);
            // A step takes nobody further: that takes somebody who works.
            expect(slots()).toEqual(before);
            expect(current.reduce((sum, { events }) => sum + events, 0)).toBe(at.length * 10);
          }
          const last = ways.at(-1) ?? 1;
          const worked = current.map((it) => ({ ...it, position: it.holdAt ?? it.position }));
          expect(arrangePartitions(worked, last).map(({ from, to }) => ({ from, to }))).toEqual(equalRanges(last));
        },
      ),
    );
  });
});
