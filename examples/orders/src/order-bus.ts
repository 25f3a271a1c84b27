import { createCommandBus, deciderHandlers, recommendedPipeline, type PipelineOptions } from 'mink';
import { orderCommands } from './order-commands.ts';
import type { OrderStore } from './order-store.ts';
import { order } from './order.ts';

export type OrderBus = ReturnType<typeof createOrderBus>;

/** Takes commands to their order. Those that come for one order at once are decided in turn, so that none loses a race. */
export function createOrderBus(store: OrderStore, pipeline: PipelineOptions = {}) {
  return createCommandBus(store, {
    handlers: [deciderHandlers(orderCommands, order, { id: ({ data }) => data.id, exclusive: true })],
    middleware: recommendedPipeline(pipeline),
  });
}
