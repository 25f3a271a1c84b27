import { DatabaseError } from '../../errors.ts';
import { ProjectionBuildError, ProjectionVersionBehindError } from '../../projection-version-errors.ts';
import type { AnyProjection } from '../define-sql-projection.ts';
import type { ProjectionId, ProjectionStorage, StoredProjection } from '../projection-storage.ts';
import type { Classification } from '../projection-applier.ts';
import { ProjectionWorker, type WorkerContext } from '../projection-worker.ts';
import type { Scratch, StoredPosition } from './version-storage.ts';
import { storedOf, type VersionsContext } from './versions-context.ts';

const CONFLICT = '40001';

/** A version, and its code if there is any. */
export interface Side extends ProjectionId {
  readonly code: AnyProjection | undefined;
}

/** Some slots, and how far each of two versions is with them. */
interface Piece {
  readonly from: number;
  readonly to: number;
  readonly before: number;
  readonly after: number;
}

/**
 * Brings two versions to the same position, slot by slot, in a scratch: to the one that is behind is applied exactly what lies
 * between.
 */
export async function alignVersions(
  context: VersionsContext,
  scratch: Scratch,
  {
    before,
    after,
    timeout,
    signal,
  }: { readonly before: Side; readonly after: Side; readonly timeout: number; readonly signal: AbortSignal },
): Promise<void> {
  const [left, right] = await Promise.all([storedOf(scratch, before), storedOf(scratch, after)]);
  const pieces = piecesOf(left, right);
  const handlerTimeout = Math.min(context.handlerTimeout, timeout);
  // A transaction that has met one goes on meeting it: the worker must not wait for another outcome.
  const conflict = new AbortController();
  const stop = AbortSignal.any([signal, conflict.signal]);
  const classify = (error: unknown): Classification => {
    if (isConflict(error)) conflict.abort(error);
    return context.classify(error);
  };
  const inScratch: WorkerContext = {
    ...context,
    readModels: scratch.readModels,
    tries: 1,
    backoff: 0,
    rate: undefined,
    handlerTimeout,
    classify,
  };
  await bring(inScratch, scratch, {
    side: after,
    stored: right,
    pieces: pieces.map((it) => ({ from: it.from, to: it.to, position: it.after, target: it.before })),
    signal: stop,
  });
  await bring(inScratch, scratch, {
    side: before,
    stored: left,
    pieces: pieces.map((it) => ({ from: it.from, to: it.to, position: it.before, target: it.after })),
    signal: stop,
  });
}

/** Cut wherever one of the two is. */
function piecesOf(left: StoredProjection, right: StoredProjection): readonly Piece[] {
  return left.partitions.flatMap((one) => {
    return right.partitions.flatMap((other): readonly Piece[] => {
      const from = Math.max(one.from, other.from);
      const to = Math.min(one.to, other.to);
      return from < to ? [{ from, to, before: one.position, after: other.position }] : [];
    });
  });
}

interface Bringing {
  readonly side: Side;
  readonly stored: StoredProjection;
  readonly pieces: readonly (StoredPosition & { readonly target: number })[];
  readonly signal: AbortSignal;
}

async function bring(
  context: WorkerContext,
  scratch: Scratch,
  { side, stored, pieces, signal }: Bringing,
): Promise<void> {
  const { name, version, epoch } = stored;
  const behind = pieces.filter(({ position, target }) => position < target);
  const [first] = behind;
  if (first === undefined) return;
  if (side.code === undefined) {
    // What works and stands still has nothing to read there.
    if (stored.owner !== undefined && stored.state === 'working') return;
    const { position, target: wanted } = first;
    throw new ProjectionVersionBehindError(name, { version, position, wanted, events: wanted - position });
  }
  await scratch.setPartitions(side, pieces, epoch);
  for (const { from, to, position, target: upTo } of behind) {
    const lease = { name, version, partition: { from, to }, epoch, position, holdAt: undefined };
    const end = await new ProjectionWorker(context, side.code, {
      lease,
      signal,
      upTo,
      leasedUntil: () => Infinity,
    }).run();
    signal.throwIfAborted();
    if (end === 'stopped') continue;
    const reason = (await reasonOf(scratch.readModels, side)) ?? 'its checkpoint was moved';
    throw new ProjectionBuildError(name, { version, position, reason });
  }
}

async function reasonOf(readModels: ProjectionStorage, side: Side): Promise<string | undefined> {
  return (await storedOf({ readModels }, side)).error;
}

/** Somebody has changed a row after the moment of the scratch: an error of ours, or of `pg`, which handlers' statements throw. */
export function isConflict(error: unknown): boolean {
  if (error instanceof DatabaseError) return error.sqlState === CONFLICT;
  return error instanceof Error && 'code' in error && error.code === CONFLICT;
}
