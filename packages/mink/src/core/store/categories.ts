import type { AnyEvents, EventMap, EventMapOf, NewEvent } from '../events/define-events.ts';
import type { Metadata, StandardMetadata } from '../metadata.ts';

/** What a store knows: the events of each category. */
export type Categories = Readonly<Record<string, AnyEvents>>;

/** The type of a store that was given no categories: any stream, any JSON, no checks beyond that. */
export interface UntypedEvents extends AnyEvents {
  readonly untyped: true;
}
export type UntypedCategories = Readonly<Record<string, UntypedEvents>>;

/** The category names of a store. */
export type CategoryName<C extends Categories> = keyof C & string;

/** The stream names of a store: `Order-${string}` for a category `Order`. */
export type StreamNameOf<C extends Categories> =
  string extends CategoryName<C> ? string : `${CategoryName<C>}-${string}`;

type EventMapIn<C extends Categories, K> = C extends UntypedCategories
  ? EventMap
  : K extends CategoryName<C>
    ? EventMapOf<C[K]>
    : never;

/** The category part of a stream name's type. */
export type CategoryOf<N extends string> = N extends `${infer K}-${string}` ? K : string;

/** The events that may be appended to streams named `N`. */
export type NewEventFor<C extends Categories, N extends string> =
  CategoryOf<N> extends infer K ? (K extends string ? NewEvent<EventMapIn<C, K>> : never) : never;

/** The event types of categories `K`. */
export type EventTypeIn<C extends Categories, K extends string> = C extends UntypedCategories
  ? string
  : K extends CategoryName<C>
    ? keyof EventMapOf<C[K]> & string
    : never;

/** What every stored event has, whatever its type. */
export interface StoredEventFields<Meta> {
  /** UUID; version 7 unless the caller gave another. */
  readonly id: string;
  /** The standard names are there beside whatever the store's metadata schema describes. */
  readonly metadata: Meta & StandardMetadata;
  readonly streamName: string;
  /** Place in its stream, from 1, without gaps. */
  readonly streamVersion: number;
  /** Place in the whole log: rising, with gaps. */
  readonly globalPosition: number;
  /** When the store recorded it; never falls within a stream. Whole milliseconds. */
  readonly recordedAt: Date;
  /** The version of the payload's shape. */
  readonly schemaVersion: number;
}

/** A stored event: a union over the types of `M`, narrowed by `type`. */
export type StoredEvent<M extends EventMap = EventMap, K extends string = string, Meta = Metadata> = {
  readonly [T in keyof M & string]: StoredEventFields<Meta> & {
    readonly type: T;
    readonly category: K;
    readonly data: M[T];
  };
}[keyof M & string];

/** The stored events of categories `K` of a store: narrowed by `category` and `type`. */
export type StoredEventIn<C extends Categories, K extends string, Meta> = C extends UntypedCategories
  ? StoredEvent<EventMap, string, Meta>
  : K extends CategoryName<C>
    ? StoredEvent<EventMapOf<C[K]>, K, Meta>
    : never;

/** The events of a union whose type is one of `T`; where types are plain strings, all of them. */
export type OfType<Event, T extends string> = Event extends { readonly type: infer Own }
  ? string extends Own
    ? Event
    : Own extends T
      ? Event
      : never
  : never;
