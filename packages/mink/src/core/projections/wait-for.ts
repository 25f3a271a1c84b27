import { LogRewoundError } from '../errors.ts';
import { KeyParkedError, ProjectionBehindError } from '../projection-errors.ts';
import type { EventStorage, RecordedEvent } from '../storage/event-storage.ts';
import type { EventRegistry } from '../store/event-registry.ts';
import { checkWhole } from '../store/read-options.ts';
import { partitionKey } from '../stream-name.ts';
import { ProjectionRetiredError } from '../projection-version-errors.ts';
import { areWhole } from './arrange-partitions.ts';
import type { AnyProjection } from './define-sql-projection.ts';
import { newsOf } from './projection-news.ts';
import { looksOf } from './shared-looks.ts';
import type { Partition, ProjectionStorage, StoredProjection } from './projection-storage.ts';
import { filterOf, WHOLE } from './projection-worker.ts';
import { endOf, parseToken, type Written } from './token.ts';

/**
 * What to wait for: an append's token, the result of an append, or a position of the log. Undefined, as the token of a command
 * that changed nothing, is nothing to wait for.
 */
export type WriteToSee = string | number | { readonly token: string | undefined } | undefined;

/** How long to wait. */
export interface WaitOptions {
  /**
   * Milliseconds.
   * @defaultValue 10_000
   */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What waiting needs of a store. */
export interface WaitContext {
  readonly storage: EventStorage;
  readonly readModels: ProjectionStorage;
  readonly registry: EventRegistry;
}

const DEFAULT_TIMEOUT = 10_000;
/** Milliseconds between two looks at what other processes do; doubles with each. */
const PAUSE = { first: 5, most: 50 };
/** Milliseconds without progress in this process, after which somebody else may have come further. */
const PATIENCE = 50;
const MAX_LAG = 10_000;
const ANY = { types: undefined, categories: undefined, streamNames: undefined, streamPrefixes: undefined };

/**
 * Waits until projections have applied a write. What is applied in this process is told; what other processes apply is seen by
 * looking. With `advance`, somebody who waits works, too: it is asked before each pause, and says whether it has got anywhere.
 *
 * Throws `ProjectionBehindError` when the time is over, `KeyParkedError` where an event of a token waits among the dead letters,
 * and `LogRewoundError` where what was written is not in the log any more.
 */
export async function waitForWrite(
  context: WaitContext,
  target: WriteToSee,
  options: WaitOptions & {
    readonly projections: readonly AnyProjection[];
    readonly advance?: ((projection: AnyProjection, position: number) => Promise<boolean>) | undefined;
  },
): Promise<void> {
  const { projections, timeout = DEFAULT_TIMEOUT, signal } = options;
  const write = writeOf(context, target);
  const end = performance.now() + checkWhole('timeout', timeout, 0);
  signal?.throwIfAborted();
  if (write === undefined) return;
  const { unseen, isProven } = await waitForNews(context, projections, { write, end, signal });
  signal?.throwIfAborted();
  if (isProven) return;
  // Workers tell what they have seen of the log. That all before it is in the rows, too, which somebody may have cleared elsewhere,
  // only the database knows; a token asks for its own events alone, and these were stored. Whether it is true is still to be checked.
  await lookForWrite(context, write.event === '' ? projections : unseen, { ...options, write, end });
  await checkNotParked(context, projections, write);
}

/** What waiting for the workers of this process has come to. */
interface News {
  /** The projections that it says nothing of. */
  readonly unseen: readonly AnyProjection[];
  /** They have applied the very events of a token, and parked none: nothing is left to be asked. */
  readonly isProven: boolean;
}

interface Wait {
  readonly write: Written;
  /** Until then, on the clock of `performance.now`. */
  readonly end: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Waits for workers of this process that have not come to the write yet, as long as they get on: asks the database nothing. Gives
 * back the projections whose workers have not passed it, or were behind it before: since then, the rows may have been cleared.
 */
async function waitForNews(
  { readModels }: WaitContext,
  projections: readonly AnyProjection[],
  { write, end, signal }: Wait,
): Promise<News> {
  const news = newsOf(readModels);
  const slotsOf = ({ hasOwnKeys }: AnyProjection): Written['slots'] => (hasOwnKeys ? undefined : write.slots);
  const passed = (projection: AnyProjection): number | undefined => news.passed(projection, slotsOf(projection));
  const isEvent = (id: string): boolean => write.event !== '' && endOf(id) === write.event;
  const coming = projections.filter((projection) => (passed(projection) ?? Infinity) < write.first);
  let patience = Infinity;
  let seen = -Infinity;
  for (;;) {
    const { count } = news;
    const missing = coming.filter((projection) => (passed(projection) ?? 0) < write.position);
    const slowest = Math.min(...missing.map((projection) => passed(projection) ?? -Infinity));
    const now = performance.now();
    if (slowest > seen) patience = now + PATIENCE;
    seen = slowest;
    const left = Math.min(patience, end) - now;
    if (missing.length === 0 || slowest === -Infinity || left <= 0 || signal?.aborted === true) {
      const unseen = projections.filter((projection) => !coming.includes(projection) || missing.includes(projection));
      const isProven = projections.every((it) => news.hasApplied(it, slotsOf(it), { ...write, isEvent }));
      return { unseen, isProven: unseen.length === 0 && isProven };
    }
    await news.after(count, left, signal);
  }
}

/** Looks at how far projections have come, until all have applied the write. */
async function lookForWrite(
  context: WaitContext,
  projections: readonly AnyProjection[],
  {
    write,
    end,
    advance,
    signal,
  }: Wait & {
    readonly advance?: ((projection: AnyProjection, position: number) => Promise<boolean>) | undefined;
  },
): Promise<void> {
  const news = newsOf(context.readModels);
  const reading = new Set<string>();
  let isCommitted = false;
  for (let pause = PAUSE.first; ; pause = Math.min(PAUSE.most, pause * 2)) {
    const { count } = news;
    isCommitted ||= await isInLog(context, write);
    const laggard = isCommitted ? await findLaggard(context, projections, { write, reading }) : projections[0];
    if (laggard === undefined) break;
    const left = end - performance.now();
    if (left <= 0) throw await behindError(context, laggard, write.position);
    const hasMoved = isCommitted && (await advance?.(laggard, write.position)) === true;
    signal?.throwIfAborted();
    if (!hasMoved) await news.after(count, Math.min(pause, left), signal);
    signal?.throwIfAborted();
  }
}

function writeOf({ storage }: WaitContext, target: WriteToSee): Written | undefined {
  const given = typeof target === 'object' ? target.token : target;
  if (given === undefined) return undefined;
  if (typeof given === 'string') return parseToken(given, storage.storeId);
  const position = checkWhole('position', given, 0);
  return { first: position, position, store: '', event: '', slots: undefined };
}

/**
 * Whether what was written is there to be read: with a position, everything up to it; with a token, its events. Not yet, where a
 * transaction is open. Throws `LogRewoundError` where it never will be.
 */
async function isInLog({ storage, readModels }: WaitContext, { position, event }: Written): Promise<boolean> {
  if (event !== '' && (await idAt(storage, position)) === event) return true;
  const bound = await looksOf(storage, readModels).readBound();
  if (position > bound.head) throw new LogRewoundError(position, bound.head);
  if (event === '') return position <= bound.position;
  // Once more: it may have come before the bound.
  const now = await idAt(storage, position);
  if (now === event) return true;
  if (now !== undefined || position <= bound.position) throw new LogRewoundError(position, bound.head);
  return false;
}

/** What a token keeps of the id of the event at a position. */
async function idAt(storage: EventStorage, position: number): Promise<string | undefined> {
  const event = await eventAt(storage, position);
  return event === undefined ? undefined : endOf(event.id);
}

async function eventAt(storage: EventStorage, position: number): Promise<RecordedEvent | undefined> {
  const range = { after: position - 1, upTo: position, direction: 'forwards' as const, limit: 1 };
  const { events } = await storage.readLogPage({ ...range, filter: ANY });
  return events[0];
}

/**
 * The first that has not applied everything of a write. What it does not read, it need not have passed. `reading` keeps which
 * partitions read the end of the write: these have to pass it, and nothing more is to be asked about them.
 */
async function findLaggard(
  { storage, readModels, registry }: WaitContext,
  projections: readonly AnyProjection[],
  { write, reading }: { readonly write: Written; readonly reading: Set<string> },
): Promise<AnyProjection | undefined> {
  if (projections.length === 0) return undefined;
  const stored = await looksOf(storage, readModels).listProjections();
  const { position: upTo } = write;
  const isRetired = (projection: AnyProjection): boolean => find(stored, projection)?.state === 'retired';
  for (const projection of projections) {
    if (isRetired(projection)) {
      // Beside a version that took its place, it is what the code of old processes has.
      if (projections.some((it) => it.name === projection.name && !isRetired(it))) continue;
      throw new ProjectionRetiredError(projection.name, projection.version);
    }
    await checkNotBeyond({ storage, readModels }, find(stored, projection), upTo);
    for (const { position, ...partition } of concerned(stored, projection, write)) {
      const key = `${projection.name} ${projection.version} ${partition.from} ${partition.to}`;
      if (reading.has(key)) return projection;
      const filter = filterOf(registry, projection, partition);
      const has = async (after: number): Promise<boolean> =>
        (await readModels.measureLag({ after, upTo, filter, limit: 1 })).events > 0;
      if (await has(upTo - 1)) {
        reading.add(key);
        return projection;
      }
      if (await has(position)) return projection;
    }
  }
  return undefined;
}

/**
 * Whoever works on a projection finds out when it begins that the log was restored from before its checkpoint; where nobody does, it
 * is to be found out here: what is written now would seem to be applied.
 */
async function checkNotBeyond(
  { storage, readModels }: Pick<WaitContext, 'storage' | 'readModels'>,
  known: StoredProjection | undefined,
  upTo: number,
): Promise<void> {
  if (known === undefined || known.state === 'inline') return;
  const idle = known.partitions.filter(({ position, state }) => position > upTo && state !== 'working');
  if (idle.length === 0) return;
  const { head } = await looksOf(storage, readModels).readBound();
  const beyond = idle.find(({ position }) => position > head);
  if (beyond !== undefined) throw new LogRewoundError(beyond.position, head);
}

/** The partitions that the write is of, and that are not there yet. */
function concerned(
  stored: readonly StoredProjection[],
  projection: AnyProjection,
  { position, slots }: Pick<Written, 'position' | 'slots'>,
): readonly (Partition & { readonly position: number })[] {
  const known = find(stored, projection);
  // What is in the log is in its rows.
  if (known?.state === 'inline') return [];
  // Where somebody has removed a checkpoint, it is about to begin anew.
  const partitions = known !== undefined && areWhole(known.partitions) ? known.partitions : [{ ...WHOLE, position: 0 }];
  // Where keys are not streams, the token does not say whose its events are.
  const isOfWrite = ({ from, to }: Partition): boolean =>
    projection.hasOwnKeys || slots === undefined || [...slots].some((slot) => slot >= from && slot < to);
  return partitions
    .filter((partition) => partition.position < position && isOfWrite(partition))
    .map(({ from, to, position: at }) => ({ from, to, position: at }));
}

function find(stored: readonly StoredProjection[], { name, version }: AnyProjection): StoredProjection | undefined {
  return stored.find((it) => it.name === name && it.version === version);
}

/** Who is behind, by how much, and why. */
export async function behindError(
  { storage, readModels, registry }: WaitContext,
  projection: AnyProjection,
  wanted: number,
): Promise<ProjectionBehindError> {
  const [all, feed] = await Promise.all([readModels.listProjections(), storage.feedStatus()]);
  const { position = 0, state = 'stopped', error } = find(all, projection) ?? {};
  const range = { after: position, upTo: wanted, filter: filterOf(registry, projection), limit: MAX_LAG };
  const { events: lagEvents } = await readModels.measureLag(range);
  const heldBy = feed.position < wanted ? feed.heldBy[0]?.pid : undefined;
  return new ProjectionBehindError(projection.name, { position, wanted, lagEvents, state, error, heldBy });
}

/** Events that wait for a parked key are no read model. */
async function checkNotParked(
  { storage, readModels }: WaitContext,
  projections: readonly AnyProjection[],
  { first, position, event, slots }: Written,
): Promise<void> {
  if (event === '') return;
  for (const projection of projections) {
    const letters = await readModels.findDeadLetters(projection, { after: first - 1, upTo: position });
    for (const letter of letters) {
      const found = await eventAt(storage, letter.position);
      if (found === undefined || slots?.has(partitionKey(found.streamName)) === false) continue;
      throw new KeyParkedError(projection, letter);
    }
  }
}
