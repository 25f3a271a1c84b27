import { column, defineProjection, table } from 'mink';
import { toCents } from '../money.ts';
import { orderEvents } from '../order-events.ts';

/** Version 2 of the list of orders, as the next release has it: `items` are pieces, not lines; and `confirmedAt` is new. */
export const orderListWithPieces = defineProjection({
  name: 'order-list',
  version: 2,
  events: { Order: orderEvents },
  readModel: table({
    key: 'stream',
    columns: {
      stream: column.text(),
      customer: column.text(),
      reference: column.nullable(column.text()),
      status: column.text<'open' | 'confirmed' | 'shipped' | 'cancelled'>(),
      /** Pieces: the quantities of all lines. */
      items: column.integer(),
      cents: column.integer(),
      placedAt: column.timestamp(),
      updatedAt: column.timestamp(),
      confirmedAt: column.nullable(column.timestamp()),
    },
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
    confirmedAt: null,
  }),
  ItemAdded: (order, { data, recordedAt }) =>
    order && {
      ...order,
      items: order.items + data.quantity,
      cents: order.cents + data.quantity * toCents(data.price),
      updatedAt: recordedAt.toISOString(),
    },
  OrderConfirmed: (order, { data, recordedAt }) => {
    const confirmedAt = recordedAt.toISOString();
    return order && { ...order, status: 'confirmed', cents: toCents(data.total), updatedAt: confirmedAt, confirmedAt };
  },
  OrderShipped: (order, { recordedAt }) =>
    order && { ...order, status: 'shipped', updatedAt: recordedAt.toISOString() },
  OrderCancelled: (order, { recordedAt }) =>
    order && { ...order, status: 'cancelled', updatedAt: recordedAt.toISOString() },
});
