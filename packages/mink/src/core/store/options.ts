import type { ExpectedVersion } from '../expected-version.ts';
import type { Metadata } from '../metadata.ts';
import type { Observer } from '../observe/observer.ts';
import type { StoreTracer } from '../observe/tracer.ts';
import type { Projection } from '../projections/define-projection.ts';
import type { SlowInline } from '../projections/inline-work.ts';
import type { SnapshotProblem } from '../snapshots/snapshot-writer.ts';
import type { StandardSchema } from '../events/standard-schema.ts';
import type { Direction, EventStorage, OpenTransaction } from '../storage/event-storage.ts';
import type { UnknownEventsPolicy } from './event-registry.ts';
import type { Until } from './read-options.ts';
import type { StateCache } from './state-cache.ts';

/** Options of every store. */
export interface StoreOptions<C, Meta> {
  /**
   * The events of each category: `{ Order: orderEvents }`. With it, stream names, events and payloads are typed and
   * checked, and a type that is not here is an error.
   * @defaultValue any stream, any JSON
   */
  readonly categories?: C | undefined;
  /** A Standard Schema for your own metadata; it is checked on every append. The five standard names pass beside it. */
  readonly metadata?: StandardSchema<unknown, Meta> | undefined;
  /**
   * The largest payload of one event, and the largest metadata, in bytes of JSON.
   * @defaultValue 1_048_576 (1 MiB)
   */
  readonly maxPayloadBytes?: number | undefined;
  /**
   * How many events a read fetches at a time, where the read does not say.
   * @defaultValue 1_000
   */
  readonly pageSize?: number | undefined;
  /**
   * Makes the ids of events that have none: UUIDs.
   * @defaultValue UUID v7 of the system clock
   */
  readonly newId?: (() => string) | undefined;
  /**
   * Whether the shapes of payloads, without their values, are recorded before the append of the first event that has them:
   * what `mink schema check` tries new code with. It costs a walk through each payload.
   * @defaultValue true
   */
  readonly recordShapes?: boolean | undefined;
  /**
   * Keeps states between loads, so that only what has come since is read: `createStateCache` of mink/cache.
   * @defaultValue none
   */
  readonly cache?: StateCache | undefined;
  /**
   * Told when a snapshot could not be used, or made, or the cache failed: the state is right all the same, because it is
   * replayed from the events.
   * @defaultValue nobody is told
   */
  readonly onSnapshotProblem?: ((problem: SnapshotProblem) => void) | undefined;
  /**
   * The storage that keeps read models, checkpoints and dead letters, where it is not that of the log: in another database, or another
   * schema. Closed with the store. Events are applied as effectively once there, because rows and checkpoint are stored together;
   * appends cannot apply projections to it (`inline`).
   * @defaultValue that of the log
   */
  readonly readModels?: EventStorage | undefined;
  /**
   * Projections whose rows are stored in the transaction of each append: the event and the rows exist together or not at all.
   * They count once they are active in the database: `projections.activateInline()`, which happens by itself where none ever was
   * and the log has nothing for them to catch up with.
   * @defaultValue none
   */
  readonly inline?: readonly Projection[] | undefined;
  /**
   * Milliseconds that the handlers of one append may take together; above it, the append is an `InlineProjectionError`. Whatever
   * they take, readers of the log wait.
   * @defaultValue 1_000
   */
  readonly inlineTimeout?: number | undefined;
  /**
   * What an append does while a projection of `inline` is not active: `'refuse'` it with an `InlineSetChangedError`, or `'skip'`
   * that projection. Skip, where new code is deployed everywhere before it is activated.
   * @defaultValue 'refuse'
   */
  readonly whenInlineInactive?: 'refuse' | 'skip' | undefined;
  /**
   * Told when the handlers of an append took more than a tenth of `inlineTimeout`.
   * @defaultValue nobody is told
   */
  readonly onSlowInline?: ((slow: SlowInline) => void) | undefined;
  /**
   * Hears what the store and what works with it do: `createMetrics`, `logObserver`, or your own; several by `observers(…)`.
   * @defaultValue nobody
   */
  readonly observer?: Observer | undefined;
  /**
   * Makes spans of appends, of the batches of projections and of what subscriptions deliver, and records the `traceparent` of the
   * span with every event that is appended in one that is sampled: `traceWith` of mink/otel. Give it to `recommendedPipeline`, too.
   * @defaultValue none
   */
  readonly tracer?: StoreTracer | undefined;
}

/** The five standard names, and any of the user's own; ambient metadata fills in the rest. */
export type MetadataInput<Meta> = Partial<Meta> & Metadata;

export interface AppendOptions<Meta = Metadata> {
  /**
   * What the stream must be at.
   * @defaultValue 'any'
   */
  readonly expectedVersion?: ExpectedVersion | undefined;
  /** Recorded with every event of this append, over the ambient metadata and under the event's own. */
  readonly metadata?: MetadataInput<Meta> | undefined;
  /** Aborting before the append was sent keeps it from happening; afterwards it has no effect. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Append inside this transaction of yours: the events are stored if it commits, together with whatever else it writes.
   * Until then it holds its streams, and readers back.
   */
  readonly tx?: OpenTransaction | undefined;
}

/** Options that every read has. */
interface ReadOptions {
  /**
   * What to do with a stored event whose type is not defined.
   * @defaultValue 'error'
   */
  readonly unknownEvents?: UnknownEventsPolicy | undefined;
  /** How many events to fetch at a time. */
  readonly pageSize?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ReadStreamOptions<T extends string> extends ReadOptions {
  /** Read inside this transaction of yours: it sees what it has appended itself. */
  readonly tx?: OpenTransaction | undefined;
  /**
   * The first version to read.
   * @defaultValue 1
   */
  readonly fromVersion?: number | undefined;
  readonly until?: Until | undefined;
  /**
   * The order; it never changes which events are read, except together with `limit`.
   * @defaultValue 'forwards'
   */
  readonly direction?: Direction | undefined;
  /** At most this many events. */
  readonly limit?: number | undefined;
  readonly types?: readonly T[] | undefined;
}

/** Which events of the log: all conditions must hold, each is met by any of its values. */
export interface LogFilterOptions<K extends string, T extends string> {
  readonly types?: readonly T[] | undefined;
  readonly categories?: readonly K[] | undefined;
  readonly streamNames?: readonly string[] | undefined;
  /** Beginnings of stream names: `Order-2026`. */
  readonly streamPrefixes?: readonly string[] | undefined;
}

export interface ReadAllOptions<K extends string, T extends string> extends ReadOptions, LogFilterOptions<K, T> {
  /**
   * Read what comes after this position.
   * @defaultValue 0
   */
  readonly after?: number | undefined;
  readonly until?: Exclude<Until, { readonly version: number }> | undefined;
  /**
   * The order; it never changes which events are read, except together with `limit`.
   * @defaultValue 'forwards'
   */
  readonly direction?: Direction | undefined;
  /** At most this many events. */
  readonly limit?: number | undefined;
}

export interface SubscribeOptions<K extends string, T extends string> extends ReadOptions, LogFilterOptions<K, T> {
  /**
   * Start after this position, or at the end of the log.
   * @defaultValue 0
   */
  readonly after?: number | 'end' | undefined;
}

export interface ListStreamsOptions<K extends string> {
  readonly category?: K | undefined;
  /** Beginning of the stream name. */
  readonly prefix?: string | undefined;
  /** At most this many streams. */
  readonly limit?: number | undefined;
  readonly pageSize?: number | undefined;
}
