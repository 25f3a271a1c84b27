import type { JsonValue } from '../json.ts';
import type { LogFilter } from '../storage/event-storage.ts';

/** Which version of which projection. */
export interface ProjectionId {
  readonly name: string;
  readonly version: number;
}

/** What a worker has done with a projection, and is doing. `stopped`: nobody works on it. */
export type ProjectionState = 'stopped' | 'running' | 'retrying' | 'faulted' | 'paused';

/** A projection as it is stored. */
export interface StoredProjection extends ProjectionId {
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
  /** Keys whose events wait to be retried. */
  readonly parkedKeys: number;
  /** When the checkpoint last moved, in milliseconds since 1970. */
  readonly movedAt: number;
}

/** What a worker holds: nobody else may write as long as it lasts. */
export type Lease = ProjectionId & Pick<StoredProjection, 'epoch' | 'position'>;

/** One look of a process at the projections it can work on. */
export interface LeaseRequest {
  /** The process. */
  readonly owner: string;
  /** Milliseconds that a lease lasts without being renewed. */
  readonly duration: number;
  readonly projections: readonly (ProjectionId & {
    /** Of the lease to renew; undefined where it wants one. */
    readonly epoch: number | undefined;
  })[];
}

/** A document as it is to be; null where there is to be none. */
export interface DocumentWrite {
  readonly key: string;
  readonly document: JsonValue;
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

/** A batch that was applied: the documents after it, and how far it reaches. */
export interface ProjectionCommit {
  readonly lease: Lease;
  readonly to: number;
  readonly events: number;
  readonly writes: readonly DocumentWrite[];
  readonly deadLetters: readonly NewDeadLetter[];
  /** Milliseconds that the lease lasts from now. */
  readonly duration: number;
}

/** A document and its key. */
export interface StoredDocument {
  readonly key: string;
  readonly document: JsonValue;
  /** Of the last event that has changed it. */
  readonly position: number;
  /** Events about it are parked: it is not what the log says. */
  readonly isStale: boolean;
}

/** What a batch begins with. */
export interface BatchState {
  /** Documents by key; those that are not there are left out. */
  readonly documents: readonly StoredDocument[];
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
  readonly after?: Pick<ParkedKey, 'name' | 'version' | 'key'> | undefined;
  readonly limit: number;
}

/** A step of a retry: the document, and the positions of the first events that wait for it. */
export interface ParkedStep {
  readonly document: JsonValue;
  readonly positions: readonly number[];
}

/** What became of a step: the document after the events that could be applied, and what stopped it. */
export interface RetriedStep {
  readonly document: JsonValue;
  readonly applied: number;
  readonly error: string | undefined;
}

/**
 * What a database must do to keep read models. Guarantees: a batch and its checkpoint are stored together or not at all; a
 * batch whose lease is not the last one, or that does not begin where the last one ended, changes nothing.
 */
export interface ProjectionStorage {
  /** Makes what a projection needs, unless it is there. */
  prepareProjection(projection: ProjectionId): Promise<void>;
  /** Renews leases, and takes those that nobody holds; paused ones are given to nobody. Gives back what the owner holds now. */
  leaseProjections(request: LeaseRequest): Promise<readonly Lease[]>;
  /** Lets leases go. */
  releaseProjections(owner: string, leases: readonly Lease[]): Promise<void>;
  /** Documents by key; those that are not there are left out. */
  readDocuments(projection: ProjectionId, keys: readonly string[]): Promise<readonly StoredDocument[]>;
  /** The same, and which of the keys are parked. */
  readBatch(projection: ProjectionId, keys: readonly string[]): Promise<BatchState>;
  /** Documents in the order of their keys. */
  listDocuments(
    projection: ProjectionId,
    page: { readonly after: string | undefined; readonly limit: number },
  ): Promise<readonly StoredDocument[]>;
  /** Stores a batch, or changes nothing and says why. */
  commitProjection(commit: ProjectionCommit): Promise<CommitOutcome>;
  /** Parked keys, the first of them that have no error of their own being those that failed. */
  listParked(query: ListParkedQuery): Promise<readonly ParkedKey[]>;
  /** Positions of the events of a parked key, in order. */
  listDeadLetters(
    projection: ProjectionId,
    key: string,
    page: { readonly after: number; readonly limit: number },
  ): Promise<readonly number[]>;
  /**
   * Applies the first events of a parked key, at most `limit`: what `work` gives back is stored, what it applied waits no more,
   * and a key without events is parked no more. Whoever appends to the key or retries it meanwhile waits. Undefined where the
   * key is not parked.
   */
  retryParked(
    projection: ProjectionId,
    of: { readonly key: string; readonly limit: number },
    work: (step: ParkedStep) => Promise<RetriedStep>,
  ): Promise<{ readonly applied: number; readonly left: number } | undefined>;
  /** Gives up the events of a parked key, and keeps that it did, and why. Gives back how many. */
  discardParked(projection: ProjectionId, of: { readonly key: string; readonly reason: string }): Promise<number>;
  /** Tells what keeps a projection from going on, under a lease. */
  reportProjection(
    lease: Lease,
    report: Pick<StoredProjection, 'error' | 'attempts'> & { readonly state: 'running' | 'retrying' | 'faulted' },
  ): Promise<void>;
  /** Pauses a projection, or lets it go on, whoever works on it. False where there is none of this name and version. */
  pauseProjection(projection: ProjectionId, isPaused: boolean): Promise<boolean>;
  /** Empties a read model and lets its projection begin anew, whoever works on it. False where there is none. */
  resetProjection(projection: ProjectionId): Promise<boolean>;
  /** All projections, by name and version. */
  listProjections(): Promise<readonly StoredProjection[]>;
  /** Events after one position and up to another that a filter matches: how many, at most `limit`, and when the first was recorded. */
  measureLag(range: LagQuery): Promise<Lag>;
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
