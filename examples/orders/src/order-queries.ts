import { createQueryBus, defineQueries, queryHandlers, recommendedPipeline, type PipelineOptions } from 'mink';
import { z } from 'zod';
import { orderId } from './order-commands.ts';
import { OrderNotFoundError, OrderVersionNotFoundError } from './order-errors.ts';
import { order } from './order.ts';
import { customerQuery, getCustomer } from './queries/get-customer.ts';
import { listOrders, listOrdersQuery, type ListSource } from './queries/list-orders.ts';

const wholeNumber = z.coerce.number('Use a whole number').int();
const TIME = 'Use a time such as 2026-01-31T15:00:00Z, its + written as %2B';

/** What can be asked about an order. Numbers and times may come as text, as they do in the query of a URL. */
export const orderQueries = defineQueries({
  GetOrder: z
    .object({
      id: orderId,
      at: z.iso
        .datetime({ offset: true, error: TIME })
        .transform((time) => new Date(time))
        .optional(),
      version: wholeNumber.min(1).optional(),
    })
    .refine(({ at, version }) => at === undefined || version === undefined, 'Give at or version, not both'),
  GetHistory: z.object({
    id: orderId,
    after: wholeNumber.min(0).default(0),
    limit: wholeNumber.min(1).max(1_000).default(100),
    states: z.stringbool().default(false),
  }),
  ListOrders: listOrdersQuery,
  GetCustomer: customerQuery,
});

export type OrderQueryBus = ReturnType<typeof createOrderQueryBus>;

/** Answers queries: about one order from its events, now or at any time before; about many from what projections keep. */
export function createOrderQueryBus(source: ListSource, pipeline: PipelineOptions = {}) {
  const { store } = source;
  const handlers = queryHandlers(orderQueries, {
    GetOrder: async ({ data: { id, at, version } }, { signal }) => {
      const until = version === undefined ? at && { time: at } : { version };
      const found = await store.load(order, id, { until, signal });
      if (found.streamVersion === 0) throw new OrderNotFoundError(at);
      if (version !== undefined && found.streamVersion < version) {
        throw new OrderVersionNotFoundError(version, found.streamVersion);
      }
      return found;
    },

    GetHistory: async ({ data: { id, after, limit, states } }, { signal }) => {
      const events = [];
      let isThere = false;
      for await (const { event, state, changes } of store.history(order, id, { signal })) {
        isThere = true;
        const { streamVersion: version, type, recordedAt: time, data, metadata } = event;
        if (version <= after) continue;
        if (events.length === limit) return { id, events, nextAfter: version - 1 };
        events.push({ version, type, time, data, metadata, changes, state: states ? state : undefined });
      }
      if (!isThere) throw new OrderNotFoundError();
      return { id, events, nextAfter: undefined };
    },

    ListOrders: ({ data }, { signal }) => listOrders(source, data, { signal }),
    GetCustomer: ({ data }) => getCustomer(store, data),
  });
  return createQueryBus({ handlers: [handlers], middleware: recommendedPipeline(pipeline) });
}
