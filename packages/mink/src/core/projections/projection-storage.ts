import type { JsonObject } from '../json.ts';
import type { LogFilter } from '../storage/event-storage.ts';
import type { ProjectionTransaction } from './define-sql-projection.ts';
import type { Digest } from './digest.ts';
import type { TableSpec } from './read-model.ts';
import type { VersionStorage } from './versions/version-storage.ts';
import type { Condition, RowQuery } from './row-query.ts';

/** Which version of which projection. */
export interface ProjectionId {
  readonly name: string;
  readonly version: number;
}

/** A projection, and the tables that it has. */
export interface ProjectionModel extends ProjectionId {
  readonly tables: readonly TableSpec[];
  /**
   * In how many partitions it begins.
   * @defaultValue 1
   */
  readonly partitions?: number | undefined;
}

/** A projection keeps a read model, a subscription has effects elsewhere. */
export type ProjectionKind = 'projection' | 'subscription';

/** What is stored when one is started for the first time. */
export interface Beginning {
  readonly kind: ProjectionKind;
  /** The position that it begins behind, and begins anew behind when its checkpoint was removed. */
  readonly from: number;
}

/** Keys whose slots are at or above `from` and below `to`, of 1,024. */
export interface Partition {
  readonly from: number;
  readonly to: number;
}

/**
 * What a worker has done with a projection, and is doing. `working`: somebody has it, and nothing is wrong; whether it is behind
 * only its code can tell. `stopped`: nobody works on it; `inline`: every append applies it, and no worker may; `retired`: it
 * was dropped for good.
 */
export type ProjectionState = 'inline' | 'stopped' | 'working' | 'retrying' | 'faulted' | 'paused' | 'retired';

/** What a worker tells of itself. */
export type WorkerState = Extract<ProjectionState, 'working' | 'retrying' | 'faulted'>;

/** How far the keys of some slots are. */
export interface StoredPartition extends Partition {
  /** Everything up to here is in the read model. */
  readonly position: number;
  /** Rises with every worker that takes it over: what an earlier one still sends is refused. */
  readonly epoch: number;
  /** Events that were applied, in all. */
  readonly events: number;
  readonly state: ProjectionState;
  /** Who works on it, if the lease has not run out. */
  readonly owner: string | undefined;
  /** What keeps it from going on. */
  readonly error: string | undefined;
  /** Tries of the event that fails. */
  readonly attempts: number;
  /** When the checkpoint last moved, in milliseconds since 1970. */
  readonly movedAt: number;
  /** Where it waits for others that it is to be merged with; undefined where it is not. */
  readonly holdAt: number | undefined;
}

/** A projection as it is stored: of several partitions, the one that is behind and the one that is worst off count. */
export interface StoredProjection extends ProjectionId, Omit<StoredPartition, keyof Partition | 'holdAt'> {
  readonly kind: ProjectionKind;
  /** Keys whose events wait to be retried. */
  readonly parkedKeys: number;
  /** When the first of them failed first, in milliseconds since 1970; undefined where there is none. */
  readonly oldestParkedAt: number | undefined;
  /** Whether this is the version that its name stands for. */
  readonly isLive: boolean;
  /** How many partitions it is to have: there are more until those that are merged are equally far. */
  readonly wantedPartitions: number;
  /** When it was last verified, in milliseconds since 1970; undefined where nobody has. */
  readonly verifiedAt?: number | undefined;
  /** What came of that. */
  readonly isVerified?: boolean | undefined;
  /** By their slots. */
  readonly partitions: readonly StoredPartition[];
}

/** How many partitions a projection has, and is to have. */
export interface Partitioning {
  readonly partitions: number;
  readonly wanted: number;
}

/** What a worker holds: nobody else may write as long as it lasts. */
export interface Lease extends ProjectionId {
  readonly partition: Partition;
  readonly epoch: number;
  readonly position: number;
  /** How far it may go, to be merged with others there. */
  readonly holdAt: number | undefined;
}

/** One look of a process at the projections it can work on. */
export interface LeaseRequest {
  /** The process. */
  readonly owner: string;
  /** Milliseconds that a lease lasts without being renewed. */
  readonly duration: number;
  /** What it has code for, and does not want to leave alone. */
  readonly projections: readonly ProjectionId[];
  /** What it holds, and wants to keep. */
  readonly held: readonly Lease[];
  /**
   * It only passes by: it takes all that is free, and is not counted among those that share the partitions.
   * @defaultValue false
   */
  readonly isPassing?: boolean | undefined;
}

/** What a process holds after a look. */
export interface LeaseAnswer {
  readonly leases: readonly Lease[];
  /** What it should let go, because it has more than its share of a projection: others could work on it. */
  readonly spare: readonly Lease[];
  /** What nobody has prepared, or somebody has removed. */
  readonly unknown: readonly ProjectionId[];
  /** What does not have as many partitions yet as it is to have. */
  readonly unsettled: readonly ProjectionId[];
}

/** A row as it is to be; null where there is to be none. */
export interface RowWrite {
  readonly key: string;
  readonly row: JsonObject | null;
  /** Of the last event that has changed it. */
  readonly position: number;
}

/** An event that is not applied to one of its keys, but kept for later. */
export interface NewDeadLetter {
  readonly key: string;
  readonly position: number;
  /** What failed; undefined for one that only comes after another that has failed. */
  readonly error: string | undefined;
  /** Tries so far. */
  readonly attempts: number;
}

/** How far a batch reaches, and what is kept about it. */
export interface BatchEnd {
  readonly lease: Lease;
  readonly to: number;
  readonly events: number;
  readonly deadLetters: readonly NewDeadLetter[];
  /** What was applied. */
  readonly digests: readonly Digest[];
  /** Milliseconds that the lease lasts from now. */
  readonly duration: number;
}

/** A batch that was applied: the rows after it, and how far it reaches. */
export interface ProjectionCommit extends BatchEnd {
  /** Of the table of the projection; undefined where it has none. */
  readonly table: TableSpec | undefined;
  readonly writes: readonly RowWrite[];
}

/** A batch that is applied by statements of a handler. */
export interface SqlBatch extends BatchEnd {
  readonly tables: readonly TableSpec[];
  /** Milliseconds that a statement, and a pause between statements, may take. */
  readonly timeout: number;
}

/** A row and its key. */
export interface StoredRow {
  readonly key: string;
  readonly row: JsonObject;
  /** Of the last event that has changed it. */
  readonly position: number;
  /** Events about it are parked: it is not what the log says. */
  readonly isStale: boolean;
}

/** What a batch begins with. */
export interface BatchState {
  /** Rows by key; those that are not there are left out. */
  readonly rows: readonly StoredRow[];
  /** Keys whose events are parked. */
  readonly parkedKeys: readonly string[];
}

/** What has become of a batch. `unparked`: a key that was parked is so no more, and the batch has to be made again. */
export type CommitOutcome = 'stored' | 'lost' | 'unparked';

/** A key whose events wait: the first failed, the others come after it. */
export interface ParkedKey extends ProjectionId {
  readonly key: string;
  /** What failed, the last time. */
  readonly error: string;
  /** Tries of the first event. */
  readonly attempts: number;
  /** Milliseconds since 1970. */
  readonly firstFailedAt: number;
  readonly lastFailedAt: number;
  /** Events that wait. */
  readonly events: number;
  /** Of the first one. */
  readonly position: number;
}

/** Which parked keys; one page, by projection, version and key. */
export interface ListParkedQuery {
  readonly name?: string | undefined;
  readonly version?: number | undefined;
  readonly key?: string | undefined;
  readonly after?: Pick<ParkedKey, 'name' | 'version' | 'key'> | undefined;
  readonly limit: number;
}

/** A step of a retry: the row, and the positions of the first events that wait for it. */
export interface ParkedStep {
  readonly row: JsonObject | null;
  readonly positions: readonly number[];
  /**
   * Of a projection that writes SQL: runs a handler in the transaction of the step. What it has written is kept when it resolves in
   * time.
   */
  readonly attempt: ((work: (tx: ProjectionTransaction) => Promise<void>) => Promise<void>) | undefined;
}

/** What became of a step: the row after the events that could be applied, and what stopped it. */
export interface RetriedStep {
  readonly row: JsonObject | null;
  readonly applied: number;
  readonly digests: readonly Digest[];
  readonly error: string | undefined;
}

/**
 * What a database must do to keep read models. Guarantees: a batch and its checkpoint are stored together or not at all; a
 * batch whose lease is not the last one, or that does not begin where the last one ended, changes nothing.
 */
export interface ProjectionStorage extends VersionStorage {
  /**
   * Makes what a projection needs, unless it is there. The first version of a name is the live one. `ProjectionNameTakenError`
   * where another one has what it would need, `ProjectionRetiredError` for a version that was dropped for good. Without a
   * beginning, it is a projection, and begins at the start.
   */
  prepareProjection(projection: ProjectionModel, beginning?: Beginning): Promise<void>;
  /**
   * Renews leases, and takes those that nobody holds, up to a fair share of the partitions of each projection. Given to nobody are
   * paused ones, and those that wait to be merged; and none at which the owner has failed, until another has got further or
   * somebody resumes it.
   */
  leaseProjections(request: LeaseRequest): Promise<LeaseAnswer>;
  /** Lets leases go. */
  releaseProjections(owner: string, leases: readonly Lease[]): Promise<void>;
  /** Lets all leases of an owner go, and its share with them. */
  leaveProjections(owner: string): Promise<void>;
  /**
   * Takes the next step to a number of partitions, the last one that was asked for unless one is given, whoever works on them: it
   * splits at once, and merges what is equally far. Undefined where there is no such projection.
   */
  partitionProjection(projection: ProjectionId, wanted?: number): Promise<Partitioning | undefined>;
  /** What was applied, what waits and what was given up, as of one moment. Undefined where there is no such projection. */
  readApplied(projection: ProjectionId): Promise<AppliedState | undefined>;
  /** Rows by key; those that are not there are left out. */
  readRows(projection: ProjectionModel, keys: readonly string[]): Promise<readonly StoredRow[]>;
  /** The same, and which of the keys are parked. */
  readBatch(projection: ProjectionModel, keys: readonly string[]): Promise<BatchState>;
  /** Rows in the order of their keys. */
  listRows(
    projection: ProjectionModel,
    page: { readonly after: string | undefined; readonly limit: number },
  ): Promise<readonly StoredRow[]>;
  /** One page of rows that fit. */
  findRows(projection: ProjectionModel, query: RowQuery): Promise<readonly StoredRow[]>;
  /** How many rows fit. */
  countRows(projection: ProjectionModel, where: readonly Condition[]): Promise<number>;
  /** Stores a batch, or changes nothing and says why. */
  commitProjection(commit: ProjectionCommit): Promise<CommitOutcome>;
  /**
   * Lets a handler write in a transaction that begins with the lease and ends with the checkpoint. What the handler throws, it
   * throws, and nothing has changed. Undefined where a storage has no SQL.
   */
  commitSqlProjection?(batch: SqlBatch, work: (tx: ProjectionTransaction) => Promise<void>): Promise<CommitOutcome>;
  /** Parked keys, the first of them that have no error of their own being those that failed. */
  listParked(query: ListParkedQuery): Promise<readonly ParkedKey[]>;
  /** Positions of the events of a parked key, in order. */
  listDeadLetters(
    projection: ProjectionId,
    key: string,
    page: { readonly after: number; readonly limit: number },
  ): Promise<readonly number[]>;
  /** Keys with events between two positions that wait, and the position of the first of these for each key; 1,000 keys at most. */
  findDeadLetters(
    projection: ProjectionId,
    range: { readonly after: number; readonly upTo: number },
  ): Promise<readonly { readonly key: string; readonly position: number }[]>;
  /**
   * Applies the first events of a parked key, at most `limit`: what `work` gives back is stored, what it applied waits no more,
   * and a key without events is parked no more. Whoever appends to the key or retries it meanwhile waits. Undefined where the
   * key is not parked. `timeout` is that of a handler that writes SQL, for one event, in milliseconds.
   */
  retryParked(
    projection: ProjectionModel,
    of: { readonly key: string; readonly limit: number; readonly timeout: number },
    work: (step: ParkedStep) => Promise<RetriedStep>,
  ): Promise<{ readonly applied: number; readonly left: number } | undefined>;
  /**
   * Keeps others from retrying a parked key for so many milliseconds; its owner may do so again, and with 0 lets it go. `busy`:
   * somebody else has it. `none`: it is not parked.
   */
  claimParked(
    projection: ProjectionId,
    of: { readonly key: string; readonly owner: string; readonly duration: number },
  ): Promise<'claimed' | 'busy' | 'none'>;
  /**
   * Gives up the events of a parked key, and keeps that it did, and why. Gives back how many: none where another number of them waits
   * than `events`.
   */
  discardParked(projection: ProjectionId, of: DiscardedKey): Promise<number>;
  /** Tells what keeps a projection from going on, under a lease. */
  reportProjection(
    lease: Lease,
    report: Pick<StoredProjection, 'error' | 'attempts'> & { readonly state: WorkerState },
  ): Promise<void>;
  /**
   * Pauses a projection, or lets it go on, whoever works on it; also where it is faulted, everybody may try it again then. False
   * where there is none of this name and version, or it is inline.
   */
  pauseProjection(projection: ProjectionId, isPaused: boolean): Promise<boolean>;
  /**
   * Empties a read model and lets its projection begin anew, whoever works on it; tables that somebody has dropped are made again.
   * False where there is none, or it is inline.
   */
  resetProjection(projection: ProjectionId): Promise<boolean>;
  /**
   * Lets a subscription go on behind a position, whoever works on it; dead letters behind it are forgotten, because they come
   * again. False where there is none.
   */
  replaySubscription(subscription: ProjectionId, from: number): Promise<boolean>;
  /** All projections and subscriptions, by name and version; shadows and retired versions, too. */
  listProjections(): Promise<readonly StoredProjection[]>;
  /** Events after one position and up to another that a filter matches: how many, at most `limit`, and when the first was recorded. */
  measureLag(range: LagQuery): Promise<Lag>;
  /** Keeps whether what was applied is what the log says, as of now. */
  saveVerification(projection: ProjectionId, ok: boolean): Promise<void>;
  /**
   * Where a projection was, in the order of time: a sample a minute while it moved, of the last seven days. Taken when the lease of
   * its first partition is renewed.
   */
  readCheckpointHistory(projection: ProjectionId, since: number): Promise<readonly CheckpointSample[]>;
}

/** Where a projection was. */
export interface CheckpointSample {
  /** Milliseconds since 1970: the beginning of a minute. */
  readonly at: number;
  /** Everything up to here was in the read model. */
  readonly position: number;
  /** Events that were applied, in all. */
  readonly events: number;
}

/** An event that was not applied to a key. */
export interface KeyedPosition {
  readonly key: string;
  readonly position: number;
}

/** What has become of the events up to the position of each partition. */
export interface AppliedState {
  readonly partitions: readonly (Partition & { readonly position: number })[];
  /** What was applied, by bucket; of all partitions that there ever were. */
  readonly digests: readonly Digest[];
  readonly parked: readonly KeyedPosition[];
  readonly discarded: readonly KeyedPosition[];
  /** Positions, both ends included, that appends applied themselves when it was inline: these are in no digest. */
  readonly inline: readonly { readonly from: number; readonly to: number }[];
}

/** What is to be measured. */
export interface LagQuery {
  readonly after: number;
  readonly upTo: number;
  readonly filter: LogFilter;
  readonly limit: number;
}

/** How far behind. */
export interface Lag {
  readonly events: number;
  /** Milliseconds since 1970; undefined where there are none. */
  readonly oldest: number | undefined;
}

/** A key whose events are given up. */
export interface DiscardedKey {
  readonly key: string;
  readonly reason: string;
  /** How many there have to be; undefined for any number. */
  readonly events?: number | undefined;
}
