import type { AnyFold } from '../deciders/decider.ts';
import type { Snapshot } from '../storage/event-storage.ts';
import { differences, type Difference } from '../store/differences.ts';
import { loadOn, type LoadContext } from '../store/load.ts';
import { beginning, checkHasSnapshots, isOfStream, lastSnapshot, streamsOf } from './category-streams.ts';
import { Replay } from './replay.ts';
import { decodeSnapshot, type SnapshotFlaw } from './snapshot-codec.ts';

/** Options of `verifySnapshots`. */
export interface VerifySnapshotsOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told after each stream how many snapshots were checked. */
  readonly onProgress?: ((checked: number) => void) | undefined;
}

/** A snapshot that does not hold what the events say. */
export interface WrongSnapshot {
  readonly streamName: string;
  readonly streamVersion: number;
  /** Why a load would not use it; undefined where it would, and get a wrong state. */
  readonly flaw: SnapshotFlaw | undefined;
  /** In what its state differs from that of the events; the events are right. */
  readonly differences: readonly Difference[];
}

/** What came of verifying snapshots. */
export interface VerifiedSnapshots {
  readonly checked: number;
  readonly wrong: readonly WrongSnapshot[];
  /** Those whose events cannot be loaded, which says nothing about the snapshot; not counted as checked. */
  readonly unchecked: readonly UncheckedSnapshot[];
}

/** A snapshot that could not be checked. */
export interface UncheckedSnapshot {
  readonly streamName: string;
  readonly streamVersion: number;
  /** Why its events cannot be loaded: unknown, or refused by `evolve`, an upcaster or a schema. */
  readonly error: unknown;
}

/** Compares the last snapshot of every stream with what its events say, from the first one on. */
export async function verifySnapshots(
  context: LoadContext,
  fold: AnyFold<unknown>,
  { signal, onProgress }: VerifySnapshotsOptions,
): Promise<VerifiedSnapshots> {
  checkHasSnapshots(context, fold);
  const wrong: WrongSnapshot[] = [];
  const unchecked: UncheckedSnapshot[] = [];
  let checked = 0;
  for await (const { streamName } of streamsOf(context, fold.category)) {
    signal?.throwIfAborted();
    const snapshot = await lastSnapshot(context, fold, streamName);
    if (snapshot !== undefined) {
      try {
        const found = await verifySnapshot(context, fold, snapshot, signal);
        if (found !== undefined) wrong.push(found);
        checked += 1;
      } catch (error) {
        if (!isOfStream(error)) throw error;
        unchecked.push({ streamName, streamVersion: snapshot.streamVersion, error });
      }
    }
    onProgress?.(checked);
  }
  return { checked, wrong, unchecked };
}

/** What is wrong with a snapshot. Throws where its events cannot be loaded. */
export async function verifySnapshot(
  context: LoadContext,
  fold: AnyFold<unknown>,
  snapshot: Snapshot,
  signal: AbortSignal | undefined,
): Promise<WrongSnapshot | undefined> {
  const { streamName, streamVersion } = snapshot;
  const decoded = decodeSnapshot(fold, snapshot);
  if ('flaw' in decoded) return { streamName, streamVersion, flaw: decoded.flaw, differences: [] };
  const replay = new Replay(undefined);
  const until = { version: streamVersion };
  const { state } = await loadOn(context, fold, beginning(fold, streamName), { until, signal, replay });
  if (replay.last?.id !== snapshot.lastEventId) {
    return { streamName, streamVersion, flaw: 'other-history', differences: [] };
  }
  const found = differences(state, decoded.state);
  return found.length === 0 ? undefined : { streamName, streamVersion, flaw: undefined, differences: found };
}
