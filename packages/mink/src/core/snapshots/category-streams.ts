import { initialStateOf, type AnyFold } from '../deciders/decider.ts';
import {
  EvolveFailedError,
  InvalidArgumentError,
  InvalidEventDataError,
  UnknownEventTypeError,
  UpcastFailedError,
} from '../errors.ts';
import type { Snapshot } from '../storage/event-storage.ts';
import { loadOn, type Loaded, type LoadContext } from '../store/load.ts';
import { Replay } from './replay.ts';
import { snapshotOptionsOf } from './snapshot-codec.ts';
import { checkSnapshotName } from './snapshot-name.ts';

/** A stream before its first event. */
export function beginning(fold: AnyFold<unknown>, streamName: string): Loaded<unknown> {
  return { streamName, streamVersion: 0, state: initialStateOf(fold) };
}

/** The last snapshot of a stream. */
export function lastSnapshot(
  { storage }: LoadContext,
  fold: AnyFold<unknown>,
  streamName: string,
): Promise<Snapshot | undefined> {
  const { name } = snapshotOptionsOf(fold);
  const whole = { untilVersion: undefined, untilPosition: undefined, untilTime: undefined };
  return storage.readSnapshot({ streamName, name, ...whole });
}

/** The streams of a category by name, after one of them. */
export async function* streamsOf(
  { storage, pageSize: limit }: LoadContext,
  category: string,
  after?: string,
): AsyncGenerator<{ readonly streamName: string; readonly version: number }, void, undefined> {
  let afterStreamName = after;
  for (;;) {
    const page = await storage.listStreams({ category, prefix: undefined, afterStreamName, limit });
    yield* page;
    if (page.length < limit) return;
    afterStreamName = page.at(-1)?.streamName;
  }
}

/** Refuses a fold without snapshots, or whose snapshots are another one's. */
export function checkHasSnapshots(context: LoadContext, fold: AnyFold<unknown>): void {
  if (fold.snapshots !== undefined) {
    checkSnapshotName(context, fold);
    return;
  }
  throw new InvalidArgumentError(
    'snapshots',
    `the definition of "${fold.category}" has none. Give it { schemaVersion: 1 }.`,
  );
}

/**
 * Makes a snapshot from the first event on: not of another one, which may be wrong. False where it could not be made, which
 * is reported.
 */
export async function makeSnapshot(
  context: LoadContext,
  fold: AnyFold<unknown>,
  streamName: string,
  { signal, isAnew }: { readonly signal: AbortSignal | undefined; readonly isAnew?: boolean | undefined },
): Promise<boolean> {
  const replay = new Replay(undefined);
  try {
    const { state } = await loadOn(context, fold, beginning(fold, streamName), { signal, replay });
    const { last } = replay;
    return last === undefined || (await context.snapshotWriter.write({ fold, streamName, state, last, isAnew }));
  } catch (error) {
    if (!isOfStream(error)) throw error;
    context.reportSnapshotProblem({ streamName, name: snapshotOptionsOf(fold).name, flaw: 'failed', error });
    return false;
  }
}

/** Whether an error lies in the events of a stream: the others can be loaded all the same. */
export function isOfStream(error: unknown): boolean {
  return (
    error instanceof UnknownEventTypeError ||
    error instanceof UpcastFailedError ||
    error instanceof InvalidEventDataError ||
    error instanceof EvolveFailedError
  );
}
