import { describe, expect, test } from 'vitest';
import { createUuidV7Generator, isUuid } from './uuid.ts';

const LAYOUT = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/u;

function take(generator: () => string, count: number): readonly string[] {
  return Array.from({ length: count }, generator);
}

function millisecondsOf(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

function counterOf(id: string): number {
  return Number.parseInt(id.slice(15, 18), 16);
}

/** Fails at the first id that does not come after the one before it. */
function expectRising(ids: readonly string[]): void {
  expect(ids.findIndex((id, index) => index > 0 && id <= (ids[index - 1] ?? ''))).toBe(-1);
}

describe('UUIDs of version 7', () => {
  test('have the layout of RFC 9562: lower case, version 7, variant 10', () => {
    for (const id of take(createUuidV7Generator(Date.now), 2_000)) expect(id).toMatch(LAYOUT);
  });

  test('begin with the 48 bits of the clock', () => {
    // The example of RFC 9562, appendix A.6: 2022-02-22T19:22:22Z.
    expect(createUuidV7Generator(() => 0x017f22e279b0)()).toMatch(/^017f22e2-79b0-7/u);
    for (const time of [1, 0xffff_ffff, 0x1_0000_0000, 0x1_0000_0001, 2 ** 48 - 1]) {
      expect(millisecondsOf(createUuidV7Generator(() => time)())).toBe(time);
    }
  });

  test('100,000 of one generator are unique and rising, whatever the clock does', () => {
    const ids = take(createUuidV7Generator(Date.now), 100_000);
    expect(new Set(ids).size).toBe(100_000);
    expectRising(ids);
  });

  test('are unique over generators that share a millisecond', () => {
    const generators = Array.from({ length: 1_000 }, () => createUuidV7Generator(() => 1_700_000_000_000));
    expect(new Set(generators.flatMap((generator) => take(generator, 20))).size).toBe(20_000);
  });

  test('rise while the clock stands still, and run ahead of it when the counter is used up', () => {
    const ids = take(
      createUuidV7Generator(() => 1_700_000_000_000),
      10_000,
    );
    expectRising(ids);
    expect(new Set(ids).size).toBe(10_000);
    expect(millisecondsOf(ids[0] ?? '')).toBe(1_700_000_000_000);
    // Each millisecond holds at least 2,048 and at most 4,096 of them.
    expect(millisecondsOf(ids.at(-1) ?? '') - 1_700_000_000_000).toBeGreaterThanOrEqual(2);
    expect(millisecondsOf(ids.at(-1) ?? '') - 1_700_000_000_000).toBeLessThanOrEqual(5);
  });

  test('rise while the clock goes back, and follow it again when it has caught up', () => {
    let now = 1_700_000_000_000;
    const generator = createUuidV7Generator(() => (now -= 1_000));
    const ids = take(generator, 5_000);
    expectRising(ids);
    now = 1_700_000_100_000;
    const later = generator();
    expect(later > (ids.at(-1) ?? '')).toBe(true);
    expect(millisecondsOf(later)).toBe(1_700_000_099_000);
  });

  test('rise with a clock that stands at the beginning of time, or before it, or says nothing', () => {
    for (const time of [0, 0.5, -1, Number.NaN]) {
      const ids = take(
        createUuidV7Generator(() => time),
        5_000,
      );
      expectRising(ids);
      for (const id of ids) expect(id).toMatch(LAYOUT);
    }
  });

  test('are of the time they are given, where they are given one', () => {
    const generator = createUuidV7Generator(() => 5_000);
    expect(millisecondsOf(generator())).toBe(5_000);
    expect(millisecondsOf(generator(7_000))).toBe(7_000);
    expectRising([generator(7_000), generator(6_000), generator(), generator(7_001)]);
  });

  test('rise with a clock that knows fractions of a millisecond', () => {
    let now = 1_700_000_000_000;
    expectRising(
      take(
        createUuidV7Generator(() => (now += 0.01)),
        5_000,
      ),
    );
  });

  test('a counter begins in its lower half each millisecond, and not always at the same place', () => {
    let now = 1_700_000_000_000;
    const counters = take(
      createUuidV7Generator(() => (now += 1)),
      500,
    ).map(counterOf);
    expect(Math.max(...counters)).toBeLessThan(0x800);
    expect(new Set(counters).size).toBeGreaterThan(100);
  });

  test('are recognised as UUIDs, in upper case too; other texts are not', () => {
    const id = createUuidV7Generator(Date.now)();
    expect(isUuid(id)).toBe(true);
    expect(isUuid(id.toUpperCase())).toBe(true);
    for (const text of [
      '',
      'x',
      id.slice(1),
      `${id}0`,
      `${id}\n`,
      `{${id}}`,
      id.replaceAll('-', ''),
      `g${id.slice(1)}`,
    ]) {
      expect(isUuid(text)).toBe(false);
    }
  });
});
