import type { ExecuteResult } from 'mink';
import type { OrderStore } from './order-store.ts';
import { order, type OrderCommand, type OrderState } from './order.ts';

/** N writers at once lose at most N - 1 races each, so this many can work on one order without a single conflict. */
const TRIES = 30;
const MAX_WAIT_MS = 64;

export interface OrderRequest {
  readonly id: string;
  readonly command: OrderCommand;
  /** The version that the client has seen; undefined to decide on whatever is there. */
  readonly expectedVersion?: number | undefined;
}

/** Executes a command; when another writer gets there first, it is decided anew, unless the client has named a version. */
export function executeOrder(store: OrderStore, request: OrderRequest): Promise<ExecuteResult<OrderState>> {
  const { id, command, expectedVersion } = request;
  return store.executeWithRetry(order, id, command, {
    expectedVersion,
    tries: TRIES,
    backoff: 2,
    maxBackoff: MAX_WAIT_MS,
  });
}
