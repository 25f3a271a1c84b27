import type { ExpectedVersion } from '../expected-version.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import type { OperationsStorage } from '../operations/operations-storage.ts';
import type { InlineStorage, InlineWork } from '../projections/inline-storage.ts';
import type { ProjectionStorage } from '../projections/projection-storage.ts';
import type { ListShapesQuery, NewShape, RecordedShape, ShapeCount } from '../schema/recorded-shape.ts';

/**
 * What a database must do to be a store of mink. `createEventStore` puts types, schemas and iterators on top of it, and
 * `storageContract` (mink/testing) is its executable definition: a storage that passes it can stand behind any store.
 *
 * Guarantees a storage gives:
 * - an append is atomic over all its streams, and durable when its promise resolves
 * - versions in a stream are 1, 2, 3 … without gaps; positions are unique, and in a stream they rise with the version
 * - once {@link EventStorage.readBound} has returned position p, no event will ever appear at or below p that was not
 *   visible then; readers never read beyond a bound
 */
export interface EventStorage {
  /** Names the log, as long as it is: a UUID, undefined until something was appended. It goes into the tokens of appends. */
  readonly storeId?: string | undefined;
  /** Appends one command. Ordinary outcomes are returned, failures thrown. */
  append(command: AppendCommand, options?: StorageCallOptions): Promise<AppendOutcome>;
  /** One page of a stream. A decision read: it sees every committed event of the stream, and needs no bound. */
  readStreamPage(query: StreamPageQuery, options?: StorageCallOptions): Promise<readonly RecordedEvent[]>;
  /** One page of the log, never beyond `upTo`. */
  readLogPage(query: LogPageQuery, options?: StorageCallOptions): Promise<LogPage>;
  /** How far the log can be read without missing anything. */
  readBound(options?: StorageCallOptions): Promise<FeedBound>;
  /**
   * Waits until the bound is above `after`, or until the incarnation is another one than given. Survives lost
   * connections. Rejects with the signal's reason when aborted.
   */
  waitForBound(seen: WaitForBound): Promise<FeedBound>;
  /** The bound, and who holds it back. For people and monitoring: it costs more than {@link EventStorage.readBound}. */
  feedStatus(): Promise<FeedStatus>;
  /** What time it is there; for people and monitoring. */
  readClock?(): Promise<StorageClock>;
  /** How large it is; for people and monitoring. */
  readVitals?(): Promise<StorageVitals>;
  /** The last position before the first event that was recorded after `time`; `upTo` if there is none. */
  positionAt(time: Date, upTo: number): Promise<number>;
  /** One stream, if it has events. */
  streamInfo(streamName: string): Promise<StreamInfo | undefined>;
  /** One page of streams, by name in code point order. */
  listStreams(query: ListStreamsQuery): Promise<readonly StreamInfo[]>;
  /**
   * Runs `work` in a transaction, commits when it resolves and rolls back when it throws. An append of a check alone holds its
   * stream until then. Undefined for a storage without transactions.
   */
  inTransaction?<T>(work: (tx: OpenTransaction) => Promise<T>): Promise<T>;
  /** Whether this code runs inside such a transaction, or one that the storage's own helper has opened. */
  isInTransaction?(): boolean;
  /** The stream that holds a value of a unique set. */
  findHolder(set: string, value: string): Promise<string | undefined>;
  /** The first result of the command with this key, unless it has expired. */
  readResult(key: string): Promise<KeyedResult | undefined>;
  /** Keeps a result if its key is free; otherwise gives back the one that is there. */
  keepResult(result: NewKeyedResult): Promise<KeyedResult | undefined>;
  /** Forgets results that have expired, at most `limit` of them; gives back how many. */
  deleteExpiredResults(limit: number): Promise<number>;
  /** Keeps a snapshot beside earlier ones of its stream and name; one of the same version is replaced. */
  saveSnapshot(snapshot: NewSnapshot): Promise<void>;
  /** The last snapshot within the limits of the query. */
  readSnapshot(query: SnapshotQuery, options?: StorageCallOptions): Promise<Snapshot | undefined>;
  /** One page of snapshots, by stream name, name and version, without their states. */
  listSnapshots(query: ListSnapshotsQuery): Promise<readonly SnapshotInfo[]>;
  /** Deletes snapshots, and gives back how many. */
  deleteSnapshots(query: DeleteSnapshotsQuery): Promise<number>;
  /** One page of the shapes of payloads, by category, type, version and hash. */
  listShapes(query: ListShapesQuery, options?: StorageCallOptions): Promise<readonly RecordedShape[]>;
  /**
   * Records a shape unless it is there, or there are enough; or widens the one that takes in the rest, unless it is another
   * one by now. Which of these has happened is seen by reading it again. Committed when it resolves.
   */
  recordShape(shape: NewShape, options?: StorageCallOptions): Promise<void>;
  /** Keeps what a scan has counted, unless more was counted already. */
  saveShapeCounts(counts: readonly ShapeCount[]): Promise<void>;
  /** Forgets what was counted. The shapes stay. */
  resetShapeCounts(): Promise<void>;
  /** Where read models are kept; undefined for a storage that keeps none. */
  readonly readModels?: ProjectionStorage | undefined;
  /**
   * The read models of this storage for the log of another one: their checkpoints and leases are here, beside the rows. Undefined for
   * a storage that keeps none.
   *
   * Guarantee: they follow one log. `ReadModelsOfAnotherLogError` where they were begun with another.
   */
  readModelsFor?(log: EventStorage): ProjectionStorage;
  /** Where the active inline projections are kept; undefined for a storage that applies none. */
  readonly inline?: InlineStorage | undefined;
  /** What people look at who operate it; undefined for a storage that keeps nothing of it. */
  readonly operations?: OperationsStorage | undefined;
  /** Calls the listener when connections to the database break: it may be another one, or an earlier state of it, afterwards. */
  onConnectionLost?(listener: () => void): void;
  /** Releases what the storage holds. Calls under way may fail with `StoreClosedError`. */
  close(): Promise<void>;
}

/** What the log is read with. */
export type LogReader = Pick<EventStorage, 'readLogPage' | 'readBound' | 'waitForBound' | 'positionAt'>;

export interface StorageCallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Do it inside this transaction. A storage that has none refuses with `InvalidArgumentError`. */
  readonly tx?: OpenTransaction | undefined;
}

/**
 * A transaction of your own on the store's database: for PostgreSQL, a client of `pg` after `begin`, or what
 * `withTransaction` (mink/postgres) hands out.
 */
export interface OpenTransaction {
  query(query: TransactionQuery): Promise<TransactionResult>;
  /** 'T' while a transaction is open (pg 8.23 and later). */
  getTransactionStatus?(): string | null | undefined;
}

/** A result as `pg` gives it. */
export interface TransactionResult {
  readonly rows: unknown[];
  /** What the statement did, such as `COMMIT`. */
  readonly command?: string | undefined;
}

/** A query as `pg` takes it. */
export interface TransactionQuery {
  readonly name?: string;
  readonly text: string;
  readonly values: unknown[];
  readonly rowMode: 'array';
  readonly types: { getTypeParser(): (value: string) => string };
}

/** Events for one or more streams that are stored together or not at all. A stream comes at most once. */
export interface AppendCommand {
  readonly entries: readonly AppendCommandEntry[];
  /** The caller gave the event ids: if they are in the streams already, the first result is the answer. */
  readonly mayBeRepeated: boolean;
  /** Stored with the append, and found instead of a second one. */
  readonly key?: CommandKey | undefined;
  /** What is applied in the same transaction; undefined where this process has no inline projections. */
  readonly inline?: InlineWork | undefined;
}

/** The key of a command that may be sent more than once, and what its sender gets of it beside the events. */
export interface CommandKey {
  readonly key: string;
  readonly messageType: string;
  /** Of the command's data: the same key with another one is a mistake. */
  readonly fingerprint: string;
  /** Milliseconds to keep the result. */
  readonly ttl: number;
  readonly value: JsonValue | undefined;
}

/** The first result of a command that had a key. */
export interface KeyedResult {
  readonly key: string;
  readonly messageType: string;
  readonly fingerprint: string;
  readonly recordedAt: number;
  readonly outcome: KeyedOutcome;
}

/** How a command with a key ended: with events, without, or with an error that its rules call for. */
export type KeyedOutcome =
  | {
      /** `'value'`: nothing was appended. */
      readonly status: 'appended' | 'value';
      readonly entries: readonly KeyedEntry[];
      readonly value: JsonValue | undefined;
    }
  | { readonly status: 'refused'; readonly error: JsonValue };

/** A stream that a command was about. */
export interface KeyedEntry extends AppendedEntry {
  readonly streamName: string;
}

/** A result without an append, to be kept under a key. */
export interface NewKeyedResult extends CommandKey {
  /** What its rules refused it with; undefined where it succeeded. */
  readonly error: JsonValue | undefined;
  readonly streams: readonly { readonly streamName: string; readonly streamVersion: number }[];
}

/** What is known of a snapshot without its state. */
export interface SnapshotInfo {
  readonly streamName: string;
  readonly category: string;
  /** Whose state it is: several folds may read one stream. */
  readonly name: string;
  /** The version of the stream it was made at. */
  readonly streamVersion: number;
  /** Position, id and time of the last event in it. */
  readonly globalPosition: number;
  readonly lastEventId: string;
  readonly lastRecordedAt: number;
  /** The version of the state's form, counted by its author. */
  readonly schemaVersion: number;
  /** A hash of the shape of the state. */
  readonly shape: string;
  /** Characters of the state. */
  readonly size: number;
  readonly createdAt: number;
}

/** The state of an entity at a version, as JSON text. */
export interface Snapshot extends SnapshotInfo {
  readonly state: string;
  /** A hash of the state and what belongs to it: whatever was changed by hand, or cut, does not match. */
  readonly checksum: string;
}

/** A snapshot that is to be kept; `createdAt` is the storage's time. */
export type NewSnapshot = Omit<Snapshot, 'createdAt' | 'size'>;

/** The last snapshot of a stream and a name that was made at or before each of the ends. */
export interface SnapshotQuery {
  readonly streamName: string;
  readonly name: string;
  readonly untilVersion: number | undefined;
  readonly untilPosition: number | undefined;
  /** Milliseconds since 1970, inclusive. */
  readonly untilTime: number | undefined;
}

export interface ListSnapshotsQuery {
  readonly category: string | undefined;
  readonly streamName: string | undefined;
  /** The one after which the page begins. */
  readonly after: Pick<SnapshotInfo, 'streamName' | 'name' | 'streamVersion'> | undefined;
  readonly limit: number;
}

/** All conditions must hold; without any, nothing is deleted. */
export interface DeleteSnapshotsQuery {
  readonly category?: string | undefined;
  readonly streamName?: string | undefined;
  readonly name?: string | undefined;
  /** Only those that have at least this many newer ones of their stream and name. */
  readonly keep?: number | undefined;
  /** Only those that were made before, in milliseconds since 1970. */
  readonly before?: number | undefined;
}

/** Values of a unique set that a stream holds from an append on: exactly these. */
export interface Hold {
  readonly set: string;
  readonly values: readonly string[];
  /** No other stream may ever hold them, even when this one has given them up. */
  readonly isForever: boolean;
  /** Of a set for all time: values that the stream got and gave up within this append. They stay with it, too. */
  readonly givenUp?: readonly string[] | undefined;
}

export interface AppendCommandEntry {
  readonly streamName: string;
  readonly category: string;
  readonly expectedVersion: ExpectedVersion;
  /** Empty: only check the expectation. */
  readonly events: readonly PreparedEvent[];
  /** Values of unique sets, at most one hold a set; other sets stay as they are. */
  readonly holds?: readonly Hold[] | undefined;
}

/** A checked event, ready to be stored. Its values are frozen. */
export interface PreparedEvent {
  /** Lower-case UUID. */
  readonly id: string;
  readonly type: string;
  readonly schemaVersion: number;
  readonly data: JsonValue;
  readonly metadata: JsonObject;
  /** `data` holds a -0, which plain JSON.stringify would turn into 0. */
  readonly hasNegativeZero: boolean;
}

/** An event as it is stored. */
export interface RecordedEvent {
  readonly id: string;
  readonly type: string;
  readonly schemaVersion: number;
  readonly data: JsonValue;
  readonly metadata: JsonObject;
  readonly streamName: string;
  readonly category: string;
  /** Place in its stream, from 1. */
  readonly streamVersion: number;
  /** Place in the whole log, rising, with gaps. */
  readonly globalPosition: number;
  /** Milliseconds since 1970. Never falls within a stream. */
  readonly recordedAt: number;
}

export type AppendOutcome =
  | {
      readonly status: 'appended';
      /** The same append was made before, and this is its result. */
      readonly repeated: boolean;
      /** In the order of the command's entries. */
      readonly entries: readonly AppendedEntry[];
    }
  | { readonly status: 'conflict'; readonly streamName: string; readonly actualVersion: number }
  | { readonly status: 'mismatch'; readonly streamName: string; readonly eventIds: readonly string[] }
  /** Other inline projections are active than the command was made for. */
  | { readonly status: 'inline_changed'; readonly cause: unknown }
  /** The command's key has a result already. */
  | { readonly status: 'known'; readonly result: KeyedResult }
  /** Another stream holds a value of a unique set. */
  | {
      readonly status: 'taken';
      readonly streamName: string;
      readonly set: string;
      readonly value: string;
      readonly heldBy: string;
    }
  | { readonly status: 'closed'; readonly streamName: string; readonly state: 'archived' | 'tombstoned' };

export interface AppendedEntry {
  /** The version after the last of these events; for a check-only entry, the version that was checked. */
  readonly streamVersion: number;
  readonly events: readonly RecordedEvent[];
}

export type Direction = 'forwards' | 'backwards';

/** All events of the stream from `fromVersion` to the nearest of the three ends; the direction is only an order. */
export interface StreamPageQuery {
  readonly streamName: string;
  readonly fromVersion: number;
  readonly untilVersion: number | undefined;
  readonly untilPosition: number | undefined;
  /** Milliseconds since 1970, inclusive. */
  readonly untilTime: number | undefined;
  readonly types: readonly string[] | undefined;
  readonly direction: Direction;
  readonly limit: number;
}

/** Which events of the log: all conditions must hold, each is met by any of its values. */
export interface LogFilter {
  readonly types: readonly string[] | undefined;
  readonly categories: readonly string[] | undefined;
  readonly streamNames: readonly string[] | undefined;
  readonly streamPrefixes: readonly string[] | undefined;
  /** Streams whose partition key is at or above `from` and below `to`. */
  readonly slots?: { readonly from: number; readonly to: number } | undefined;
}

/** Events with `after < globalPosition <= upTo`, in the given order. */
export interface LogPageQuery {
  readonly after: number;
  readonly upTo: number;
  readonly filter: LogFilter;
  readonly direction: Direction;
  readonly limit: number;
}

export interface LogPage {
  readonly events: readonly RecordedEvent[];
  /**
   * How far the page reaches: forwards, it holds every match after `after` and up to here; backwards, every match up to
   * `upTo` and after here. A storage need not search all of the range for one page, but must come closer to its end.
   */
  readonly searchedTo: number;
  /** Where the page was read. Undefined if it holds no events. */
  readonly incarnation: string | undefined;
}

/**
 * The end of what can be read. A bound is worth something only in the incarnation it came from: a server that crashed
 * may hand out again positions of appends that were rolled back, below an old bound.
 */
export interface FeedBound {
  readonly position: number;
  /** The last position that was handed out: events between the bound and the head are still being committed. */
  readonly head: number;
  readonly incarnation: string;
}

/** How the feed is doing, and who holds it back. */
export interface FeedStatus extends FeedBound {
  /** Whoever may still commit events at or below the head, the lowest floor first. Empty: nobody, all can be read. */
  readonly heldBy: readonly FeedHolder[];
  /**
   * How this store learns of appends of other processes: `'notified'` at once; `'polling'` when it looks the next time,
   * and also before its first subscription.
   */
  readonly wakeUp: 'notified' | 'polling';
}

/** What time it is where events are recorded, in milliseconds since 1970. */
export interface StorageClock {
  readonly now: number;
  /** The latest time among the last hundred events; undefined where there is none. */
  readonly lastRecordedAt: number | undefined;
}

/** How large a store is, and how its connections are used. */
export interface StorageVitals {
  /** Bytes by part, with indexes: `events`, `streams`, `read_models`, `other`. */
  readonly bytes: Readonly<Record<string, number>>;
  /** Results of commands that are kept, about. */
  readonly keptResults?: number | undefined;
  /** Undefined where there is no pool that can tell. */
  readonly connections:
    | {
        readonly total: number;
        readonly idle: number;
        /** Calls that wait for one. */
        readonly waiting: number;
      }
    | undefined;
}

/** A transaction that keeps readers from going on. */
export interface FeedHolder {
  /** Readers stop at this position until the transaction ends. */
  readonly floor: number;
  /** The server process; undefined for a prepared transaction. */
  readonly pid: number | undefined;
  /** The name of a prepared transaction: `commit prepared` or `rollback prepared` ends it. */
  readonly preparedTransaction: string | undefined;
  /** Milliseconds since the transaction began; undefined where the role may not see it. */
  readonly age: number | undefined;
  /** What the connection is doing, such as `active` or `idle in transaction`. */
  readonly state: string | undefined;
  /** Its current or last statement, without values. Undefined where the role may not see it. */
  readonly query: string | undefined;
  readonly applicationName: string | undefined;
  readonly userName: string | undefined;
}

export interface WaitForBound {
  readonly after: number;
  readonly incarnation: string | undefined;
  readonly signal: AbortSignal;
}

export interface StreamInfo {
  readonly streamName: string;
  readonly category: string;
  readonly version: number;
  readonly createdAt: Date;
  readonly lastRecordedAt: Date;
  readonly state: 'live' | 'archived' | 'tombstoned';
}

export interface ListStreamsQuery {
  readonly category: string | undefined;
  readonly prefix: string | undefined;
  readonly afterStreamName: string | undefined;
  readonly limit: number;
}
