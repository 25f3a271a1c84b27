import { describe, expect, test } from 'vitest';
import * as v from 'valibot';
import { z } from 'zod';
import { createMemoryStore } from '../../memory/index.ts';
import { PayloadTooLargeError } from '../errors.ts';
import { withMetadata } from '../metadata.ts';
import type { EventStore } from './event-store.ts';
import type { UntypedCategories } from './categories.ts';

async function append(store: EventStore<UntypedCategories>, data: unknown): Promise<unknown> {
  return (await store.append('Odd-1', [{ type: 'Odd', data }])).events[0]?.data;
}

describe('the size of a payload', () => {
  const MIB = 1_048_576;

  test('may be exactly 1 MiB of JSON unless told otherwise, and not a byte more', async () => {
    await using store = createMemoryStore();
    const text = 'x'.repeat(MIB - '{"text":""}'.length);
    expect(await append(store, { text })).toEqual({ text });
    await expect(append(store, { text: `${text}x` })).rejects.toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
      eventType: 'Odd',
      bytes: MIB + 1,
      maxPayloadBytes: MIB,
    });
    expect((await store.streamInfo('Odd-1'))?.version).toBe(1);
  });

  test.each([
    ['plain text', 'abc', 5],
    ['two-byte characters', 'ää', 6],
    ['emoji', '😀', 6],
    ['escapes with a letter', '\n"\\', 8],
    ['escapes with a number', '\u0000', 8],
    ['half a surrogate pair', '\ud800', 8],
    ['a key', { ä: 1 }, 8],
    ['an undefined property, which is left out', { a: 1, b: undefined }, 7],
    ['-0', [-0], 4],
    ['the longest number', -1.7976931348623157e308, 24],
    ['an empty object', {}, 2],
    ['empty objects', [{}, {}, {}, {}], 13],
    ['words', [true, false, null], 17],
  ])('is measured as JSON in UTF-8: %s', async (_what, data, bytes) => {
    await using fits = createMemoryStore({ maxPayloadBytes: bytes });
    await append(fits, data);
    await using tooSmall = createMemoryStore({ maxPayloadBytes: bytes - 1 });
    await expect(append(tooSmall, data)).rejects.toMatchObject({ bytes, maxPayloadBytes: bytes - 1 });
  });

  test('is that of the stored form, after the schema', async () => {
    const { defineEvents } = await import('../events/define-events.ts');
    const events = defineEvents({ Odd: v.object({ keep: v.string() }) });
    await using store = createMemoryStore({ categories: { Odd: events }, maxPayloadBytes: 20 });
    const data = { keep: 'x', drop: 'y'.repeat(100) };
    await store.append('Odd-1', [{ type: 'Odd', data }]);
    await expect(store.append('Odd-1', [events.Odd({ keep: 'x'.repeat(20) })])).rejects.toThrow(PayloadTooLargeError);
  });

  test('counts for each event, not for the append', async () => {
    await using store = createMemoryStore({ maxPayloadBytes: 10 });
    await store.append(
      'Odd-1',
      Array.from({ length: 50 }, () => ({ type: 'Odd', data: '12345678' })),
    );
  });

  test('has the same limit for metadata', async () => {
    await using store = createMemoryStore({ maxPayloadBytes: 20 });
    const event = { type: 'Odd', data: 1 };
    await store.append('Odd-1', [event], { metadata: { note: 'x'.repeat(9) } });
    await expect(store.append('Odd-1', [event], { metadata: { note: 'x'.repeat(10) } })).rejects.toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
      bytes: 21,
    });
  });
});

describe('ids', () => {
  const event = { type: 'Odd', data: 1 };

  test('are UUIDs of version 7 unless told otherwise, and rise', async () => {
    await using store = createMemoryStore();
    const { events } = await store.append('Odd-1', [event, event, event]);
    const ids = events.map(({ id }) => id);
    expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/u);
    expect(ids).toEqual([...new Set(ids)].toSorted());
  });

  test('come from newId where the event has none', async () => {
    let made = 0;
    const newId = () => `00000000-0000-7000-8000-${String((made += 1)).padStart(12, '0')}`;
    await using store = createMemoryStore({ newId });
    const { events } = await store.append('Odd-1', [event, event]);
    expect(events.map(({ id }) => id.slice(-2))).toEqual(['01', '02']);
    const id = '99999999-0000-7000-8000-000000000000';
    expect((await store.append('Odd-1', [{ ...event, id }])).events[0]?.id).toBe(id);
    expect(made).toBe(2);
  });

  test('are stored in lower case, wherever they come from', async () => {
    const id = 'ABCDEF00-0000-7000-8000-00000000ABCD';
    await using store = createMemoryStore({ newId: () => id });
    expect((await store.append('Odd-1', [event])).events[0]?.id).toBe(id.toLowerCase());
    expect((await store.append('Odd-2', [{ ...event, id }])).events[0]?.id).toBe(id.toLowerCase());
  });

  test('that are no UUIDs are refused, also when newId makes them', async () => {
    await using store = createMemoryStore({ newId: () => 'order-1' });
    const refused = { code: 'INVALID_ARGUMENT', message: 'event id: "order-1" of event "Odd" is not a UUID' };
    await expect(store.append('Odd-1', [event])).rejects.toMatchObject(refused);
    await expect(store.append('Odd-1', [{ ...event, id: 'order-1' }])).rejects.toMatchObject(refused);
    // @ts-expect-error not a text
    await expect(store.append('Odd-1', [{ ...event, id: 5 }])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('events that are none', () => {
  test.each([
    ['no list', 'text', 'events: is not an array'],
    ['nothing', [undefined], 'events: holds something that is not { type, data }'],
    ['null', [null], 'events: holds something that is not { type, data }'],
    ['no type', [{ data: 1 }], 'events: holds something that is not { type, data }'],
    ['an empty list', [], 'There are no events to append to stream "Odd-1"'],
  ])('%s is refused', async (_what, events, message) => {
    await using store = createMemoryStore();
    // @ts-expect-error what JavaScript might pass
    await expect(store.append('Odd-1', events)).rejects.toThrow(message);
  });
});

describe('metadata', () => {
  const event = { type: 'Odd', data: 1 };

  test.each([
    [{ correlationId: 5 }, 'metadata.correlationId', 'must be a string'],
    [{ traceparent: {} }, 'metadata.traceparent', 'must be a string'],
    [{ at: new Date(0) }, 'metadata.at', 'is a Date, which JSON would change'],
    [{ list: [1, 2n] }, 'metadata.list[1]', 'is a bigint'],
    [{ n: -0 }, 'metadata', 'holds -0'],
  ])('%o is refused with its path', async (metadata, path, reason) => {
    await using store = createMemoryStore();
    // @ts-expect-error what JavaScript might pass
    await expect(store.append('Odd-1', [event], { metadata })).rejects.toMatchObject({
      code: 'INVALID_EVENT_DATA',
      eventType: 'Odd',
      path,
      reason: expect.stringContaining(reason),
    });
    // @ts-expect-error what JavaScript might pass
    await expect(store.append('Odd-1', [{ ...event, metadata }])).rejects.toMatchObject({ path });
    expect(await store.streamInfo('Odd-1')).toBeUndefined();
  });

  test('a value that is undefined is left out', async () => {
    await using store = createMemoryStore();
    const { events } = await store.append('Odd-1', [event], { metadata: { userId: undefined, ip: '::1' } });
    expect(Object.keys(events[0]?.metadata ?? {})).toEqual(['ip']);
  });

  describe('with a schema', () => {
    const schema = z.strictObject({ ip: z.string(), role: z.enum(['admin', 'guest']).default('guest') });
    const create = () => createMemoryStore({ metadata: schema });

    test('is recorded as the schema makes it, and the standard names pass beside it', async () => {
      await using store = create();
      const given = {
        ip: '::1',
        userId: 'u',
        correlationId: 'c',
        causationId: 'x',
        tenantId: 't',
        traceparent: '00-1',
      };
      const { events } = await store.append('Odd-1', [event], { metadata: given });
      expect(events[0]?.metadata).toEqual({ ...given, role: 'guest' });
      expect((await store.readStream('Odd-1').first())?.metadata).toEqual({ ...given, role: 'guest' });
    });

    test('is checked as a whole: of the context, of the append and of the event', async () => {
      await using store = create();
      const { events } = await withMetadata({ ip: '::1', userId: 'u' }, () =>
        store.append('Odd-1', [{ ...event, metadata: { role: 'admin' } }, event]),
      );
      expect(events.map(({ metadata }) => metadata)).toEqual([
        { ip: '::1', userId: 'u', role: 'admin' },
        { ip: '::1', userId: 'u', role: 'guest' },
      ]);
    });

    test('is refused where the schema refuses it, with event, path and reason', async () => {
      await using store = create();
      // @ts-expect-error not a text
      await expect(store.append('Odd-1', [event], { metadata: { ip: 5 } })).rejects.toMatchObject({
        code: 'INVALID_EVENT_DATA',
        eventType: 'Odd',
        path: 'metadata.ip',
        reason: expect.stringContaining('expected string'),
      });
      await expect(store.append('Odd-1', [event])).rejects.toMatchObject({ path: 'metadata.ip' });
      const more = { ip: '::1', more: 1 };
      await expect(store.append('Odd-1', [event], { metadata: more })).rejects.toMatchObject({ path: 'metadata' });
      const odd = { ip: '::1', more: undefined };
      await store.append('Odd-1', [event], { metadata: odd });
      await expect(store.append('Odd-2', [{ ...event, metadata: { role: 'root' } }])).rejects.toMatchObject({
        path: 'metadata.ip',
      });
      expect(await store.streamInfo('Odd-2')).toBeUndefined();
    });

    test('is checked for what execute appends, too', async () => {
      const { defineDecider } = await import('../deciders/decider.ts');
      const { defineEvents } = await import('../events/define-events.ts');
      const { payload } = await import('../events/event-schema.ts');
      const events = defineEvents({ Done: payload<null>() });
      const odd = defineDecider({
        category: 'Odd',
        events,
        initialState: () => null,
        evolve: (state) => state,
        decide: () => events.Done(null),
      });
      await using store = createMemoryStore({ categories: { Odd: events }, metadata: schema });
      await expect(store.execute(odd, '1', undefined)).rejects.toMatchObject({ path: 'metadata.ip' });
      const result = await store.execute(odd, '1', undefined, { metadata: { ip: '::1' } });
      expect(result.events[0]?.metadata).toEqual({ ip: '::1', role: 'guest' });
    });

    test('cannot get past the schema by a key named __proto__', async () => {
      await using store = createMemoryStore({ metadata: v.looseObject({ role: v.optional(v.literal('guest')) }) });
      const metadata = JSON.parse('{"__proto__": {"role": "admin"}}');
      const { events } = await store.append('Odd-1', [event], { metadata });
      expect(events[0]?.metadata.role).toBeUndefined();
      const strict = createMemoryStore({ metadata: z.object({ role: z.string() }) });
      await expect(strict.append('Odd-1', [event], { metadata })).rejects.toMatchObject({ path: 'metadata.role' });
    });

    test('must give an object that JSON can hold', async () => {
      await using dates = createMemoryStore({ metadata: z.object({ at: z.date() }) });
      const metadata = { at: new Date(0) };
      // @ts-expect-error metadata is JSON
      await expect(dates.append('Odd-1', [event], { metadata })).rejects.toMatchObject({ path: 'metadata.at' });
    });

    test('that is asynchronous is refused, also when its promise fails afterwards', async () => {
      const late = v.pipeAsync(
        v.object({}),
        v.checkAsync(async () => {
          throw new Error('too late');
        }),
      );
      await using store = createMemoryStore({ metadata: late });
      await expect(store.append('Odd-1', [event])).rejects.toThrow('metadata: its schema is asynchronous');
    });

    test('that throws is refused metadata, with the cause', async () => {
      const cause = new Error('bug in the schema');
      const broken = v.pipe(
        v.object({}),
        v.check(() => {
          throw cause;
        }),
      );
      await using store = createMemoryStore({ metadata: broken });
      await expect(store.append('Odd-1', [event])).rejects.toMatchObject({
        code: 'INVALID_EVENT_DATA',
        path: 'metadata',
        reason: 'cannot be checked by its schema: bug in the schema',
        cause,
      });
    });
  });
});
