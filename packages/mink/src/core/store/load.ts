import { InvalidArgumentError, StreamNotFoundError } from '../errors.ts';
import type { AnyEvents } from '../events/define-events.ts';
import { deepFreeze } from '../deep-freeze.ts';
import { internals, type AnyAggregate, type AnyAggregateClass } from '../deciders/aggregate.ts';
import { evolveOnce, initialStateOf } from '../deciders/decider.ts';
import type { EventStorage, OpenTransaction } from '../storage/event-storage.ts';
import { streamName } from '../stream-name.ts';
import type { Categories } from './categories.ts';
import { createCategoryRegistry, type UnknownEventsPolicy } from './event-registry.ts';
import { checkPolicy, checkUntil, type Until } from './read-options.ts';
import { streamPages } from './read-pages.ts';

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

/** Any decider or the fold of an aggregate. */
export interface AnyFold<State> {
  readonly category: string;
  readonly events: AnyEvents;
  initialState(): State;
  evolve(state: State, event: { readonly type: string; readonly data: unknown }): State;
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
  let state = initialStateOf(fold);
  const name = streamName(fold.category, id);
  const streamVersion = await replay(context, fold, name, options, (event) => {
    if (event !== undefined) state = evolveOnce(fold, state, event);
  });
  return { streamName: name, streamVersion, state: deepFreeze(state) };
}

/** Replays a stream into a new instance. */
export async function loadAggregate<A extends AnyAggregate>(
  context: LoadContext,
  aggregateClass: AnyAggregateClass<A>,
  id: string,
  options: LoadOptions,
): Promise<A> {
  const aggregate = new aggregateClass(id);
  const { definition } = aggregateClass;
  if (aggregate.uncommittedEvents.length > 0) {
    const reason = `the constructor of ${aggregateClass.name} applies events, which would happen again on every load`;
    throw new InvalidArgumentError('apply', `${reason}. Apply them in a method.`);
  }
  const parts = aggregate[internals];
  await replay(context, definition, streamName(definition.category, id), options, (event, version) => {
    parts.replay(event, version);
  });
  return aggregate;
}

/** Feeds a stream to `apply`, skipped events as undefined, and returns the version it is at. */
async function replay(
  context: LoadContext,
  definition: { readonly category: string; readonly events: AnyEvents },
  name: string,
  options: LoadOptions,
  apply: (event: { readonly type: string; readonly data: unknown } | undefined, streamVersion: number) => void,
): Promise<number> {
  const registry = createCategoryRegistry(definition.category, definition.events);
  const policy = checkPolicy(options.unknownEvents);
  const until = checkUntil(options.until, ['version', 'position', 'time']);
  const query = { streamName: name, fromVersion: 1, types: undefined, direction: 'forwards' as const, ...until };
  const { signal, tx } = options;
  const limits = { limit: undefined, pageSize: context.pageSize, signal, tx, isEager: true };
  let streamVersion = 0;
  for await (const page of streamPages(context.storage, query, limits)) {
    for (const event of page) {
      const decoded = registry.decode(event, policy);
      streamVersion = event.streamVersion;
      apply(decoded === undefined ? undefined : { type: event.type, data: decoded.data }, streamVersion);
    }
  }
  return streamVersion;
}

/** The `…OrThrow` forms: a missing stream is an error instead of an empty answer. */
export function existing<T>(
  found: { readonly streamName: string; readonly version: number; readonly until?: unknown },
  value: T,
): T {
  if (found.version === 0) throw new StreamNotFoundError(found.streamName, { until: found.until });
  return value;
}
