import type { JsonObject } from '../../json.ts';
import type { LogReader } from '../../storage/event-storage.ts';
import type {
  Lease,
  Partition,
  ProjectionId,
  ProjectionModel,
  ProjectionStorage,
  StoredPartition,
} from '../projection-storage.ts';
import type { TableSpec } from '../read-model.ts';

/** What a name stands for. */
export interface LiveVersion {
  readonly version: number;
  /** What it stood for before; undefined where there is none, or it is retired. */
  readonly previous: number | undefined;
}

/** What a shadow is filled for. */
export type ShadowPurpose = 'rebuild' | 'what_if';

/** A read model that is filled for a while: its version is below zero, and it is never live. */
export interface Shadow extends ProjectionModel {
  /** The version whose code fills it. */
  readonly of: number;
  readonly purpose: ShadowPurpose;
  /** Who works on it. */
  readonly owner: string | undefined;
  /** Nobody works on it, and it is older than a minute: whoever has made it is gone. */
  readonly isLeft: boolean;
}

/** What is to become live. */
export interface SwitchRequest {
  readonly name: string;
  /** The version that must be live until then. */
  readonly from: number;
  readonly to: number;
  /**
   * Called while `from` stands still, with how far it is. Where it throws, nothing is switched, and that is thrown.
   */
  readonly isReady: (held: readonly StoredPosition[]) => Promise<void>;
}

/** How far the keys of some slots are. */
export type StoredPosition = Partition & Pick<StoredPartition, 'position'>;

/** What became of retiring a version. */
export type RetireOutcome =
  | { readonly outcome: 'retired' | 'unknown' | 'live' }
  | { readonly outcome: 'in_use'; readonly owner: string };

/** Two rows of a key, of which one may be missing. */
export interface RowPair {
  readonly key: JsonObject;
  readonly before: JsonObject | null;
  readonly after: JsonObject | null;
  /** Of the last event that has changed one of them; undefined where tables do not keep it. */
  readonly position: number | undefined;
}

/** How the rows of two tables differ, in the columns that both have. */
export interface TableDifference {
  readonly name: string;
  readonly rowsBefore: number;
  readonly rowsAfter: number;
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
  /** Some that differ, in the order of their keys. */
  readonly samples: readonly RowPair[];
}

/** A part of the keys, the same in both of two tables: those whose hash says so. */
export interface KeySample {
  /** One key in so many. */
  readonly oneIn: number;
  /** Which of them: the same number chooses the same keys, in one kind of store. */
  readonly seed: number;
}

/** Two tables of one name to compare. */
export interface TablePair {
  readonly before: ProjectionId;
  readonly after: ProjectionId;
  readonly beforeTable: TableSpec;
  readonly afterTable: TableSpec;
  readonly samples: number;
  /** Keys whose rows are left out; of tables that a handler writes, nobody knows which rows are a key's. */
  readonly keysApart: readonly string[];
  /** Undefined for all keys. */
  readonly sample: KeySample | undefined;
}

/** Read models as of one moment, in which everything can be tried: nothing of it is kept. */
export interface Scratch {
  readonly readModels: ProjectionStorage;
  /**
   * The log as of that moment, up to its last event: also events that readers of the log must not pass yet, because appends
   * before them are still under way. It holds what the rows of inline projections are made of: these events, and no others.
   */
  readonly log: LogReader;
  /** Lets partitions of a projection be others, that hold the same slots. */
  setPartitions(projection: ProjectionId, partitions: readonly StoredPosition[], epoch: number): Promise<void>;
  compareTables(pair: TablePair): Promise<TableDifference>;
}

/** What a database must do to build, compare, switch and retire versions of projections. */
export interface VersionStorage {
  /** The version that a name stands for. */
  readLiveVersion(name: string): Promise<LiveVersion | undefined>;
  /** The tables of a version as it was made; undefined where it was not, or is retired. */
  readTables(projection: ProjectionId): Promise<readonly TableSpec[] | undefined>;
  /** Bytes of the tables of a version, with their indexes. */
  measureSize(projection: ProjectionModel): Promise<number>;
  /** Takes a projection from whoever works on it, once the batch under way is over. It is theirs again after `duration` milliseconds. */
  seizeProjection(
    projection: ProjectionId,
    by: { readonly owner: string; readonly duration: number },
  ): Promise<readonly Lease[]>;
  /**
   * Lets a name stand for another version, in one transaction: no reader finds it missing, and the rights to its views stay.
   * Throws `LiveVersionError` where another version than `from` is live.
   */
  switchProjection(request: SwitchRequest): Promise<void>;
  /** Drops a version for good, and keeps that it was there. The live one is kept; one that is worked on, too, unless forced. */
  retireProjection(projection: ProjectionId, options: { readonly isForced: boolean }): Promise<RetireOutcome>;
  /** Makes an empty shadow of a version. */
  createShadow(of: ProjectionModel, purpose: ShadowPurpose): Promise<ProjectionId>;
  listShadows(name?: string): Promise<readonly Shadow[]>;
  /** Drops a shadow. */
  dropShadow(shadow: ProjectionId): Promise<void>;
  /**
   * Puts a shadow in the place of the version that it is of: rows, checkpoints, dead letters and digests, in one transaction.
   * False where a lease is not the last one of the version: nothing has changed then.
   */
  adoptShadow(shadow: ProjectionId, leases: readonly Lease[]): Promise<boolean>;
  /** Works on a scratch of the read models, for at most `timeout` milliseconds, and throws it away. */
  withScratch<T>(options: { readonly timeout: number }, work: (scratch: Scratch) => Promise<T>): Promise<T>;
}
