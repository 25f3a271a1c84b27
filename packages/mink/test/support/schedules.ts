import type { Client } from 'pg';

/** What one writer appends, and how its transaction ends. */
export interface Plan {
  readonly streamName: string;
  /** From 0 a version, -1 any, -2 exists. */
  readonly expected?: number | undefined;
  /** What it does instead of an append of one event. */
  readonly call?: ((client: Client) => Promise<number>) | undefined;
  /** How many events it appends. @defaultValue 1 */
  readonly events?: number | undefined;
  readonly end: 'commit' | 'rollback';
}

/** The order in which writers take their next steps, by their place among the plans. */
export type Turns = readonly number[];

/** Every order of the steps of two writers that do not wait for each other. Whoever begins is writer 0. */
export function everyOrder(stepsOfEach: number): readonly Turns[] {
  const orders = (left: readonly number[]): readonly Turns[] => {
    if (left.every((count) => count === 0)) return [[]];
    return left.flatMap((count, writer) =>
      count === 0 ? [] : orders(left.with(writer, count - 1)).map((rest) => [writer, ...rest]),
    );
  };
  return orders([stepsOfEach - 1, stepsOfEach]).map((rest) => [0, ...rest]);
}

/** Those of one stream: until the first writer has ended, the second can do no more than come to its lock. */
export function everyOrderOfOneStream(stepsOfEach: number): readonly Turns[] {
  return everyOrder(stepsOfEach).filter((turns) => {
    const untilEnd = turns.slice(0, turns.lastIndexOf(0));
    return untilEnd.filter((writer) => writer !== 0).length <= 1;
  });
}

/** Every way in which two transactions end. */
export const everyEnding: readonly (readonly [Plan['end'], Plan['end']])[] = [
  ['commit', 'commit'],
  ['commit', 'rollback'],
  ['rollback', 'commit'],
  ['rollback', 'rollback'],
];

/** A random order of the steps of some writers. */
export function randomOrder(writers: number, stepsOfEach: number, random: () => number): Turns {
  const left = Array.from({ length: writers * stepsOfEach }, (_, index) => index % writers);
  const turns: number[] = [];
  while (left.length > 0) turns.push(...left.splice(Math.floor(random() * left.length), 1));
  return turns;
}
