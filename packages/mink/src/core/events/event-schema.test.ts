import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import * as mini from 'zod/mini';
import { InvalidArgumentError, InvalidEventDataError } from '../errors.ts';
import type { JsonValue } from '../json.ts';
import { codec, eventCodec, payload, type EventCodec, type EventSchema } from './event-schema.ts';

const PLACE = { streamName: 'Order-1', streamVersion: 3, globalPosition: 9 };
const WHERE = ' at version 3 of stream "Order-1" (position 9)';

function codecOf(schema: EventSchema, { validateOnRead = false } = {}): EventCodec {
  return eventCodec('Placed', schema, validateOnRead);
}

/** What is stored of `data`, and what readers make of it, through JSON as in a database. */
function roundTrip(schema: EventSchema, data: unknown): { stored: JsonValue; written: unknown; read: unknown } {
  const it = codecOf(schema);
  const { stored, data: written } = it.encode(data);
  return { stored: stored.value, written, read: it.decode(JSON.parse(JSON.stringify(stored.value)), PLACE) };
}

function errorOf(work: () => unknown): InvalidEventDataError {
  try {
    work();
  } catch (error) {
    if (error instanceof InvalidEventDataError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** A standard schema whose check does this. */
function standard(validate: (value: unknown) => { readonly value: unknown }): EventSchema {
  return { '~standard': { version: 1, vendor: 'test', validate } };
}

describe('payload<T>()', () => {
  test('stores what it gets and reads what is stored', () => {
    const data = { a: [1, { b: null }] };
    expect(roundTrip(payload(), data)).toEqual({ stored: data, written: data, read: data });
  });

  test('gives readers a frozen copy, not the object of the caller', () => {
    const data = { list: [1] };
    const { data: written } = codecOf(payload()).encode(data);
    data.list.push(2);
    expect(written).toEqual({ list: [1] });
    expect(Object.isFrozen(written)).toBe(true);
  });

  test('refuses what JSON cannot hold, with event, path and reason', () => {
    const error = errorOf(() => codecOf(payload()).encode({ items: [{ at: new Date(0) }] }));
    expect(error).toMatchObject({ eventType: 'Placed', path: 'items[0].at' });
    expect(error.reason).toContain('is a Date, which JSON would change: give the event a schema with a codec');
    expect(error.message).toContain('Event "Placed" has invalid data. items[0].at: is a Date');
  });
});

describe('a zod schema', () => {
  const line = z.object({ sku: z.string(), quantity: z.number().int().positive() });
  const schema = z.object({ items: z.array(line), note: z.string().default('none') });

  test('lets fitting payloads through, without the keys it does not know', () => {
    const data = { items: [{ sku: 'a', quantity: 1, extra: true }], note: 'x', more: 1 };
    const expected = { items: [{ sku: 'a', quantity: 1 }], note: 'x' };
    expect(roundTrip(schema, data)).toEqual({ stored: expected, written: expected, read: expected });
  });

  test('refuses others and names event, path and reason, each of them', () => {
    const error = errorOf(() => codecOf(schema).encode({ items: [{ sku: 1, quantity: 0 }], note: 'x' }));
    expect(error).toMatchObject({ eventType: 'Placed', path: 'items[0].sku' });
    expect(error.reason).toContain('expected string');
    expect(error.issues.map(({ path }) => path)).toEqual(['items[0].sku', 'items[0].quantity']);
    expect(error.message).toMatch(/^Event "Placed" has invalid data\. items\[0\]\.sku: .*; items\[0\]\.quantity: /u);
  });

  test('names the payload as a whole by an empty path', () => {
    const error = errorOf(() => codecOf(schema).encode('text'));
    expect(error.path).toBe('');
    expect(error.message).toBe(`Event "Placed" has invalid data. ${error.reason}`);
  });

  test('fills in a default for stored payloads that are older than the key', () => {
    expect(codecOf(schema).decode({ items: [] }, PLACE)).toEqual({ items: [], note: 'none' });
  });

  test('asks new payloads for what has a default: the type says that it is there', () => {
    expect(errorOf(() => codecOf(schema).encode({ items: [] })).path).toBe('note');
  });

  test('always runs on reading, and says which stored event does not fit', () => {
    const error = errorOf(() => codecOf(schema).decode({ items: 'x' }, PLACE));
    expect(error.path).toBe('items');
    expect(error.message).toContain(`Event "Placed"${WHERE} has invalid data. items: `);
  });

  const rich = z.object({
    at: z.codec(z.iso.datetime(), z.date(), { decode: (text) => new Date(text), encode: (at) => at.toISOString() }),
    total: z.codec(z.string(), z.bigint(), { decode: (text) => BigInt(text), encode: (total) => total.toString() }),
  });

  test('with z.codec stores dates and bigints as text and reads them back', () => {
    const data = { at: new Date('2026-01-31T10:00:00.123Z'), total: 2n ** 70n };
    expect(roundTrip(rich, data)).toEqual({
      stored: { at: '2026-01-31T10:00:00.123Z', total: '1180591620717411303424' },
      written: data,
      read: data,
    });
  });

  test('with z.codec gives the writer a value of its own: changing the date changes nothing', () => {
    const data = { at: new Date(0), total: 1n };
    const { data: written, stored } = codecOf(rich).encode(data);
    data.at.setTime(5);
    expect(written).toEqual({ at: new Date(0), total: 1n });
    expect(stored.value).toEqual({ at: '1970-01-01T00:00:00.000Z', total: '1' });
    expect(Object.isFrozen(written)).toBe(true);
  });

  test('with z.codec refuses what its inner schema refuses', () => {
    expect(errorOf(() => codecOf(rich).encode({ at: new Date(Number.NaN), total: 1n })).path).toBe('at');
    expect(errorOf(() => codecOf(rich).decode({ at: 'x', total: '1' }, PLACE)).path).toBe('at');
  });

  test('a codec that throws on reading is a wrong payload, and the error says which event', () => {
    const error = errorOf(() => codecOf(rich).decode({ at: '2026-01-31T10:00:00Z', total: 'x' }, PLACE));
    expect(error.message).toContain(`Event "Placed"${WHERE} has invalid data. cannot be decoded by its schema: `);
    expect(error.cause).toBeInstanceOf(SyntaxError);
  });

  test('with a one-way transform is refused with a reason that says so', () => {
    const error = errorOf(() => codecOf(z.object({ n: z.string().transform(Number) })).encode({ n: 5 }));
    expect(error.reason).toContain('cannot be encoded by its schema');
    expect(error.reason).toContain('unidirectional transform');
    expect(error.cause).toBeInstanceOf(Error);
  });

  test('with dates but no codec is refused: they would not come back as dates', () => {
    for (const at of [z.date(), z.coerce.date()]) {
      const error = errorOf(() => codecOf(z.object({ at })).encode({ at: new Date(0) }));
      expect([error.path, error.reason]).toEqual(['at', expect.stringContaining('is a Date')]);
    }
  });

  test('that is asynchronous is refused', () => {
    const schema = z.string().refine(async () => true);
    expect(errorOf(() => codecOf(schema).encode('x')).reason).toContain('cannot be encoded by its schema');
    expect(errorOf(() => codecOf(schema).decode('x', PLACE)).reason).toContain('cannot be decoded by its schema');
  });
});

describe.each<[string, EventSchema, EventSchema]>([
  [
    'zod/mini',
    mini.object({ items: mini.array(mini.object({ price: mini.number() })) }),
    mini.pipe(
      mini.string(),
      mini.transform((text) => text.trim()),
    ),
  ],
  [
    'valibot',
    v.object({ items: v.array(v.object({ price: v.number() })) }),
    v.pipe(
      v.string(),
      v.transform((text) => text.trim()),
    ),
  ],
  ['arktype', type({ items: type({ price: 'number' }).array() }), type('string.trim')],
])('a schema of %s', (_library, schema, trimmed) => {
  test('lets fitting payloads through', () => {
    const data = { items: [{ price: 1 }, { price: 2 }] };
    expect(roundTrip(schema, data)).toEqual({ stored: data, written: data, read: data });
  });

  test('refuses others and names event, path and reason', () => {
    const error = errorOf(() => codecOf(schema).encode({ items: [{ price: 1 }, { price: 'x' }] }));
    expect(error).toMatchObject({ eventType: 'Placed', path: 'items[1].price', reason: expect.stringMatching(/./u) });
    expect(error.message).toContain('Event "Placed" has invalid data. items[1].price: ');
  });

  test('stores what it makes of the payload', () => {
    expect(roundTrip(trimmed, '  x ')).toEqual({ stored: 'x', written: 'x', read: 'x' });
  });

  test('does not look at stored payloads', () => {
    expect(codecOf(schema).decode({ items: 'old form' }, PLACE)).toEqual({ items: 'old form' });
  });

  test('looks at stored payloads with validateOnRead, and says which event does not fit', () => {
    const it = codecOf(schema, { validateOnRead: true });
    expect(it.decode({ items: [{ price: 1 }] }, PLACE)).toEqual({ items: [{ price: 1 }] });
    expect(Object.isFrozen(it.decode({ items: [{ price: 1 }] }, PLACE))).toBe(true);
    const error = errorOf(() => it.decode({ items: [{ price: 'x' }] }, PLACE));
    expect(error.path).toBe('items[0].price');
    expect(error.message).toContain(WHERE);
  });
});

describe('a one-way schema', () => {
  test('may change what it gets in place when it reads: it gets a copy of what is stored', () => {
    const stored = Object.freeze({ name: ' x ', tags: Object.freeze([' y ']) });
    const it = codecOf(type({ name: 'string.trim', tags: 'string.trim[]' }), { validateOnRead: true });
    expect(it.decode(stored, PLACE)).toEqual({ name: 'x', tags: ['y'] });
    expect(stored).toEqual({ name: ' x ', tags: [' y '] });
  });

  test('fills in its defaults on append', () => {
    const schema = v.object({ note: v.optional(v.string(), 'none'), a: v.number() });
    expect(roundTrip(schema, { a: 1 }).stored).toEqual({ a: 1, note: 'none' });
  });

  test('must give JSON: what it makes of a payload is stored', () => {
    const schema = v.object({
      at: v.pipe(
        v.string(),
        v.transform((text) => new Date(text)),
      ),
    });
    expect(errorOf(() => codecOf(schema).encode({ at: '2026-01-31' })).path).toBe('at');
  });

  test('that throws is a wrong payload, with the cause', () => {
    const cause = new Error('bug in the schema');
    const schema = standard(() => {
      throw cause;
    });
    const error = errorOf(() => codecOf(schema).encode(1));
    expect(error).toMatchObject({ cause, reason: 'cannot be checked by its schema: bug in the schema' });
    const onRead = errorOf(() => codecOf(schema, { validateOnRead: true }).decode(1, PLACE));
    expect(onRead.message).toContain(`Event "Placed"${WHERE}`);
  });

  test('that throws something else than an error is a wrong payload, too', () => {
    const schema = standard(() => {
      // oxlint-disable-next-line no-throw-literal, typescript/only-throw-error -- what a careless schema might do
      throw 'text';
    });
    expect(errorOf(() => codecOf(schema).encode(1)).reason).toBe('cannot be checked by its schema: text');
  });

  test('that is asynchronous is refused, also when its promise fails afterwards', () => {
    const late = v.pipeAsync(
      v.string(),
      v.checkAsync(async () => {
        throw new Error('too late');
      }),
    );
    for (const schema of [
      late,
      v.pipeAsync(
        v.string(),
        v.checkAsync(async () => true),
      ),
    ]) {
      expect(() => codecOf(schema).encode('x')).toThrow(InvalidArgumentError);
      expect(() => codecOf(schema).encode('x')).toThrow('defineEvents.Placed: its schema is asynchronous');
    }
  });

  test('that is a function is a schema like any other', () => {
    const schema = type('string');
    expect(typeof schema).toBe('function');
    expect(roundTrip(schema, 'x').stored).toBe('x');
  });
});

describe('codec(schema, { encode })', () => {
  const placed = codec(
    v.object({
      at: v.pipe(
        v.string(),
        v.isoTimestamp(),
        v.transform((text) => new Date(text)),
      ),
      total: v.pipe(
        v.string(),
        v.transform((text) => BigInt(text)),
      ),
    }),
    { encode: ({ at, total }) => ({ at: at.toISOString(), total: total.toString() }) },
  );

  test('stores dates and bigints as text and reads them back', () => {
    const data = { at: new Date('2026-01-31T10:00:00.123Z'), total: -(2n ** 70n) };
    expect(roundTrip(placed, data)).toEqual({
      stored: { at: '2026-01-31T10:00:00.123Z', total: '-1180591620717411303424' },
      written: data,
      read: data,
    });
  });

  test('folds for the writer what every later reader will fold', () => {
    const rounding = codec(v.pipe(v.number(), v.transform(Math.round)), { encode: (value) => value });
    expect(roundTrip(rounding, 1.6)).toEqual({ stored: 1.6, written: 2, read: 2 });
  });

  test('works for arktype morphs, too', () => {
    const schema = codec(type({ at: 'string.date.iso.parse' }), { encode: ({ at }) => ({ at: at.toISOString() }) });
    const data = { at: new Date(0) };
    expect(roundTrip(schema, data)).toEqual({ stored: { at: '1970-01-01T00:00:00.000Z' }, written: data, read: data });
  });

  test('refuses at once what its own schema would not read again', () => {
    const broken = codec(v.object({ at: v.string() }), { encode: ({ at }) => ({ when: at }) });
    expect(errorOf(() => codecOf(broken).encode({ at: 'x' }))).toMatchObject({ eventType: 'Placed', path: 'at' });
  });

  test('refuses a payload that cannot be encoded, with the cause', () => {
    const error = errorOf(() => codecOf(placed).encode({ at: new Date(Number.NaN), total: 1n }));
    expect(error.reason).toBe('cannot be encoded: Invalid time value');
    expect(error.cause).toBeInstanceOf(RangeError);
  });

  test('refuses an encoded form that JSON cannot hold', () => {
    const lazy = codec(v.object({ at: v.date() }), { encode: (value) => value });
    expect(errorOf(() => codecOf(lazy).encode({ at: new Date(0) })).path).toBe('at');
  });

  test('always runs on reading, and says which stored event does not fit', () => {
    const error = errorOf(() => codecOf(placed).decode({ at: 'yesterday', total: '1' }, PLACE));
    expect(error.path).toBe('at');
    expect(error.message).toContain(WHERE);
    const thrown = errorOf(() => codecOf(placed).decode({ at: '2026-01-31T10:00:00Z', total: 'x' }, PLACE));
    expect(thrown.message).toContain(`Event "Placed"${WHERE} has invalid data. cannot be checked by its schema: `);
  });

  test('gives readers frozen payloads', () => {
    const list = codec(v.array(v.number()), { encode: (value) => value });
    expect(Object.isFrozen(codecOf(list).decode([1], PLACE))).toBe(true);
  });
});

describe('what is not a schema', () => {
  test.each([undefined, null, 'string', 5, {}, { kind: 'other' }, () => 1, { '~standard': 1 }])(
    '%j is refused',
    (value) => {
      // @ts-expect-error what JavaScript might pass
      expect(() => codecOf(value)).toThrow('defineEvents.Placed: is not a schema. Give a Standard Schema');
    },
  );

  test('a schema library that has a `kind` of its own is not taken for ours', () => {
    const schema = (kind: string): EventSchema =>
      Object.assign(
        standard((value) => ({ value: `checked ${String(value)}` })),
        { kind },
      );
    expect(roundTrip(schema('payload'), 'x').stored).toBe('checked x');
    expect(roundTrip(schema('codec'), 'x').stored).toBe('checked x');
  });
});
