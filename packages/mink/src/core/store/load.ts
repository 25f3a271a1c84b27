import { InvalidArgumentError, StreamNotFoundError } from '../errors.ts';
import type { AnyEvents } from '../events/define-events.ts';
import { deepFreeze } from '../deep-freeze.ts';
import { internals, type AnyAggregate, type AnyAggregateClass } from '../deciders/aggregate.ts';
import { evolveOnce, initialStateOf, type AnyFold } from '../deciders/decider.ts';
import type { EventStorage, OpenTransaction } from '../storage/event-storage.ts';
import { streamName } from '../stream-name.ts';
import type { Categories, StoredEvent } from './categories.ts';
import { createCategoryRegistry, type UnknownEventsPolicy } from './event-registry.ts';
import { checkPolicy, checkUntil, type Until } from './read-options.ts';
import { streamPages } from './read-pages.ts';
import { toStoredEvent } from './stored-event.ts';

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
  readonly categories: Categories | undefined;
  readonly pageSize: number;
}

/** Refuses a fold over other events than the store has for that category: it would misread them. */
export function checkBelongs(
  context: LoadContext,
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
  options: LoadOptions,
): Promise<Loaded<State>> {
  const nothing = { streamName: streamName(fold.category, id), streamVersion: 0, state: initialStateOf(fold) };
  return loadOn(context, fold, nothing, options);
}

/** Folds what has come to a stream since it was `known`. */
export async function loadOn<State>(
  context: LoadContext,
  fold: AnyFold<State>,
  known: Loaded<State>,
  options: LoadOptions & { readonly onEvent?: ((event: StoredEvent) => void) | undefined },
): Promise<Loaded<State>> {
  const { streamName } = known;
  const registry = createCategoryRegistry(fold.category, fold.events);
  const policy = checkPolicy(options.unknownEvents);
  const until = checkUntil(options.until, ['version', 'position', 'time']);
  const fromVersion = known.streamVersion + 1;
  const query = { streamName, fromVersion, types: undefined, direction: 'forwards' as const, ...until };
  const { signal, tx } = options;
  const limits = { limit: undefined, pageSize: context.pageSize, signal, tx, isEager: true };
  let { state, streamVersion } = known;
  for await (const page of streamPages(context.storage, query, limits)) {
    for (const event of page) {
      streamVersion = event.streamVersion;
      for (const decoded of registry.decode(event, policy)) {
        state = evolveOnce(fold, state, decoded);
        options.onEvent?.(toStoredEvent(event, decoded));
      }
    }
  }
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
