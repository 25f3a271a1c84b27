import {
  array,
  assert,
  boolean,
  constantFrom,
  dictionary,
  double,
  integer,
  jsonValue,
  nat,
  oneof,
  option,
  property,
  record,
  string,
  tuple,
} from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { eventCodec } from './event-schema.ts';
import { looksOnly } from './looks-only.ts';

const line = z.object({ sku: z.string().min(1), quantity: z.int().positive(), gift: z.boolean().optional() });
const looking = {
  object: line,
  nested: z.object({ lines: z.array(line), note: z.string().nullable(), kind: z.enum(['a', 'b']) }),
  union: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('a'), n: z.number() }),
    z.object({ kind: z.literal('b'), text: z.string() }),
  ]),
  record: z.record(z.string(), z.tuple([z.number(), z.string()]).rest(z.boolean())),
  trimmed: z.object({ name: z.string().trim().toLowerCase() }),
  strict: z.strictObject({ n: z.number() }),
  loose: z.looseObject({ n: z.number() }),
  refined: z.object({ from: z.number(), to: z.number() }).refine(({ from, to }) => from <= to),
};
const doing = {
  codec: z.object({
    at: z.codec(z.iso.datetime(), z.date(), { decode: (text) => new Date(text), encode: (at) => at.toISOString() }),
  }),
  // Plain text is accepted when it is read, and never written: as it was must not be how it is stored.
  lenient: z.codec(z.string(), z.string(), {
    decode: (text) => (text.startsWith('secret:') ? text.slice(7) : text),
    encode: (text) => `secret:${text}`,
  }),
  transform: z.object({ n: z.string().transform(Number) }),
  default: z.object({ n: z.number().default(1) }),
  caught: z.object({ n: z.number().catch(1) }),
  date: z.object({ at: z.date() }),
  lazy: z.lazy(() => z.string()),
  map: z.map(z.string(), z.number()),
  custom: z.custom<string>((value) => typeof value === 'string'),
  deep: z.array(z.union([z.string(), z.object({ n: z.optional(z.preprocess(Number, z.number())) })])),
};

describe('a schema that only looks', () => {
  test.each(Object.entries(looking))('%s is known to', (_name, schema) => {
    expect(looksOnly(schema)).toBe(true);
  });

  test.each(Object.entries(doing))('%s does more', (_name, schema) => {
    expect(looksOnly(schema)).toBe(false);
  });

  test('what is no zod schema is not known', () => {
    for (const other of [undefined, null, 'string', {}, { _zod: null }, { _zod: { def: 1 } }, { _zod: { def: {} } }]) {
      expect(looksOnly(other)).toBe(false);
    }
  });
});

/** The codec of a schema, by the long way: its definition is hidden. */
function byTheLongWay(schema: z.ZodType) {
  const hidden = {
    '~standard': schema['~standard'],
    safeEncode: (value: unknown) => schema.safeEncode(value),
    safeDecode: (value: unknown) => schema.safeDecode(value),
  };
  return eventCodec('Placed', hidden, false);
}

function outcomeOf(codec: ReturnType<typeof eventCodec>, data: unknown): unknown {
  try {
    const { stored, data: written } = codec.encode(data);
    return { stored: stored.value, zero: stored.hasNegativeZero, written, read: codec.decode(stored.value, undefined) };
  } catch (error) {
    return String(error);
  }
}

describe('the short way', () => {
  const values = oneof(
    jsonValue(),
    record(
      {
        sku: string(),
        quantity: integer(),
        gift: option(boolean(), { nil: undefined }),
        kind: constantFrom('a', 'b', 'c'),
        n: oneof(double(), string()),
        text: string(),
        name: string(),
        from: nat(),
        to: nat(),
        lines: array(record({ sku: string(), quantity: nat() })),
        note: option(string()),
      },
      { requiredKeys: [] },
    ),
    dictionary(string(), tuple(double(), string())),
  );

  test.each(Object.entries(looking))('stores, gives back and refuses what the long way does: %s', (_name, schema) => {
    const [short, long] = [eventCodec('Placed', schema, false), byTheLongWay(schema)];
    assert(
      property(values, (data) => {
        expect(outcomeOf(short, data)).toEqual(outcomeOf(long, data));
      }),
    );
  });

  test('is the one that is taken', () => {
    const encode = vi.spyOn(line, 'safeEncode');
    const codec = eventCodec('Placed', line, false);
    expect(codec.encode({ sku: 'a', quantity: 1 }).stored.value).toEqual({ sku: 'a', quantity: 1 });
    expect(encode).not.toHaveBeenCalled();
    encode.mockRestore();
  });

  test('is not taken where reading is more lenient than writing', () => {
    expect(eventCodec('Placed', doing.lenient, false).encode('text').stored.value).toBe('secret:text');
  });

  test('gives the writer a frozen value of its own', () => {
    const data = { sku: 'a', quantity: 1 };
    const { data: written } = eventCodec('Placed', line, false).encode(data);
    data.quantity = 2;
    expect(written).toEqual({ sku: 'a', quantity: 1 });
    expect(Object.isFrozen(written)).toBe(true);
  });
});
