import type { EventStore } from 'mink';
import { orderEvents } from './order.ts';

/** What the store knows: the events of each category. */
export const categories = { Order: orderEvents };

/** Any store of orders, in memory or in PostgreSQL. */
export type OrderStore = EventStore<typeof categories>;
