import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createMemoryStore } from '../../memory/index.ts';
import { defineEvents } from './define-events.ts';

const date = z.codec(z.iso.datetime(), z.date(), {
  decode: (text) => new Date(text),
  encode: (at) => at.toISOString(),
});
const bigint = z.codec(z.string(), z.bigint(), { decode: BigInt, encode: String });

describe('a schema that would change the kind of a value', () => {
  test.each([
    ['a date that comes back as text', z.union([z.string(), date]), new Date(5)],
    ['text that comes back as a bigint', z.union([bigint, z.string()]), '12'],
    [
      'a date that loses its milliseconds',
      z.codec(z.number(), z.date(), {
        decode: (seconds) => new Date(seconds * 1000),
        encode: (at) => Math.floor(at.getTime() / 1000),
      }),
      new Date(1_234),
    ],
  ])('is refused on append: %s', async (_what, schema, value) => {
    const store = createMemoryStore({
      categories: { Odd: defineEvents({ Odd: z.object({ list: z.array(schema) }) }) },
    });
    const event = { type: 'Odd' as const, data: { list: [value] } };
    await expect(store.append('Odd-1', [event])).rejects.toMatchObject({ code: 'INVALID_EVENT_DATA', path: 'list[0]' });
    expect(await store.streamInfo('Odd-1')).toBeUndefined();
  });

  test('may strip keys, trim text and fill in defaults', async () => {
    const schema = z.object({ at: date, name: z.string().trim(), note: z.string().default('none') });
    const store = createMemoryStore({ categories: { Odd: defineEvents({ Odd: schema }) } });
    const data = { at: new Date(5), name: ' x ', note: 'n', extra: 1 };
    const { events } = await store.append('Odd-1', [{ type: 'Odd', data }]);
    expect(events[0]?.data).toEqual({ at: new Date(5), name: 'x', note: 'n' });
  });
});
