import type { EventMap, EventMapOf, NewEvent } from '../events/define-events.ts';
import type { ExpectedVersion } from '../expected-version.ts';
import type { Categories, CategoryName, StoredEvent, UntypedCategories } from './categories.ts';

/** What `append` returns. */
export interface AppendResult<Event = StoredEvent> {
  readonly streamName: string;
  /** The stream's version after the last of these events: the next `expectedVersion`. */
  readonly streamVersion: number;
  /** The position of the last of these events. */
  readonly globalPosition: number;
  /** The events as they are stored. */
  readonly events: readonly Event[];
  /** The same ids had been appended before: this is the first result, and nothing was written now. */
  readonly repeated: boolean;
  /** What a read is given, for it to see this append: see `waitFor` of projections. Opaque; not a part of the JSON of the result. */
  readonly token: string;
}

/** What `appendMany` returns; `streams` are in the order of the entries. */
export interface AppendManyResult<Event = StoredEvent> {
  readonly streams: readonly {
    readonly streamName: string;
    readonly streamVersion: number;
    readonly events: readonly Event[];
  }[];
  /** The position of the last event of all. */
  readonly globalPosition: number;
  readonly repeated: boolean;
  /** As that of {@link AppendResult}. */
  readonly token: string;
}

/** Events for a stream, or without events an expectation that is only checked. */
type AppendEntryOf<N extends string, M extends EventMap> =
  | {
      readonly streamName: N;
      readonly events: readonly NewEvent<M>[];
      /** @defaultValue 'any' */
      readonly expectedVersion?: ExpectedVersion | undefined;
    }
  | {
      readonly streamName: N;
      readonly events?: undefined;
      readonly expectedVersion: ExpectedVersion;
    };

/** One stream of an `appendMany`. */
export type AppendEntry<C extends Categories> = C extends UntypedCategories
  ? AppendEntryOf<string, EventMap>
  : { readonly [K in CategoryName<C>]: AppendEntryOf<`${K}-${string}`, EventMapOf<C[K]>> }[CategoryName<C>];
