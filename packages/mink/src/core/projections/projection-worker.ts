import { setTimeout as sleep } from 'node:timers/promises';
import { errorCodeOf } from '../commands/middleware/outcome.ts';
import { ProjectionFailedError } from '../projection-errors.ts';
import { ProjectionRetiredError } from '../projection-version-errors.ts';
import { tellObserver, type ObservedFailure, type Observer } from '../observe/observer.ts';
import { traceBatch } from '../observe/trace-projection.ts';
import type { StoreTracer } from '../observe/tracer.ts';
import type { EventStorage, LogFilter, LogReader, RecordedEvent } from '../storage/event-storage.ts';
import type { EventRegistry } from '../store/event-registry.ts';
import { boundedLogPages, followLog, isUnavailable } from '../store/read-pages.ts';
import { PARTITIONS, partitionKey } from '../stream-name.ts';
import type { AnyProjection } from './define-sql-projection.ts';
import {
  BatchFailedError,
  createApplier,
  type Applied,
  type Applier,
  type ApplierContext,
  type Classification,
  type Parking,
} from './projection-applier.ts';
import { keyedEvent, messageOf, type KeyedEvent } from './projection-batch.ts';
import { newsOf, type Follower } from './projection-news.ts';
import type { CommitOutcome, Lease, NewDeadLetter, Partition, ProjectionStorage } from './projection-storage.ts';

/** What a worker works with. */
export interface ApplyingContext {
  readonly storage: LogReader;
  readonly readModels: ProjectionStorage;
  readonly registry: EventRegistry;
  /** Events of one batch, at most. */
  readonly batchSize: number;
  /** Milliseconds to wait for a batch to be filled, where all that was there has been applied. */
  readonly batchTimeout: number;
  /** Milliseconds of the lease. */
  readonly leaseDuration: number;
  /** Tries of an event that fails, before its key is parked. */
  readonly tries: number;
  /** Milliseconds before the second try; doubles with every further one. */
  readonly backoff: number;
  readonly classify: (error: unknown) => Classification;
  /** Keys that may be parked at once; one more, and the projection is faulted. */
  readonly maxParkedKeys: number;
  /** Events that may wait for parked keys. */
  readonly maxDeadLetters: number;
  /** Milliseconds that a handler with statements of its own may take for a batch. */
  readonly handlerTimeout: number;
  readonly observer: Observer | undefined;
  readonly tracer: StoreTracer | undefined;
  /** Events of a second, at most; undefined for as many as can be. */
  readonly rate?: number | undefined;
}

/** The same, with all of a storage. */
export interface WorkerContext extends ApplyingContext {
  readonly storage: EventStorage;
}

/** What has come of a batch. */
interface StoredBatch {
  readonly events: readonly KeyedEvent[];
  /** On the clock of `performance.now`. */
  readonly begun: number;
  /** The last position of which something was parked; 0 where nothing was. */
  readonly parkedAt: number;
}

/** Why a worker has ended. `held`: it is where it waits for the partitions that it is merged with. */
export type WorkerEnd = 'stopped' | 'lost' | 'faulted' | 'held';

const MAX_BACKOFF = 30_000;

/** What a projection reads of the log, or one of its partitions. */
export function filterOf(
  registry: EventRegistry,
  { events, types, hasOwnKeys }: AnyProjection,
  partition: Partition = WHOLE,
): LogFilter {
  const categories = Object.keys(events);
  const stored = registry.storedTypes(types);
  // Where keys are not streams, only the projection can tell whose an event is.
  const slots = hasOwnKeys || isWhole(partition) ? undefined : partition;
  return { categories, types: stored, streamNames: undefined, streamPrefixes: undefined, slots };
}

/** All slots. */
export const WHOLE: Partition = { from: 0, to: PARTITIONS };

function isWhole({ from, to }: Partition): boolean {
  return from === 0 && to === PARTITIONS;
}

/**
 * Applies the log to one read model, for as long as it holds the lease: the next page is read while one is applied, and a
 * batch is stored together with how far it reaches.
 *
 * Guarantee: every event is applied exactly once to the rows, or waits among the dead letters of its key with all that come
 * after it, in the order of the log, however often and wherever workers die.
 */
export class ProjectionWorker {
  readonly #context: ApplyingContext;
  readonly #projection: AnyProjection;
  readonly #signal: AbortSignal;
  readonly #upTo: number | undefined;
  readonly #apply: Applier;
  readonly #isOwn: (key: string) => boolean;
  /** Tells those who wait in this process. */
  readonly #news: Follower;
  #lease: Lease;
  /** How far the log can be read, as far as is known. */
  #bound = 0;
  /** Failures in a row, of whatever kind, since anything was stored: each waits longer. */
  #failures = 0;
  /** Tries of what fails now; an outage in between is none. */
  #attempts = 0;
  /** Somebody was told that something other than an event keeps it. */
  #isOutage = false;
  /** The position of the event that fails; undefined where it is something else. */
  #failsAt: number | undefined;
  /** The event that fails, once it is to be parked. */
  #parking: Parking | undefined;
  /** The position of an event that can be applied to no key, because its batch cannot be stored with it. */
  #notStored: number | undefined;

  /** With `upTo`, it ends when it has come there, or to the bound. */
  constructor(
    context: ApplyingContext,
    projection: AnyProjection,
    {
      lease,
      signal,
      leasedUntil,
      upTo,
    }: Pick<ApplierContext, 'signal' | 'leasedUntil'> & {
      readonly lease: Lease;
      readonly upTo?: number | undefined;
    },
  ) {
    this.#context = context;
    this.#upTo = upTo;
    this.#projection = projection;
    this.#lease = lease;
    this.#signal = signal;
    const { from, to } = lease.partition;
    this.#isOwn = (key) => {
      const slot = partitionKey(key);
      return slot >= from && slot < to;
    };
    this.#news = newsOf(context.readModels).follow(projection, lease.partition, lease.position);
    const own = {
      signal,
      leasedUntil,
      checkRoom: (letters: readonly NewDeadLetter[]) => this.#checkRoom(letters),
      report: (error: unknown, attempts: number) => this.#report(error, 'retrying', attempts),
      pause: (attempts: number) => this.#pause(attempts),
    };
    this.#apply = createApplier({ ...context, ...own }, projection);
  }

  /** How far it has come. */
  get position(): number {
    return this.#lease.position;
  }

  async run(): Promise<WorkerEnd> {
    try {
      return await this.#run();
    } finally {
      this.#news.end();
    }
  }

  async #run(): Promise<WorkerEnd> {
    for (;;) {
      try {
        if (this.#isOutage) await this.#tellThatItIsOver();
        return await this.#follow();
      } catch (error) {
        if (this.#signal.aborted) return 'stopped';
        // Somebody has dropped it, and nothing has failed.
        if (error instanceof ProjectionRetiredError) return 'lost';
        const end = await this.#failed(error);
        if (end !== undefined) return end;
      }
    }
  }

  async #follow(): Promise<WorkerEnd> {
    for await (const page of this.#pages()) {
      const begun = performance.now();
      if ((await this.#applyPage(page)) === 'lost') return 'lost';
      // A part of the page may be left.
      if (this.#signal.aborted) return 'stopped';
      this.#recovered();
      await this.#throttle(page.length, begun);
    }
    const holdAt = this.#holdAt();
    return holdAt === undefined ? 'stopped' : this.#hold(holdAt);
  }

  /** Where it is to wait for others, if it goes that far. */
  #holdAt(): number | undefined {
    const { holdAt } = this.#lease;
    return holdAt !== undefined && holdAt <= (this.#upTo ?? holdAt) ? holdAt : undefined;
  }

  /** What it has passed last need not be the last that it has seen. */
  async #hold(to: number): Promise<WorkerEnd> {
    const { readModels, leaseDuration: duration } = this.#context;
    const nothing = { events: 0, deadLetters: [], digests: [], table: undefined, writes: [] };
    if (this.#lease.position === to) return 'held';
    const outcome = await readModels.commitProjection({ ...nothing, lease: this.#lease, to, duration });
    return outcome === 'stored' ? 'held' : 'lost';
  }

  #pages(): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
    const { storage, registry, batchSize } = this.#context;
    const most = this.#projection.kind === 'subscription' ? this.#projection.batchSize : batchSize;
    // So that it never waits for longer than a second at a time.
    const pageSize = Math.min(most, Math.max(1, Math.ceil(this.#rate ?? most)));
    const { position: after, partition } = this.#lease;
    const filter = filterOf(registry, this.#projection, partition);
    const signal = this.#signal;
    const holdAt = this.#holdAt();
    // Before it says that it is there, everything up to there has to be visible here, too.
    if (this.#upTo === undefined || holdAt !== undefined) {
      const onBound = (position: number): void => this.#news.passed(position);
      const linger = this.#projection.kind === 'subscription' ? 0 : this.#context.batchTimeout;
      const range = { after, upTo: holdAt, filter, pageSize };
      const onNews = (position: number): void => void (this.#bound = position);
      return followLog(storage, { ...range, onNews, linger, signal, isTransient: isUnavailable, onBound });
    }
    const query = { after, upTo: this.#upTo, untilTime: undefined, filter, direction: 'forwards' as const };
    return boundedLogPages(storage, query, { limit: undefined, pageSize, signal });
  }

  /** Its share of the rate of the projection, as it has a share of the slots. */
  get #rate(): number | undefined {
    const { from, to } = this.#lease.partition;
    const { rate } = this.#context;
    return rate === undefined ? undefined : (rate * (to - from)) / PARTITIONS;
  }

  /** Where only so many events a second are wanted: waits until the time of a page is over. */
  async #throttle(events: number, begun: number): Promise<void> {
    const rate = this.#rate;
    const left = rate === undefined ? 0 : (events / rate) * 1_000 - (performance.now() - begun);
    if (left > 0) await sleep(left, undefined, { signal: this.#signal }).catch(() => undefined);
  }

  /** After an `unparked` in the middle of a page, its beginning may be stored: what is left is applied again. */
  async #applyPage(page: readonly RecordedEvent[]): Promise<CommitOutcome> {
    const { registry } = this.#context;
    const isOwn = isWhole(this.#lease.partition) ? undefined : this.#isOwn;
    let outcome: CommitOutcome;
    do {
      const events = page
        .filter(({ globalPosition }) => globalPosition > this.#lease.position)
        .map((event) => keyedEvent(registry, this.#projection, event, isOwn));
      outcome = await this.#applyAll(events);
    } while (outcome === 'unparked');
    return outcome;
  }

  /** In halves, where something of a batch fails and it is not known what: one bad event costs none of the good ones. */
  async #applyAll(events: readonly KeyedEvent[]): Promise<CommitOutcome> {
    const [first] = events;
    if (first === undefined) return 'stored';
    const begun = performance.now();
    try {
      const { outcome, to, failure, parkedAt } = await this.#applyOnce(events);
      if (to !== undefined) this.#stored(to, { events, begun, parkedAt: parkedAt ?? to });
      // What failed is nothing to whoever has lost the lease.
      if (failure !== undefined && outcome === 'stored') throw failure;
      return outcome;
    } catch (error) {
      if (!(error instanceof BatchFailedError) || this.#context.classify(error.cause) === 'transient') {
        throw error instanceof BatchFailedError ? error.cause : error;
      }
      if (events.length === 1) {
        this.#notStored = first.event.globalPosition;
        throw new ProjectionFailedError(this.#projection.name, first.event, error.cause);
      }
    }
    const middle = Math.ceil(events.length / 2);
    const outcome = await this.#applyAll(events.slice(0, middle));
    return outcome === 'stored' ? this.#applyAll(events.slice(middle)) : outcome;
  }

  #applyOnce(events: readonly KeyedEvent[]): Promise<Applied> {
    const lease = this.#lease;
    const apply = (): Promise<Applied> => this.#apply(lease, events, this.#parking);
    // Each delivery of a subscription has a span of its own.
    return this.#projection.kind === 'subscription'
      ? apply()
      : traceBatch(this.#context.tracer, { lease, events }, apply);
  }

  /** It has got on: what fails next is not kept waiting for what has failed before. */
  #stored(to: number, { events, begun, parkedAt }: StoredBatch): void {
    this.#failures = 0;
    this.#lease = { ...this.#lease, position: to };
    const applied = (): readonly RecordedEvent[] =>
      events.flatMap(({ event }) => (event.globalPosition <= to ? event : []));
    this.#news.stored(to, applied, parkedAt);
    const { observer } = this.#context;
    if (observer?.projected === undefined) return;
    const { name: projection, version } = this.#lease;
    const stored = events.filter(({ event }) => event.globalPosition <= to).length;
    const seconds = (performance.now() - begun) / 1_000;
    const lag = Math.max(0, this.#bound - to);
    tellObserver(observer, 'projected', { projection, version, position: to, lag, events: stored, seconds });
  }

  /** At a limit it stops and says so: it never passes over an event. */
  async #checkRoom(letters: readonly NewDeadLetter[]): Promise<void> {
    if (letters.length === 0) return;
    const { readModels, maxParkedKeys, maxDeadLetters } = this.#context;
    const { name, version } = this.#projection;
    const parked = await readModels.listParked({ name, version, limit: maxParkedKeys + 1 });
    // What only comes after another adds no key, even where partitions have gone over the limit together.
    const added = letters.filter(({ error }) => error !== undefined).length;
    const waiting = parked.reduce((sum, { events }) => sum + events, letters.length);
    if (added > 0 && parked.length + added > maxParkedKeys)
      throw new ParkingFull(`there are ${maxParkedKeys} parked keys already`);
    if (waiting > maxDeadLetters) throw new ParkingFull(`there are ${maxDeadLetters} dead letters already`);
  }

  /** Undefined where it is to be tried again. */
  async #failed(error: unknown): Promise<WorkerEnd | undefined> {
    const cause = error instanceof ProjectionFailedError ? error.cause : error;
    const kind = error instanceof ParkingFull ? 'permanent' : this.#context.classify(cause);
    this.#failures += 1;
    if (kind !== 'transient') this.#countTry(error);
    const isOver = kind === 'permanent' || (kind === 'retry' && this.#attempts >= this.#context.tries);
    if (!isOver) {
      this.#isOutage = !(error instanceof ProjectionFailedError);
      this.#tellFailure(cause, 'retry');
      await this.#report(error, 'retrying');
      await this.#pause(this.#failures);
      return this.#signal.aborted ? 'stopped' : undefined;
    }
    if (!(error instanceof ProjectionFailedError) || this.#parking?.position === error.globalPosition) {
      this.#tellFailure(cause, 'fault');
      await this.#report(error, 'faulted');
      return 'faulted';
    }
    this.#tellFailure(cause, 'park');
    // A handler throws again, and shows at which keys; what only fails when it is stored has failed for all.
    this.#parking = {
      position: error.globalPosition,
      attempts: this.#attempts,
      error: this.#notStored === error.globalPosition ? cause : undefined,
    };
    return undefined;
  }

  #tellFailure(error: unknown, next: ObservedFailure['next']): void {
    const { name: projection, version } = this.#lease;
    const failure = { projection, version, next, errorCode: errorCodeOf(error), error: messageOf(error), cause: error };
    tellObserver(this.#context.observer, 'projectionFailed', failure);
  }

  async #pause(attempts: number): Promise<void> {
    const { backoff } = this.#context;
    const longest = Math.min(MAX_BACKOFF, backoff * 2 ** Math.min(attempts - 1, 20));
    await sleep(longest * (0.5 + Math.random() / 2), undefined, { signal: this.#signal }).catch(() => undefined);
  }

  /** There may be nothing to apply, which would say so. Where it cannot be told, it is not over. */
  async #tellThatItIsOver(): Promise<void> {
    const report = { state: 'working', error: undefined, attempts: 0 } as const;
    await this.#context.readModels.reportProjection(this.#lease, report);
    this.#isOutage = false;
  }

  /** Each event has all of its tries, whatever failed before it. */
  #countTry(error: unknown): void {
    const at = error instanceof ProjectionFailedError ? error.globalPosition : undefined;
    if (at !== this.#failsAt) this.#attempts = 0;
    this.#failsAt = at;
    this.#attempts += 1;
  }

  #recovered(): void {
    this.#failures = 0;
    this.#attempts = 0;
    this.#failsAt = undefined;
    this.#parking = undefined;
  }

  /** For people: it keeps nothing from going on when it cannot be told. */
  async #report(error: unknown, state: 'retrying' | 'faulted', tries?: number): Promise<void> {
    const attempts = tries ?? (this.#attempts === 0 ? this.#failures : this.#attempts);
    const report = { state, error: messageOf(error), attempts };
    try {
      await this.#context.readModels.reportProjection(this.#lease, report);
    } catch {
      // The next report may come through.
    }
  }
}

/** There is no room for further dead letters. */
class ParkingFull extends Error {}
