import { describe, expect, test } from 'vitest';
import { summarizeProfile } from '../lib/cpu-profile.js';
import { numberedId, randomId, timeOrderedId } from '../lib/payload.js';
import { bootstrapInterval, median, quantile, rotate } from '../lib/statistics.js';

describe('statistics', () => {
  test('the median is the middle, or the mean of the two in the middle', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([10, 1, 2, 4])).toBe(3);
    expect(median([100, 20, 3])).toBe(20);
    expect(median([])).toBeUndefined();
  });

  test('a quantile is a value of the sample that enough others do not exceed', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(quantile(hundred, 0.5)).toBe(50);
    expect(quantile(hundred, 0.99)).toBe(99);
    expect(quantile([7], 0.99)).toBe(7);
    expect(quantile([], 0.5)).toBeUndefined();
  });

  test('the interval of a median holds it, is wider for fewer numbers, and the same every time', () => {
    const numbers = Array.from({ length: 400 }, (_, index) => (index * 37) % 100);
    const { low, high } = bootstrapInterval(numbers, median);
    expect(low).toBeLessThanOrEqual(median(numbers));
    expect(high).toBeGreaterThanOrEqual(median(numbers));
    expect(high - low).toBeGreaterThan(0);
    expect(bootstrapInterval(numbers, median)).toEqual({ low, high });
    const few = bootstrapInterval(numbers.slice(0, 20), median);
    expect(few.high - few.low).toBeGreaterThan(high - low);
    expect(bootstrapInterval([5, 5, 5], median)).toEqual({ low: 5, high: 5 });
  });

  test('each round begins with another subject', () => {
    const rounds = [0, 1, 2, 3].map((round) => rotate(['a', 'b', 'c'], round).join(''));
    expect(rounds).toEqual(['abc', 'bca', 'cab', 'abc']);
    expect(rotate([], 3)).toEqual([]);
  });
});

describe('ids of streams', () => {
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/u;

  test('are UUIDs of which none comes twice', () => {
    const ids = Array.from({ length: 20_000 }, () => timeOrderedId());
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of [...ids.slice(0, 10), numberedId(0), numberedId(10 ** 7), randomId()]) expect(id).toMatch(uuid);
  });

  test('rise with time, and numbered ones with their number, before all others', () => {
    const ids = Array.from({ length: 20_000 }, () => timeOrderedId());
    expect(ids.toSorted()).toEqual(ids);
    expect(numberedId(255) < numberedId(256)).toBe(true);
    expect(numberedId(10 ** 7) < timeOrderedId()).toBe(true);
  });
});

test('the time of a profile belongs to the package whose code ran, native code to its caller', () => {
  const frame = (functionName, url) => ({ functionName, url });
  const profile = {
    nodes: [
      { id: 1, callFrame: frame('(root)', ''), children: [2, 4, 6, 7] },
      { id: 2, callFrame: frame('append', 'file:///x/packages/mink/dist/core/store/append.js'), children: [3] },
      { id: 3, callFrame: frame('stringify', '') },
      { id: 4, callFrame: frame('query', 'file:///x/node_modules/pg/lib/client.js'), children: [5] },
      { id: 5, callFrame: frame('writev', 'node:net') },
      { id: 6, callFrame: frame('(garbage collector)', '') },
      { id: 7, callFrame: frame('(idle)', '') },
    ],
    samples: [2, 3, 4, 5, 6, 7, 7],
    timeDeltas: [0, 10, 20, 30, 40, 5, 100],
  };
  expect(Object.fromEntries(summarizeProfile(profile))).toEqual({
    'mink core': 30,
    'pg driver': 30,
    Node: 40,
    'garbage collector': 5,
    waiting: 100,
  });
});
