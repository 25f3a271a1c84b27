import { givenProjection } from 'mink/testing';
import { describe, expect, it } from 'vitest';
import { orderListWithPieces } from '../src/evolve/order-list-2.ts';
import { orderEvents } from '../src/order-events.ts';
import { openOrders } from '../src/projections/open-orders.ts';
import { orderList } from '../src/projections/order-list.ts';
import { statistics } from '../src/projections/statistics.ts';

const { OrderCreated, ItemAdded, OrderConfirmed, OrderShipped, OrderCancelled } = orderEvents;

const created = OrderCreated({ customerId: 'ada', reference: null });
const added = ItemAdded({ sku: 'SKU-1', quantity: 3, price: 0.1 });
const confirmed = OrderConfirmed({ total: 0.3 });
const shipped = OrderShipped({ trackingNumber: 'T-1' });
const cancelled = OrderCancelled({ reason: 'r' });
/** What `givenProjection` records events at. */
const time = '2026-01-01T00:00:00.000Z';
const row = { stream: 'Order-42', customer: 'ada', reference: null, placedAt: time, updatedAt: time };

describe('the list of orders', () => {
  it('has a row for each order, with what was added to it', async () => {
    await givenProjection(orderList)
      .events({ 'Order-42': [created, added, added] })
      .then({ 'Order-42': { ...row, status: 'open', items: 2, cents: 60 } });
  });

  it.each([
    ['confirmed', [confirmed]],
    ['shipped', [confirmed, shipped]],
    ['cancelled', [cancelled]],
  ] as const)('says that an order is %s', async (status, events) => {
    await givenProjection(orderList)
      .events({ 'Order-42': [created, added, ...events] })
      .then({ 'Order-42': { ...row, status, items: 1, cents: 30 } });
  });

  it('has the orders from the time before references', async () => {
    await givenProjection(orderList)
      .stored([{ streamName: 'Order-42', type: 'OrderCreated', schemaVersion: 1, data: { customerId: 'ada' } }])
      .thenUnder('Order-42', (order) => expect(order).toMatchObject({ customer: 'ada', reference: null }));
  });

  it('counts pieces instead of lines in version 2, and knows when an order was confirmed', async () => {
    await givenProjection(orderListWithPieces)
      .events({ 'Order-42': [created, added, added, confirmed] })
      .then({ 'Order-42': { ...row, status: 'confirmed', items: 6, cents: 30, confirmedAt: time } });
  });
});

describe('open orders', () => {
  it('are there until they are shipped or cancelled', async () => {
    await givenProjection(openOrders)
      .events({
        'Order-1': [created, added],
        'Order-2': [created, added, confirmed],
        'Order-3': [created, added, confirmed, shipped],
        'Order-4': [created, cancelled],
      })
      .then({
        'Order-1': { stream: 'Order-1', customer: 'ada', cents: 30, openedAt: time },
        'Order-2': { stream: 'Order-2', customer: 'ada', cents: 30, openedAt: time },
      });
  });
});

describe('statistics', () => {
  it('count what happened, day by day', async () => {
    const stored = { streamName: 'Order-9', type: 'OrderCreated', schemaVersion: 2 };
    const data = { customerId: 'bob', reference: null };
    await givenProjection(statistics)
      .stored([{ ...stored, data, recordedAt: new Date('2025-12-31T23:59:59.999Z') }])
      .stored([{ ...stored, data, streamName: 'Order-8', recordedAt: new Date(time) }])
      .events({ 'Order-1': [created, added, confirmed, shipped], 'Order-2': [created, cancelled] })
      .then({
        '2025-12-31': {
          placed: 1,
          confirmed: 0,
          shipped: 0,
          cancelled: 0,
          revenue: 0,
          recent: [{ id: '9', customerId: 'bob', placedAt: '2025-12-31T23:59:59.999Z' }],
        },
        '2026-01-01': {
          placed: 3,
          confirmed: 1,
          shipped: 1,
          cancelled: 1,
          revenue: 0.3,
          recent: [
            { id: '2', customerId: 'ada', placedAt: time },
            { id: '1', customerId: 'ada', placedAt: time },
            { id: '8', customerId: 'bob', placedAt: time },
          ],
        },
      });
  });

  it('keep the last ten orders', async () => {
    const orders = Array.from({ length: 12 }, (_, index) => [`Order-${index}`, [created]] as const);
    await givenProjection(statistics)
      .events(Object.fromEntries(orders))
      .thenUnder('2026-01-01', (day) => {
        expect(day?.recent.map(({ id }) => id)).toEqual(['11', '10', '9', '8', '7', '6', '5', '4', '3', '2']);
      });
  });
});
