import { InvalidArgumentError } from '../errors.ts';
import { codecsOf, type AnyEvents, type EventMapOf } from '../events/define-events.ts';
import type { Categories, StoredEvent } from '../store/categories.ts';
import { checkCategory } from '../store/event-registry.ts';
import { textProblem } from '../stream-name.ts';
import { checkWhole } from '../store/read-options.ts';
import { typed } from '../typed.ts';

declare const documentType: unique symbol;

/** What {@link documents} returns: the type of what a projection keeps under each key. */
export interface Documents<Document> {
  readonly kind: 'documents';
  readonly [documentType]?: Document;
}

/**
 * A read model of one JSON document for each key. A document is plain JSON, as a payload without a schema is.
 *
 * @example
 * readModel: documents<{ customerId: string; items: number }>()
 */
export function documents<Document>(): Documents<Document> {
  return { kind: 'documents' };
}

/** The events of categories, with their places: a union that is narrowed by `category` and `type`. */
export type ProjectedEvent<C extends Categories> = {
  readonly [K in keyof C & string]: StoredEvent<EventMapOf<C[K]>, K>;
}[keyof C & string];

type TypeOf<C extends Categories> = {
  readonly [K in keyof C & string]: keyof EventMapOf<C[K]> & string;
}[keyof C & string];

/** What becomes of a document with each type of event. A type that is not here is not read. */
export type DocumentHandlers<C extends Categories, Document> = {
  readonly [T in TypeOf<C>]?: (
    document: Document | null,
    event: Extract<ProjectedEvent<C>, { readonly type: T }>,
    key: string,
  ) => Document | null;
};

/** How a read model follows from events. */
export interface Projection<Name extends string = string, C extends Categories = Categories, Document = unknown> {
  readonly name: Name;
  readonly version: number;
  /** The events of each category that it reads. */
  readonly events: C;
  readonly readModel: Documents<Document>;
  /** The types that it handles. */
  readonly types: readonly string[];
  /** Whether its keys are other ones than the stream names. */
  readonly hasOwnKeys: boolean;
  /** The keys of the documents that an event is about. */
  keysOf(event: StoredEvent): readonly string[];
  /** The document after an event; null where there is none. */
  evolve(document: Document | null, event: StoredEvent, key: string): Document | null;
}

/** Any projection; its events are known to fit. */
export type AnyProjection = Projection;

/** What {@link defineProjection} takes. */
export interface ProjectionDefinition<Name extends string, C extends Categories, Document> {
  /** Names its read model, in the database too: `a-z`, `0-9`, `-` and `_`, beginning with a letter, at most 40 characters. */
  readonly name: Name;
  /**
   * Raise it when what it makes of the events changes: the new version has a read model of its own.
   * @defaultValue 1
   */
  readonly version?: number | undefined;
  readonly events: C;
  readonly readModel: Documents<Document>;
  /**
   * The document, or documents, that an event is about; none where the event does not matter.
   * @defaultValue the stream name
   */
  readonly key?: ((event: ProjectedEvent<C>) => string | readonly string[] | null) | undefined;
  readonly on: DocumentHandlers<C, Document>;
}

const NAME = /^[a-z][a-z0-9_-]{0,39}$/u;

/**
 * Defines a read model: for each event a document before and after it. Handlers are pure; documents are frozen, and a handler
 * returns a new one, or null for none.
 *
 * @example
 * const cartSummary = defineProjection({
 *   name: 'cart-summary',
 *   events: { Cart: cartEvents },
 *   readModel: documents<{ items: number }>(),
 *   on: {
 *     ItemAdded: (cart, event) => ({ items: (cart?.items ?? 0) + event.data.quantity }),
 *     Cleared: () => null,
 *   },
 * });
 */
export function defineProjection<const Name extends string, C extends Readonly<Record<string, AnyEvents>>, Document>(
  definition: ProjectionDefinition<Name, C, Document>,
): Projection<Name, C, Document> {
  const { name, version = 1, events, readModel, key } = definition;
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw new InvalidArgumentError('name', `${JSON.stringify(name)} does not match ${NAME.source}`);
  }
  checkWhole('version', version, 1);
  const on = checkHandlers(name, events, definition.on);
  const keysOf = (event: StoredEvent): readonly string[] => {
    const keys = key === undefined ? event.streamName : key(typed<ProjectedEvent<C>>(event));
    return checkKeys(name, event, keys);
  };
  return Object.freeze({
    name,
    version,
    events,
    readModel,
    types: Object.freeze([...on.keys()]),
    hasOwnKeys: key !== undefined,
    keysOf,
    evolve: (document: Document | null, event: StoredEvent, of: string): Document | null => {
      const handle = on.get(event.type);
      return handle === undefined ? document : typed<Document | null>(handle(document, event, of));
    },
  });
}

type AnyHandler = (document: unknown, event: unknown, key: string) => unknown;

function checkHandlers(
  name: string,
  events: Categories,
  handlers: Readonly<Record<string, unknown>>,
): ReadonlyMap<string, AnyHandler> {
  const known = new Set<string>();
  for (const [category, definition] of Object.entries(events)) {
    checkCategory(category);
    for (const type of codecsOf(definition).keys()) known.add(type);
  }
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
