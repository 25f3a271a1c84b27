import fc from 'fast-check';
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
  const { safeEncode, safeDecode } = schema;
  const hidden = { '~standard': schema['~standard'], safeEncode, safeDecode };
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
  const values = fc.oneof(
    fc.jsonValue(),
    fc.record(
      {
        sku: fc.string(),
        quantity: fc.integer(),
        gift: fc.option(fc.boolean(), { nil: undefined }),
        kind: fc.constantFrom('a', 'b', 'c'),
        n: fc.oneof(fc.double(), fc.string()),
        text: fc.string(),
        name: fc.string(),
        from: fc.nat(),
        to: fc.nat(),
        lines: fc.array(fc.record({ sku: fc.string(), quantity: fc.nat() })),
        note: fc.option(fc.string()),
      },
      { requiredKeys: [] },
    ),
    fc.dictionary(fc.string(), fc.tuple(fc.double(), fc.string())),
  );

  test.each(Object.entries(looking))('stores, gives back and refuses what the long way does: %s', (_name, schema) => {
    const [short, long] = [eventCodec('Placed', schema, false), byTheLongWay(schema)];
    fc.assert(
      fc.property(values, (data) => {
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
