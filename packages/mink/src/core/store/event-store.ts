import { InvalidArgumentError, StoreClosedError, StreamNotFoundError } from '../errors.ts';
import { atMost } from '../at-most.ts';
import { internals, isAggregateClass, type AnyAggregate, type AnyAggregateClass } from '../deciders/aggregate.ts';
import type { AnyFold, Decider, Fold } from '../deciders/decider.ts';
import type { AnyEvents, EventMapOf } from '../events/define-events.ts';
import type { Metadata } from '../metadata.ts';
import type {
  EventStorage,
  FeedBound,
  FeedStatus,
  LogFilter,
  RecordedEvent,
  StreamInfo,
} from '../storage/event-storage.ts';
import { parseStreamName, streamName as nameOf } from '../stream-name.ts';
import { appendEntries, type AppendContext } from './append.ts';
import type { AppendEntry, AppendManyResult, AppendResult } from './append-types.ts';
import type {
  Categories,
  CategoryName,
  CategoryOf,
  EventTypeIn,
  NewEventFor,
  OfType,
  StoredEvent,
  StoredEventIn,
  StreamNameOf,
  UntypedCategories,
} from './categories.ts';
import { checkCategory } from './event-registry.ts';
import { decodedSequence } from './decoded-pages.ts';
import { EventSequence } from './event-sequence.ts';
import { aggregateActor, deciderActor, type Actor } from './actor.ts';
import { ExclusiveStreams } from './exclusive.ts';
import { execute, saveAggregate, type ExecuteOptions, type ExecuteResult } from './execute.ts';
import { executeWithRetry, type ExecuteWithRetryOptions } from './execute-with-retry.ts';
import {
  checkBelongs,
  existing,
  loadAggregate,
  loadState,
  type Loaded,
  type LoadContext,
  type LoadOptions,
} from './load.ts';
import { boundedLogPages, followLog, isUnavailable, streamPages } from './read-pages.ts';
import { historyPages, type HistoryOptions, type HistoryStep } from './history.ts';
import { listedStreams } from './listed-streams.ts';
import { checkDirection, checkList, checkText, checkUntil, checkWhole } from './read-options.ts';
import type {
  AppendOptions,
  ListStreamsOptions,
  LogFilterOptions,
  ReadAllOptions,
  ReadStreamOptions,
  StoreOptions,
  SubscribeOptions,
} from './options.ts';
import { storeUniqueSets, type StoreUniqueSets } from './unique-sets.ts';
import { storeOperations, type StoreOperations } from '../operations/store-operations.ts';
import { withToken } from '../projections/token.ts';
import { storeProjections, type StoreProjections } from '../projections/store-projections.ts';
import { storeSchema, type StoreSchema } from '../schema/store-schema.ts';
import { storeSnapshots, type StoreSnapshots } from '../snapshots/store-snapshots.ts';
import { allowManyListeners, linkSignals } from './signals.ts';
import { storeContext } from './store-context.ts';
import { typed } from '../typed.ts';

/** Milliseconds that closing waits for a snapshot that is being written. */
const LONGEST_SNAPSHOT = 5_000;

/** A decider or an aggregate of one of the categories. */
type FoldIn<C extends Categories> =
  | Fold<CategoryName<C>, AnyEvents, unknown>
  | AnyAggregateClass<AnyAggregate, CategoryName<C>>;

/**
 * A typed event store over a storage. Made by `createMemoryStore`, `createPostgresStore`, or {@link createEventStore}
 * with a storage of your own.
 *
 * A missing stream is empty: reads yield nothing, `load` gives the initial state at version 0, `streamInfo` gives
 * undefined. The `…OrThrow` forms throw `StreamNotFoundError` instead.
 */
export class EventStore<C extends Categories, Meta = Metadata> implements AsyncDisposable {
  readonly #context: AppendContext & LoadContext;
  readonly #closing = new AbortController();
  readonly #exclusive: ExclusiveStreams;
  /** Looking up and rebuilding unique sets. */
  readonly uniqueSets: StoreUniqueSets<CategoryName<C>, StreamNameOf<C>>;
  /** Making, checking and deleting snapshots. */
  readonly snapshots: StoreSnapshots<FoldIn<C>>;

  /** What the log holds, by its shapes; and whether the code of now can read it. */
  readonly schema: StoreSchema<FoldIn<C>>;

  /** Processes, the audit log, categories: what people look at who operate the store. */
  readonly operations: StoreOperations;

  /** The read models of projections; and pausing and resetting them, whoever works on them. */
  readonly projections: StoreProjections;

  constructor(storage: EventStorage, options: StoreOptions<C, Meta> = {}) {
    allowManyListeners(this.#closing.signal);
    this.#context = storeContext(storage, options);
    const use = (): AppendContext & LoadContext => {
      this.#checkOpen();
      return this.#context;
    };
    this.#exclusive = new ExclusiveStreams(this.#context);
    this.uniqueSets = storeUniqueSets(use);
    this.snapshots = storeSnapshots(use, (target) => this.#foldOf(target));
    this.projections = storeProjections(use);
    this.operations = storeOperations(use);
    this.schema = storeSchema(use, (target) => this.#foldOf(target));
  }

  /** What the parts of mink that work with a store need of it. */
  get [internals](): AppendContext & LoadContext {
    return this.#context;
  }

  /**
   * Appends events to a stream: all of them, or none. When the promise resolves they are durable, and every later read
   * sees them.
   *
   * Throws `ConcurrencyConflictError` when the stream is not at `expectedVersion`, and a typed error for every bad
   * input. Events with ids of your own can be appended again after a failure: they are stored once, and the repeat gets
   * the first result.
   *
   * @example
   * await store.append('Order-42', [orderEvents.OrderCreated({ customerId: 'c-1' })], { expectedVersion: 'no_stream' });
   */
  async append<const N extends StreamNameOf<C>>(
    streamName: N,
    events: readonly NewEventFor<C, N>[],
    options: AppendOptions<Meta> = {},
  ): Promise<AppendResult<StoredEventIn<C, CategoryOf<N>, Meta>>> {
    this.#checkOpen();
    const entry = { streamName, events, expectedVersion: options.expectedVersion };
    const { repeated, globalPosition, streams } = await appendEntries(this.#context, [entry], options);
    const { streamVersion, events: appended } = streams[0] ?? { streamVersion: 0, events: [] };
    return typed(withToken({ streamName, streamVersion, globalPosition, events: appended, repeated }, this.#context));
  }

  /**
   * Appends to several streams in one commit: all of it, or nothing. Each stream has its own expectation; an entry
   * without events only checks it, and holds it until the commit.
   *
   * @example
   * await store.appendMany([
   *   { streamName: 'Account-1', events: [accountEvents.Withdrawn({ amount: 5 })], expectedVersion: 7 },
   *   { streamName: 'Account-2', events: [accountEvents.Deposited({ amount: 5 })] },
   *   { streamName: 'Customer-9', expectedVersion: 'stream_exists' },
   * ]);
   */
  async appendMany(
    entries: readonly AppendEntry<C>[],
    options: Omit<AppendOptions<Meta>, 'expectedVersion'> = {},
  ): Promise<AppendManyResult<StoredEventIn<C, CategoryName<C>, Meta>>> {
    this.#checkOpen();
    return typed(withToken(await appendEntries(this.#context, entries, options), this.#context));
  }

  /** The events of a stream. Sees everything that is committed; nothing for a missing stream. */
  readStream<
    const N extends StreamNameOf<C>,
    const T extends EventTypeIn<C, CategoryOf<N>> = EventTypeIn<C, CategoryOf<N>>,
  >(
    streamName: N,
    options: ReadStreamOptions<T> = {},
  ): EventSequence<OfType<StoredEventIn<C, CategoryOf<N>, Meta>, T>> {
    this.#checkOpen();
    parseStreamName(streamName);
    const query = {
      streamName,
      fromVersion: checkWhole('fromVersion', options.fromVersion ?? 1, 0),
      ...checkUntil(options.until, ['version', 'position', 'time']),
      types: this.#storedTypes(options.types),
      direction: checkDirection(options.direction),
    };
    const limits = { ...this.#limits(options), tx: options.tx };
    return typed(
      decodedSequence(this.#context.registry, () => streamPages(this.#context.storage, query, limits), options),
    );
  }

  /** Like {@link readStream}; a missing stream is a `StreamNotFoundError`, thrown when the reading begins. */
  readStreamOrThrow<
    const N extends StreamNameOf<C>,
    const T extends EventTypeIn<C, CategoryOf<N>> = EventTypeIn<C, CategoryOf<N>>,
  >(
    streamName: N,
    options: ReadStreamOptions<T> = {},
  ): EventSequence<OfType<StoredEventIn<C, CategoryOf<N>, Meta>, T>> {
    const sequence = this.readStream<N, T>(streamName, options);
    const { storage } = this.#context;
    return new EventSequence(async function* () {
      existing({ streamName, version: (await storage.streamInfo(streamName))?.version ?? 0 }, undefined);
      yield* sequence.pages();
    });
  }

  /**
   * The log, up to the bound of the moment the reading begins: everything in it that will ever be there, in the order
   * of `globalPosition`, nothing left out and nothing twice.
   */
  readAll<const K extends CategoryName<C> = CategoryName<C>, const T extends EventTypeIn<C, K> = EventTypeIn<C, K>>(
    options: ReadAllOptions<K, T> = {},
  ): EventSequence<OfType<StoredEventIn<C, K, Meta>, T>> {
    this.#checkOpen();
    const { untilPosition, untilTime } = checkUntil(options.until, ['position', 'time']);
    const query = {
      after: checkWhole('after', options.after ?? 0, 0),
      upTo: untilPosition ?? Number.MAX_SAFE_INTEGER,
      untilTime,
      filter: this.#filter(options),
      direction: checkDirection(options.direction),
    };
    const limits = this.#limits(options);
    return typed(
      decodedSequence(this.#context.registry, () => boundedLogPages(this.#context.storage, query, limits), options),
    );
  }

  /**
   * The log from a position on: catches up, then follows for ever, until `signal` is aborted, the store is closed or
   * you leave the loop; none of these is an error. A database that cannot be reached at the beginning is an error; once
   * the subscription has begun, lost connections are survived.
   *
   * Guarantee: every event that matches comes exactly once per iteration, in the order of `globalPosition`. To go on
   * after a restart, keep the `globalPosition` of the last event you handled and start `after` it; `defineSubscription` does that
   * for you. It holds two pages of `pageSize` at most, and reads on when you take them: however slow you are, no append waits.
   *
   * @example
   * for await (const event of store.subscribe({ categories: ['Order'], after: checkpoint, signal })) await handle(event);
   */
  subscribe<const K extends CategoryName<C> = CategoryName<C>, const T extends EventTypeIn<C, K> = EventTypeIn<C, K>>(
    options: SubscribeOptions<K, T> = {},
  ): EventSequence<OfType<StoredEventIn<C, K, Meta>, T>> {
    this.#checkOpen();
    const after = options.after === 'end' ? 'end' : checkWhole('after', options.after ?? 0, 0);
    const filter = this.#filter(options);
    const { pageSize } = this.#limits(options);
    const { storage } = this.#context;
    const closing = this.#closing.signal;
    const follow = async function* (): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
      const link = linkSignals([closing, ...(options.signal === undefined ? [] : [options.signal])]);
      try {
        yield* followLog(storage, { after, filter, pageSize, signal: link.signal, isTransient: isUnavailable });
      } catch (error) {
        if (!link.signal.aborted) throw error;
      } finally {
        link.release();
      }
    };
    return typed(decodedSequence(this.#context.registry, follow, options));
  }

  /** What is known of a stream, or undefined if it has no events. */
  async streamInfo(streamName: StreamNameOf<C>): Promise<StreamInfo | undefined> {
    this.#checkOpen();
    parseStreamName(streamName);
    return this.#context.storage.streamInfo(streamName);
  }

  /** Like {@link streamInfo}, or `StreamNotFoundError`. */
  async streamInfoOrThrow(streamName: StreamNameOf<C>): Promise<StreamInfo> {
    const info = await this.streamInfo(streamName);
    if (info === undefined) throw new StreamNotFoundError(streamName);
    return info;
  }

  /** The streams of the store, or of one category, by name. */
  listStreams(options: ListStreamsOptions<CategoryName<C>> = {}): EventSequence<StreamInfo> {
    this.#checkOpen();
    const { category, prefix } = options;
    if (category !== undefined) checkCategory(category);
    if (prefix !== undefined) checkText('prefix', prefix);
    const { limit, pageSize } = this.#limits(options);
    const { storage } = this.#context;
    return new EventSequence(() => listedStreams(storage, { category, prefix }, { limit, pageSize }));
  }

  /**
   * The state of an entity: of a decider with its version, or a live aggregate. The state is frozen and yours alone.
   * With `until`, the state it was in then.
   */
  load<K extends CategoryName<C>, E extends AnyEvents, State>(
    fold: Fold<K, E, State>,
    id: string,
    options?: LoadOptions,
  ): Promise<Loaded<State>>;
  load<A extends AnyAggregate>(
    aggregate: AnyAggregateClass<A, CategoryName<C>>,
    id: string,
    options?: LoadOptions,
  ): Promise<A>;
  async load<K extends CategoryName<C>, E extends AnyEvents, State>(
    target: Fold<K, E, State> | AnyAggregateClass,
    id: string,
    options: LoadOptions = {},
  ): Promise<Loaded<State> | AnyAggregate> {
    this.#checkOpen();
    if (isAggregateClass(target)) {
      checkBelongs(this.#context, target.definition);
      return loadAggregate(this.#context, target, id, options);
    }
    checkBelongs(this.#context, target);
    return loadState(this.#context, target, id, options);
  }

  /** Like {@link load}, or `StreamNotFoundError`. */
  loadOrThrow<K extends CategoryName<C>, E extends AnyEvents, State>(
    fold: Fold<K, E, State>,
    id: string,
    options?: LoadOptions,
  ): Promise<Loaded<State>>;
  loadOrThrow<A extends AnyAggregate>(
    aggregate: AnyAggregateClass<A, CategoryName<C>>,
    id: string,
    options?: LoadOptions,
  ): Promise<A>;
  async loadOrThrow<K extends CategoryName<C>, E extends AnyEvents, State>(
    target: Fold<K, E, State> | AnyAggregateClass,
    id: string,
    options: LoadOptions = {},
  ): Promise<Loaded<State> | AnyAggregate> {
    if (isAggregateClass(target)) {
      const aggregate = await this.load(target, id, options);
      const streamName = nameOf(target.definition.category, id);
      return existing({ streamName, version: aggregate.version, until: options.until }, aggregate);
    }
    const loaded = await this.load(target, id, options);
    return existing({ streamName: loaded.streamName, version: loaded.streamVersion, until: options.until }, loaded);
  }

  /**
   * The history of an entity, of a decider or an aggregate: each event with the state it led to, and what it changed. With
   * `until`, the history up to then; with `after`, from a known state on. Empty where there are no events.
   *
   * @example
   * for await (const { event, state, changes } of store.history(order, '42')) console.log(event.type, changes);
   */
  history<K extends CategoryName<C>, E extends AnyEvents, State>(
    fold: Fold<K, E, State>,
    id: string,
    options?: HistoryOptions<NoInfer<State>>,
  ): EventSequence<HistoryStep<State, StoredEvent<EventMapOf<E>, K, Meta>>>;
  history<A extends AnyAggregate>(
    aggregate: AnyAggregateClass<A, CategoryName<C>>,
    id: string,
    options?: HistoryOptions<A['state']>,
  ): EventSequence<HistoryStep<A['state'], StoredEventIn<C, CategoryName<C>, Meta>>>;
  history(
    target: Fold<string, AnyEvents, unknown> | AnyAggregateClass,
    id: string,
    options: HistoryOptions<unknown> = {},
  ): EventSequence<never> {
    const fold = this.#foldOf(target);
    nameOf(fold.category, id);
    return typed(new EventSequence(() => historyPages(this.#context, fold, id, options)));
  }

  /**
   * Appends what an aggregate has applied, at the version it was loaded at: `ConcurrencyConflictError` when another
   * writer got there first. The aggregate keeps its events when the save fails, and is up to date when it succeeds.
   */
  async save<A extends AnyAggregate>(
    aggregate: A,
    options: Omit<AppendOptions<Meta>, 'expectedVersion'> = {},
  ): Promise<ExecuteResult<A['state'], StoredEventIn<C, CategoryName<C>, Meta>>> {
    this.#checkOpen();
    checkBelongs(this.#context, aggregate[internals].definition);
    return typed(withToken(await saveAggregate(this.#context, aggregate, options), this.#context));
  }

  /**
   * Loads an entity, lets it decide, and appends what was decided, at the version it was loaded at. For a decider give
   * the command, for an aggregate the work to do with it.
   *
   * Throws what the decision throws, and `ConcurrencyConflictError` when another writer got there first; nothing is
   * written then.
   *
   * @example
   * await store.execute(order, '42', { type: 'ConfirmOrder' });
   * await store.execute(Order, '42', (order) => order.confirm());
   */
  execute<K extends CategoryName<C>, E extends AnyEvents, State, Command>(
    decider: Decider<K, E, State, Command>,
    id: string,
    command: NoInfer<Command>,
    options?: ExecuteOptions<Meta>,
  ): Promise<ExecuteResult<State, StoredEvent<EventMapOf<E>, K, Meta>>>;
  execute<A extends AnyAggregate>(
    aggregate: AnyAggregateClass<A, CategoryName<C>>,
    id: string,
    work: (aggregate: A) => unknown,
    options?: ExecuteOptions<Meta>,
  ): Promise<ExecuteResult<A['state'], StoredEventIn<C, CategoryName<C>, Meta>>>;
  async execute(
    target: Decider<string, AnyEvents, unknown, unknown> | AnyAggregateClass,
    id: string,
    work: unknown,
    options: ExecuteOptions<Meta> = {},
  ): Promise<ExecuteResult<never, never>> {
    this.#checkOpen();
    return typed(withToken(await execute(this.#context, this.#actor(target, id, work), id, options), this.#context));
  }

  /**
   * Like {@link execute}; when another writer got there first, what they have appended is folded on top, and it is decided
   * again. `onConflict` may see it otherwise. An append that got no answer is sent again with the same ids, so that it
   * happens once.
   *
   * Throws `ConflictNotResolvedError` after the last try, and what {@link execute} throws. A conflict with an
   * `expectedVersion` that you gave is not retried: it is a `ConcurrencyConflictError`.
   *
   * @example
   * await store.executeWithRetry(order, '42', { type: 'AddItem', sku: 'SKU-1' }, { tries: 5 });
   * await store.executeWithRetry(order, '42', addItem, {
   *   onConflict: ({ state }) => (state.items.has('SKU-1') ? 'done' : 'retry'),
   * });
   */
  executeWithRetry<K extends CategoryName<C>, E extends AnyEvents, State, Command>(
    decider: Decider<K, E, State, Command>,
    id: string,
    command: NoInfer<Command>,
    options?: ExecuteWithRetryOptions<Meta, NoInfer<State>, StoredEvent<EventMapOf<NoInfer<E>>, NoInfer<K>, Meta>>,
  ): Promise<ExecuteResult<State, StoredEvent<EventMapOf<E>, K, Meta>>>;
  executeWithRetry<A extends AnyAggregate>(
    aggregate: AnyAggregateClass<A, CategoryName<C>>,
    id: string,
    work: (aggregate: A) => unknown,
    options?: ExecuteWithRetryOptions<Meta, A['state'], StoredEventIn<C, CategoryName<C>, Meta>>,
  ): Promise<ExecuteResult<A['state'], StoredEventIn<C, CategoryName<C>, Meta>>>;
  async executeWithRetry(
    target: Decider<string, AnyEvents, unknown, unknown> | AnyAggregateClass,
    id: string,
    work: unknown,
    options: ExecuteWithRetryOptions<Meta, never, never> = {},
  ): Promise<ExecuteResult<never, never>> {
    this.#checkOpen();
    const all = typed<ExecuteWithRetryOptions<unknown, unknown>>(options);
    const actor = this.#actor(target, id, work);
    if (options.exclusive === true)
      return typed(withToken(await this.#exclusive.execute(actor, id, all), this.#context));
    return typed(withToken(await executeWithRetry(this.#context, actor, id, all), this.#context));
  }

  /** How far the log can be read now, and how far positions were handed out. */
  async readBound(): Promise<FeedBound> {
    this.#checkOpen();
    return this.#context.storage.readBound();
  }

  /**
   * How far the log can be read, and which transactions hold readers back: with process id, age and query, for whoever has
   * to end one. Empty `heldBy` means that everything appended can be read.
   *
   * @example
   * const { position, head, heldBy } = await store.feedStatus();
   */
  async feedStatus(): Promise<FeedStatus> {
    this.#checkOpen();
    return this.#context.storage.feedStatus();
  }

  /**
   * Ends every subscription and releases the storage. Calls made afterwards throw `StoreClosedError`.
   *
   * Resolves also where the database does not answer: on a pool of the store's own, statements under way have 30 seconds to end; then
   * their connections are cut, and an append among them is an `AppendOutcomeUnknownError`.
   */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(new StoreClosedError());
    // What is kept to be faster is worth waiting for a moment.
    await atMost(LONGEST_SNAPSHOT, this.#context.snapshotWriter.close());
    await Promise.all([this.#context.readModelStorage?.close(), this.#context.storage.close()]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #foldOf(target: Fold<string, AnyEvents, unknown> | AnyAggregateClass): AnyFold<unknown> {
    this.#checkOpen();
    const fold = isAggregateClass(target) ? target.definition : target;
    checkBelongs(this.#context, fold);
    return fold;
  }

  #actor(target: Decider<string, AnyEvents, unknown, unknown> | AnyAggregateClass, id: string, work: unknown): Actor {
    if (!isAggregateClass(target)) {
      checkBelongs(this.#context, target);
      return deciderActor(target, work);
    }
    checkBelongs(this.#context, target.definition);
    if (typeof work !== 'function') throw new InvalidArgumentError('work', 'is not a function of the aggregate');
    return aggregateActor(target, id, (aggregate) => work(aggregate));
  }

  #checkOpen(): void {
    if (this.#closing.signal.aborted) throw new StoreClosedError();
  }

  #storedTypes(types: readonly string[] | undefined): readonly string[] | undefined {
    const checked = checkList('types', types);
    return checked === undefined ? undefined : this.#context.registry.storedTypes(checked);
  }

  #filter(options: LogFilterOptions<string, string>): LogFilter {
    return {
      types: this.#storedTypes(options.types),
      categories: checkList('categories', options.categories),
      streamNames: checkList('streamNames', options.streamNames),
      streamPrefixes: checkList('streamPrefixes', options.streamPrefixes),
    };
  }

  #limits(options: {
    readonly limit?: number | undefined;
    readonly pageSize?: number | undefined;
    readonly signal?: AbortSignal | undefined;
  }): { readonly limit: number | undefined; readonly pageSize: number; readonly signal: AbortSignal | undefined } {
    const { limit, pageSize, signal } = options;
    return {
      limit: limit === undefined ? undefined : checkWhole('limit', limit, 1),
      pageSize: pageSize === undefined ? this.#context.pageSize : checkWhole('pageSize', pageSize, 1),
      signal,
    };
  }
}

/**
 * A typed store over any storage that passes `storageContract`.
 *
 * @example
 * const store = createEventStore(myStorage, { categories: { Order: orderEvents } });
 */
export function createEventStore<C extends Categories = UntypedCategories, Meta = Metadata>(
  storage: EventStorage,
  options: StoreOptions<C, Meta> = {},
): EventStore<C, Meta> {
  return new EventStore(storage, options);
}
