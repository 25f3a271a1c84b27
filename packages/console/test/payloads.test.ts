import {
  anything,
  assert as check,
  constantFrom,
  date,
  jsonValue,
  oneof,
  property,
  set,
  string,
  tuple,
  uint8Array,
  type Arbitrary,
} from 'fast-check';
import { differences, readableJson, type JsonValue } from 'mink';
import { describe, expect, test } from 'vitest';
import { mask, maskText } from '../src/payloads/mask.ts';
import { show, showChange } from '../src/payloads/show.ts';

const SECRET = 'swordfish-42';

/** Values with secrets in all places that values can be in; names never have one. */
const secretly: Arbitrary<unknown> = anything({
  key: string({ unit: 'grapheme-ascii', maxLength: 8 }),
  values: [
    constantFrom<unknown>(
      SECRET,
      `${SECRET}!`,
      4_711_4711,
      true,
      null,
      undefined,
      [SECRET],
      new Date(0),
      new Set([SECRET]),
      new Map<unknown, unknown>([
        [SECRET, 1],
        [{ of: SECRET }, SECRET],
      ]),
      4_711_4711n,
    ),
  ],
  maxDepth: 5,
  withSet: true,
  withDate: true,
  withBigInt: true,
  withTypedArray: true,
});

describe('masking', () => {
  test('lets no value through, whatever it is in', () => {
    check(
      property(secretly, (value) => {
        for (const access of ['none', 'masked'] as const) {
          const text = JSON.stringify(show(value, access) ?? null);
          expect(text).not.toContain(SECRET);
          expect(text).not.toContain('47114711');
        }
      }),
    );
  });

  test('keeps names, and the kinds of values', () => {
    check(
      property(jsonValue(), (value) => {
        expect(shapeOf(mask(value as JsonValue))).toEqual(shapeOf(value as JsonValue, true));
      }),
    );
    expect(mask({ a: 'x', b: [1, null], c: { d: true } })).toEqual({
      a: '‹string›',
      b: ['‹number›', null],
      c: { d: '‹boolean›' },
    });
  });

  test('lets nothing through by the path of a change', () => {
    const [set, map] = [new Set(['a']), new Map([['a', 1]])];
    const after = { set: new Set(set).add(SECRET), map: new Map(map).set(SECRET, 2) };
    const changes = differences(readableJson({ set, map }), readableJson(after));
    expect(changes).toHaveLength(2);
    expect(JSON.stringify(changes.map((change) => showChange(change, 'masked')))).not.toContain(SECRET);
  });

  test('shows with `full` what is there', () => {
    check(
      property(jsonValue({ maxDepth: 20 }), (value) => {
        expect(show(value, 'full')).toEqual(value);
      }),
    );
  });
});

describe('a state as JSON', () => {
  test('is one for everything that there is, and an end', () => {
    const all = oneof(
      anything({
        withMap: true,
        withSet: true,
        withDate: true,
        withBigInt: true,
        withNullPrototype: true,
        withTypedArray: true,
      }),
      date(),
      set(string()),
      uint8Array(),
    );
    check(property(all, (value) => void JSON.stringify(readableJson(value))));
  });

  test('has bytes, and dates that are none, as what they are', () => {
    expect(
      readableJson([new Uint8Array(3), Buffer.from('ab'), new Date(NaN), Symbol('a'), { symbol: Symbol('a') }]),
    ).toEqual(['3 bytes', '2 bytes', 'Invalid Date', null, {}]);
  });

  test('ends where it is nested in itself, or too deep', () => {
    const circle: { self?: unknown; other: number } = { other: 1 };
    circle.self = circle;
    expect(readableJson(circle)).toEqual({ self: '…', other: 1 });
    let deep: unknown = SECRET;
    for (let depth = 0; depth < 100_000; depth += 1) deep = [deep];
    expect(JSON.stringify(readableJson(deep))).toContain('…');
    expect(JSON.stringify(show(deep, 'masked'))).not.toContain(SECRET);
  });

  test('keeps a property named like a prototype as what it is', () => {
    const value: unknown = JSON.parse('{"__proto__":{"a":1}}');
    expect(JSON.stringify(readableJson(value))).toBe('{"__proto__":{"a":1}}');
    expect(JSON.stringify(mask(readableJson(value) ?? null))).toBe('{"__proto__":{"a":"‹number›"}}');
  });
});

describe('the text of an error', () => {
  test.each([
    ['cannot bear "swordfish" of swordfish-42', 'cannot bear ••• of •••'],
    [
      'duplicate key value violates unique constraint "x" Key (email)=(ada@example.com) already exists.',
      'duplicate key value violates unique constraint ••• Key ••• = ••• already exists.',
    ],
    ["No customer 'Ada Lovelace' (id 42).", 'No customer ••• .'],
    ['{"name":"Ada \\"the\\" Lovelace","age":36}', '•••'],
    ['The handler failed: too old', 'The handler failed: too old'],
    ["It can't be done, ECONNREFUSED 10.0.0.1:5432", "It can't be done, ECONNREFUSED •••"],
    ['postgres://ada:secret@db/orders is away', '••• is away'],
  ])('%s', (text, shown) => {
    expect(maskText(text)).toBe(shown);
  });

  test('has nothing in it that was quoted, in brackets, or has digits or signs', () => {
    const secret = tuple(string({ unit: 'grapheme-ascii' }), constantFrom('@', '4', '_', '/', '=')).map(
      ([text, sign]) => `x${text.replaceAll(/[^a-z]/gu, '')}${sign}secret`,
    );
    const wrapped = tuple(secret, constantFrom('"', "'", '`', '()', '{}', '[]', ' ')).map(
      ([text, [open = '', close = open]]) => ({ text, whole: `${open}${text}${close}` }),
    );
    check(
      property(wrapped, string(), ({ text, whole }, around) => {
        expect(maskText(`failed: ${whole} ${around.replaceAll(/["'`([{]/gu, '')}`)).not.toContain(text);
      }),
    );
  });

  test('takes no longer than it is long', () => {
    for (const sign of ['"', "'", '(', '[', '{', '\\"', 'a-', '“']) {
      const begun = performance.now();
      maskText(sign.repeat(50_000));
      expect(performance.now() - begun).toBeLessThan(2_000);
    }
  });
});

function shapeOf(value: JsonValue, isReal = false): unknown {
  if (value === null) return null;
  if (Array.isArray(value)) return value.map((item: JsonValue) => shapeOf(item, isReal));
  if (typeof value === 'object') return Object.entries(value).map(([name, item]) => [name, shapeOf(item, isReal)]);
  return isReal ? `‹${typeof value}›` : value;
}
