import { column, defineProjection, table } from 'mink';
import { toCents } from '../money.ts';
import { orderEvents } from '../order-events.ts';

/**
 * The orders that a customer still owes us money for: neither shipped nor cancelled. **Inline**: the row is written in the transaction
 * of the event, so that nobody is ever shown credit that has been used up a moment ago. It is small, and every order has a row of its
 * own: appends to different orders never wait for each other.
 */
export const openOrders = defineProjection({
  name: 'open-orders',
  events: { Order: orderEvents },
  readModel: table({
    key: 'stream',
    columns: {
      stream: column.text(),
      customer: column.text(),
      cents: column.integer(),
      openedAt: column.timestamp(),
    },
    indexes: [['customer', 'openedAt']],
  }),
}).on({
  OrderCreated: (_, { streamName, data, recordedAt }) => ({
    stream: streamName,
    customer: data.customerId,
    cents: 0,
    openedAt: recordedAt.toISOString(),
  }),
  ItemAdded: (order, { data }) => order && { ...order, cents: order.cents + data.quantity * toCents(data.price) },
  OrderShipped: () => null,
  OrderCancelled: () => null,
});
