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
import { ShapeIds } from './shape-ids.ts';
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
    expect(textOf([])).toBe('never[]');
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

  test('a date is a text, a whole number a number, and an empty array any array', () => {
    expect(covers(shapeOf('text'), shapeOf('2026-01-31'))).toBe(true);
    expect(covers(shapeOf(1.5), shapeOf(1))).toBe(true);
    expect(covers(shapeOf([1]), shapeOf([]))).toBe(true);
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

describe('numbers of shapes', () => {
  test('values of one number have one shape', () => {
    const ids = new ShapeIds();
    const shapes = new Map<number, string>();
    assert(
      property(payloads, (value) => {
        const shape = JSON.stringify(shapeOf(value));
        const id = ids.idOf(value);
        expect(shapes.get(id) ?? shape).toBe(shape);
        shapes.set(id, shape);
        expect(ids.idOf(structuredClone(value))).toBe(id);
      }),
      { numRuns: 2_000 },
    );
    expect(shapes.size).toBeGreaterThan(50);
  });

  test('keys that are values make no new numbers', () => {
    const ids = new ShapeIds();
    const id = ids.idOf({ '2026-01-01': { a: 1 } });
    expect(ids.idOf({ '2026-01-02': { a: 2 }, '2026-01-03': { a: 3 } })).toBe(id);
    expect(ids.idOf({ 'ada@example.com': { a: 2 } })).toBe(id);
    expect(ids.idOf({ '2026-01-02': { a: 'x' } })).not.toBe(id);
  });

  test('what is too much is forgotten, and numbered anew', () => {
    const ids = new ShapeIds();
    const first = ids.idOf({ a: 1 });
    expect(ids.trim()).toBe(false);
    for (let n = 0; n < 20_001; n += 1) ids.idOf({ [`name${n}x`]: 1 });
    expect(ids.trim()).toBe(true);
    expect(ids.idOf({ a: 1 })).not.toBe(first);
  });
});
