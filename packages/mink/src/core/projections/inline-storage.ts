import type { AppendedEntry, EventStorage, StorageCallOptions } from '../storage/event-storage.ts';
import type { Projection } from './define-projection.ts';
import type { InlineRows } from './inline-rows.ts';
import type { Lease, ProjectionId, ProjectionStorage } from './projection-storage.ts';

/** The projections that every append applies, in whatever process. */
export interface InlineSet {
  readonly projections: readonly ProjectionId[];
  /** Rises with every change of the set; 0 where there was none ever. */
  readonly epoch: number;
}

/** A row of an inline projection. */
export interface InlineKey {
  readonly projection: Projection;
  readonly key: string;
}

/** What a storage does together with an append of a process that has inline projections. */
export interface InlineWork {
  /** Of the set that this was made for: the append is refused (`'inline_changed'`) where another one is active. */
  readonly epoch: number;
  /**
   * The rows that the events are about, each once; none where the events matter to no inline projection. The storage locks them
   * before it draws positions, so that each of them sees events in the order of the log, and reads them afterwards.
   */
  readonly keys: readonly InlineKey[];
  /** Milliseconds that handlers may hold a transaction, if there is more than one append in it: then it is better made in two. */
  readonly timeout: number;
  /**
   * Applies what was appended to the rows. Throws `InlineProjectionError`, and has changed none of them then. Not called for an
   * append that wrote nothing.
   */
  apply(rows: InlineRows, entries: readonly AppendedEntry[]): void;
}

/** A change of the set. */
export interface InlineChange {
  readonly add: readonly ProjectionId[];
  readonly remove: readonly ProjectionId[];
  /** Applies the rest of the log to rows of a projection that is added, while nobody appends; once for each of its partitions. */
  readonly applyRest: (lease: Lease, rest: RestOfLog) => Promise<void>;
}

/** Where the rest of the log is read, and the rows are written. */
export interface RestOfLog {
  /** The last position of the log. */
  readonly upTo: number;
  readonly storage: Pick<EventStorage, 'readLogPage'>;
  readonly readModels: ProjectionStorage;
}

/** What a storage must do to apply projections in the transaction of the append. */
export interface InlineStorage {
  readInlineSet(options?: StorageCallOptions): Promise<InlineSet>;
  /**
   * Changes the set, in one transaction that keeps appends out: those under way are in the log before it, and those that come
   * are checked against the new set. A projection that leaves it goes on in the background from there. Where the set is so
   * already, nothing happens.
   *
   * Throws `InvalidArgumentError` for a projection that has parked keys.
   */
  switchInline(change: InlineChange): Promise<void>;
}
