import { InvalidArgumentError, StreamNotFoundError } from '../errors.ts';
import type { AnyEvents } from '../events/define-events.ts';
import { deepFreeze } from '../deep-freeze.ts';
import { internals, type AnyAggregate, type AnyAggregateClass } from '../deciders/aggregate.ts';
import { evolveOnce, initialStateOf, type AnyFold } from '../deciders/decider.ts';
import { tellObserver, type Observer } from '../observe/observer.ts';
import type { Setting } from '../operations/setting.ts';
import type { ProjectionStorage } from '../projections/projection-storage.ts';
import type { EventStorage, OpenTransaction } from '../storage/event-storage.ts';
import { streamName } from '../stream-name.ts';
import type { Categories, StoredEvent } from './categories.ts';
import { createCategoryRegistry, type UnknownEventsPolicy } from './event-registry.ts';
import { signalIn, type LazySignalOptions } from './lazy-signal.ts';
import { checkPolicy, checkUntil, type Until } from './read-options.ts';
import type { StateCache } from './state-cache.ts';
import { streamPages } from './read-pages.ts';
import { toStoredEvent } from './stored-event.ts';
import { forget, OtherHistory, recall, remember, Replay, type ReplayBase } from '../snapshots/replay.ts';
import { readBase, reportFlaw, type BaseQuery } from '../snapshots/snapshot-base.ts';
import { snapshotOptionsOf } from '../snapshots/snapshot-codec.ts';
import { checkSnapshotName, type SnapshotOwners } from '../snapshots/snapshot-name.ts';
import type { SnapshotProblem, SnapshotWriter } from '../snapshots/snapshot-writer.ts';
import { typed } from '../typed.ts';

/** Options of `load`. */
export interface LoadOptions {
  /** The state at a version, position or recorded time instead of now; beyond the end, the state of now. */
  readonly until?: Until | undefined;
  /**
   * What to do with events whose type is not defined.
   * @defaultValue 'error'
   */
  readonly unknownEvents?: UnknownEventsPolicy | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Read inside this transaction of yours: it sees what it has appended itself. */
  readonly tx?: OpenTransaction | undefined;
}

/** The state of an entity and the version it is at. */
export interface Loaded<State> {
  readonly streamName: string;
  /** 0 when the stream does not exist. */
  readonly streamVersion: number;
  readonly state: State;
}

/** What loading needs of a store. */
export interface LoadContext {
  readonly storage: EventStorage;
  /** Where read models are kept; undefined where they cannot be. */
  readonly readModels: ProjectionStorage | undefined;
  /** What else is to be closed. */
  readonly readModelStorage: EventStorage | undefined;
  readonly categories: Categories | undefined;
  readonly pageSize: number;
  readonly cache: StateCache | undefined;
  readonly snapshotWriter: SnapshotWriter;
  readonly snapshotOwners: SnapshotOwners;
  readonly reportSnapshotProblem: (problem: SnapshotProblem) => void;
  readonly observer: Observer | undefined;
  /** What is in effect in the store. */
  readonly settings: () => readonly Setting[];
}

/** Refuses a fold over other events than the store has for that category: it would misread them. */
export function checkBelongs(
  context: Pick<LoadContext, 'categories'>,
  definition: { readonly category: string; readonly events: AnyEvents },
): void {
  const { categories } = context;
  if (categories === undefined) return;
  const { category, events } = definition;
  if (!Object.hasOwn(categories, category)) {
    throw new InvalidArgumentError(
      'category',
      `the store has no category "${category}", only ${Object.keys(categories).join(', ')}`,
    );
  }
  if (categories[category] !== events) {
    throw new InvalidArgumentError(
      'category',
      `"${category}" has other events in the store than here; use one defineEvents for both`,
    );
  }
}

/** Folds a stream. The state is frozen. */
export async function loadState<State>(
  context: LoadContext,
  fold: AnyFold<State>,
  id: string,
  options: LoadOptions & LazySignalOptions,
): Promise<Loaded<State>> {
  const { replay, ...loaded } = await loadKnown(context, fold, id, options);
  if (replay !== undefined) remember(context, fold, { ...loaded, replay });
  return loaded;
}

/** A state, and how it was come by. */
export interface Known<State> extends Loaded<State> {
  /** Undefined where the state is not to be kept. */
  readonly replay: Replay | undefined;
}

/** Like {@link loadState}, for whoever goes on: what that comes to is kept instead. */
export async function loadKnown<State>(
  context: LoadContext,
  fold: AnyFold<State>,
  id: string,
  options: LoadOptions & LazySignalOptions,
): Promise<Known<State>> {
  const { observer } = context;
  if (observer?.loaded === undefined) return (await loadFrom(context, fold, id, options)).known;
  const begun = performance.now();
  const { known, from, version } = await loadFrom(context, fold, id, options);
  const { category } = fold;
  const events = known.streamVersion - version;
  tellObserver(observer, 'loaded', { category, from, events, seconds: (performance.now() - begun) / 1_000 });
  return known;
}

/** A state, what it was made from, and the version of that. */
interface LoadedFrom<State> {
  readonly known: Known<State>;
  readonly from: 'cache' | 'snapshot' | 'events';
  readonly version: number;
}

async function loadFrom<State>(
  context: LoadContext,
  fold: AnyFold<State>,
  id: string,
  options: LoadOptions & LazySignalOptions,
): Promise<LoadedFrom<State>> {
  const name = streamName(fold.category, id);
  const nothing = { streamName: name, streamVersion: 0, state: initialStateOf(fold) };
  const { snapshots } = fold;
  const { cache } = context;
  checkSnapshotName(context, fold);
  if (snapshots === undefined && cache === undefined) {
    const known = { ...(await loadOn(context, fold, nothing, options)), replay: undefined };
    return { known, from: 'events', version: 0 };
  }
  // What one transaction sees, one reader passes over, or was once, is nothing to keep for others.
  const isForAll = options.tx === undefined && options.unknownEvents !== 'skip' && options.until === undefined;
  const cached = isForAll ? recall(context, fold, name) : undefined;
  const base =
    cached ?? (snapshots === undefined ? undefined : await readBase(context, fold, name, baseQuery(options)));
  const replay = new Replay(base);
  try {
    const known = typed<Loaded<State>>(base === undefined ? nothing : { ...base, streamName: name });
    const { streamVersion, state } = await loadOn(context, fold, known, { ...options, replay });
    const found = { streamName: name, streamVersion, state, replay: isForAll ? replay.end() : undefined };
    const from = base === undefined ? 'events' : cached === undefined ? 'snapshot' : 'cache';
    if (from === 'snapshot') tellOfUse(context, fold, { base, streamVersion });
    return { known: found, from, version: known.streamVersion };
  } catch (error) {
    if (!(error instanceof OtherHistory)) throw error;
    if (cached === undefined) reportFlaw(context, fold, name, { flaw: 'other-history' });
    forget(context, fold, name);
    const whole = new Replay(undefined, cached === undefined);
    const loaded = await loadOn(context, fold, nothing, { ...options, replay: whole });
    return { known: { ...loaded, replay: isForAll ? whole.end() : undefined }, from: 'events', version: 0 };
  }
}

/** Tells that a snapshot was used, and what has come since it was made. */
function tellOfUse(
  { observer }: LoadContext,
  fold: AnyFold<unknown>,
  { base, streamVersion }: { readonly base: ReplayBase | undefined; readonly streamVersion: number },
): void {
  const createdAt = base?.sinceSnapshot?.createdAt;
  if (observer?.snapshot === undefined || base === undefined || createdAt === undefined) return;
  const { category } = fold;
  const behind = Math.max(0, streamVersion - base.streamVersion);
  const age = Math.max(0, Date.now() - createdAt) / 1_000;
  tellObserver(observer, 'snapshot', { category, name: snapshotOptionsOf(fold).name, status: 'used', behind, age });
}

function baseQuery(options: LoadOptions & LazySignalOptions): BaseQuery {
  const { until, tx } = options;
  return { signal: signalIn(options), tx, until: checkUntil(until, ['version', 'position', 'time']) };
}

/** Folds what has come to a stream since it was `known`. */
export async function loadOn<State>(
  context: LoadContext,
  fold: AnyFold<State>,
  known: Loaded<State>,
  options: LoadOptions &
    LazySignalOptions & {
      readonly onEvent?: ((event: StoredEvent) => void) | undefined;
      readonly replay?: Replay | undefined;
    },
): Promise<Loaded<State>> {
  const { streamName } = known;
  const registry = createCategoryRegistry(fold.category, fold.events);
  const policy = checkPolicy(options.unknownEvents);
  const until = checkUntil(options.until, ['version', 'position', 'time']);
  const { replay } = options;
  // The last event of what it goes on from is read again: it has to be the same one.
  const fromVersion = known.streamVersion + (replay?.hasBase === true ? 0 : 1);
  const query = { streamName, fromVersion, types: undefined, direction: 'forwards' as const, ...until };
  const { tx } = options;
  const limits = { limit: undefined, pageSize: context.pageSize, signal: signalIn(options), tx, isEager: true };
  let { state, streamVersion } = known;
  for await (const page of streamPages(context.storage, query, limits)) {
    for (const event of page) {
      if (replay?.isCovered(event) === true) continue;
      streamVersion = event.streamVersion;
      for (const decoded of registry.decode(event, policy)) {
        state = evolveOnce(fold, state, decoded);
        replay?.count(decoded.type);
        options.onEvent?.(toStoredEvent(event, decoded));
      }
    }
  }
  replay?.checkCovered();
  return { streamName, streamVersion, state: deepFreeze(state) };
}

/** An instance in the state that its stream has come to. */
export async function loadAggregate<A extends AnyAggregate>(
  context: LoadContext,
  aggregateClass: AnyAggregateClass<A>,
  id: string,
  options: LoadOptions,
): Promise<A> {
  const aggregate = createAggregate(aggregateClass, id);
  aggregate[internals].restore(await loadState(context, aggregateClass.definition, id, options));
  return aggregate;
}

/** A new instance, in the state before the first event. */
export function createAggregate<A extends AnyAggregate>(aggregateClass: AnyAggregateClass<A>, id: string): A {
  const aggregate = new aggregateClass(id);
  if (aggregate.uncommittedEvents.length === 0) return aggregate;
  const reason = `the constructor of ${aggregateClass.name} applies events, which would happen again on every load`;
  throw new InvalidArgumentError('apply', `${reason}. Apply them in a method.`);
}

/** The `…OrThrow` forms: a missing stream is an error instead of an empty answer. */
export function existing<T>(
  found: { readonly streamName: string; readonly version: number; readonly until?: unknown },
  value: T,
): T {
  if (found.version === 0) throw new StreamNotFoundError(found.streamName, { until: found.until });
  return value;
}
