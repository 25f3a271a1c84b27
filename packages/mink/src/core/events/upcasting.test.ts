import { beforeEach, describe, expect, test } from 'vitest';
import * as v from 'valibot';
import { z } from 'zod';
import { createMemoryStorage } from '../../memory/index.ts';
import { deepFreeze } from '../deep-freeze.ts';
import { Aggregate } from '../deciders/aggregate.ts';
import { defineDecider } from '../deciders/decider.ts';
import type { EventStorage } from '../storage/event-storage.ts';
import { createEventStore, type EventStore } from '../store/event-store.ts';
import { defineEvents } from './define-events.ts';
import { payload } from './event-schema.ts';
import { dropped, renamedTo, splitInto, upcastFrom } from './upcasting.ts';

const orderEvents = defineEvents(
  {
    OrderCreated: upcastFrom(payload<{ customer: string }>())
      .to(2, ({ customer }) => ({ customerId: '', customerName: customer }))
      .to(3, (stored) => ({ ...stored, at: '1970-01-01T00:00:00.000Z' }))
      .now(
        z.object({
          customerId: z.string(),
          customerName: z.string(),
          at: z.codec(z.iso.datetime(), z.date(), {
            decode: (text) => new Date(text),
            encode: (date) => date.toISOString(),
          }),
        }),
      ),
    ItemAdded: payload<{ sku: string }>(),
    Shipped: v.object({ by: v.optional(v.string(), 'post') }),
  },
  {
    past: {
      OrderOpened: renamedTo('OrderCreated'),
      OrderPlaced: splitInto(payload<{ customer: string; skus: readonly string[] }>(), ({ customer, skus }) => [
        { type: 'OrderCreated', data: { customerId: 'p', customerName: customer, at: '2000-01-01T00:00:00.000Z' } },
        ...skus.map((sku) => ({ type: 'ItemAdded', data: { sku } }) as const),
      ]),
      Viewed: dropped('Nobody needs to know who looks at an order.'),
    },
  },
);
const categories = { Order: orderEvents };
const { OrderCreated, ItemAdded } = orderEvents;

const definition = {
  category: 'Order' as const,
  events: orderEvents,
  initialState: () => ({ seen: [] as readonly unknown[] }),
  evolve: (state: { readonly seen: readonly unknown[] }, event: { readonly type: string; readonly data: unknown }) => ({
    seen: [...state.seen, [event.type, event.data]],
  }),
};
const order = defineDecider({ ...definition, decide: () => ItemAdded({ sku: 'new' }) });
class Order extends Aggregate(definition) {}

let storage: EventStorage;
let store: EventStore<typeof categories>;

beforeEach(() => {
  storage = createMemoryStorage();
  store = createEventStore(storage, { categories });
});

/** Stores an event as code of another time has written it. */
async function written(type: string, data: unknown, schemaVersion = 1, streamName = 'Order-1'): Promise<void> {
  const id = crypto.randomUUID();
  const event = { id, type, schemaVersion, data: deepFreeze(data), metadata: {}, hasNegativeZero: false };
  const entry = { streamName, category: 'Order', expectedVersion: 'any' as const, events: [event] };
  // @ts-expect-error data is any JSON here
  await storage.append({ entries: [entry], mayBeRepeated: false });
}

async function history(): Promise<void> {
  await written('OrderCreated', { customer: 'ann' });
  await written('OrderCreated', { customerId: 'b', customerName: 'bob' }, 2);
  await written('OrderOpened', { customerId: 'c', customerName: 'cid', at: '2020-01-01T00:00:00.000Z' }, 3);
  await written('Viewed', { by: 'eve' });
  await written('OrderPlaced', { customer: 'dan', skus: ['x', 'y'] });
  await store.append('Order-1', [ItemAdded({ sku: 'z' })]);
}

const today = [
  ['OrderCreated', { customerId: '', customerName: 'ann', at: new Date(0) }],
  ['OrderCreated', { customerId: 'b', customerName: 'bob', at: new Date(0) }],
  ['OrderCreated', { customerId: 'c', customerName: 'cid', at: new Date('2020-01-01') }],
  ['OrderCreated', { customerId: 'p', customerName: 'dan', at: new Date('2000-01-01') }],
  ['ItemAdded', { sku: 'x' }],
  ['ItemAdded', { sku: 'y' }],
  ['ItemAdded', { sku: 'z' }],
];

describe('events of the past', () => {
  test('are read backwards in exactly the other order', async () => {
    await history();
    const direction = 'backwards' as const;
    const plain = (events: readonly { type: string; data: unknown }[]) => events.map(({ type, data }) => [type, data]);
    expect(plain(await store.readStream('Order-1', { direction }).toArray())).toEqual(today.toReversed());
    expect(plain(await store.readAll({ direction }).toArray())).toEqual(today.toReversed());
  });

  test('are seen as they are today on every path', async () => {
    await history();
    const plain = (events: readonly { type: string; data: unknown }[]) => events.map(({ type, data }) => [type, data]);
    expect(plain(await store.readStream('Order-1').toArray())).toEqual(today);
    expect(plain(await store.readAll().toArray())).toEqual(today);
    expect((await store.load(order, '1')).state.seen).toEqual(today);
    expect((await store.load(Order, '1')).state.seen).toEqual(today);
    expect((await store.load(order, '1', { until: { version: 2 } })).state.seen).toEqual(today.slice(0, 2));
    expect((await store.execute(order, '1', undefined)).state.seen).toEqual([...today, ['ItemAdded', { sku: 'new' }]]);
    const steps = await store.history(order, '1', { until: { version: 5 } }).toArray();
    expect(plain(steps.map(({ event }) => event))).toEqual(today.slice(0, 6));
    const followed: unknown[] = [];
    for await (const { type, data } of store.subscribe()) if (followed.push([type, data]) === today.length) break;
    expect(followed).toEqual(today);
  });

  test('keep their place, and carry the version of their shape of today', async () => {
    await history();
    const places = (await store.readStream('Order-1').toArray()).map((it) => [it.streamVersion, it.schemaVersion]);
    expect(places).toEqual([
      [1, 3],
      [2, 3],
      [3, 3],
      [5, 3],
      [5, 1],
      [5, 1],
      [6, 1],
    ]);
    expect((await store.load(order, '1')).streamVersion).toBe(6);
  });

  test('are found by what they are today', async () => {
    await history();
    const typesOf = async (types: ('OrderCreated' | 'ItemAdded' | 'Shipped')[]) =>
      (await store.readAll({ types }).toArray()).map(({ streamVersion, type }) => `${streamVersion} ${type}`);
    expect(await typesOf(['OrderCreated'])).toEqual([
      '1 OrderCreated',
      '2 OrderCreated',
      '3 OrderCreated',
      '5 OrderCreated',
    ]);
    expect(await typesOf(['ItemAdded'])).toEqual(['5 ItemAdded', '5 ItemAdded', '6 ItemAdded']);
    expect(await typesOf(['Shipped'])).toEqual([]);
    expect(await store.readStream('Order-1', { types: ['ItemAdded'] }).toArray()).toHaveLength(3);
  });

  test('stay in the log as they are', async () => {
    await history();
    const raw = await createEventStore(storage).readAll().toArray();
    expect(raw.map(({ type, schemaVersion }) => [type, schemaVersion])).toEqual([
      ['OrderCreated', 1],
      ['OrderCreated', 2],
      ['OrderOpened', 3],
      ['Viewed', 1],
      ['OrderPlaced', 1],
      ['ItemAdded', 1],
    ]);
  });
});

describe('events of today', () => {
  test('are stored with the last version', async () => {
    const at = new Date('2026-01-01');
    const { events } = await store.append('Order-1', [OrderCreated({ customerId: 'a', customerName: 'b', at })]);
    expect(events[0]).toMatchObject({ schemaVersion: 3, data: { at } });
    const [raw] = await createEventStore(storage).readAll().toArray();
    expect(raw).toMatchObject({ schemaVersion: 3, data: { at: at.toISOString() } });
    const repeated = { ...OrderCreated({ customerId: 'a', customerName: 'b', at }), id: events[0]?.id };
    expect((await store.append('Order-1', [repeated])).events).toEqual(events);
  });

  test('cannot be written in a type of the past', async () => {
    // @ts-expect-error not a type of today
    await expect(store.append('Order-1', [{ type: 'OrderPlaced', data: {} }])).rejects.toMatchObject({
      code: 'UNKNOWN_EVENT_TYPE',
    });
  });

  test('of a schema that fills in what is missing need no version', async () => {
    const lenient = defineEvents(
      { Shipped: v.object({ by: v.optional(v.string(), 'post') }) },
      { validateOnRead: true },
    );
    await written('Shipped', {});
    const [event] = await createEventStore(storage, { categories: { Order: lenient } })
      .readAll()
      .toArray();
    expect(event?.data).toEqual({ by: 'post' });
  });
});

describe('events of the future', () => {
  test('are an error, or skipped by whoever can do without', async () => {
    await written('OrderCreated', { anything: 1 }, 4);
    await written('OrderOpened', { anything: 1 }, 4);
    await store.append('Order-1', [ItemAdded({ sku: 'z' })]);
    await expect(store.readAll().toArray()).rejects.toMatchObject({
      code: 'UNKNOWN_EVENT_TYPE',
      eventType: 'OrderCreated',
      schemaVersion: 4,
      message: expect.stringContaining('has version 4 of its payload, which this code does not know yet'),
    });
    expect(await store.readAll({ unknownEvents: 'skip' }).toArray()).toHaveLength(1);
    expect((await store.load(order, '1', { unknownEvents: 'skip' })).streamVersion).toBe(3);
  });
});

describe('an upcaster', () => {
  const broken = (step: (stored: { n: number }) => unknown) => {
    const chain = upcastFrom(payload<{ n: number }>()).to(2, step);
    // @ts-expect-error nonsense is not what the schema reads
    const events = defineEvents({ Counted: chain.now(payload<{ n: number }>()) });
    return createEventStore(storage, { categories: { Order: events } });
  };

  test.each<[string, (stored: { n: number }) => unknown, string]>([
    [
      'throws',
      () => {
        throw new Error('no such field');
      },
      'no such field',
    ],
    [
      'throws a string',
      () => {
        throw 'nonsense';
      },
      'nonsense',
    ],
    ['returns nothing', () => undefined, 'it returned something that is undefined, which JSON cannot hold'],
    ['returns a promise', async () => ({ n: 1 }), 'it returned something that is a Promise'],
    ['returns a date', ({ n }) => ({ n, at: new Date() }), 'at of what it returned is a Date'],
    [
      'changes what is stored',
      (stored) => {
        stored.n = 5;
        return stored;
      },
      'read only',
    ],
  ])('that %s is an error that says where', async (_, step, reason) => {
    await written('Counted', { n: 1 });
    const reading = broken(step).readAll().toArray();
    await expect(reading).rejects.toMatchObject({
      code: 'UPCAST_FAILED',
      eventType: 'Counted',
      fromVersion: 1,
      streamName: 'Order-1',
      streamVersion: 1,
      globalPosition: 1,
    });
    await expect(reading).rejects.toThrow(reason);
  });

  test('whose result the schema of today refuses is an error of the payload', async () => {
    const categories = {
      Order: defineEvents({
        Counted: upcastFrom(payload<{ n: number }>())
          .to(2, ({ n }) => ({ n: n * 1.5 }))
          .now(z.object({ n: z.int() })),
      }),
    };
    await written('Counted', { n: 1 });
    await expect(createEventStore(storage, { categories }).readAll().toArray()).rejects.toMatchObject({
      code: 'INVALID_EVENT_DATA',
      path: 'n',
    });
  });

  test.each([[5], [[{ type: 'Nope' }]], [[null]]])('that splits into %j is an error', async (parts) => {
    const categories = {
      // @ts-expect-error no parts
      Order: defineEvents({ A: payload<null>() }, { past: { Old: splitInto(payload<null>(), () => parts) } }),
    };
    await written('Old', null);
    await expect(createEventStore(storage, { categories }).readAll().toArray()).rejects.toMatchObject({
      code: 'UPCAST_FAILED',
      eventType: 'Old',
    });
  });

  test('that splits into a type that is not of today is an error', async () => {
    const past = { Old: splitInto(payload<null>(), () => [{ type: 'B', data: 1 }]) };
    // @ts-expect-error no such type
    const events = defineEvents({ A: payload<null>() }, { past });
    await written('Old', null);
    const store = createEventStore(storage, { categories: { Order: events } });
    await expect(store.readAll().toArray()).rejects.toMatchObject({ code: 'UNKNOWN_EVENT_TYPE', eventType: 'B' });
  });
});

describe('a definition', () => {
  test('refuses a chain with a step missing or twice, also where nobody compiles it', () => {
    const first = upcastFrom(payload<{ n: number }>());
    // @ts-expect-error version 2 is missing
    expect(() => first.to(3, (stored) => stored)).toThrow('version 3 comes after 1; give 2');
    // @ts-expect-error version 2 is there
    expect(() => first.to(2, (stored) => stored).to(2, (stored) => stored)).toThrow('version 2 comes after 2; give 3');
    // @ts-expect-error no function
    expect(() => first.to(2, undefined)).toThrow('version 2 has no function');
    // @ts-expect-error the last step returns something else
    first.to(2, ({ n }) => ({ text: String(n) })).now(payload<{ n: number }>());
  });

  test('refuses a past that cannot be', () => {
    const define = (past: object) => () => defineEvents({ A: payload<null>() }, { past: Object(past) });
    expect(define({ A: dropped('x') })).toThrow('past.A: is a type of today, too');
    expect(define({ B: renamedTo('C') })).toThrow('past.B: was renamed to "C", which is not defined');
    expect(define({ B: 5 })).toThrow('past.B: is none of');
    expect(() => dropped('')).toThrow('has no reason');
    // @ts-expect-error no such type
    expect(() => defineEvents({ A: payload<null>() }, { past: { B: renamedTo('C') } })).toThrow('not defined');
    // @ts-expect-error no function
    expect(() => splitInto(payload<null>(), undefined)).toThrow('has no function');
  });
});
