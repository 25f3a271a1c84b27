import { createLiveProjection, createProjectionEngine, createProjectionVersions } from 'mink';
import { createMemoryStorage } from 'mink/memory';
import { expect, it, onTestFinished, vi } from 'vitest';
import { createApp } from '../src/app.ts';
import { orderListWithPieces } from '../src/evolve/order-list-2.ts';
import { createOrderStore } from '../src/order-store.ts';
import { orderList, type OrderList } from '../src/projections/order-list.ts';
import { statistics } from '../src/projections/statistics.ts';
import { item, readReply } from './support/order-client.ts';

const both = [orderList, orderListWithPieces];

/** An old and a new release on one log, in which version 1 of the list is live, and version 2 is built. */
async function startReleases() {
  const store = createOrderStore(createMemoryStorage());
  const live = createLiveProjection(store, statistics);
  onTestFinished(() => live.close());
  const release = (orderLists: readonly OrderList[]) => {
    const app = createApp({ store, statistics: live, orderLists });
    return {
      post: async (path: string, body: object) =>
        readReply(await app.request(path, { method: 'POST', body: JSON.stringify(body) })),
      list: async (token = '') => {
        const reply = await readReply(await app.request('/orders', { headers: { 'mink-token': token } }));
        return { from: reply.headers.get('x-read-model'), orders: reply.body.orders };
      },
    };
  };
  const [old, next] = [release([orderList]), release(both)];
  await old.post('/orders', { id: '1', customerId: 'ada' });
  await old.post('/orders/1/items', item);
  await createProjectionEngine(store, [orderList]).catchUp();
  const versions = createProjectionVersions(store, both);
  await versions.build(orderListWithPieces);
  return { store, versions, old, next };
}

it('reads the version that is live, and with old code the one that it knows', async () => {
  const { versions, old, next } = await startReleases();
  expect(await next.list()).toMatchObject({ from: 'order-list/1', orders: [{ items: 1 }] });
  await versions.switchTo(orderListWithPieces);
  expect(await next.list()).toMatchObject({ from: 'order-list/2', orders: [{ items: 2 }] });
  expect(await old.list()).toMatchObject({ from: 'order-list/1', orders: [{ items: 1 }] });
  await versions.rollback(orderList);
  expect(await next.list()).toMatchObject({ from: 'order-list/1', orders: [{ items: 1 }] });
});

it('goes on with the next version where one is retired while a read waits for it', async () => {
  const { store, versions, next } = await startReleases();
  const { headers } = await next.post('/orders', { id: '2', customerId: 'ada' });
  const chosen = vi.spyOn(store.projections, 'readModel');
  // Nobody works on version 1.
  const listing = next.list(headers.get('mink-token') ?? '');
  await vi.waitUntil(() => chosen.mock.lastCall?.[0].version === 1);
  await versions.switchTo(orderListWithPieces);
  await versions.retire(orderList);
  expect(await listing).toMatchObject({ from: 'order-list/2', orders: [{ id: '2' }, { id: '1' }] });
});
