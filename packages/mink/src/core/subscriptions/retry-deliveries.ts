import { randomUUID } from 'node:crypto';
import { KeyBeingRetriedError } from '../projection-errors.ts';
import { eventsAt } from '../projections/events-at.ts';
import type { RetriedKey } from '../projections/dead-letters.ts';
import { keyedEvent, messageOf } from '../projections/projection-batch.ts';
import type { WorkerContext } from '../projections/projection-worker.ts';
import type { Subscription } from './define-subscription.ts';
import { deliver } from './delivery.ts';

/** Milliseconds that a claim lasts longer than the handler may take. */
const CLAIM_MARGIN = 10_000;

/** Which key of which subscription. */
interface ParkedDeliveries {
  readonly subscription: Subscription;
  readonly key: string;
}

/**
 * Delivers the events of a parked key one by one, up to one that fails again. No transaction is open while a handler runs: the
 * key is claimed for as long as that may take, so that nobody else retries it, and each event waits until it was acknowledged.
 */
export async function retryDeliveries(
  context: WorkerContext,
  of: ParkedDeliveries,
  signal: AbortSignal = new AbortController().signal,
): Promise<RetriedKey> {
  const { readModels } = context;
  const { subscription, key } = of;
  const owner = randomUUID();
  const duration = subscription.timeout + CLAIM_MARGIN;
  let applied = 0;
  try {
    for (;;) {
      signal.throwIfAborted();
      const claim = await readModels.claimParked(subscription, { key, owner, duration });
      if (claim === 'busy') throw new KeyBeingRetriedError(subscription.name, key);
      const [position] = claim === 'none' ? [] : await firstOf(context, of);
      if (position === undefined) return { applied, left: 0, error: undefined };
      const error = await tryDelivery(context, of, { position, signal });
      // An acknowledgement of what somebody else has acknowledged meanwhile changes nothing.
      const one = { key, limit: 1, timeout: subscription.timeout };
      const done = await readModels.retryParked(subscription, one, async ({ positions: [first] }) => {
        return { row: null, applied: error === undefined && first === position ? 1 : 0, digests: [], error };
      });
      applied += done?.applied ?? 0;
      if (error !== undefined) return { applied, left: await countParked(context, of), error };
    }
  } finally {
    await readModels.claimParked(subscription, { key, owner, duration: 0 }).catch(() => undefined);
  }
}

function firstOf({ readModels }: WorkerContext, { subscription, key }: ParkedDeliveries): Promise<readonly number[]> {
  return readModels.listDeadLetters(subscription, key, { after: 0, limit: 1 });
}

async function countParked({ readModels }: WorkerContext, { subscription, key }: ParkedDeliveries): Promise<number> {
  const { name, version } = subscription;
  const parked = await readModels.listParked({ name, version, key, limit: 1 });
  return parked[0]?.events ?? 0;
}

/** What an event has failed with; undefined where it was acknowledged. */
async function tryDelivery(
  context: WorkerContext,
  { subscription, key }: ParkedDeliveries,
  { position, signal }: { readonly position: number; readonly signal: AbortSignal },
): Promise<string | undefined> {
  const epoch = await epochOf(context, subscription);
  try {
    for (const event of await eventsAt(context.storage, [position])) {
      const { parts, error } = keyedEvent(context.registry, subscription, event);
      if (parts === undefined) throw error;
      const { tracer } = context;
      await deliver(subscription, { key, parts: [...(parts.get(key) ?? [])] }, { epoch, attempt: 1, signal, tracer });
    }
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return messageOf(error);
  }
}

/** What the workers have, too: a receiver that refuses older epochs takes what is retried. */
async function epochOf({ readModels }: WorkerContext, { name, version }: Subscription): Promise<number> {
  const all = await readModels.listProjections();
  return all.find((it) => it.name === name && it.version === version)?.epoch ?? 0;
}
