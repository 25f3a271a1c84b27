import {
  assert,
  constantFrom,
  dictionary,
  integer,
  jsonValue,
  oneof,
  property,
  record,
  string,
  array,
} from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonValue } from '../json.ts';
import { typed } from '../typed.ts';
import { covers, join, shapeOf, type Shape } from './shape.ts';
import { matcherOf } from './shape-matcher.ts';
import { shapeText } from './shape-text.ts';

const textOf = (value: JsonValue): string => shapeText(shapeOf(value));

/** Payloads as they are: few names, many kinds. */
const field = oneof(
  integer(),
  constantFrom<JsonValue>(null, true, 1.5, '12.50', '2026-01-31', 'ada@example.com', 'some text', '', [], {}),
  array(constantFrom<JsonValue>(1, 'x', null, { sku: 'a' }, { sku: 1, note: 'n' }), { maxLength: 4 }),
  dictionary(constantFrom('a', 'b', 'c', '12', '2026-01-31', '__proto__'), constantFrom<JsonValue>(1, 'x'), {
    maxKeys: 4,
  }),
);
const payloads = oneof(
  record({ id: field, name: field, ['__proto__']: field }, { requiredKeys: [] }),
  jsonValue().map((value) => typed<JsonValue>(value)),
  dictionary(string(), field),
);

describe('a shape', () => {
  test('is told without values', () => {
    expect(
      textOf({
        id: '018f2f1e-7a3b-7c4d-8e5f-a1b2c3d4e5f6',
        at: '2026-01-31T10:00:00Z',
        day: '2026-01-31',
        price: '12.50',
        mail: 'ada@example.com',
        link: 'https://example.com/a?b',
        note: 'call me',
        count: 3,
        rate: 0.5,
        gone: null,
        isPaid: false,
        'with space': 1,
      }),
    ).toBe('{ [key]: boolean | null | number | string }');
    expect(textOf({ day: '2026-01-31', at: '2026-01-31T10:00+01:00', price: '-2', mail: 'ada@example.com' })).toBe(
      '{ at: date-time; day: date; mail: email; price: decimal }',
    );
  });

  test('of an array says what its elements have in common', () => {
    expect(textOf([])).toBe('[]');
    expect(textOf([{ sku: 'a', quantity: 1 }, { sku: 'b' }])).toBe('{ quantity?: integer; sku: string }[]');
    expect(textOf([1, 'x', 2.5, null])).toBe('(null | number | string)[]');
  });

  test.each([
    ['ids', { '018f2f1e-7a3b-7c4d-8e5f-a1b2c3d4e5f6': 1 }],
    ['dates', { '2026-01-31': 1 }],
    ['numbers', { 12: 1, name: 2 }],
    ['addresses', { 'ada@example.com': 1 }],
    ['empty texts', { '': 1 }],
    ['long texts', { ['x'.repeat(65)]: 1 }],
    ['many names', Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`k${n}`, 1]))],
  ])('keys that are %s are values, and not told', (_, value) => {
    expect(textOf(value)).toBe('{ [key]: integer }');
  });

  test('ends somewhere, however deep a value is', () => {
    let deep: JsonValue = 1;
    for (let level = 0; level < 400; level += 1) deep = { deep };
    const shape = shapeOf(deep);
    expect(shapeText(shape).length).toBeLessThan(400);
    expect(covers(shape, shapeOf(deep))).toBe(true);
  });

  test('knows names like __proto__ as names', () => {
    const value: JsonValue = JSON.parse('{"__proto__":{"x":1}}');
    expect(textOf(value)).toBe('{ __proto__: { x: integer } }');
    expect(covers(shapeOf({}), shapeOf(value))).toBe(false);
    expect(covers(join(shapeOf({}), shapeOf(value)), shapeOf(value))).toBe(true);
  });
});

describe('covering and joining', () => {
  test.each<[string, JsonValue, JsonValue]>([
    ['a text that is no date', '2026-01-31', 'soon'],
    ['a fraction', 1, 1.5],
    ['a field that is missing', { a: 1 }, {}],
    ['a field that is new', {}, { a: 1 }],
    ['a field of another kind', { a: 1 }, { a: 'x' }],
    ['null', 'x', null],
    ['elements where there were none', [], [1]],
    ['keys that are values', { a: 1 }, { 12: 1 }],
  ])('%s is not covered, until it is joined', (_, known, value) => {
    const [wide, narrow] = [shapeOf(known), shapeOf(value)];
    expect(covers(wide, narrow)).toBe(false);
    expect(covers(join(wide, narrow), narrow)).toBe(true);
  });

  test('a date is a text, and a whole number a number; but a list with elements is never empty', () => {
    expect(covers(shapeOf('text'), shapeOf('2026-01-31'))).toBe(true);
    expect(covers(shapeOf(1.5), shapeOf(1))).toBe(true);
    expect(covers(shapeOf([1]), shapeOf([]))).toBe(false);
    expect(covers(shapeOf({ 12: 1 }), shapeOf({}))).toBe(false);
    expect(covers(join(shapeOf([1]), shapeOf([])), shapeOf([]))).toBe(true);
  });

  test('a joined shape covers both, in any order, and survives being written down', () => {
    assert(
      property(payloads, payloads, payloads, (a, b, c) => {
        const [left, middle, right] = [shapeOf(a), shapeOf(b), shapeOf(c)];
        const joined = join(join(left, middle), right);
        for (const narrow of [left, middle, right]) expect(covers(joined, narrow)).toBe(true);
        for (const shape of [left, joined]) {
          expect(covers(shape, shape)).toBe(true);
          const read: Shape = JSON.parse(JSON.stringify(shape));
          expect(JSON.stringify(read)).toBe(JSON.stringify(shape));
          expect(covers(read, shape) && covers(shape, read)).toBe(true);
        }
        expect(shapeText(join(left, middle))).toBe(shapeText(join(middle, left)));
      }),
    );
  });
});

describe('a matcher', () => {
  test('takes a value exactly where the shape covers that of the value', () => {
    let taken = 0;
    assert(
      property(array(payloads, { minLength: 1, maxLength: 4 }), payloads, (known, value) => {
        const shape = known.map((one) => shapeOf(one)).reduce(join);
        const matches = matcherOf(shape);
        for (const one of known) expect(matches(one)).toBe(true);
        expect(matches(value)).toBe(covers(shape, shapeOf(value)));
        if (matches(value)) taken += 1;
      }),
      { numRuns: 2_000 },
    );
    expect(taken).toBeGreaterThan(100);
  });
});

describe('the limits of a shape', () => {
  test('names that come to too many are taken for values', () => {
    let shape = shapeOf({});
    for (let n = 0; n < 3_000; n += 1) {
      shape = join(shape, shapeOf({ t: { [`a${n % 50}x`]: { [`b${n % 49}x`]: { [`c${n % 47}x`]: n } } } }));
    }
    expect(JSON.stringify(shape).length).toBeLessThan(20_000);
    expect(covers(shape, shapeOf({ t: { another: { one: { c1x: 1 } } } }))).toBe(true);
  });

  test('a list of very many elements, and texts made to take long, come to their end', () => {
    const lines = Array.from({ length: 20_000 }, (_, n) =>
      Object.fromEntries(Array.from({ length: 64 }, (__, key) => [`k${key}`, (n + key) % 3 === 0 ? null : n])),
    );
    const shape = shapeOf([
      lines,
      `a@${'.'.repeat(300)} `.repeat(3_000),
      Array.from({ length: 3_000 }, () => `a@${'.'.repeat(310)} `),
    ]);
    expect(shapeText(shape)).toContain('k63: integer | null');
  });
});
