import type { AnyFold } from '../deciders/decider.ts';
import type { OpenTransaction } from '../storage/event-storage.ts';
import { storageCall, type AnySignal } from '../store/lazy-signal.ts';
import type { LoadContext } from '../store/load.ts';
import type { UntilParts } from '../store/read-options.ts';
import type { ReplayBase } from './replay.ts';
import { decodeSnapshot, snapshotOptionsOf, type SnapshotFlaw } from './snapshot-codec.ts';

/** What loading can begin with instead of the first event. */
export interface SnapshotBase extends ReplayBase {
  readonly state: unknown;
}

/** Which snapshot to begin with, and where to look for it. */
export interface BaseQuery {
  readonly until: UntilParts;
  readonly signal: AnySignal | undefined;
  readonly tx: OpenTransaction | undefined;
}

/** The last usable snapshot; undefined where there is none, which is never an error. */
export async function readBase(
  context: LoadContext,
  fold: AnyFold<unknown>,
  streamName: string,
  { until, signal, tx }: BaseQuery,
): Promise<SnapshotBase | undefined> {
  const { name } = snapshotOptionsOf(fold);
  try {
    const snapshot = await context.storage.readSnapshot(
      { streamName, name, ...until },
      storageCall(context.storage, signal, tx),
    );
    if (snapshot === undefined) return undefined;
    const decoded = decodeSnapshot(fold, snapshot);
    if ('state' in decoded) {
      const { streamVersion, lastEventId, createdAt } = snapshot;
      const sinceSnapshot = { events: 0, types: new Set<string>(), createdAt };
      return { streamVersion, lastEventId, sinceSnapshot, state: decoded.state };
    }
    reportFlaw(context, fold, streamName, decoded);
  } catch (error) {
    signal?.throwIfAborted();
    // In a transaction, a statement that fails has ended it: there is nothing to fall back to.
    if (tx !== undefined) throw error;
    reportFlaw(context, fold, streamName, { flaw: 'failed', error });
  }
  return undefined;
}

/** Tells that a snapshot was not used. */
export function reportFlaw(
  context: LoadContext,
  fold: AnyFold<unknown>,
  streamName: string,
  { flaw, error }: { readonly flaw: SnapshotFlaw; readonly error?: unknown },
): void {
  const { name } = snapshotOptionsOf(fold);
  context.reportSnapshotProblem({ streamName, name, flaw, error });
}
