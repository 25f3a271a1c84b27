import { DeliveryTimeoutError } from '../projection-errors.ts';
import { traceDelivery } from '../observe/trace-projection.ts';
import type { StoreTracer } from '../observe/tracer.ts';
import type { StoredEvent } from '../store/categories.ts';
import { linkSignals, untilAborted } from '../store/signals.ts';
import type { Subscription } from './define-subscription.ts';

/** What is to be handed to a handler: what one event says of one key. */
export interface Delivery {
  readonly position: number;
  readonly key: string;
  /** What the event says today; those that were acknowledged are taken away. */
  readonly parts: StoredEvent[];
  state: DeliveryState;
}

/** `following`: its key is parked because of an event before it. */
export type DeliveryState =
  | { readonly is: 'waiting' | 'acknowledged' | 'following' }
  | { readonly is: 'parked'; readonly error: unknown; readonly attempts: number };

/** Hands out what is left of a delivery, once. Resolves when all of it is acknowledged. */
export async function deliver(
  { name, timeout, handle }: Pick<Subscription, 'name' | 'timeout' | 'handle'>,
  { key, parts }: Pick<Delivery, 'key' | 'parts'>,
  context: {
    readonly epoch: number;
    readonly attempt: number;
    readonly signal: AbortSignal;
    readonly tracer: StoreTracer | undefined;
  },
): Promise<void> {
  const { epoch, attempt, tracer } = context;
  for (let part = parts[0]; part !== undefined; part = parts[0]) {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(new DeliveryTimeoutError(name, timeout)), timeout);
    const { signal, release } = linkSignals([context.signal, deadline.signal]);
    try {
      signal.throwIfAborted();
      const event = part;
      const told = { name, key, attempt, event };
      await traceDelivery(tracer, told, () =>
        untilAborted(Promise.resolve(handle(event, { key, epoch, attempt, signal })), signal),
      );
    } finally {
      clearTimeout(timer);
      release();
    }
    parts.shift();
  }
}
