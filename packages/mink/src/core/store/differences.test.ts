import { anything, assert as check, property } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { differences } from './differences.ts';

class Money {
  readonly amount: number;

  constructor(amount: number) {
    this.amount = amount;
  }
}

describe('the differences of two states', () => {
  test.each<[unknown, unknown, unknown[]]>([
    [{ a: 1, b: 2 }, { a: 1, b: 3 }, [['b', 2, 3]]],
    [
      { a: 1 },
      { b: 2 },
      [
        ['a', 1, undefined],
        ['b', undefined, 2],
      ],
    ],
    [
      { items: [{ n: 1 }, { n: 2 }] },
      { items: [{ n: 1 }, { n: 5 }, { n: 3 }] },
      [
        ['items[1].n', 2, 5],
        ['items[2]', undefined, { n: 3 }],
      ],
    ],
    [[1, 2], [1], [['[1]', 2, undefined]]],
    [
      new Map([
        ['a b', 1],
        ['c', 2],
      ]),
      new Map([['a b', 9]]),
      [
        ['["a b"]', 1, 9],
        ['c', 2, undefined],
      ],
    ],
    [
      new Set(['x', 'y']),
      new Set(['y', 'z']),
      [
        ['x', 'x', undefined],
        ['z', undefined, 'z'],
      ],
    ],
    [{ at: new Date(0) }, { at: new Date(1) }, [['at', new Date(0), new Date(1)]]],
    [{ bytes: Uint8Array.of(1) }, { bytes: Uint8Array.of(2) }, [['bytes', Uint8Array.of(1), Uint8Array.of(2)]]],
    [new Money(1), new Money(2), [['amount', 1, 2]]],
    [{ it: new Money(1) }, { it: { amount: 1 } }, [['it', new Money(1), { amount: 1 }]]],
    [1, 2, [['', 1, 2]]],
    [undefined, { a: 1 }, [['', undefined, { a: 1 }]]],
    [{ a: null }, { a: {} }, [['a', null, {}]]],
    [{ a: 0 }, { a: -0 }, [['a', 0, -0]]],
    [{ a: { 'b-c': { ok: false } } }, { a: { 'b-c': { ok: true } } }, [['a["b-c"].ok', false, true]]],
  ])('%j and %j', (before, after, expected) => {
    expect(differences(before, after).map((it) => [it.path, it.before, it.after])).toEqual(expected);
  });

  test.each([
    [
      { a: [1, { b: new Date(5) }], m: new Map([[1, new Set([2])]]) },
      { a: [1, { b: new Date(5) }], m: new Map([[1, new Set([2])]]) },
    ],
    [Uint8Array.of(1, 2), Uint8Array.of(1, 2)],
    [Number.NaN, Number.NaN],
  ])('of equal ones are none: %j', (before, after) => {
    expect(differences(before, after)).toEqual([]);
  });

  test('are none between a value and its copy, whatever it is', () => {
    check(
      property(anything({ withDate: true, withTypedArray: true }), (value) => {
        expect(differences(value, structuredClone(value))).toEqual([]);
      }),
    );
  });

  test('are found however deep they lie', () => {
    const nest = (leaf: unknown): unknown => Array.from({ length: 20_000 }).reduce((inner) => [inner], leaf);
    expect(differences(nest(1), nest(2))).toHaveLength(1);
  });
});
