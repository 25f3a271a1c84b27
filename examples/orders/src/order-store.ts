import { createEventStore, type EventStorage, type EventStore, type Observer } from 'mink';
import { createStateCache } from 'mink/cache';
import { orderEvents } from './order-events.ts';
import { openOrders } from './projections/open-orders.ts';

/** What the store knows: the events of each category. */
const categories = { Order: orderEvents };

/** A store of orders, in memory or in PostgreSQL. */
export type OrderStore = EventStore<typeof categories>;

/**
 * The orders of a storage; the states of those that were used last are kept at hand, and open orders are kept with each append.
 * A log from the time before that needs `projections.activateInline()` once.
 */
export function createOrderStore(storage: EventStorage, observer?: Observer): OrderStore {
  return createEventStore(storage, { categories, cache: createStateCache(), inline: [openOrders], observer });
}
