import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { atMost } from '../at-most.ts';
import { internals } from '../deciders/aggregate.ts';
import { InvalidArgumentError } from '../errors.ts';
import { settingsOf, type Setting } from '../operations/setting.ts';
import { ProjectionRetiredError } from '../projection-version-errors.ts';
import type { AppendContext } from '../store/append.ts';
import type { LoadContext } from '../store/load.ts';
import { isOpenStore } from '../store/open-store.ts';
import { checkTimer, checkWhole } from '../store/read-options.ts';
import { checkProjections } from './check-projections.ts';
import type { SubscriptionStart } from '../subscriptions/define-subscription.ts';
import { LEASE_LOST } from '../subscriptions/subscription-batch.ts';
import { beginningOf } from '../subscriptions/subscription-start.ts';
import type { AnyProjection } from './define-sql-projection.ts';
import { deadLettersOf, type DeadLetters } from './dead-letters.ts';
import { catchUp } from './catch-up.ts';
import { readModelsOf } from './read-model-reader.ts';
import { storeProjections, type StoreProjections } from './store-projections.ts';
import { statusOf, type ProjectionStatus } from './projection-status.ts';
import type { Lease, Partitioning, ProjectionId, ProjectionStorage } from './projection-storage.ts';
import { waitForWrite, type WaitOptions, type WriteToSee } from './wait-for.ts';
import type { Classification } from './projection-applier.ts';
import { classifyError } from './classify-error.ts';
import { ProjectionWorker, type WorkerContext, type WorkerEnd } from './projection-worker.ts';

/** Options of {@link createProjectionEngine}. */
export interface ProjectionEngineOptions {
  /**
   * Events that are applied and stored together, at most.
   * @defaultValue 500
   */
  readonly batchSize?: number | undefined;
  /**
   * Milliseconds to wait for a batch to be filled, once it has an event: fewer and larger transactions, for rows that are seen
   * later. A backlog is never waited in.
   * @defaultValue 0
   */
  readonly batchTimeout?: number | undefined;
  /**
   * Milliseconds after which another process takes over from one that has died or is frozen.
   * @defaultValue 15_000
   */
  readonly leaseDuration?: number | undefined;
  /**
   * Tries of an event that fails, before its key is parked. A database that is away is waited for without limit.
   * @defaultValue 3
   */
  readonly tries?: number | undefined;
  /**
   * Milliseconds before the second try; doubles with every further one, up to 30 seconds.
   * @defaultValue 100
   */
  readonly backoff?: number | undefined;
  /**
   * What an error is: `'transient'` ones are waited out, `'permanent'` ones parked at once, and all others tried again first.
   * @defaultValue databases that are away, deadlocks and the like are transient; payloads that do not fit their schema, and
   * broken business rules, are permanent; so where it throws itself
   */
  readonly classify?: ((error: unknown) => Classification | undefined) | undefined;
  /**
   * Keys of a projection that may be parked at once. With one more it is faulted, and passes over nothing.
   * @defaultValue 1_000
   */
  readonly maxParkedKeys?: number | undefined;
  /**
   * Events of a projection that may wait for parked keys.
   * @defaultValue 100_000
   */
  readonly maxDeadLetters?: number | undefined;
  /**
   * Milliseconds that a handler which writes SQL may take for a batch. Then its transaction is rolled back, and the batch tried
   * again in halves.
   * @defaultValue 10_000
   */
  readonly handlerTimeout?: number | undefined;
  /**
   * Milliseconds without progress after which a projection that is behind is called stalled.
   * @defaultValue 30_000
   */
  readonly stalledAfter?: number | undefined;
  /**
   * Events that each projection applies in a second, at most: so that catching up leaves the database to others.
   * @defaultValue as many as can be
   */
  readonly rate?: number | undefined;
}

/** Whom to wait for, and how long. */
export interface WaitForOptions extends WaitOptions {
  /** @defaultValue all projections of the engine */
  readonly projections?: readonly { readonly name: string }[] | undefined;
}

/** An event store: what `createPostgresStore` or `createMemoryStore` gives. */
export interface StoreOfEngine {
  readonly projections: StoreProjections;
}

/** A worker and what it holds. */
interface Running {
  readonly lease: Lease;
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

/**
 * Keeps projections up to date, and delivers to subscriptions. Every process may run one with the same projections: each projection is worked on by one of
 * them at a time, and taken over when that one dies.
 *
 * Guarantee: every event is applied exactly once to the read model, in the order of the log; a projection never passes over an
 * event, and says why it stands still. A subscription gets every event at least once, in order per key.
 *
 * @example
 * const engine = createProjectionEngine(store, [cartSummary]);
 * await engine.start();
 */
export class ProjectionEngine implements AsyncDisposable {
  readonly #context: WorkerContext;
  readonly #projections: readonly AnyProjection[];
  readonly #stored: StoreProjections;
  readonly #stalledAfter: number;
  readonly #given: ProjectionEngineOptions;
  readonly #owner = `${hostname()}/${process.pid}/${randomUUID().slice(0, 8)}`;
  readonly #closing = new AbortController();
  /** By projection and partition. */
  readonly #running = new Map<string, Running>();
  /** Until when leases last that are not renewed, by `performance.now()`. */
  #leasedUntil = 0;
  /** Versions that were dropped for good. */
  readonly #retired = new Set<AnyProjection>();
  #ticking: Promise<void> | undefined;
  #lastLook: Promise<void> = Promise.resolve();
  /** Keys whose events could not be applied. They can be looked at and retried without starting the engine. */
  readonly deadLetters: DeadLetters;

  constructor(store: StoreOfEngine, projections: readonly AnyProjection[], options: ProjectionEngineOptions = {}) {
    if (projections.length === 0) throw new InvalidArgumentError('projections', 'is empty');
    const context = contextOf(store, projections);
    this.#projections = projections;
    this.#context = workerContext(context, options);
    this.#given = options;
    this.#stalledAfter = checkWhole('stalledAfter', options.stalledAfter ?? 30_000, 1);
    this.#stored = storeProjections(() => context);
    this.deadLetters = deadLettersOf(this.#context, this.#projections);
  }

  /**
   * Makes the read models that are not there, and begins; a version that was retired is left alone. Resolves when it has begun;
   * from then on it does not give up, and keeps the process alive until it is closed.
   */
  async start(): Promise<void> {
    if (this.#closing.signal.aborted) throw new InvalidArgumentError('engine', 'is closed');
    if (this.#ticking !== undefined) return;
    for (const projection of this.#projections) await this.#prepare(projection);
    await this.#tick();
    this.#ticking = this.#keepTicking();
  }

  /**
   * Stops a projection, in whatever process it runs, until it is resumed; restarts change nothing about that. What is under way
   * here is stored first; of a subscription that runs elsewhere, what was not acknowledged yet comes again.
   */
  async pause(projection: ProjectionId): Promise<void> {
    // Between two looks: what is let go would be taken again before it is paused.
    await this.#inTurn(async () => {
      const running = Array.from(this.#running.values(), ({ lease }) => lease);
      for (const lease of running.filter((it) => isSame(it, projection))) await this.#letGo(lease);
      await this.#stored.pause(projection);
    });
  }

  /** Lets a paused or faulted projection go on; here at once, elsewhere within a third of the lease. */
  async resume(projection: ProjectionId): Promise<void> {
    await this.#stored.resume(projection);
    await this.#tickSoon();
  }

  /** Changes in how many partitions a projection runs, as `store.projections.partition` does; here at once. */
  async partition(projection: ProjectionId, count: number): Promise<Partitioning> {
    const partitioning = await this.#stored.partition(projection, count);
    await this.#tickSoon();
    return partitioning;
  }

  /**
   * Empties the read model and applies the log to it from the beginning; dead letters are forgotten, and what
   * was discarded is applied again. Safe while it runs: what a worker has under way is refused.
   */
  async reset(projection: ProjectionId): Promise<void> {
    await this.#stored.reset(projection);
    await this.#tickSoon();
  }

  /**
   * Delivers the events of a subscription behind a position again, or, with a later one, leaves some out. Dead letters behind it
   * are forgotten: they come again. Safe while it runs: what is acknowledged late is refused.
   */
  async replay(subscription: ProjectionId, options: { readonly from: SubscriptionStart }): Promise<void> {
    await this.#stored.replay(subscription, options);
    await this.#tickSoon();
  }

  /** The projections and subscriptions that it has code for. */
  get definitions(): readonly ProjectionId[] {
    return this.#projections.map(({ name, version }) => ({ name, version }));
  }

  /** What is in effect. */
  get settings(): readonly Setting[] {
    const { batchSize, batchTimeout, leaseDuration, tries, backoff, handlerTimeout, rate = null } = this.#context;
    const { maxParkedKeys, maxDeadLetters } = this.#context;
    const classify = this.#given.classify === undefined ? 'built-in' : 'own';
    const errors = { tries, backoff, classify, maxParkedKeys, maxDeadLetters, handlerTimeout };
    const inEffect = { batchSize, batchTimeout, leaseDuration, ...errors, stalledAfter: this.#stalledAfter, rate };
    return settingsOf('engine', inEffect, this.#given);
  }

  /**
   * How each projection is doing, as far as this engine knows it; in the order of the definitions. Behind them come the live versions of
   * these names, where nobody works on them and their code is not here: what is read stands still then.
   */
  async status(): Promise<readonly ProjectionStatus[]> {
    return statusOf(this.#context, this.#projections, this.#stalledAfter);
  }

  /**
   * Resolves when the projections have applied a write: what is read then holds it. Give what an append returned, its token, or a
   * position. They need not run here, nor have run ever.
   *
   * Throws `ProjectionBehindError`, which says who is behind and why, when the time is over; `KeyParkedError` where an event of
   * the append waits among the dead letters; `LogRewoundError` where the append is in the log no more; `InvalidTokenError`.
   *
   * @example
   * const appended = await store.append('Cart-1', [added]);
   * await engine.waitFor(appended, { projections: [cartSummary] });
   */
  async waitFor(write: WriteToSee, { projections, timeout, signal }: WaitForOptions = {}): Promise<void> {
    await waitForWrite(this.#context, write, { projections: this.#named(projections), timeout, signal });
  }

  /**
   * Brings projections up to a write, or to the end of the log of now, in this call: for tests, and for processes that live for
   * one request. Needs no `start`, and leaves nothing behind. A projection that another process works on is waited for.
   *
   * Throws what {@link waitFor} does; `ProjectionBehindError` at once where a projection faults.
   *
   * @example
   * await engine.catchUp(appended.token);
   */
  async catchUp(write?: WriteToSee, { projections, timeout = 10_000, signal }: WaitForOptions = {}): Promise<void> {
    const wanted = this.#named(projections);
    for (const projection of wanted) await this.#prepare(projection);
    const target = write ?? (await this.#context.storage.readBound()).position;
    await catchUp(this.#context, target, { projections: wanted, owner: this.#owner, timeout, signal });
  }

  /**
   * Ends: the batches under way are stored, and others may take over at once. Handlers of subscriptions have a third of the lease
   * to end; then their signals are aborted, and their events come again.
   *
   * Where the database does not answer, it resolves after `leaseDuration`, or `handlerTimeout` if that is longer: by then others may
   * have taken over, and nothing more is stored.
   */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    const { leaseDuration, handlerTimeout } = this.#context;
    await atMost(Math.max(leaseDuration, handlerTimeout), this.#leave());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Stores what is under way, and lets all go. */
  async #leave(): Promise<void> {
    // First, for a look may get no answer while they get theirs; from now on none begins any.
    const running = [...this.#running.values()];
    for (const { stop } of running) stop.abort();
    await this.#ticking;
    await this.#lastLook.catch(() => undefined);
    await Promise.all(running.map(({ done }) => done));
    // Whoever never began holds nothing.
    if (this.#ticking !== undefined) await this.#readModels.leaveProjections(this.#owner).catch(() => undefined);
  }

  get #readModels(): ProjectionStorage {
    return this.#context.readModels;
  }

  /** Where it runs, it need not wait for the next look. */
  async #tickSoon(): Promise<void> {
    if (this.#ticking !== undefined) await this.#tick();
  }

  /** Three times in a lease. A database that is away ends nothing: whoever writes without a lease is refused. */
  async #keepTicking(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const pause = (this.#context.leaseDuration / 3) * (0.75 + Math.random() / 4);
      await sleep(pause, undefined, { signal }).catch(() => undefined);
      if (!signal.aborted) await this.#tick().catch(() => undefined);
    }
  }

  #tick(): Promise<void> {
    return this.#inTurn(() => this.#look());
  }

  /** One look after another: a lease that is taken twice would be lost once. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#lastLook.catch(() => undefined).then(work);
    this.#lastLook = done;
    return done;
  }

  /** Renews what is held, takes what nobody holds, and lets go what others could work on. */
  async #look(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    const projections = this.#projections.filter((it) => !this.#retired.has(it));
    const held = Array.from(this.#running.values(), ({ lease }) => lease);
    const request = { owner: this.#owner, duration: this.#context.leaseDuration, projections, held };
    const askedAt = performance.now();
    const { leases, spare, unknown, unsettled } = await this.#readModels.leaseProjections(request);
    this.#leasedUntil = askedAt + request.duration;
    // Somebody has removed its row: it begins anew, with the next look.
    for (const projection of projections) {
      if (unknown.some((id) => isSame(id, projection))) await this.#prepare(projection);
    }
    const epochs = new Map(leases.map((lease) => [keyOf(lease), lease.epoch]));
    for (const [key, { lease, stop }] of this.#running) {
      if (epochs.get(key) !== lease.epoch) stop.abort(LEASE_LOST);
    }
    for (const lease of spare) {
      epochs.delete(keyOf(lease));
      await this.#letGo(lease);
    }
    if (this.#closing.signal.aborted) return;
    for (const lease of leases) {
      const projection = this.#definitionOf(lease);
      const isIdle = epochs.has(keyOf(lease)) && !this.#running.has(keyOf(lease));
      // Where the worker has ended while its lease was renewed, the next look takes it anew, in an epoch of its own.
      const isRenewed = held.some((it) => keyOf(it) === keyOf(lease));
      if (projection !== undefined && isIdle && !isRenewed) this.#work(projection, lease);
    }
    // Whoever was to take the next step may have died before it. Last, because it waits for batches under way.
    for (const id of unsettled) await this.#readModels.partitionProjection(id);
  }

  /** What was retired is left alone: others may go on, and a process with old code does not bring it back. */
  async #prepare(projection: AnyProjection): Promise<void> {
    try {
      await this.#readModels.prepareProjection(projection, await beginningOf(this.#context.storage, projection));
    } catch (error) {
      if (!(error instanceof ProjectionRetiredError)) throw error;
      this.#retired.add(projection);
    }
  }

  #definitionOf({ name, version }: ProjectionId): AnyProjection | undefined {
    return this.#projections.find((it) => isSame(it, { name, version }));
  }

  /** The batch under way is stored first. */
  async #letGo(lease: Lease): Promise<void> {
    const running = this.#running.get(keyOf(lease));
    running?.stop.abort();
    await running?.done;
    await this.#readModels.releaseProjections(this.#owner, [lease]);
  }

  #work(projection: AnyProjection, lease: Lease): void {
    const stop = new AbortController();
    const worker = new ProjectionWorker(this.#context, projection, {
      lease,
      signal: stop.signal,
      leasedUntil: () => this.#leasedUntil,
    });
    const done = worker
      .run()
      .catch((): WorkerEnd => 'lost')
      .then((end) => this.#ended(lease, end));
    this.#running.set(keyOf(lease), { lease, stop, done });
  }

  /** What has failed here is let go at once: another process may have code that does better. */
  async #ended(lease: Lease, end: WorkerEnd): Promise<void> {
    if (end === 'faulted' || end === 'held') {
      await this.#readModels.releaseProjections(this.#owner, [lease]).catch(() => undefined);
    }
    if (end === 'held') await this.#readModels.partitionProjection(lease).catch(() => undefined);
    this.#running.delete(keyOf(lease));
    // It may have been reset, split or merged, or somebody else has it: a look tells, and what is to begin begins at once.
    if (!this.#closing.signal.aborted) void this.#tick().catch(() => undefined);
  }

  #named(projections: WaitForOptions['projections']): readonly AnyProjection[] {
    if (projections === undefined) return this.#projections;
    return projections.flatMap(({ name }) => {
      const found = this.#projections.filter((it) => it.name === name);
      if (found.length > 0) return found;
      throw new InvalidArgumentError('projections', `"${name}" is none of the engine's`);
    });
  }
}

function isSame(left: ProjectionId, right: ProjectionId): boolean {
  return left.name === right.name && left.version === right.version;
}

function keyOf({ name, version, partition }: Lease): string {
  return `${name} ${version} ${partition.from}`;
}

/** What a store gives to what works on projections. Refuses projections that are not for it. */
export function contextOf(store: StoreOfEngine, projections: readonly AnyProjection[]): AppendContext & LoadContext {
  if (!isOpenStore(store)) throw new InvalidArgumentError('store', 'is no event store');
  const context = store[internals];
  // What is done with versions may need no code.
  if (projections.length > 0) checkProjections(context, 'projections', projections);
  return context;
}

/** What workers work with, from the options of an engine. */
export function workerContext(context: AppendContext & LoadContext, options: ProjectionEngineOptions): WorkerContext {
  return {
    storage: context.storage,
    readModels: readModelsOf(context),
    registry: context.registry,
    batchSize: checkWhole('batchSize', options.batchSize ?? 500, 1),
    batchTimeout: checkTimer('batchTimeout', options.batchTimeout ?? 0, 0),
    leaseDuration: checkTimer('leaseDuration', options.leaseDuration ?? 15_000, 100),
    tries: checkWhole('tries', options.tries ?? 3, 1),
    classify: (error) => classifyAs(options.classify, error),
    maxParkedKeys: checkWhole('maxParkedKeys', options.maxParkedKeys ?? 1_000, 0),
    maxDeadLetters: checkWhole('maxDeadLetters', options.maxDeadLetters ?? 100_000, 0),
    backoff: checkWhole('backoff', options.backoff ?? 100, 0),
    handlerTimeout: checkTimer('handlerTimeout', options.handlerTimeout ?? 10_000, 1),
    observer: context.observer,
    tracer: context.tracer,
    rate: options.rate === undefined ? undefined : checkWhole('rate', options.rate, 1),
  };
}

/** By the caller's rules, as far as they can be told. */
function classifyAs(classify: ProjectionEngineOptions['classify'], error: unknown): Classification {
  try {
    return classify?.(error) ?? classifyError(error);
  } catch {
    return classifyError(error);
  }
}

/** An engine over the projections of a store. It holds nothing until it is started; close it before the store. */
export function createProjectionEngine(
  store: StoreOfEngine,
  projections: readonly AnyProjection[],
  options: ProjectionEngineOptions = {},
): ProjectionEngine {
  return new ProjectionEngine(store, projections, options);
}
