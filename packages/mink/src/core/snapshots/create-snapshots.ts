import type { AnyFold } from '../deciders/decider.ts';
import type { LoadContext } from '../store/load.ts';
import { checkWhole } from '../store/read-options.ts';
import { checkHasSnapshots, lastSnapshot, makeSnapshot, streamsOf } from './category-streams.ts';
import { decodeSnapshot } from './snapshot-codec.ts';

/** Options of `createSnapshots`. */
export interface CreateSnapshotsOptions {
  /**
   * Only streams with so many events since their last snapshot.
   * @defaultValue 100
   */
  readonly minEvents?: number | undefined;
  /** Ends the work after the stream under way. What was made stays, and the next run goes on from there. */
  readonly signal?: AbortSignal | undefined;
  /** Told after each stream. */
  readonly onProgress?: ((progress: CreatedSnapshots) => void) | undefined;
}

/** What has been done so far. */
export interface CreatedSnapshots {
  /** Streams that were looked at. */
  readonly streams: number;
  readonly created: number;
  /** Streams whose state could not be kept; `onSnapshotProblem` was told why. */
  readonly failed: number;
}

/** Where a run goes on, and when it has done enough. */
export interface Stretch {
  /** Begins after this stream. */
  readonly after?: string | undefined;
  /** Asked before each stream. */
  readonly isEnough?: ((progress: CreatedSnapshots) => boolean) | undefined;
}

/** What a run has done; `last` is the stream to go on after, undefined where it has come to the end. */
export interface CreatedStretch {
  readonly progress: CreatedSnapshots;
  readonly last: string | undefined;
}

/** Makes snapshots of all streams of a fold's category that have come far enough since their last one. */
export async function createSnapshots(
  context: LoadContext,
  fold: AnyFold<unknown>,
  { minEvents = 100, signal, onProgress }: CreateSnapshotsOptions,
  { after, isEnough }: Stretch = {},
): Promise<CreatedStretch> {
  checkHasSnapshots(context, fold);
  checkWhole('minEvents', minEvents, 1);
  let progress: CreatedSnapshots = { streams: 0, created: 0, failed: 0 };
  let last = after;
  for await (const { streamName, version } of streamsOf(context, fold.category, after)) {
    signal?.throwIfAborted();
    if (isEnough?.(progress) === true) return { progress, last };
    const snapshot = await lastSnapshot(context, fold, streamName);
    const isUsable = snapshot !== undefined && 'state' in decodeSnapshot(fold, snapshot);
    let outcome: 'created' | 'failed' | undefined;
    if (version - (isUsable ? snapshot.streamVersion : 0) >= minEvents) {
      outcome = (await makeSnapshot(context, fold, streamName, { signal })) ? 'created' : 'failed';
    }
    progress = {
      streams: progress.streams + 1,
      created: progress.created + (outcome === 'created' ? 1 : 0),
      failed: progress.failed + (outcome === 'failed' ? 1 : 0),
    };
    last = streamName;
    onProgress?.(progress);
  }
  return { progress, last: undefined };
}
