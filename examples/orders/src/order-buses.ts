import type { PipelineOptions } from 'mink';
import { createOrderBus, type OrderBus } from './order-bus.ts';
import { createOrderQueryBus, type OrderQueryBus } from './order-queries.ts';
import type { ListSource } from './queries/list-orders.ts';

/** What commands and queries are given to. */
export interface OrderBuses {
  readonly commands: OrderBus;
  readonly queries: OrderQueryBus;
}

/** Both buses of the service. Who changes something is written down; who only looks is not. */
export function createOrderBuses(source: ListSource, pipeline: PipelineOptions = {}): OrderBuses {
  return {
    commands: createOrderBus(source.store, pipeline),
    queries: createOrderQueryBus(source, { ...pipeline, audit: undefined }),
  };
}
