import { setTimeout as delay } from 'node:timers/promises';
import { ConcurrencyConflictError, type ExecuteResult } from 'mink';
import type { OrderStore } from './order-store.ts';
import { order, type OrderCommand, type OrderState } from './order.ts';

/** N writers at once lose at most N - 1 races each, so this many can work on one order without a single conflict. */
const MAX_ATTEMPTS = 30;
const MAX_WAIT_MS = 64;

export interface OrderRequest {
  readonly id: string;
  readonly command: OrderCommand;
  /** The version that the client has seen; undefined to decide on whatever is there. */
  readonly expectedVersion?: number | undefined;
}

/**
 * Executes a command. When another writer gets there first, it is decided anew on the new state, which is safe: nothing
 * was written. A client that named a version has decided on that one, so it is told instead.
 */
export async function executeOrder(store: OrderStore, request: OrderRequest): Promise<ExecuteResult<OrderState>> {
  const { id, command, expectedVersion } = request;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await store.execute(order, id, command, { expectedVersion });
    } catch (error) {
      const isLostRace = error instanceof ConcurrencyConflictError && expectedVersion === undefined;
      if (!isLostRace || attempt === MAX_ATTEMPTS) throw error;
      // Random, so that the losers of one race do not all meet in the next.
      await delay(Math.random() * Math.min(2 ** attempt, MAX_WAIT_MS));
    }
  }
}
