import { column, defineProjection, table, type RowOf } from 'mink';
import { toCents } from '../money.ts';
import { orderEvents } from '../order-events.ts';

const columns = {
  stream: column.text(),
  customer: column.text(),
  reference: column.nullable(column.text()),
  status: column.text<'open' | 'confirmed' | 'shipped' | 'cancelled'>(),
  /** Lines, whatever their quantities. */
  items: column.integer(),
  cents: column.integer(),
  placedAt: column.timestamp(),
  updatedAt: column.timestamp(),
};

export type OrderRow = RowOf<typeof columns>;

/**
 * All orders, to be filtered, ordered and paged. **Async**: an engine fills it in the background, so that no command waits for it, and
 * it can be built anew beside itself. Who has to see what they have just written say so with the token of their write.
 */
export const orderList = defineProjection({
  name: 'order-list',
  events: { Order: orderEvents },
  readModel: table({
    key: 'stream',
    columns,
    indexes: [['placedAt'], ['status', 'placedAt'], ['customer', 'placedAt'], ['cents']],
  }),
}).on({
  OrderCreated: (_, { streamName, data, recordedAt }) => ({
    stream: streamName,
    customer: data.customerId,
    reference: data.reference,
    status: 'open',
    items: 0,
    cents: 0,
    placedAt: recordedAt.toISOString(),
    updatedAt: recordedAt.toISOString(),
  }),
  ItemAdded: (order, { data, recordedAt }) =>
    order && {
      ...order,
      items: order.items + 1,
      cents: order.cents + data.quantity * toCents(data.price),
      updatedAt: recordedAt.toISOString(),
    },
  OrderConfirmed: (order, { data, recordedAt }) =>
    order && { ...order, status: 'confirmed', cents: toCents(data.total), updatedAt: recordedAt.toISOString() },
  OrderShipped: (order, { recordedAt }) =>
    order && { ...order, status: 'shipped', updatedAt: recordedAt.toISOString() },
  OrderCancelled: (order, { recordedAt }) =>
    order && { ...order, status: 'cancelled', updatedAt: recordedAt.toISOString() },
});

/** A version of the list: each has the columns of the first one, and maybe others. */
export type OrderList = typeof orderList;
