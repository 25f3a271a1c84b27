import { initialStateOf, type AnyFold } from '../deciders/decider.ts';
import {
  EvolveFailedError,
  InvalidArgumentError,
  InvalidEventDataError,
  UnknownEventTypeError,
  UpcastFailedError,
} from '../errors.ts';
import type { Snapshot } from '../storage/event-storage.ts';
import { differences, type Difference } from '../store/differences.ts';
import { loadOn, type Loaded, type LoadContext } from '../store/load.ts';
import { checkWhole } from '../store/read-options.ts';
import { Replay } from './replay.ts';
import { decodeSnapshot, snapshotOptionsOf, type SnapshotFlaw } from './snapshot-codec.ts';

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

/** Makes snapshots of all streams of a fold's category that have come far enough since their last one. */
export async function createSnapshots(
  context: LoadContext,
  fold: AnyFold<unknown>,
  { minEvents = 100, signal, onProgress }: CreateSnapshotsOptions,
): Promise<CreatedSnapshots> {
  checkHasSnapshots(fold);
  checkWhole('minEvents', minEvents, 1);
  let progress: CreatedSnapshots = { streams: 0, created: 0, failed: 0 };
  for await (const { streamName, version } of streamsOf(context, fold.category)) {
    signal?.throwIfAborted();
    const snapshot = await lastSnapshot(context, fold, streamName);
    const isUsable = snapshot !== undefined && 'state' in decodeSnapshot(fold, snapshot);
    let outcome: 'created' | 'failed' | undefined;
    if (version - (isUsable ? snapshot.streamVersion : 0) >= minEvents) {
      outcome = (await createOne(context, fold, streamName, signal)) ? 'created' : 'failed';
    }
    progress = {
      streams: progress.streams + 1,
      created: progress.created + (outcome === 'created' ? 1 : 0),
      failed: progress.failed + (outcome === 'failed' ? 1 : 0),
    };
    onProgress?.(progress);
  }
  return progress;
}

/** From the first event on: a snapshot is not made of another one, which may be wrong. */
async function createOne(
  context: LoadContext,
  fold: AnyFold<unknown>,
  streamName: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const replay = new Replay(undefined);
  try {
    const { state } = await loadOn(context, fold, beginning(fold, streamName), { signal, replay });
    const { last } = replay;
    return last === undefined || (await context.snapshotWriter.write({ fold, streamName, state, last }));
  } catch (error) {
    if (!isOfStream(error)) throw error;
    context.reportSnapshotProblem({ streamName, name: snapshotOptionsOf(fold).name, flaw: 'failed', error });
    return false;
  }
}

/** Whether an error lies in the events of a stream: the others can be loaded all the same. */
function isOfStream(error: unknown): boolean {
  return (
    error instanceof UnknownEventTypeError ||
    error instanceof UpcastFailedError ||
    error instanceof InvalidEventDataError ||
    error instanceof EvolveFailedError
  );
}

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
}

/** Compares the last snapshot of every stream with what its events say, from the first one on. */
export async function verifySnapshots(
  context: LoadContext,
  fold: AnyFold<unknown>,
  { signal, onProgress }: VerifySnapshotsOptions,
): Promise<VerifiedSnapshots> {
  checkHasSnapshots(fold);
  const wrong: WrongSnapshot[] = [];
  let checked = 0;
  for await (const { streamName } of streamsOf(context, fold.category)) {
    signal?.throwIfAborted();
    const snapshot = await lastSnapshot(context, fold, streamName);
    if (snapshot !== undefined) {
      const found = await verifyOne(context, fold, snapshot, signal);
      if (found !== undefined) wrong.push(found);
      checked += 1;
    }
    onProgress?.(checked);
  }
  return { checked, wrong };
}

async function verifyOne(
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

function beginning(fold: AnyFold<unknown>, streamName: string): Loaded<unknown> {
  return { streamName, streamVersion: 0, state: initialStateOf(fold) };
}

function lastSnapshot(
  { storage }: LoadContext,
  fold: AnyFold<unknown>,
  streamName: string,
): Promise<Snapshot | undefined> {
  const { name } = snapshotOptionsOf(fold);
  const whole = { untilVersion: undefined, untilPosition: undefined, untilTime: undefined };
  return storage.readSnapshot({ streamName, name, ...whole });
}

async function* streamsOf(
  { storage, pageSize: limit }: LoadContext,
  category: string,
): AsyncGenerator<{ readonly streamName: string; readonly version: number }, void, undefined> {
  let afterStreamName: string | undefined;
  for (;;) {
    const page = await storage.listStreams({ category, prefix: undefined, afterStreamName, limit });
    yield* page;
    if (page.length < limit) return;
    afterStreamName = page.at(-1)?.streamName;
  }
}

function checkHasSnapshots(fold: AnyFold<unknown>): void {
  if (fold.snapshots !== undefined) return;
  throw new InvalidArgumentError(
    'snapshots',
    `the definition of "${fold.category}" has none. Give it { schemaVersion: 1 }.`,
  );
}
