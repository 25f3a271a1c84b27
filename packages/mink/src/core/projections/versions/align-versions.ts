import { DatabaseError } from '../../errors.ts';
import { ProjectionBuildError, ProjectionVersionBehindError } from '../../projection-version-errors.ts';
import type { AnyProjection } from '../define-sql-projection.ts';
import type { ProjectionId, ProjectionStorage, StoredProjection } from '../projection-storage.ts';
import type { Classification } from '../projection-applier.ts';
import { ProjectionWorker, type ApplyingContext } from '../projection-worker.ts';
import type { Scratch, StoredPosition } from './version-storage.ts';
import { readableOf, type VersionsContext } from './versions-context.ts';

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
 * Brings two versions to the same events, slot by slot, in a scratch: to the one that is behind is applied exactly what lies
 * between. The rows of an inline version are made of all events that the scratch can see, so the other one gets the same.
 * Gives back the position of the last event that can be in either.
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
): Promise<number> {
  const left = await readableOf(scratch, before);
  const right = await readableOf(scratch, after);
  const { position: end } = await scratch.log.readBound();
  const pieces = piecesOf(left, right, end);
  const handlerTimeout = Math.min(context.handlerTimeout, timeout);
  // A transaction that has met one goes on meeting it: the worker must not wait for another outcome.
  const conflict = new AbortController();
  const stop = AbortSignal.any([signal, conflict.signal]);
  const classify = (error: unknown): Classification => {
    if (isConflict(error)) conflict.abort(error);
    return context.classify(error);
  };
  const inScratch: ApplyingContext = {
    ...context,
    storage: scratch.log,
    readModels: scratch.readModels,
    tries: 1,
    backoff: 0,
    rate: undefined,
    // What is tried out is rolled back.
    tracer: undefined,
    handlerTimeout,
    classify,
  };
  await bring(inScratch, scratch, {
    side: after,
    stored: right,
    pieces: pieces.map((it) => ({ from: it.from, to: it.to, position: it.after, target: it.before })),
    owner: context.owner,
    signal: stop,
  });
  await bring(inScratch, scratch, {
    side: before,
    stored: left,
    pieces: pieces.map((it) => ({ from: it.from, to: it.to, position: it.before, target: it.after })),
    owner: context.owner,
    signal: stop,
  });
  return Math.max(0, ...pieces.flatMap((it) => [it.before, it.after]));
}

/** Cut wherever one of the two is. What is inline is as far as the log, whatever its checkpoint says. */
function piecesOf(left: StoredProjection, right: StoredProjection, end: number): readonly Piece[] {
  return left.partitions.flatMap((one) => {
    return right.partitions.flatMap((other): readonly Piece[] => {
      const from = Math.max(one.from, other.from);
      const to = Math.min(one.to, other.to);
      if (from >= to) return [];
      // Nothing is to be applied to it, also where the other one has passed positions that nothing has.
      const furthest = Math.max(end, one.position, other.position);
      const before = left.state === 'inline' ? furthest : one.position;
      const after = right.state === 'inline' ? furthest : other.position;
      return [{ from, to, before, after }];
    });
  });
}

interface Bringing {
  readonly side: Side;
  readonly stored: StoredProjection;
  readonly pieces: readonly (StoredPosition & { readonly target: number })[];
  /** This process. */
  readonly owner: string;
  readonly signal: AbortSignal;
}

async function bring(
  context: ApplyingContext,
  scratch: Scratch,
  { side, stored, pieces, owner, signal }: Bringing,
): Promise<void> {
  const { name, version, epoch } = stored;
  const behind = pieces.filter(({ position, target }) => position < target);
  const [first] = behind;
  if (first === undefined) return;
  if (side.code === undefined) {
    // What works and stands still has nothing to read there; what this process holds does not work.
    if (stored.owner !== undefined && stored.owner !== owner && stored.state === 'working') return;
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
  return (await readableOf({ readModels }, side)).error;
}

/** Somebody has changed a row after the moment of the scratch: an error of ours, or of `pg`, which handlers' statements throw. */
export function isConflict(error: unknown): boolean {
  if (error instanceof DatabaseError) return error.sqlState === CONFLICT;
  return error instanceof Error && 'code' in error && error.code === CONFLICT;
}
