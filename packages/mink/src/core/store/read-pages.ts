import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseUnavailableError, LogRewoundError } from '../errors.ts';
import { readAhead, readOneByOne, type ReadPage } from './read-ahead.ts';
import { plainSignal, storageCall, type AnySignal } from './lazy-signal.ts';
import { untilAborted } from './signals.ts';
import type {
  EventStorage,
  FeedBound,
  LogFilter,
  LogPageQuery,
  LogReader,
  OpenTransaction,
  RecordedEvent,
  StreamPageQuery,
} from '../storage/event-storage.ts';

/** How much to read. */
export interface PageLimits {
  readonly limit: number | undefined;
  readonly pageSize: number;
  readonly signal: AnySignal | undefined;
  /** A transaction to read in; for streams only. */
  readonly tx?: OpenTransaction | undefined;
  /** Everything will be read: the second page is fetched while the first is in use. */
  readonly isEager?: boolean | undefined;
}

/** The events of a stream, in pages. */
export function streamPages(
  storage: EventStorage,
  query: Omit<StreamPageQuery, 'limit'>,
  { limit = Infinity, pageSize, signal, tx, isEager = false }: PageLimits,
): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
  const read =
    (from: Pick<StreamPageQuery, 'fromVersion' | 'untilVersion'>, left: number): ReadPage =>
    async () => {
      const size = Math.min(left, pageSize);
      const events = await storage.readStreamPage({ ...query, ...from, limit: size }, storageCall(storage, signal, tx));
      const last = events.at(-1);
      if (last === undefined || events.length < size || events.length === left) return { events, next: undefined };
      const rest =
        query.direction === 'forwards'
          ? { ...from, fromVersion: last.streamVersion + 1 }
          : { ...from, untilVersion: last.streamVersion - 1 };
      return { events, next: read(rest, left - events.length) };
    };
  const first = read(query, limit);
  return tx === undefined ? readAhead(first, { signal, isEager }) : readOneByOne(first, signal);
}

/** The log between two positions, in pages. */
function logPages(
  storage: LogReader,
  query: Omit<LogPageQuery, 'limit'>,
  { limit = Infinity, pageSize, signal, incarnation }: PageLimits & { readonly incarnation: string },
): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
  const read =
    (range: Pick<LogPageQuery, 'after' | 'upTo'>, left: number): ReadPage =>
    async () => {
      const size = Math.min(left, pageSize);
      const page = await storage.readLogPage(
        { ...query, ...range, limit: size },
        storageCall(storage, signal, undefined),
      );
      if (page.incarnation !== undefined && page.incarnation !== incarnation) throw new IncarnationChanged();
      const rest =
        query.direction === 'forwards' ? { ...range, after: page.searchedTo } : { ...range, upTo: page.searchedTo };
      const isOver = page.events.length === left || rest.after >= rest.upTo;
      return { events: page.events, next: isOver ? undefined : read(rest, left - page.events.length) };
    };
  return query.after < query.upTo ? readAhead(read(query, limit), { signal, isEager: false }) : noPages();
}

async function* noPages(): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
  // There is nothing between the positions.
}

/** The server crashed between the bound and a page: what the bound said is worth nothing any more. */
class IncarnationChanged extends Error {}

/** Everything up to the bound of now; when the server restarts meanwhile, goes on after the last event it read. */
export async function* boundedLogPages(
  storage: LogReader,
  query: Omit<LogPageQuery, 'limit'> & { readonly untilTime: number | undefined },
  limits: PageLimits,
): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
  let { after, upTo } = query;
  let left = limits.limit ?? Infinity;
  for (;;) {
    const bound = await storage.readBound({ signal: plainSignal(limits.signal) });
    const end = await endOf(storage, Math.min(upTo, bound.position), query.untilTime);
    try {
      const pages = logPages(
        storage,
        { ...query, after, upTo: end },
        { ...limits, limit: left, incarnation: bound.incarnation },
      );
      for await (const page of pages) {
        yield page;
        left -= page.length;
        const last = page.at(-1)?.globalPosition ?? 0;
        if (query.direction === 'forwards') after = last;
        else upTo = last - 1;
      }
      return;
    } catch (error) {
      if (!(error instanceof IncarnationChanged)) throw error;
    }
  }
}

function endOf(storage: LogReader, upTo: number, untilTime: number | undefined): Promise<number> | number {
  return untilTime === undefined ? upTo : storage.positionAt(new Date(untilTime), upTo);
}

/** Whether a database cannot be reached, and is worth asking again. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof DatabaseUnavailableError;
}

/** What {@link followLog} follows. */
export interface FollowQuery {
  readonly after: number | 'end';
  /**
   * Where it ends, once everything up to there is visible.
   * @defaultValue nowhere
   */
  readonly upTo?: number | undefined;
  readonly filter: LogFilter;
  readonly pageSize: number;
  /**
   * Milliseconds to wait for a page to be filled, once there is something new; what was there at the start is read at once.
   * @defaultValue 0
   */
  readonly linger?: number | undefined;
  readonly signal: AbortSignal;
  /** Whether an error is a lost connection: then the subscription waits for the database instead of failing. */
  readonly isTransient: (error: unknown) => boolean;
  /** Is told how far the log can be read, before what is new is read. */
  readonly onNews?: ((position: number) => void) | undefined;
  /** Is told when everything up to a position was given, and the reader has come back for more. */
  readonly onBound?: ((position: number) => void) | undefined;
}

/**
 * The log from a position on, for ever or up to another: catches up, then follows.
 *
 * Where nothing matches the filter, the cursor moves with the bound, so that a poll looks at new positions only. The
 * cursor falls back to the last event really read when the server was restarted: positions of rolled-back appends may
 * then be handed out a second time.
 */
export async function* followLog(
  storage: LogReader,
  query: FollowQuery,
): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
  const { signal, upTo = Infinity } = query;
  // Not waitForBound, which waits for a database that is away: a wrong URL should be an error, not a long silence.
  let bound = await untilAborted(storage.readBound(), signal);
  let lastRead = query.after === 'end' ? await untilAborted(lastVisible(storage), signal) : query.after;
  if (query.after !== 'end') checkNotRewound(lastRead, bound);
  let failures = 0;
  let cursor = lastRead;
  for (;;) {
    query.onNews?.(bound.position);
    try {
      const pages = logPages(
        storage,
        { after: cursor, upTo: Math.min(bound.position, upTo), filter: query.filter, direction: 'forwards' },
        { limit: undefined, pageSize: query.pageSize, signal, incarnation: bound.incarnation },
      );
      for await (const page of pages) {
        yield page;
        lastRead = page.at(-1)?.globalPosition ?? lastRead;
        cursor = lastRead;
        failures = 0;
      }
      cursor = Math.max(cursor, bound.position);
      query.onBound?.(Math.min(cursor, upTo));
      if (cursor >= upTo) return;
      failures = 0;
    } catch (error) {
      if (!(error instanceof IncarnationChanged || query.isTransient(error))) throw error;
      failures += 1;
      await pause(failures, signal);
    }
    const told = await storage.waitForBound({ after: cursor, incarnation: bound.incarnation, signal });
    const next = await lingerFor(storage, query, { told, enough: Math.min(cursor + query.pageSize, upTo) });
    if (next.incarnation !== bound.incarnation) {
      checkNotRewound(lastRead, next);
      cursor = lastRead;
    }
    bound = next;
  }
}

/** Waits until enough positions can be read, or the time for that is over; whatever it is, the rest comes with what is next. */
async function lingerFor(
  storage: LogReader,
  { linger = 0, signal }: FollowQuery,
  { told, enough }: { readonly told: FeedBound; readonly enough: number },
): Promise<FeedBound> {
  if (linger === 0 || told.position >= enough) return told;
  const late = AbortSignal.timeout(linger);
  try {
    const { incarnation } = told;
    return await storage.waitForBound({ after: enough - 1, incarnation, signal: AbortSignal.any([signal, late]) });
  } catch (error) {
    if (signal.aborted || !late.aborted) throw error;
    return told;
  }
}

const PAUSE = { first: 10, most: 5_000 };

/** Longer with each failure in a row: a database that answers for the bound only is not asked without end. */
async function pause(failures: number, signal: AbortSignal): Promise<void> {
  const milliseconds = Math.min(PAUSE.most, PAUSE.first * 2 ** Math.min(failures - 1, 10));
  await sleep(milliseconds, undefined, { signal });
}

/** The end as an event, not as a bound: an event that was committed keeps its position over any restart. */
export async function lastVisible(storage: LogReader): Promise<number> {
  for (;;) {
    const bound = await storage.readBound();
    const page = await storage.readLogPage({
      after: 0,
      upTo: bound.position,
      filter: { types: undefined, categories: undefined, streamNames: undefined, streamPrefixes: undefined },
      direction: 'backwards',
      limit: 1,
    });
    if (page.incarnation === undefined || page.incarnation === bound.incarnation) {
      return page.events[0]?.globalPosition ?? 0;
    }
  }
}

function checkNotRewound(after: number, bound: FeedBound): void {
  if (after > bound.head) throw new LogRewoundError(after, bound.head);
}
