import { setTimeout as sleep } from 'node:timers/promises';
import { BusinessRuleViolationError } from '../commands/business-rule-violation.ts';
import { DatabaseError, DatabaseUnavailableError, InvalidEventDataError, ProjectionFailedError } from '../errors.ts';
import type { EventStorage, LogFilter, RecordedEvent } from '../storage/event-storage.ts';
import type { EventRegistry } from '../store/event-registry.ts';
import { followLog } from '../store/read-pages.ts';
import type { AnyProjection } from './define-projection.ts';
import { keyedEvent, messageOf, ProjectionBatch, type KeyedEvent } from './projection-batch.ts';
import type { CommitOutcome, Lease, NewDeadLetter, ProjectionCommit, ProjectionStorage } from './projection-storage.ts';

/** What an error of a projection is: `transient` ones are waited out, others are tried a few times, or once. */
export type Classification = 'transient' | 'retry' | 'permanent';

/** What a worker works with. */
export interface WorkerContext {
  readonly storage: EventStorage;
  readonly readModels: ProjectionStorage;
  readonly registry: EventRegistry;
  /** Events of one batch, at most. */
  readonly batchSize: number;
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
}

/** Why a worker has ended. */
export type WorkerEnd = 'stopped' | 'lost' | 'faulted';

const MAX_BACKOFF = 30_000;

/** What a projection reads of the log. */
export function filterOf(registry: EventRegistry, { events, types }: AnyProjection): LogFilter {
  const categories = Object.keys(events);
  return { categories, types: registry.storedTypes(types), streamNames: undefined, streamPrefixes: undefined };
}

/**
 * Applies the log to one read model, for as long as it holds the lease: the next page is read while one is applied, and a
 * batch is stored together with how far it reaches.
 *
 * Guarantee: every event is applied exactly once to the rows, or waits among the dead letters of its key with all that come
 * after it, in the order of the log, however often and wherever workers die.
 */
export class ProjectionWorker {
  readonly #context: WorkerContext;
  readonly #projection: AnyProjection;
  readonly #signal: AbortSignal;
  #lease: Lease;
  /** Tries of what fails now. */
  #attempts = 0;
  /** The position of the event that fails, once it is to be parked. */
  #parkAt: number | undefined;

  constructor(context: WorkerContext, projection: AnyProjection, lease: Lease, signal: AbortSignal) {
    this.#context = context;
    this.#projection = projection;
    this.#lease = lease;
    this.#signal = signal;
  }

  async run(): Promise<WorkerEnd> {
    for (;;) {
      try {
        return await this.#follow();
      } catch (error) {
        if (this.#signal.aborted) return 'stopped';
        const end = await this.#failed(error);
        if (end !== undefined) return end;
      }
    }
  }

  async #follow(): Promise<WorkerEnd> {
    const { storage, registry, batchSize } = this.#context;
    const query = {
      after: this.#lease.position,
      filter: filterOf(registry, this.#projection),
      pageSize: batchSize,
      signal: this.#signal,
      isTransient: (error: unknown) => error instanceof DatabaseUnavailableError,
    };
    for await (const page of followLog(storage, query)) {
      let outcome: CommitOutcome;
      do outcome = await this.#apply(page);
      while (outcome === 'unparked');
      if (outcome === 'lost') return 'lost';
      if (this.#attempts > 0) await this.#recovered();
    }
    return 'stopped';
  }

  /** A batch whose event fails is stored up to there: one bad event costs none of the good ones. */
  async #apply(page: readonly RecordedEvent[]): Promise<CommitOutcome> {
    const { registry, readModels } = this.#context;
    // After an `unparked` in the middle of a page, its beginning may be stored.
    const events = page
      .filter(({ globalPosition }) => globalPosition > this.#lease.position)
      .map((event) => keyedEvent(registry, this.#projection, event));
    const keys = new Set(events.flatMap(({ event, parts }) => [...(parts?.keys() ?? [event.streamName])]));
    const batch = new ProjectionBatch(this.#projection, await readModels.readBatch(this.#projection, [...keys]));
    let last: RecordedEvent | undefined;
    let count = 0;
    let failure: ProjectionFailedError | undefined;
    for (const keyed of events) {
      failure = this.#applyOne(batch, keyed);
      if (failure !== undefined) break;
      last = keyed.event;
      count += 1;
    }
    if (last !== undefined) {
      await this.#checkLimits(batch.deadLetters);
      const to = last.globalPosition;
      const done = { to, events: count, writes: batch.writes(), deadLetters: batch.deadLetters };
      const outcome = await this.#commit(done);
      if (outcome !== 'stored') return outcome;
    }
    if (failure !== undefined) throw failure;
    return 'stored';
  }

  #applyOne(batch: ProjectionBatch, { event, parts, error }: KeyedEvent): ProjectionFailedError | undefined {
    const park = this.#parkAt === event.globalPosition ? { attempts: this.#attempts } : undefined;
    const { name, hasOwnKeys } = this.#projection;
    if (parts !== undefined) {
      const failed = batch.apply({ event, parts }, park);
      return failed === undefined ? undefined : new ProjectionFailedError(name, event, failed.error);
    }
    // Without its keys, all that can be parked is its stream; where keys are others, the order of one would be lost.
    if (hasOwnKeys) return new ProjectionFailedError(name, event, error);
    const key = event.streamName;
    const isParked = batch.isParked(key);
    if (!isParked && park === undefined) return new ProjectionFailedError(name, event, error);
    if (isParked) batch.follow(key, event.globalPosition);
    else batch.park(key, event.globalPosition, error, this.#attempts);
    return undefined;
  }

  async #commit(done: Omit<ProjectionCommit, 'lease' | 'duration'>): Promise<CommitOutcome> {
    const { readModels, leaseDuration: duration } = this.#context;
    const outcome = await readModels.commitProjection({ lease: this.#lease, duration, ...done });
    if (outcome === 'stored') this.#lease = { ...this.#lease, position: done.to };
    return outcome;
  }

  /** At a limit it stops and says so: it never passes over an event. */
  async #checkLimits(letters: readonly NewDeadLetter[]): Promise<void> {
    if (letters.length === 0) return;
    const { readModels, maxParkedKeys, maxDeadLetters } = this.#context;
    const { name, version } = this.#projection;
    const parked = await readModels.listParked({ name, version, limit: maxParkedKeys + 1 });
    const keys = parked.length + letters.filter(({ error }) => error !== undefined).length;
    const waiting = parked.reduce((sum, { events }) => sum + events, letters.length);
    if (keys > maxParkedKeys) throw new ParkingFull(`there are ${maxParkedKeys} parked keys already`);
    if (waiting > maxDeadLetters) throw new ParkingFull(`there are ${maxDeadLetters} dead letters already`);
  }

  /** Undefined where it is to be tried again. */
  async #failed(error: unknown): Promise<WorkerEnd | undefined> {
    const cause = error instanceof ProjectionFailedError ? error.cause : error;
    const kind = error instanceof ParkingFull ? 'permanent' : this.#context.classify(cause);
    this.#attempts += 1;
    const isOver = kind === 'permanent' || (kind === 'retry' && this.#attempts >= this.#context.tries);
    if (!isOver) {
      await this.#report(error, 'retrying');
      await this.#pause();
      return this.#signal.aborted ? 'stopped' : undefined;
    }
    if (!(error instanceof ProjectionFailedError) || this.#parkAt === error.globalPosition) {
      await this.#report(error, 'faulted');
      return 'faulted';
    }
    this.#parkAt = error.globalPosition;
    return undefined;
  }

  async #pause(): Promise<void> {
    const { backoff } = this.#context;
    const longest = Math.min(MAX_BACKOFF, backoff * 2 ** Math.min(this.#attempts - 1, 20));
    await sleep(longest * (0.5 + Math.random() / 2), undefined, { signal: this.#signal }).catch(() => undefined);
  }

  async #recovered(): Promise<void> {
    this.#attempts = 0;
    this.#parkAt = undefined;
    await this.#report(undefined, 'running');
  }

  /** For people: it keeps nothing from going on when it cannot be told. */
  async #report(error: unknown, state: 'running' | 'retrying' | 'faulted'): Promise<void> {
    const report = { state, error: error === undefined ? undefined : messageOf(error), attempts: this.#attempts };
    try {
      await this.#context.readModels.reportProjection(this.#lease, report);
    } catch {
      // The next report may come through.
    }
  }
}

/** There is no room for further dead letters. */
class ParkingFull extends Error {}

/** Serialization, deadlock, a lock or a statement that took too long, a server that is full or going down. */
const TRANSIENT = new Set(['40001', '40P01', '55P03', '57014', '53300', '57P01', '57P02', '57P03']);

/** What an error is, unless `classify` says otherwise. */
export function classifyError(error: unknown): Classification {
  if (error instanceof DatabaseUnavailableError) return 'transient';
  if (error instanceof DatabaseError) return TRANSIENT.has(error.sqlState) ? 'transient' : 'retry';
  const isPermanent = error instanceof InvalidEventDataError || error instanceof BusinessRuleViolationError;
  return isPermanent ? 'permanent' : 'retry';
}
