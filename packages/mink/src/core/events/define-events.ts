import { InvalidArgumentError, UnknownEventTypeError } from '../errors.ts';
import type { Metadata } from '../metadata.ts';
import { textProblem } from '../stream-name.ts';
import { typed } from '../typed.ts';
import { eventCodec, type AnyEventSchema, type DataOf, type EventCodec } from './event-schema.ts';
import type { StandardSchema, TwoWaySchema } from './standard-schema.ts';
import { checkPast, type PastEvents } from './upcasting.ts';
import { checkUniqueSets, type AnyUniqueSets, type UniqueSet } from './unique-sets.ts';

/** From event type to payload type. */
export type EventMap = Readonly<Record<string, unknown>>;

/** An event as user code makes it and folds it: a union over the types of `M`, narrowed by `type`. */
export type DomainEvent<M extends EventMap> = {
  readonly [T in keyof M & string]: { readonly type: T; readonly data: M[T] };
}[keyof M & string];

/** An event on its way into the store. */
export type NewEvent<M extends EventMap> = DomainEvent<M> & {
  /** A UUID. Give it to make an append repeatable: the same ids are stored once. Default: a new UUID v7. */
  readonly id?: string | undefined;
  readonly metadata?: Metadata | undefined;
};

declare const eventMap: unique symbol;
const codecs: unique symbol = Symbol.for('mink.codecs');
const uniqueSets: unique symbol = Symbol.for('mink.uniqueSets');
const pastEvents: unique symbol = Symbol.for('mink.pastEvents');

/** Anything {@link defineEvents} returned. */
export interface AnyEvents {
  readonly [eventMap]?: EventMap;
  readonly [codecs]: ReadonlyMap<string, EventCodec>;
  readonly [uniqueSets]?: AnyUniqueSets;
  readonly [pastEvents]?: PastEvents;
}

/** What {@link defineEvents} returns: a creator for each type, `orderEvents.ItemAdded({ … })`. */
export type Events<M extends EventMap> = {
  readonly [T in keyof M & string]: (data: M[T]) => { readonly type: T; readonly data: M[T] };
} & {
  readonly [eventMap]?: M;
  readonly [codecs]: ReadonlyMap<string, EventCodec>;
  readonly [uniqueSets]?: AnyUniqueSets;
  readonly [pastEvents]?: PastEvents;
};

/** The payload types of a definition. */
export type EventMapOf<E extends AnyEvents> = E extends { readonly [eventMap]?: infer M extends EventMap } ? M : never;

/** The event union of a definition: `type OrderEvent = EventOf<typeof orderEvents>`. */
export type EventOf<E extends AnyEvents> = DomainEvent<EventMapOf<E>>;

/** A schema that changes a value on the way in, and knows no way back, cannot describe what is stored. */
type Reversible<S> = S extends TwoWaySchema
  ? S
  : S extends StandardSchema<infer Input, infer Output>
    ? Output extends Input
      ? S
      : 'This schema changes its input: wrap it in codec(schema, { encode })'
    : S;

/** Options of {@link defineEvents}. */
export interface DefineEventsOptions<M extends EventMap = EventMap> {
  /**
   * Run one-way schemas over stored payloads on every read too. Schemas with a way back (zod, `codec`) always run.
   * @defaultValue false
   */
  readonly validateOnRead?: boolean | undefined;
  /**
   * Values that no two streams may have at once, such as an e-mail address: claimed and given up in the transaction of the
   * append, where a value that another stream has is a `UniqueValueTakenError`. A set belongs to the whole store: what
   * several categories name alike is one set. Values are compared as they are: make them lower case, if that is meant.
   *
   * @example
   * unique: {
   *   email: (event) => (event.type === 'Registered' ? event.data.email : event.type === 'Deleted' ? null : undefined),
   * }
   */
  readonly unique?: Readonly<Record<string, UniqueSet<DomainEvent<M>>>> | undefined;
  /**
   * Types that are in the log, and not written any more: {@link renamedTo}, {@link splitInto} or {@link dropped}. Readers
   * see what has become of them.
   */
  readonly past?: Readonly<Record<string, PastOf<M>>> | undefined;
}

/** What may have become of a type, among those of today. */
type PastOf<M extends EventMap> =
  | { readonly kind: 'renamed'; readonly to: keyof M & string }
  | {
      readonly kind: 'split';
      readonly into: (
        stored: never,
      ) => readonly { readonly [T in keyof M & string]: { readonly type: T; readonly data: unknown } }[keyof M &
        string][];
    }
  | { readonly kind: 'dropped'; readonly reason: string };

/**
 * Defines the events of a category: their types, and the schema of each payload. Everything else is inferred from it.
 *
 * A schema is a Standard Schema (zod, valibot, arktype …), which is checked on every append; `codec(…)`, for payloads
 * with dates, bigints and the like; or `payload<T>()`, a type without a check. Event types are stored as written here.
 *
 * @example
 * const orderEvents = defineEvents({
 *   OrderCreated: z.object({ customerId: z.string() }),
 *   ItemAdded: z.object({ sku: z.string(), quantity: z.number().int().positive() }),
 * });
 * const event = orderEvents.ItemAdded({ sku: 'SKU-1', quantity: 2 });
 */
export function defineEvents<S extends Readonly<Record<string, AnyEventSchema>>>(
  schemas: S & { readonly [T in keyof S]: Reversible<S[T]> },
  options: DefineEventsOptions<{ readonly [T in keyof S & string]: DataOf<S[T]> }> = {},
): Events<{ readonly [T in keyof S & string]: DataOf<S[T]> }> {
  const table = new Map<string, EventCodec>();
  const creators: Record<string, (data: unknown) => unknown> = {};
  for (const [type, schema] of Object.entries<AnyEventSchema>(schemas)) {
    checkEventType(type);
    table.set(type, eventCodec(type, schema, options.validateOnRead ?? false));
    creators[type] = (data) => ({ type, data });
  }
  const unique = checkUniqueSets(options.unique);
  const past = checkPast(options.past, new Set(table.keys()));
  return typed(Object.freeze(Object.assign(creators, { [codecs]: table, [uniqueSets]: unique, [pastEvents]: past })));
}

const MAX_TYPE_LENGTH = 256;

/** Refuses an event type that could not be stored as written. */
export function checkEventType(type: string): void {
  if (typeof type !== 'string' || type === '') throw new InvalidArgumentError('event type', 'is empty');
  if (type.length > MAX_TYPE_LENGTH) {
    throw new InvalidArgumentError(
      'event type',
      `"${type.slice(0, 40)}…" is longer than ${MAX_TYPE_LENGTH} characters`,
    );
  }
  const problem = textProblem(type);
  if (problem !== undefined) throw new InvalidArgumentError('event type', `${JSON.stringify(type)}: ${problem}`);
}

/** The codecs of a definition, by event type. */
export function codecsOf(events: AnyEvents): ReadonlyMap<string, EventCodec> {
  return events[codecs];
}

/** The unique sets of a definition. */
export function uniqueSetsOf(events: AnyEvents): AnyUniqueSets {
  return events[uniqueSets] ?? NO_SETS;
}

const NO_SETS: AnyUniqueSets = new Map();

/** The types of a definition that are not written any more. */
export function pastOf(events: AnyEvents): PastEvents {
  return events[pastEvents] ?? NO_PAST;
}

const NO_PAST: PastEvents = new Map();

/** The codec of one event type. Throws {@link UnknownEventTypeError}. */
export function codecFor(category: string, events: AnyEvents, type: string): EventCodec {
  const codec = codecsOf(events).get(type);
  if (codec === undefined)
    throw new UnknownEventTypeError(category, String(type), { known: [...codecsOf(events).keys()] });
  return codec;
}
