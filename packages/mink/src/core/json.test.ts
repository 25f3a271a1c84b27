import { createContext, runInContext } from 'node:vm';
import { deepStrictEqual, strictEqual } from 'node:assert';
import {
  constant,
  double,
  assert as check,
  jsonValue,
  letrec,
  oneof,
  property,
  string,
  type Arbitrary,
} from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Issue } from './errors.ts';
import { checkJson, sameJson, stringifyJson, type CheckedJson } from './json.ts';

function checked(value: unknown): CheckedJson {
  const result = checkJson(value);
  if ('reason' in result) throw new Error(`refused at "${result.path}": ${result.reason}`);
  return result;
}

function issueOf(value: unknown): Issue {
  const result = checkJson(value);
  if ('reason' in result) return result;
  throw new Error('was accepted');
}

function textOf(value: unknown): string {
  const { value: copy, hasNegativeZero } = checked(value);
  return stringifyJson(copy, hasNegativeZero);
}

/** Any JSON value; strings and keys with lone surrogates, -0 and `__proto__` come often. */
const anyJson: Arbitrary<unknown> = letrec((tie) => {
  const text = oneof(
    string({ unit: 'binary' }),
    constant('\ud800'),
    constant('x\udfff"\\\u0000'),
    constant('__proto__'),
  );
  return {
    text,
    key: text,
    leaf: oneof(text, double({ noNaN: true, noDefaultInfinity: true }), constant(-0), constant(null), constant(true)),
    value: oneof(
      { maxDepth: 5, depthSize: 'small' },
      tie('leaf'),
      tie('object'),
      tie('list'),
      jsonValue({ noUnicodeString: false }),
    ),
    list: tie('value').chain((first) => tie('value').map((second) => [first, second, {}, []])),
    object: tie('key').chain((key) => tie('value').map((value) => ownObject(String(key), value))),
  };
}).value;

function ownObject(key: string, value: unknown): object {
  return Object.defineProperty({ a: {} }, key, { value, enumerable: true, writable: true, configurable: true });
}

describe('checkJson', () => {
  test('whatever JSON can say comes through its text unchanged', () => {
    check(
      property(anyJson, (value) => {
        const { value: copy, hasNegativeZero } = checked(value);
        deepStrictEqual(copy, value);
        deepStrictEqual(JSON.parse(stringifyJson(copy, hasNegativeZero)), value);
      }),
      { numRuns: 1_000 },
    );
  });

  test('its upper bound of the size is never below the size of the text in UTF-8', () => {
    check(
      property(anyJson, (value) => {
        const { value: copy, maxBytes, hasNegativeZero } = checked(value);
        expect(maxBytes).toBeGreaterThanOrEqual(Buffer.byteLength(stringifyJson(copy, hasNegativeZero)));
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    ['an empty object', {}],
    ['an empty key', { '': null }],
    ['empty objects in a list', [{}, {}, {}]],
    ['nested empty lists', [[], [[]]]],
    ['the longest numbers', [-1.7976931348623157e308, -0.0000012345678901234567, -1.234567890123457e-300]],
    ['escapes and half surrogate pairs', ['\u0000\u001f"\\', '\ud800', '😀', 'ä', '\u2028']],
  ])('the size of %s is not underestimated', (_what, value) => {
    expect(checked(value).maxBytes).toBeGreaterThanOrEqual(Buffer.byteLength(JSON.stringify(value)));
  });

  test('-0 stays -0 in the text, at any depth, and other values take the fast path', () => {
    expect(textOf({ a: [-0, 0, { b: -0 }], c: 'x' })).toBe('{"a":[-0,0,{"b":-0}],"c":"x"}');
    expect(textOf(-0)).toBe('-0');
    expect(checked({ a: 0 }).hasNegativeZero).toBe(false);
    expect(Object.is(JSON.parse(textOf({ a: -0 })).a, -0)).toBe(true);
  });

  test('the slow path escapes and orders exactly as JSON.stringify does', () => {
    const value = { '2': 'x', b: null, a: [true, 'q"\\\u0007\ud800', {}, []], '1': 1e21 };
    expect(textOf({ ...value, zero: -0 })).toBe(JSON.stringify({ ...value, zero: 7 }).replace('7}', '-0}'));
  });

  test('a key named __proto__ is a key like any other, and changes no prototype', () => {
    const copy = checked(JSON.parse('{"__proto__": {"polluted": 1}, "a": 1}')).value;
    expect(Object.keys(copy ?? {})).toEqual(['__proto__', 'a']);
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
    expect(JSON.stringify(copy)).toBe('{"__proto__":{"polluted":1},"a":1}');
  });

  test('the copy is frozen at every level, and the original is left alone', () => {
    const original = { list: [{ deep: [1] }] };
    const copy = checked(original).value;
    expect(copy).toEqual(original);
    expect(copy).not.toBe(original);
    original.list[0]?.deep.push(2);
    original.list.push({ deep: [] });
    expect(copy).toEqual({ list: [{ deep: [1] }] });
    expect(() => Object.assign(copy ?? {}, { more: 1 })).toThrow(TypeError);
    const walk = (value: unknown): boolean =>
      typeof value !== 'object' ||
      value === null ||
      (Object.isFrozen(value) && Object.values(value).every((item) => walk(item)));
    expect(walk(copy)).toBe(true);
    expect(Object.isFrozen(original)).toBe(false);
  });

  test('a property that is undefined is left out, an undefined element is refused', () => {
    expect(checked({ a: undefined, b: 1 }).value).toEqual({ b: 1 });
    expect(Object.keys(checked({ a: undefined }).value ?? {})).toEqual([]);
    expect(issueOf([1, undefined])).toEqual({ path: '[1]', reason: expect.stringContaining('undefined') });
    // oxlint-disable-next-line no-sparse-arrays -- a hole is what this is about
    expect(issueOf([1, , 3]).path).toBe('[1]');
  });

  test('whatever is added to the prototype of all objects is no part of a payload', () => {
    // oxlint-disable-next-line no-extend-native -- what a careless library does
    Object.defineProperty(Object.prototype, 'inherited', {
      value: 1,
      enumerable: true,
      configurable: true,
      writable: true,
    });
    try {
      expect(Object.keys(checked({ a: { b: 1 } }).value ?? {})).toEqual(['a']);
      expect(textOf({ a: { b: 1 } })).toBe('{"a":{"b":1}}');
    } finally {
      Reflect.deleteProperty(Object.prototype, 'inherited');
    }
  });

  test('a getter is read once, and what it gives is what was checked', () => {
    let reads = 0;
    const value = {
      get a() {
        reads += 1;
        return reads === 1 ? 1 : new Date(0);
      },
    };
    expect(checked(value).value).toEqual({ a: 1 });
    expect(reads).toBe(1);
  });

  test('objects without a prototype, and plain objects of another realm, are plain', () => {
    const bare: Record<string, unknown> = Object.create(null);
    bare['a'] = 1;
    expect(checked(bare).value).toEqual({ a: 1 });
    const foreign: unknown = runInContext('({ a: [{ b: 1 }] })', createContext());
    expect(Object.getPrototypeOf(foreign)).not.toBe(Object.prototype);
    expect(textOf(foreign)).toBe('{"a":[{"b":1}]}');
  });

  class Money {
    readonly amount = 1;
  }
  const nameless = new (class {
    readonly amount = 1;
  })();
  test.each<[string, unknown, string, string]>([
    ['a date', { at: new Date(0) }, 'at', 'is a Date, which JSON would change'],
    ['a bigint', [1, [2n]], '[1][0]', 'is a bigint, which JSON cannot hold'],
    ['NaN', { a: [{ b: Number.NaN }] }, 'a[0].b', 'is NaN, which JSON cannot hold'],
    ['infinity', { a: -Infinity }, 'a', 'is -Infinity, which JSON cannot hold'],
    ['a map', new Map(), '', 'is a Map, which JSON would change'],
    ['a class instance', { money: new Money() }, 'money', 'is a Money, which JSON would change'],
    ['an instance of a class without a name', nameless, '', 'is an object of a class, which JSON would change'],
    ['bytes', { raw: new Uint8Array(1) }, 'raw', 'is a Uint8Array'],
    ['a boxed string', Object('x'), '', 'is a String'],
    ['an object that inherits', Object.create({ a: 1 }), '', 'which JSON would change'],
    ['a function', { run: () => 1 }, 'run', 'is a function'],
    ['a toJSON method', { toJSON: () => 1 }, 'toJSON', 'is a function'],
    ['a symbol', Symbol('x'), '', 'is a symbol'],
    ['a symbol as a key', { a: { [Symbol('x')]: 1 } }, 'a', 'has a symbol as a key'],
    ['nothing at all', undefined, '', 'is undefined'],
    ['a promise', Promise.resolve(1), '', 'is a Promise'],
  ])('%s is refused with its path and the reason', (_what, value, path, reason) => {
    expect(issueOf(value)).toEqual({ path, reason: expect.stringContaining(reason) });
  });

  test('a cycle is refused as such', () => {
    const cyclic: { list: unknown[] } = { list: [] };
    cyclic.list.push(cyclic);
    expect(issueOf(cyclic).reason).toBe('is circular, or nested deeper than 500 levels');
  });

  test('500 levels are taken, 501 are refused', () => {
    const nest = (levels: number): unknown => Array.from({ length: levels }).reduce((inner) => ({ inner }), 1);
    expect(textOf(nest(500))).toHaveLength(500 * '{"inner":}'.length + 1);
    expect(issueOf(nest(501)).reason).toContain('500 levels');
  });

  test('the same object twice is no cycle', () => {
    const shared = { a: 1 };
    expect(checked({ left: shared, right: [shared] }).value).toEqual({ left: { a: 1 }, right: [{ a: 1 }] });
  });

  test('an error thrown by a getter is not taken for bad data', () => {
    const boom = new Error('getter');
    expect(() =>
      checkJson({
        get a(): never {
          throw boom;
        },
      }),
    ).toThrow(boom);
  });
});

describe('sameJson', () => {
  test('every value is the same as its copy, in whatever order the keys come', () => {
    const reversed = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reversed);
      if (typeof value !== 'object' || value === null) return value;
      return Object.entries(value)
        .toReversed()
        .reduce<object>((copy, [key, item]) => Object.assign(ownObject(key, reversed(item)), copy), {});
    };
    check(
      property(jsonValue(), (value) => {
        strictEqual(sameJson(checked(value).value, checked(structuredClone(value)).value), true);
      }),
    );
    expect(sameJson(checked({ a: 1, b: [{ c: 1, d: 2 }] }).value, checked({ b: [{ d: 2, c: 1 }], a: 1 }).value)).toBe(
      true,
    );
    expect(reversed({ a: 1 })).toBeDefined();
  });

  test('two values are the same exactly if a strict comparison says so', () => {
    check(
      property(anyJson, anyJson, (left, right) => {
        const same = (() => {
          try {
            deepStrictEqual(left, right);
            return true;
          } catch {
            return false;
          }
        })();
        strictEqual(sameJson(checked(left).value, checked(right).value), same);
      }),
    );
  });

  test.each([
    [0, -0],
    [1, '1'],
    [null, {}],
    [[], {}],
    [{ length: 0 }, []],
    [[1], [1, 1]],
    [
      [1, 2],
      [2, 1],
    ],
    [{ a: 1 }, { a: 1, b: 1 }],
    [{ a: 1 }, { b: 1 }],
    [{ a: null }, { b: null }],
    [{ toString: 1 }, { a: 1 }],
    [JSON.parse('{"__proto__": {}}'), { a: 1 }],
    [{ a: { b: [1] } }, { a: { b: [2] } }],
  ])('%j and %j are not the same, either way round', (left, right) => {
    expect(sameJson(checked(left).value, checked(right).value)).toBe(false);
    expect(sameJson(checked(right).value, checked(left).value)).toBe(false);
  });
});
