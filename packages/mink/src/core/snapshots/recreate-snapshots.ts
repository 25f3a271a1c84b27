import type { AnyFold } from '../deciders/decider.ts';
import { InvalidArgumentError } from '../errors.ts';
import type { Snapshot } from '../storage/event-storage.ts';
import type { LoadContext } from '../store/load.ts';
import { checkHasSnapshots, isOfStream, lastSnapshot, makeSnapshot, streamsOf } from './category-streams.ts';
import { reportFlaw } from './snapshot-base.ts';
import { snapshotOptionsOf } from './snapshot-codec.ts';
import { verifySnapshot } from './verify-snapshots.ts';

/** Options of `recreateSnapshots`. */
export interface RecreateSnapshotsOptions {
  /**
   * Makes all of them anew, those that are right, too.
   * @defaultValue false
   */
  readonly all?: boolean | undefined;
  /**
   * Only where the last snapshot of a stream was made before, in milliseconds since 1970 by the storage's clock: to go on
   * with `all` after it was stopped.
   * @defaultValue all of them
   */
  readonly madeBefore?: number | undefined;
  /** Ends the work after the stream under way. What was made stays. */
  readonly signal?: AbortSignal | undefined;
  /** Told after each stream that has a snapshot. */
  readonly onProgress?: ((progress: RecreatedSnapshots) => void) | undefined;
}

/** What has been done so far. */
export interface RecreatedSnapshots {
  /** Streams with a snapshot that were looked at. */
  readonly streams: number;
  readonly recreated: number;
  /** Streams that could not be loaded, or whose state could not be kept; `onSnapshotProblem` was told why. */
  readonly failed: number;
}

type Outcome = 'right' | 'recreated' | 'failed';

/** Makes snapshots anew, from the first event on, in the place of all that their stream has. */
export async function recreateSnapshots(
  context: LoadContext,
  fold: AnyFold<unknown>,
  { all = false, madeBefore, signal, onProgress }: RecreateSnapshotsOptions,
): Promise<RecreatedSnapshots> {
  checkHasSnapshots(context, fold);
  if (madeBefore !== undefined && !Number.isFinite(madeBefore)) {
    throw new InvalidArgumentError('madeBefore', `${madeBefore} is no number of milliseconds`);
  }
  let progress: RecreatedSnapshots = { streams: 0, recreated: 0, failed: 0 };
  for await (const { streamName } of streamsOf(context, fold.category)) {
    signal?.throwIfAborted();
    const snapshot = await lastSnapshot(context, fold, streamName);
    if (snapshot === undefined || snapshot.createdAt >= (madeBefore ?? Infinity)) continue;
    const outcome = await recreateOne(context, fold, snapshot, { all, signal });
    progress = {
      streams: progress.streams + 1,
      recreated: progress.recreated + (outcome === 'recreated' ? 1 : 0),
      failed: progress.failed + (outcome === 'failed' ? 1 : 0),
    };
    onProgress?.(progress);
  }
  return progress;
}

async function recreateOne(
  context: LoadContext,
  fold: AnyFold<unknown>,
  snapshot: Snapshot,
  { all, signal }: { readonly all: boolean; readonly signal: AbortSignal | undefined },
): Promise<Outcome> {
  const { streamName } = snapshot;
  try {
    if (!all && (await isRight(context, fold, snapshot, signal))) return 'right';
  } catch (error) {
    if (!isOfStream(error)) throw error;
    reportFlaw(context, fold, streamName, { flaw: 'failed', error });
    return 'failed';
  }
  return (await makeSnapshot(context, fold, streamName, { signal, isAnew: true })) ? 'recreated' : 'failed';
}

async function isRight(
  context: LoadContext,
  fold: AnyFold<unknown>,
  snapshot: Snapshot,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  // Newer code has made it, and uses it: this one is about to go.
  if (snapshot.schemaVersion > snapshotOptionsOf(fold).options.schemaVersion) return true;
  return (await verifySnapshot(context, fold, snapshot, signal)) === undefined;
}
