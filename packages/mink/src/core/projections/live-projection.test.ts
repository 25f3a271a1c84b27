import { describe, expect, test } from 'vitest';
import { createMemoryStorage, createMemoryStore } from '../../memory/index.ts';
import { DatabaseUnavailableError } from '../errors.ts';
import { defineEvents } from '../events/define-events.ts';
import { payload } from '../events/event-schema.ts';
import { createEventStore } from '../store/event-store.ts';
import { defineProjection } from './define-projection.ts';
import { documents } from './read-model.ts';
import { createLiveProjection } from './live-projection.ts';

const cartEvents = defineEvents({ ItemAdded: payload<{ sku: string }>(), Cleared: payload<null>() });
const add = (sku: string) => cartEvents.ItemAdded({ sku });
const skus = defineProjection({
  name: 'skus',
  events: { Cart: cartEvents },
  readModel: documents<{ skus: string }>(),
}).on({
  ItemAdded: (cart, { data }) => {
    if (data.sku === 'x') throw new Error('no x');
    return { skus: (cart?.skus ?? '') + data.sku };
  },
  Cleared: () => null,
});
const categories = { Cart: cartEvents };

describe('a live projection', () => {
  test('holds what comes from now on, or all of the log', async () => {
    const store = createMemoryStore({ categories });
    await store.append('Cart-1', [add('a')]);
    await using fromNow = createLiveProjection(store, skus);
    await using fromStart = createLiveProjection(store, skus, { from: 'start' });
    await Promise.all([fromNow.ready(), fromStart.ready()]);
    expect([fromNow.get('Cart-1'), fromStart.get('Cart-1')]).toEqual([undefined, { skus: 'a' }]);
    await store.append('Cart-1', [add('b')]);
    await store.append('Cart-2', [add('c')]);
    await expect.poll(() => fromStart.status().position).toBe(3);
    await expect.poll(() => fromNow.status()).toMatchObject({ state: 'live', position: 3, keys: 2 });
    expect([...fromNow.entries()]).toEqual([
      ['Cart-1', { skus: 'b' }],
      ['Cart-2', { skus: 'c' }],
    ]);
    expect([...fromStart.entries()][0]).toEqual(['Cart-1', { skus: 'ab' }]);
    expect(await store.projections.list()).toEqual([]);
  });

  test('tells what changes; a slow reader gets the last model of each key', async () => {
    const store = createMemoryStore({ categories });
    await using live = createLiveProjection(store, skus);
    await live.ready();
    const changes = live.changes();
    for (let n = 0; n < 50; n += 1) await store.append(`Cart-${n % 2}`, [add('a')]);
    await store.append('Cart-2', [add('b'), cartEvents.Cleared(null)]);
    await expect.poll(() => live.status().position).toBe(52);
    const seen = [await changes.next(), await changes.next(), await changes.next()].map(({ value }) => value);
    expect(seen).toEqual([
      { key: 'Cart-0', model: { skus: 'a'.repeat(25) }, error: undefined },
      { key: 'Cart-1', model: { skus: 'a'.repeat(25) }, error: undefined },
      { key: 'Cart-2', model: null, error: undefined },
    ]);
    const next = changes.next();
    await store.append('Cart-1', [add('c')]);
    expect((await next).value).toMatchObject({ key: 'Cart-1' });
    const end = changes.next();
    await live.close();
    expect(await end).toEqual({ done: true, value: undefined });
    expect(live.status().state).toBe('closed');
  });

  test('ends its changes when a signal says so', async () => {
    const store = createMemoryStore({ categories });
    await using live = createLiveProjection(store, skus);
    const stop = new AbortController();
    const next = live.changes({ signal: stop.signal }).next();
    stop.abort();
    expect(await next).toEqual({ done: true, value: undefined });
  });

  test('stops one key where a handler fails, says so, and goes on with the others', async () => {
    const store = createMemoryStore({ categories });
    await using live = createLiveProjection(store, skus);
    await live.ready();
    const changes = live.changes();
    await store.append('Cart-1', [add('a'), add('x'), add('b')]);
    await store.append('Cart-2', [add('c')]);
    await expect.poll(() => live.status().position).toBe(4);
    expect([live.get('Cart-1'), live.get('Cart-2')]).toEqual([{ skus: 'a' }, { skus: 'c' }]);
    const failure = { code: 'PROJECTION_FAILED', globalPosition: 2, streamName: 'Cart-1' };
    expect(live.status()).toMatchObject({ state: 'live', failed: [{ key: 'Cart-1', error: failure }] });
    expect((await changes.next()).value).toMatchObject({ key: 'Cart-1', model: { skus: 'a' }, error: failure });
    expect((await changes.next()).value).toMatchObject({ key: 'Cart-2', error: undefined });
  });

  test('faults where there is no room, and says so to all who ask', async () => {
    const store = createMemoryStore({ categories });
    await store.append('Cart-1', [add('a')]);
    await store.append('Cart-2', [add('b')]);
    await using live = createLiveProjection(store, skus, { from: 'start', maxKeys: 1 });
    const full = { code: 'READ_MODEL_FULL', maxKeys: 1 };
    await expect(live.changes().next()).resolves.toMatchObject({ value: { key: 'Cart-1' } });
    await expect(live.ready()).rejects.toMatchObject(full);
    await expect(live.changes().next()).rejects.toMatchObject(full);
    expect(live.status()).toMatchObject({ state: 'faulted', position: 1, error: full });
    expect(live.get('Cart-1')).toEqual({ skus: 'a' });
  });

  test('waits for a database that is away, and applies each event once', async () => {
    const storage = createMemoryStorage();
    const store = createEventStore(storage, { categories });
    for (let n = 0; n < 1_200; n += 1) await store.append('Cart-1', [add('a')]);
    const read = storage.readLogPage.bind(storage);
    let reads = 0;
    storage.readLogPage = async (query) => {
      reads += 1;
      if (reads === 1 || reads === 3) throw new DatabaseUnavailableError('away');
      return read(query);
    };
    await using live = createLiveProjection(store, skus, { from: 'start' });
    await live.ready();
    expect(live.get('Cart-1')?.skus.length).toBe(1_200);
  });

  test('is refused for a store that is none, and for events that are others', () => {
    const store = createMemoryStore({ categories: { Cart: defineEvents({ ItemAdded: payload<{ sku: string }>() }) } });
    expect(() => createLiveProjection(store, skus)).toThrow('"Cart" has other events');
    expect(() => createLiveProjection(store, skus, { maxKeys: 0 })).toThrow('"Cart" has other events');
  });
});
