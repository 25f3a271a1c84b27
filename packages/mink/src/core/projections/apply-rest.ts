import { ProjectionFailedError } from '../projection-errors.ts';
import type { EventRegistry } from '../store/event-registry.ts';
import { partitionKey } from '../stream-name.ts';
import type { Projection } from './define-projection.ts';
import type { RestOfLog } from './inline-storage.ts';
import { BatchFailedError, createRowApplier, type Applied, type Applier } from './projection-applier.ts';
import { keyedEvent, type KeyedEvent } from './projection-batch.ts';
import type { Lease } from './projection-storage.ts';
import { filterOf } from './projection-worker.ts';

/** Events of one batch, at most. */
const BATCH = 500;
/** Milliseconds that a lease lasts from each batch on. */
export const REST_LEASE = 15_000;

/** The lease has gone to somebody else. */
export class LeaseLost extends Error {}

/** Nothing is parked here. */
async function checkRoom(): Promise<void> {
  return undefined;
}

/**
 * Applies the log up to its end to the rows of a projection, batch by batch; nothing is parked.
 *
 * Throws `ProjectionFailedError` for an event that a handler fails on.
 */
export async function applyRest(
  { registry, projection }: { readonly registry: EventRegistry; readonly projection: Projection },
  lease: Lease,
  { upTo, storage, readModels }: RestOfLog,
): Promise<void> {
  const { from, to: end } = lease.partition;
  const isOwn = (key: string): boolean => partitionKey(key) >= from && partitionKey(key) < end;
  const filter = filterOf(registry, projection, lease.partition);
  const apply = createRowApplier({ readModels, leaseDuration: REST_LEASE, checkRoom }, projection);
  let position = lease.position;
  for (let after = position; after < upTo;) {
    const page = await storage.readLogPage({ after, upTo, filter, direction: 'forwards', limit: BATCH });
    const events = page.events.map((event) => {
      const keyed = keyedEvent(registry, projection, event, isOwn);
      if (keyed.parts === undefined) throw new ProjectionFailedError(projection.name, event, keyed.error);
      return keyed;
    });
    const { outcome, to, failure } = await applyOnce(apply, { ...lease, position }, events);
    if (failure !== undefined) throw failure;
    if (outcome !== 'stored') throw new LeaseLost('the lease has gone to somebody else');
    position = to ?? position;
    after = page.searchedTo;
  }
}

/** What the database has refused is its error. */
async function applyOnce(apply: Applier, lease: Lease, events: readonly KeyedEvent[]): Promise<Applied> {
  try {
    return await apply(lease, events, undefined);
  } catch (error) {
    throw error instanceof BatchFailedError ? error.cause : error;
  }
}
