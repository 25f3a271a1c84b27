import type { KeysOf } from '../deciders/evolve-type.ts';
import { InvalidArgumentError } from '../errors.ts';
import { codecsOf, type AnyEvents, type EventMapOf } from '../events/define-events.ts';
import type { Categories, StoredEvent } from '../store/categories.ts';
import { checkCategory } from '../store/event-registry.ts';
import { textProblem } from '../stream-name.ts';
import { checkWhole } from '../store/read-options.ts';
import { typed } from '../typed.ts';
import { checkPartitions } from './arrange-partitions.ts';
import type { ReadModel, TableSpec } from './read-model.ts';

/** The events of categories, with their places: a union that is narrowed by `category` and `type`. */
export type ProjectedEvent<C extends Categories> = {
  readonly [K in keyof C & string]: StoredEvent<EventMapOf<C[K]>, K>;
}[keyof C & string];

type TypeOf<C extends Categories> = {
  readonly [K in keyof C & string]: keyof EventMapOf<C[K]> & string;
}[keyof C & string];

/** What becomes of what is kept under a key, with each type of event. A type that is not here is not read. */
export type ProjectionHandlers<C extends Categories, Model> = {
  readonly [T in TypeOf<C>]?: (
    model: Model | null,
    event: Extract<ProjectedEvent<C>, { readonly type: T }>,
    key: string,
  ) => Model | null;
};

/** Refuses handlers of unknown types, and what they return with properties that the read model does not have. */
type NothingElse<Handlers, C extends Categories, Model> = {
  readonly [T in keyof Handlers]: T extends TypeOf<C> ? WithoutExcess<Excess<Handlers[T], Model>> : never;
};

/** The properties of what a handler returns that the read model does not have; none where the read model has no fixed ones. */
type Excess<Handler, Model> = [KeysOf<Model>] extends [never]
  ? never
  : Handler extends (...parameters: never) => infer Next
    ? Exclude<KeysOf<Next>, KeysOf<Model>>
    : never;

type WithoutExcess<Key extends PropertyKey> = [Key] extends [never]
  ? unknown
  : (...parameters: never) => { readonly [K in Key]?: never } | null;

/** What every projection has. */
export interface ProjectionBase<Name extends string = string, C extends Categories = Categories> {
  readonly name: Name;
  readonly version: number;
  /** The events of each category that it reads. */
  readonly events: C;
  /** The types that it handles. */
  readonly types: readonly string[];
  /** Whether its keys are other ones than the stream names. */
  readonly hasOwnKeys: boolean;
  /** What its read model is kept in. */
  readonly tables: readonly TableSpec[];
  /** In how many partitions it begins. */
  readonly partitions: number;
  /** The keys that an event is about. */
  keysOf(event: StoredEvent): readonly string[];
}

/** How a read model follows from events, key by key. */
export interface Projection<
  Name extends string = string,
  C extends Categories = Categories,
  Model = unknown,
> extends ProjectionBase<Name, C> {
  readonly kind: 'rows';
  readonly readModel: ReadModel<Model>;
  /** What is kept after an event; null where there is nothing. */
  evolve(model: Model | null, event: StoredEvent, key: string): Model | null;
}

/** What {@link defineProjection} takes. */
export interface ProjectionDefinition<Name extends string, C extends Categories, Model> {
  /** Names its read model, in the database too: `a-z`, `0-9`, `-` and `_`, beginning with a letter, at most 40 characters. */
  readonly name: Name;
  /**
   * Raise it when what it makes of the events changes: the new version has a read model of its own.
   * @defaultValue 1
   */
  readonly version?: number | undefined;
  readonly events: C;
  readonly readModel: ReadModel<Model>;
  /**
   * The key, or keys, that an event is about; none where the event does not matter.
   * @defaultValue the stream name
   */
  readonly key?: ((event: ProjectedEvent<C>) => string | readonly string[] | null) | undefined;
  /**
   * In how many partitions it begins, from 1 to 64: each is worked on apart, in one process or in several, with the events of its
   * keys in their order. Later, `store.projections.partition` changes it.
   * @defaultValue 1
   */
  readonly partitions?: number | undefined;
}

const NAME = /^[a-z][a-z0-9_-]{0,39}$/u;
/** As in the tables of a version or a shadow: a projection of such a name could want those of another one. */
const VERSIONED = /[-_](?:v|shadow_)\d+(?:$|[-_])/u;
/** PostgreSQL cuts off names behind 63 bytes, and a shadow of a version has up to eight more in those of its tables. */
const MAX_IDENTIFIER = 55;

/** A projection that lacks its handlers yet. */
export interface ProjectionToHandle<Name extends string, C extends Categories, Model> {
  /**
   * Completes it: for each type of event what is kept under a key after it, of what was kept before. Handlers are pure; what they get
   * is frozen, and they return something new, or null for nothing. Throws `InvalidArgumentError` where there is no handler, or one
   * of a type that `events` does not have.
   */
  on<Handlers extends ProjectionHandlers<C, Model>>(
    handlers: Handlers & NothingElse<Handlers, C, Model>,
  ): Projection<Name, C, Model>;
}

/**
 * Defines a read model, and with `on` how it follows from events. Two steps, so that TypeScript knows the read model when it comes to
 * the handlers: what they return is checked against it, and a literal stays one (`status: 'open'`).
 *
 * @example
 * const cartSummary = defineProjection({
 *   name: 'cart-summary',
 *   events: { Cart: cartEvents },
 *   readModel: documents<{ items: number }>(),
 * }).on({
 *   ItemAdded: (cart, event) => ({ items: (cart?.items ?? 0) + event.data.quantity }),
 *   Cleared: () => null,
 * });
 */
export function defineProjection<const Name extends string, C extends Readonly<Record<string, AnyEvents>>, Model>(
  definition: ProjectionDefinition<Name, C, Model>,
): ProjectionToHandle<Name, C, Model> {
  const { events, readModel } = definition;
  const known = typesOf(events);
  const base = projectionBase<Name, C>({ ...definition, tables: [readModel.spec] });
  return Object.freeze({
    on: (handlers: Readonly<Record<string, unknown>>): Projection<Name, C, Model> => {
      const on = checkHandlers(base, known, handlers);
      return Object.freeze({
        ...base,
        kind: 'rows',
        types: Object.freeze([...on.keys()]),
        readModel,
        evolve: (model: Model | null, event: StoredEvent, key: string): Model | null => {
          const handle = on.get(event.type);
          return handle === undefined ? model : typed<Model | null>(handle(model, event, key));
        },
      });
    },
  });
}

/** What every kind of definition says of its projection. */
export interface BaseDefinition<Name extends string, C extends Categories> {
  readonly name: Name;
  readonly version?: number | undefined;
  readonly events: C;
  readonly tables: readonly TableSpec[];
  readonly key?: ((event: ProjectedEvent<C>) => string | readonly string[] | null) | undefined;
  readonly partitions?: number | undefined;
}

/** What every projection has, checked; but for the types that it handles. */
export function projectionBase<Name extends string, C extends Categories>(
  definition: BaseDefinition<Name, C>,
): Omit<ProjectionBase<Name, C>, 'types'> {
  const { name, version = 1, events, tables, key, partitions = 1 } = definition;
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw new InvalidArgumentError('name', `${JSON.stringify(name)} does not match ${NAME.source}`);
  }
  if (VERSIONED.test(name)) {
    throw new InvalidArgumentError(
      'name',
      `"${name}" reads as the table of a version does: leave out "v" or "shadow_" and the number`,
    );
  }
  checkWhole('version', version, 1);
  for (const table of tables) {
    const identifier = `${name}_v${version}_${table.name}`;
    if (identifier.length > MAX_IDENTIFIER) {
      throw new InvalidArgumentError('name', `"${identifier}" is longer than ${MAX_IDENTIFIER} bytes: shorten a name`);
    }
  }
  return {
    name,
    version,
    events,
    tables: Object.freeze([...tables]),
    partitions: checkPartitions(partitions),
    hasOwnKeys: key !== undefined,
    keysOf: (event) => {
      return key === undefined ? [event.streamName] : checkKeys(name, event, key(typed<ProjectedEvent<C>>(event)));
    },
  };
}

/** The types that are wanted of some categories, checked; all of them where none are named. */
export function checkTypes(name: string, events: Categories, types: readonly string[] | undefined): readonly string[] {
  const known = typesOf(events);
  const wanted: readonly string[] = types ?? [...known];
  const unknown = wanted.find((type) => !known.has(type));
  if (unknown !== undefined) {
    throw new InvalidArgumentError('types', `has "${unknown}", which is no event of ${Object.keys(events).join(', ')}`);
  }
  if (wanted.length === 0) throw new InvalidArgumentError('types', `of "${name}" is empty`);
  return Object.freeze([...wanted]);
}

/** The types that some categories have, checked. */
function typesOf(events: Categories): ReadonlySet<string> {
  const known = new Set<string>();
  for (const [category, definition] of Object.entries(events)) {
    checkCategory(category);
    for (const type of codecsOf(definition).keys()) known.add(type);
  }
  return known;
}

type AnyHandler = (model: unknown, event: unknown, key: string) => unknown;

function checkHandlers(
  { name, events }: Pick<ProjectionBase, 'name' | 'events'>,
  known: ReadonlySet<string>,
  handlers: Readonly<Record<string, unknown>>,
): ReadonlyMap<string, AnyHandler> {
  const all = new Map<string, AnyHandler>();
  for (const [type, handler] of Object.entries(handlers)) {
    if (handler === undefined) continue;
    if (typeof handler !== 'function') throw new InvalidArgumentError(`on.${type}`, 'is not a function');
    if (!known.has(type)) {
      throw new InvalidArgumentError(`on.${type}`, `is no event of ${Object.keys(events).join(', ')}`);
    }
    all.set(type, typed<AnyHandler>(handler));
  }
  if (all.size === 0) throw new InvalidArgumentError('on', `of projection "${name}" handles no event`);
  return all;
}

const NO_KEYS: readonly string[] = [];
const MAX_KEY_LENGTH = 1_000;

function checkKeys(name: string, event: StoredEvent, keys: unknown): readonly string[] {
  if (keys === null || keys === undefined) return NO_KEYS;
  const list: readonly unknown[] = Array.isArray(keys) ? keys : [keys];
  for (const key of list) {
    if (typeof key !== 'string' || key === '' || key.length > MAX_KEY_LENGTH || textProblem(key) !== undefined) {
      throw new InvalidArgumentError(
        'key',
        `of projection "${name}" gives ${JSON.stringify(key)} for event "${event.type}": give text of 1 to ${MAX_KEY_LENGTH} characters`,
      );
    }
  }
  return typed<readonly string[]>(list.length < 2 ? list : [...new Set(list)]);
}
