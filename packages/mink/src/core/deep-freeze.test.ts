import { describe, expect, test } from 'vitest';
import { deepFreeze } from './deep-freeze.ts';

describe('deepFreeze', () => {
  test('freezes plain objects and arrays all the way down, and returns the same value', () => {
    const value = { list: [{ tags: ['a'] }], nested: { map: Object.assign(Object.create(null), { a: { b: 1 } }) } };
    expect(deepFreeze(value)).toBe(value);
    expect(() => value.list.push({ tags: [] })).toThrow(TypeError);
    expect(() => value.list[0]?.tags.push('b')).toThrow(TypeError);
    expect(Object.isFrozen(value.nested.map.a)).toBe(true);
  });

  test('goes below an object that its owner froze only on the surface', () => {
    const value = Object.freeze({ items: ['a'] });
    deepFreeze(value);
    expect(() => value.items.push('b')).toThrow(TypeError);
  });

  test('goes below a frozen object that is found inside another', () => {
    const inner = Object.freeze({ items: ['a'] });
    deepFreeze({ inner });
    expect(() => inner.items.push('b')).toThrow(TypeError);
  });

  test('does not walk again what it froze before', () => {
    let walked = 0;
    const value = {
      get counted() {
        walked += 1;
        return {};
      },
    };
    deepFreeze(value);
    deepFreeze({ value });
    expect(walked).toBe(1);
  });

  test('freezes instances of classes, maps, sets and dates, and leaves bytes', () => {
    class Money {
      amount = 1;
    }
    const value = {
      money: new Money(),
      at: new Date(0),
      map: new Map([[1, { a: 1 }]]),
      set: new Set([{ b: 1 }]),
      bytes: new Uint8Array(2),
    };
    deepFreeze(value);
    const changes: readonly (() => unknown)[] = [
      () => (value.money.amount = 2),
      () => value.at.setTime(5),
      () => value.at.setFullYear(2000),
      () => value.map.set(2, { a: 2 }),
      () => value.map.delete(1),
      () => value.map.clear(),
      () => [...value.map.values()].map((item) => (item.a = 2)),
      () => value.set.add({ b: 2 }),
      () => value.set.clear(),
      () => [...value.set].map((item) => (item.b = 2)),
    ];
    for (const change of changes) expect(change).toThrow(TypeError);
    value.bytes[0] = 1;
    expect(value).toEqual({
      money: { amount: 1 },
      at: new Date(0),
      map: new Map([[1, { a: 1 }]]),
      set: new Set([{ b: 1 }]),
      bytes: new Uint8Array([1, 0]),
    });
    expect(new Map(value.map).set(2, { a: 2 }).size).toBe(2);
  });

  test('a list may be of any length, and is not walked again either', () => {
    const list = Array.from({ length: 300_000 }, (_, index) => ({ index }));
    expect(Object.isFrozen(deepFreeze(list)[299_999])).toBe(true);
    let walked = 0;
    const numbers = new Set(Array.from({ length: 100 }, (_, index) => index));
    const values = numbers[Symbol.iterator].bind(numbers);
    Object.defineProperty(numbers, Symbol.iterator, {
      value: () => {
        walked += 1;
        return values();
      },
    });
    deepFreeze(numbers);
    deepFreeze([numbers]);
    expect(walked).toBe(1);
  });

  test('a value that is nested deeper than calls may be is frozen, too', () => {
    let deep: { inner?: unknown } = {};
    for (let level = 0; level < 100_000; level += 1) deep = { inner: deep };
    expect(Object.isFrozen(deepFreeze(deep))).toBe(true);
  });

  test.each([undefined, null, 1, 'x', 1n, true, Symbol.iterator])('gives %s back', (value) => {
    expect(deepFreeze(value)).toBe(value);
  });

  test('ends on a cycle', () => {
    const value: { self?: unknown } = {};
    value.self = value;
    expect(Object.isFrozen(deepFreeze(value))).toBe(true);
  });
});
