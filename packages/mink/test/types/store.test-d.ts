import { Pool } from 'pg';
import * as v from 'valibot';
import { z } from 'zod';
import {
  causedBy,
  createEventStore,
  defineEvents,
  payload,
  streamName,
  type JsonValue,
  type Metadata,
  type StoredEvent,
} from '../../src/index.ts';
import { createMemoryStorage, createMemoryStore } from '../../src/memory/index.ts';
import { createPostgresStore, type PoolLike } from '../../src/postgres/index.ts';
import { expectType } from './expect-type.ts';

const orderEvents = defineEvents({
  OrderCreated: z.object({ customerId: z.string() }),
  ItemAdded: z.object({ sku: z.string(), quantity: z.number() }),
});
const cartEvents = defineEvents({ CartOpened: payload<{ at: string }>() });
const store = createMemoryStore({ categories: { Order: orderEvents, Cart: cartEvents } });
const id = String(Math.random());
const item = orderEvents.ItemAdded({ sku: 'a', quantity: 1 });

// A stream takes the events of its category.
const appended = await store.append(`Order-${id}`, [{ type: 'ItemAdded', data: { sku: 'a', quantity: 1 } }]);
await store.append('Order-1', [item, orderEvents.OrderCreated({ customerId: 'c' })], { expectedVersion: 'no_stream' });
await store.append(streamName('Order', id), [{ ...item, id, metadata: { userId: 'u', ip: '::1' } }]);
await store.append('Order-a-b', [item]);
// @ts-expect-error unknown category
await store.append('Nope-1', [item]);
// @ts-expect-error no stream name
await store.append('Order', [item]);
// @ts-expect-error any text is not a stream name
await store.append(id, [item]);
// @ts-expect-error event of another category
await store.append('Order-1', [cartEvents.CartOpened({ at: '' })]);
// @ts-expect-error event of another category, one of several
await store.append('Order-1', [item, cartEvents.CartOpened({ at: '' })]);
// @ts-expect-error wrong payload
await store.append('Order-1', [{ type: 'ItemAdded', data: { sku: 1, quantity: 1 } }]);
// @ts-expect-error payload of another type
await store.append('Order-1', [{ type: 'ItemAdded', data: { customerId: 'c' } }]);
// @ts-expect-error no such type
await store.append('Order-1', [{ type: 'ItemRemoved', data: {} }]);
// @ts-expect-error not an expected version
await store.append('Order-1', [item], { expectedVersion: 'nostream' });
// @ts-expect-error a standard name is text
await store.append('Order-1', [item], { metadata: { userId: 5 } });
// @ts-expect-error metadata is JSON
await store.append('Order-1', [item], { metadata: { at: new Date() } });

// The result holds the events of that category.
expectType<NonNullable<(typeof appended.events)[0]>['type']>()<'OrderCreated' | 'ItemAdded'>();
expectType<NonNullable<(typeof appended.events)[0]>['category']>()<'Order'>();
expectType<typeof appended.globalPosition>()<number>();
// @ts-expect-error what is stored cannot be changed
appended.events.pop();

// Appends to several streams: each takes the events of its own category.
const many = await store.appendMany([
  { streamName: 'Order-1', events: [item] },
  { streamName: `Cart-${id}`, expectedVersion: 'stream_exists' },
  { streamName: 'Cart-2', events: [cartEvents.CartOpened({ at: '' })] },
]);
expectType<NonNullable<(typeof many.streams)[0]>['events'][number]['category']>()<'Order' | 'Cart'>();
await store.appendMany([
  // @ts-expect-error event of another category
  { streamName: 'Order-1', events: [cartEvents.CartOpened({ at: '' })] },
]);
// @ts-expect-error unknown category
await store.appendMany([{ streamName: 'Nope-1', events: [] }]);
// @ts-expect-error the expectation is that of each stream
await store.appendMany([{ streamName: 'Order-1', events: [item] }], { expectedVersion: 1 });

// Reading a stream: its category, narrowed by types.
for await (const event of store.readStream(`Order-${id}`)) {
  expectType<typeof event.category>()<'Order'>();
  expectType<typeof event.metadata>()<Metadata>();
  expectType<typeof event.recordedAt>()<Date>();
  if (event.type === 'ItemAdded') expectType<typeof event.data>()<{ sku: string; quantity: number }>();
  // @ts-expect-error a type of another category
  if (event.type === 'CartOpened') break;
}
const items = await store.readStream('Order-1', { types: ['ItemAdded'], until: { time: new Date() } }).toArray();
expectType<(typeof items)[number]['type']>()<'ItemAdded'>();
expectType<(typeof items)[number]['data']>()<{ sku: string; quantity: number }>();
// @ts-expect-error a type of another category
store.readStream('Order-1', { types: ['CartOpened'] });
// @ts-expect-error unknown category
store.readStream('Nope-1');
// @ts-expect-error two ends
store.readStream('Order-1', { until: { version: 1, time: 5 } });
const first = await store.readStreamOrThrow('Cart-1').first();
expectType<typeof first>()<StoredEvent<{ readonly CartOpened: { at: string } }, 'Cart'> | undefined>();

// Reading and following the log: narrowed by category and type.
for await (const event of store.readAll()) {
  expectType<typeof event.category>()<'Order' | 'Cart'>();
  if (event.category === 'Cart') expectType<typeof event.data>()<{ at: string }>();
  else expectType<typeof event.type>()<'OrderCreated' | 'ItemAdded'>();
  if (event.type === 'OrderCreated') expectType<typeof event.category>()<'Order'>();
}
for await (const event of store.readAll({ categories: ['Order'], types: ['ItemAdded'], after: 5 })) {
  expectType<typeof event.data.sku>()<string>();
  break;
}
for await (const event of store.subscribe({ categories: ['Cart'], after: 'end' })) {
  expectType<typeof event.type>()<'CartOpened'>();
  break;
}
for await (const event of store.subscribe({ types: ['CartOpened', 'ItemAdded'] })) {
  expectType<typeof event.type>()<'CartOpened' | 'ItemAdded'>();
  break;
}
for await (const page of store.subscribe({ types: ['CartOpened'] }).pages()) {
  expectType<(typeof page)[number]['data']>()<{ at: string }>();
  break;
}
// @ts-expect-error unknown category
store.readAll({ categories: ['Nope'] });
// @ts-expect-error no type of that category
store.readAll({ categories: ['Order'], types: ['CartOpened'] });
// @ts-expect-error versions are of a stream
store.readAll({ until: { version: 1 } });
// @ts-expect-error unknown category
store.subscribe({ categories: ['Nope'] });
// @ts-expect-error unknown category
store.listStreams({ category: 'Nope' });
// @ts-expect-error unknown category
await store.streamInfo('Nope-1');

// A store without categories takes any stream and any JSON.
const untyped = createMemoryStore();
const anything = await untyped.append('A-1', [{ type: 'X', data: { a: 1 } }]);
expectType<NonNullable<(typeof anything.events)[0]>['data']>()<unknown>();
await untyped.append(id, [{ type: id, data: 1 }]);
await untyped.appendMany([{ streamName: id, events: [{ type: 'X', data: null }] }]);
untyped.readAll({ categories: ['A'], types: ['X'] });
// @ts-expect-error an event has data
await untyped.append('A-1', [{ type: 'X' }]);

// Metadata of one's own: typed where it is written and where it is read, standard names beside it.
const audited = createMemoryStore({
  categories: { Order: orderEvents },
  metadata: z.object({ ip: z.string(), role: z.enum(['admin', 'guest']).optional() }),
});
const { events } = await audited.append('Order-1', [item], { metadata: { ip: '::1', role: 'admin', userId: 'u' } });
for (const { metadata } of events) {
  expectType<typeof metadata.ip>()<string>();
  expectType<typeof metadata.role>()<'admin' | 'guest' | undefined>();
}
for await (const event of audited.readAll()) {
  expectType<typeof event.metadata.ip>()<string>();
  expectType<typeof event.metadata.correlationId>()<string | undefined>();
  // @ts-expect-error not in the schema, and not a standard name
  expectType<typeof event.metadata.more>()<unknown>();
  causedBy(event);
}
// @ts-expect-error not a role
await audited.append('Order-1', [item], { metadata: { role: 'root' } });
// @ts-expect-error not a text
await audited.append('Order-1', [item], { metadata: { ip: 5 } });
createMemoryStore({ metadata: v.object({ ip: v.string() }) });
// @ts-expect-error not a schema
createMemoryStore({ metadata: { ip: 'string' } });

// Any storage; a real pg.Pool fits by shape.
createEventStore(createMemoryStorage(), { categories: { Order: orderEvents } });
const pool = new Pool();
export const poolLike: PoolLike = pool;
const onPostgres = createPostgresStore({ pool, categories: { Order: orderEvents } });
await onPostgres.append('Order-1', [item]);
// @ts-expect-error unknown category
await onPostgres.append('Cart-1', [item]);
// @ts-expect-error not a pool
createPostgresStore({ pool: { query: () => undefined } });
export const json: JsonValue = { a: [1, 'x', null] };
// @ts-expect-error not JSON
export const noJson: JsonValue = { at: new Date() };
