import { describe, expect, test } from 'vitest';
import { createMemoryStorage } from '../../memory/index.ts';
import { defineEvents } from '../events/define-events.ts';
import { payload } from '../events/event-schema.ts';
import { splitInto } from '../events/upcasting.ts';
import { createEventStore } from '../store/event-store.ts';
import { defineProjection } from './define-projection.ts';
import { documents } from './read-model.ts';
import type { ProjectUntilOptions } from './project-until.ts';
import type { StoreOfEngine } from './projection-engine.ts';
import type { StoreProjections } from './store-projections.ts';

const cartEvents = defineEvents(
  { ItemAdded: payload<{ sku: string }>(), Cleared: payload<null>() },
  {
    past: {
      ItemsAdded: splitInto(payload<{ skus: string[] }>(), ({ skus }) =>
        skus.map((sku) => ({ type: 'ItemAdded', data: { sku } }) as const),
      ),
    },
  },
);
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
const bySku = defineProjection({
  name: 'by-sku',
  events: { Cart: cartEvents },
  readModel: documents<{ carts: number }>(),
  key: (event) => (event.type === 'ItemAdded' ? event.data.sku : null),
}).on({ ItemAdded: (sku) => ({ carts: (sku?.carts ?? 0) + 1 }) });

const untilIn =
  ({ projections }: StoreOfEngine): StoreProjections['projectUntil'] =>
  (projection, options) =>
    projections.projectUntil(projection, options);

/** A log of two carts, one event a second from 0 on. */
async function carts() {
  let now = 0;
  const storage = createMemoryStorage({ now: () => now });
  const store = createEventStore(storage, { categories: { Cart: cartEvents }, pageSize: 2 });
  const old = createEventStore(storage);
  const next = async (work: () => Promise<unknown>) => {
    await work();
    now += 1_000;
  };
  await next(() => store.append('Cart-1', [add('a')]));
  await next(() => old.append('Cart-2', [{ type: 'ItemsAdded', data: { skus: ['b', 'c'] } }]));
  await next(() => store.append('Cart-1', [add('d')]));
  await next(() => store.append('Cart-1', [add('x')]));
  await next(() => store.append('Cart-1', [add('e')]));
  await next(() => store.append('Cart-2', [cartEvents.Cleared(null)]));
  return { store, storage };
}

describe('a read model as it was', () => {
  test('is made of the events up to a position or a time, as they are read today', async () => {
    const { store } = await carts();
    const projectUntil = untilIn(store);
    const at = async (until: ProjectUntilOptions) => Object.fromEntries((await projectUntil(skus, until)).models);
    expect(await at({ position: 0 })).toEqual({});
    expect(await at({ position: 2 })).toEqual({ 'Cart-1': { skus: 'a' }, 'Cart-2': { skus: 'bc' } });
    expect(await at({ time: new Date(2_000) })).toEqual({ 'Cart-1': { skus: 'ad' }, 'Cart-2': { skus: 'bc' } });
    expect(await at({ position: 99 })).toEqual({ 'Cart-1': { skus: 'ad' } });
  });

  test('says which keys have stopped, at what, and how far it reaches', async () => {
    const { store } = await carts();
    const { failed, events, position } = await store.projections.projectUntil(skus, { position: 99 });
    expect([...failed.keys()]).toEqual(['Cart-1']);
    expect(failed.get('Cart-1')).toMatchObject({ code: 'PROJECTION_FAILED', globalPosition: 4 });
    expect([events, position]).toEqual([6, 6]);
  });

  test('of one key reads that stream alone, where keys are streams', async () => {
    const { store } = await carts();
    const projectUntil = untilIn(store);
    expect(await projectUntil(skus, { position: 5, key: 'Cart-2' })).toMatchObject({ events: 1, position: 2 });
    const { models: found, events } = await projectUntil(bySku, { position: 5, key: 'c' });
    expect([[...found], events]).toEqual([[['c', { carts: 1 }]], 5]);
  });

  test('holds no more keys than it may', async () => {
    const { store } = await carts();
    const projectUntil = untilIn(store);
    await expect(projectUntil(bySku, { position: 99, maxKeys: 3 })).rejects.toMatchObject({ code: 'READ_MODEL_FULL' });
    await projectUntil(bySku, { position: 99, maxKeys: 3, key: 'a' });
    await expect(projectUntil(bySku, { position: -1 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('changes nothing', async () => {
    const { store, storage } = await carts();
    await store.projections.projectUntil(skus, { position: 99 });
    expect(await storage.readModels?.listProjections()).toEqual([]);
  });
});
