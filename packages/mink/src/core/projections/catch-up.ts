import { randomUUID } from 'node:crypto';
import { LONGEST_TIMER } from '../store/read-options.ts';
import { linkSignals } from '../store/signals.ts';
import type { AnyProjection } from './define-sql-projection.ts';
import type { Lease } from './projection-storage.ts';
import { ProjectionWorker, type WorkerContext } from './projection-worker.ts';
import { behindError, waitForWrite, type WaitOptions, type WriteToSee } from './wait-for.ts';

/**
 * Brings projections up to a write: whoever nobody works on is worked on here, under the same lease as by an engine, and let go.
 */
export async function catchUp(
  context: WorkerContext,
  target: WriteToSee,
  options: WaitOptions & {
    readonly projections: readonly AnyProjection[];
    readonly owner: string;
    readonly timeout: number;
  },
): Promise<void> {
  const { timeout, signal } = options;
  // Not the engine's name: it would take over its own workers.
  const owner = `${options.owner}/${randomUUID().slice(0, 8)}`;
  const late = new AbortController();
  const stop = linkSignals(signal === undefined ? [late.signal] : [late.signal, signal]);
  const timer = setTimeout(() => late.abort(), Math.min(timeout, LONGEST_TIMER));
  try {
    const advance = (projection: AnyProjection, upTo: number): Promise<boolean> =>
      advanceOne(context, projection, { owner, upTo, signal: stop.signal });
    await waitForWrite(context, target, { ...options, advance });
  } finally {
    clearTimeout(timer);
    stop.release();
  }
}

/** Works on a projection up to a position, where nobody else does. Whether it has come on. */
async function advanceOne(
  context: WorkerContext,
  projection: AnyProjection,
  { owner, upTo, signal }: { readonly owner: string; readonly upTo: number; readonly signal: AbortSignal },
): Promise<boolean> {
  const { readModels, leaseDuration: duration } = context;
  const { name, version } = projection;
  const request = { owner, duration, projections: [{ name, version }], held: [], isPassing: true };
  const leasedUntil = performance.now() + duration;
  const { leases } = await readModels.leaseProjections(request);
  let isHeld = false;
  const work = async (lease: Lease): Promise<boolean> => {
    const worker = new ProjectionWorker(context, projection, { lease, signal, upTo, leasedUntil: () => leasedUntil });
    const end = await worker.run();
    if (end === 'faulted') throw await behindError(context, projection, upTo);
    isHeld ||= end === 'held';
    return worker.position > lease.position;
  };
  const ends = await Promise.allSettled(leases.map(work));
  if (leases.length > 0) await readModels.releaseProjections(owner, leases).catch(() => undefined);
  if (isHeld) await readModels.partitionProjection({ name, version });
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return ends.some((end) => end.status === 'fulfilled' && end.value);
}
