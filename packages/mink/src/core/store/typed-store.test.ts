import { beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createMemoryStorage } from '../../memory/index.ts';
import { defineDecider } from '../deciders/decider.ts';
import { UnknownEventTypeError } from '../errors.ts';
import { defineEvents } from '../events/define-events.ts';
import { payload } from '../events/event-schema.ts';
import type { EventStorage } from '../storage/event-storage.ts';
import { createEventStore, type EventStore } from './event-store.ts';

const orderEvents = defineEvents({
  Placed: z.object({
    at: z.codec(z.iso.datetime(), z.date(), { decode: (text) => new Date(text), encode: (at) => at.toISOString() }),
  }),
  ItemAdded: payload<{ sku: string }>(),
});
const cartEvents = defineEvents({ Opened: payload<{ by: string }>() });
const categories = { Order: orderEvents, Cart: cartEvents };

const counter = defineDecider({
  category: 'Order',
  events: orderEvents,
  initialState: () => ({ seen: [] as readonly string[] }),
  evolve: (state, event) => ({ seen: [...state.seen, event.type] }),
  decide: (command: { readonly sku: string }) => orderEvents.ItemAdded(command),
});

let storage: EventStorage;
let store: EventStore<typeof categories>;

beforeEach(() => {
  storage = createMemoryStorage();
  store = createEventStore(storage, { categories });
});

/** Placed, Gone (unknown), ItemAdded on one stream, and an unknown one in an unknown category: what other code wrote. */
async function withUnknownEvents(): Promise<void> {
  await store.append('Order-1', [orderEvents.Placed({ at: new Date(0) })]);
  await createEventStore(storage).append('Order-1', [{ type: 'Gone', data: 1 }]);
  await createEventStore(storage).append('Invoice-1', [{ type: 'Sent', data: 1 }]);
  await store.append('Order-1', [orderEvents.ItemAdded({ sku: 'a' })]);
}

describe('a store with categories', () => {
  test('gives writers and readers payloads as their schema makes them', async () => {
    const at = new Date('2026-01-31T10:00:00Z');
    const { events } = await store.append('Order-1', [orderEvents.Placed({ at })]);
    expect(events[0]?.data).toEqual({ at });
    expect((await store.readStream('Order-1').first())?.data).toEqual({ at });
    expect((await store.readAll().first())?.data).toEqual({ at });
    for await (const event of store.subscribe()) {
      expect(event.data).toEqual({ at });
      break;
    }
    expect((await createEventStore(storage).readStream('Order-1').first())?.data).toEqual({ at: at.toISOString() });
  });

  test('gives the result of a repeated append as its schema makes it', async () => {
    const event = { id: '00000000-0000-7000-8000-000000000001', ...orderEvents.Placed({ at: new Date(5) }) };
    const first = await store.append('Order-1', [event]);
    expect(await store.append('Order-1', [event])).toEqual({ ...first, repeated: true });
    expect(first.events[0]?.data).toEqual({ at: new Date(5) });
  });

  test('refuses a type its category does not have, and lists those it has', async () => {
    // @ts-expect-error an event of another category
    const append = store.append('Order-1', [cartEvents.Opened({ by: 'me' })]);
    await expect(append).rejects.toThrow(
      'Event type "Opened" is not defined for category "Order", which has Placed, ItemAdded. Add it to defineEvents',
    );
    await expect(append).rejects.toMatchObject({ code: 'UNKNOWN_EVENT_TYPE', category: 'Order', eventType: 'Opened' });
    expect(await store.streamInfo('Order-1')).toBeUndefined();
  });

  test('refuses a stream of a category it does not have', async () => {
    // @ts-expect-error an unknown category
    await expect(store.append('Invoice-1', [{ type: 'Sent', data: 1 }])).rejects.toMatchObject({
      code: 'UNKNOWN_EVENT_TYPE',
      category: 'Invoice',
      eventType: 'Sent',
    });
    // @ts-expect-error an unknown category, named like a member of every object
    await expect(store.append('constructor-1', [{ type: 'Sent', data: 1 }])).rejects.toThrow(UnknownEventTypeError);
  });

  test('one bad event in an append of many keeps all of it out', async () => {
    await expect(
      store.appendMany([
        { streamName: 'Cart-1', events: [cartEvents.Opened({ by: 'me' })] },
        // @ts-expect-error not a date
        { streamName: 'Order-1', events: [orderEvents.ItemAdded({ sku: 'a' }), { type: 'Placed', data: { at: 'x' } }] },
      ]),
    ).rejects.toMatchObject({ code: 'INVALID_EVENT_DATA', eventType: 'Placed', path: 'at' });
    expect(await store.readAll().toArray()).toEqual([]);
  });

  test.each([
    ['Or-der', 'category: "Or-der" contains "-"'],
    ['', 'category: is empty'],
    ['a\u0000', 'category: "a\\u0000": it contains the control character U+0000'],
  ])('a category named %j is refused: no stream could be in it', (name, message) => {
    expect(() => createEventStore(storage, { categories: { [name]: cartEvents } })).toThrow(message);
  });

  test.each([
    [{ maxPayloadBytes: 0 }, 'maxPayloadBytes: 0 is not a whole number from 1'],
    [{ pageSize: 0.5 }, 'pageSize: 0.5 is not a whole number from 1'],
  ])('options %j are refused', (options, message) => {
    expect(() => createEventStore(storage, options)).toThrow(message);
  });

  test('a stored payload that does not fit its schema is an error that says where it is', async () => {
    await createEventStore(storage).append('Order-1', [{ type: 'Placed', data: { at: 'yesterday' } }]);
    const expected = {
      code: 'INVALID_EVENT_DATA',
      path: 'at',
      message: expect.stringContaining('at version 1 of stream "Order-1" (position 1)'),
    };
    await expect(store.readStream('Order-1').toArray()).rejects.toMatchObject(expected);
    await expect(store.readAll({ unknownEvents: 'skip' }).toArray()).rejects.toMatchObject(expected);
    await expect(store.load(counter, '1')).rejects.toMatchObject(expected);
  });
});

describe('a stored event of an unknown type', () => {
  beforeEach(withUnknownEvents);

  test('is an error that names its type, its place and the known types', async () => {
    const gone = {
      code: 'UNKNOWN_EVENT_TYPE',
      eventType: 'Gone',
      category: 'Order',
      globalPosition: 2,
      message: expect.stringMatching(
        /^Event type "Gone" at position 2, version 2 of stream "Order-1", .* has Placed, ItemAdded\./u,
      ),
    };
    await expect(store.readStream('Order-1').toArray()).rejects.toMatchObject(gone);
    await expect(store.readStream('Order-1', { unknownEvents: 'error' }).toArray()).rejects.toMatchObject(gone);
    await expect(store.readAll().toArray()).rejects.toMatchObject(gone);
    await expect(store.subscribe().toArray()).rejects.toMatchObject(gone);
    await expect(store.load(counter, '1')).rejects.toMatchObject(gone);
    await expect(store.execute(counter, '1', { sku: 'b' })).rejects.toMatchObject(gone);
    expect((await store.streamInfo('Order-1'))?.version).toBe(3);
  });

  test('of an unknown category is an error, too', async () => {
    await expect(store.readAll({ after: 2 }).toArray()).rejects.toMatchObject({
      category: 'Invoice',
      eventType: 'Sent',
      globalPosition: 3,
    });
  });

  test('stops nobody who does not read it', async () => {
    expect(await store.readStream('Order-1', { until: { version: 1 } }).toArray()).toHaveLength(1);
    expect(await store.readStream('Order-1', { types: ['ItemAdded'] }).toArray()).toHaveLength(1);
    expect(await store.readAll({ types: ['Placed', 'ItemAdded'] }).toArray()).toHaveLength(2);
  });

  test("is left out with 'skip', and the others keep their versions and positions", async () => {
    const places = (events: readonly { streamVersion: number; globalPosition: number }[]) =>
      events.map(({ streamVersion, globalPosition }) => [streamVersion, globalPosition]);
    const expected = [
      [1, 1],
      [3, 4],
    ];
    const unknownEvents = 'skip';
    for (const pageSize of [1, 2, 10]) {
      expect(places(await store.readStream('Order-1', { unknownEvents, pageSize }).toArray())).toEqual(expected);
      expect(places(await store.readAll({ unknownEvents, pageSize }).toArray())).toEqual(expected);
    }
    const followed: string[] = [];
    for await (const event of store.subscribe({ unknownEvents, pageSize: 1 })) {
      followed.push(event.type);
      if (followed.length === 2) break;
    }
    expect(followed).toEqual(['Placed', 'ItemAdded']);
    expect((await store.readStream('Order-1', { unknownEvents, fromVersion: 2 }).first())?.type).toBe('ItemAdded');
  });

  test("is not folded with 'skip', and still counts for the version", async () => {
    const loaded = await store.load(counter, '1', { unknownEvents: 'skip' });
    expect(loaded).toEqual({ streamName: 'Order-1', streamVersion: 3, state: { seen: ['Placed', 'ItemAdded'] } });
    await createEventStore(storage).append('Order-1', [{ type: 'Gone', data: 2 }]);
    expect(await store.load(counter, '1', { unknownEvents: 'skip' })).toMatchObject({ streamVersion: 4 });
    expect(await store.load(counter, '1', { unknownEvents: 'skip', until: { version: 2 } })).toEqual({
      streamName: 'Order-1',
      streamVersion: 2,
      state: { seen: ['Placed'] },
    });
  });

  test("is no obstacle to execute with 'skip': it appends behind it", async () => {
    await createEventStore(storage).append('Order-1', [{ type: 'Gone', data: 2 }]);
    const result = await store.execute(counter, '1', { sku: 'b' }, { unknownEvents: 'skip' });
    expect(result).toMatchObject({ streamVersion: 5, state: { seen: ['Placed', 'ItemAdded', 'ItemAdded'] } });
    expect(result.events[0]?.streamVersion).toBe(5);
  });
});

describe('a decider with ids of its own', () => {
  test('executes a command once, and a repeat gets the state that it led to', async () => {
    const id = '00000000-0000-7000-8000-000000000001';
    const once = defineDecider({ ...counter, decide: () => ({ ...orderEvents.ItemAdded({ sku: 'a' }), id }) });
    const first = await store.execute(once, '1', undefined);
    expect(first.state).toEqual({ seen: ['ItemAdded'] });
    await store.append('Order-1', [orderEvents.Placed({ at: new Date(0) })]);
    expect(await store.execute(once, '1', undefined)).toEqual(first);
  });
});

describe('a store without categories', () => {
  test('takes any stream, type and JSON, and reads whatever is there', async () => {
    const untyped = createEventStore(storage);
    await untyped.append('Anything-1', [{ type: 'What.Ever', data: [1, 'x'] }]);
    await store.append('Order-1', [orderEvents.ItemAdded({ sku: 'a' })]);
    expect((await untyped.readAll().toArray()).map(({ type, data }) => [type, data])).toEqual([
      ['What.Ever', [1, 'x']],
      ['ItemAdded', { sku: 'a' }],
    ]);
  });

  test('lets a decider bring its own events, and checks them', async () => {
    const untyped = createEventStore(storage);
    expect(await untyped.execute(counter, '1', { sku: 'a' })).toMatchObject({ streamVersion: 1 });
    const careless = defineDecider({
      ...counter,
      decide: () => [{ type: 'Placed', data: { at: new Date(Number.NaN) } }],
    });
    await expect(untyped.execute(careless, '1', undefined)).rejects.toMatchObject({ code: 'INVALID_EVENT_DATA' });
    await untyped.append('Order-1', [{ type: 'Gone', data: 1 }]);
    await expect(untyped.load(counter, '1')).rejects.toMatchObject({ code: 'UNKNOWN_EVENT_TYPE', globalPosition: 2 });
  });
});

describe('a closed store', () => {
  test('refuses whatever is asked of it', async () => {
    await store[Symbol.asyncDispose]();
    const closed = { code: 'STORE_CLOSED' };
    const { Placed } = orderEvents;
    await expect(store.append('Order-1', [Placed({ at: new Date(0) })])).rejects.toMatchObject(closed);
    await expect(store.appendMany([])).rejects.toMatchObject(closed);
    await expect(store.load(counter, '1')).rejects.toMatchObject(closed);
    await expect(store.execute(counter, '1', { sku: 'a' })).rejects.toMatchObject(closed);
    await expect(store.readBound()).rejects.toMatchObject(closed);
    expect(() => store.subscribe()).toThrow(expect.objectContaining(closed));
    expect(() => store.listStreams()).toThrow(expect.objectContaining(closed));
  });
});
