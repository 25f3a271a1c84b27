import { createEventStore } from 'mink';
import { createMemoryStorage } from 'mink/memory';
import { readStored } from 'mink/testing';
import { describe, expect, it } from 'vitest';
import { orderEvents } from '../src/order-events.ts';
import { createOrderStore } from '../src/order-store.ts';
import { order } from '../src/order.ts';
import { startService } from './support/order-client.ts';

const added = { type: 'ItemAdded', data: { sku: 'SKU-1', quantity: 2, price: 25 } };

describe('the events of the first orders', () => {
  it('are read as orders without a reference', () => {
    const stored = { type: 'OrderCreated', data: { customerId: 'ada' } };
    expect(readStored(orderEvents, stored)).toEqual([orderEvents.OrderCreated({ customerId: 'ada', reference: null })]);
  });

  it('go on as any other', async () => {
    const storage = createMemoryStorage();
    await createEventStore(storage).append('Order-1', [{ type: 'OrderCreated', data: { customerId: 'ada' } }, added]);
    const { store, post, get } = startService(storage);
    await store.projections.activateInline();
    expect((await post('/orders/1/confirm')).body).toMatchObject({ version: 3, total: 50, reference: null });
    expect((await get('/customers/ada')).body).toMatchObject({ open: 50, orders: [{ id: '1' }] });
    expect((await get('/orders/1/history')).body.events?.[0]?.data).toEqual({ customerId: 'ada', reference: null });
  });

  it('are stored with the version of today from now on', async () => {
    const storage = createMemoryStorage();
    const { openOrder } = startService(storage);
    await openOrder();
    const first = await createEventStore(storage).readStream('Order-42').first();
    expect(first?.schemaVersion).toBe(2);
  });
});

describe('snapshots', () => {
  it('hold the state that the events lead to', async () => {
    const storage = createMemoryStorage();
    const { store, openOrder } = startService(storage);
    await openOrder();
    const { state, streamVersion } = await store.load(order, '42');
    expect(await store.snapshots.create(order, { minEvents: 1 })).toMatchObject({ streams: 1, created: 1 });
    expect(await store.snapshots.verify(order)).toMatchObject({ checked: 1, wrong: [] });
    // A store without anything at hand goes on from the snapshot.
    expect(await createOrderStore(storage).load(order, '42')).toMatchObject({ state, streamVersion });
  });
});
