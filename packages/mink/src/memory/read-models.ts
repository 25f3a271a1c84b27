import {
  arrangePartitions,
  frozenLog,
  ofPartitions,
  type AppliedState,
  ProjectionNameTakenError,
  ReadModelsOfAnotherLogError,
  type BatchState,
  type CheckpointSample,
  type Beginning,
  type CommitOutcome,
  type Condition,
  type Digest,
  type EventStorage,
  type Lag,
  type LagQuery,
  type Lease,
  type LeaseAnswer,
  type LeaseRequest,
  type ListParkedQuery,
  type NewDeadLetter,
  type ParkedKey,
  type DiscardedKey,
  type ParkedStep,
  type Partitioning,
  type ProjectionCommit,
  type ProjectionId,
  type ProjectionModel,
  type ProjectionStorage,
  type RetriedStep,
  type RowQuery,
  type StoredPartition,
  type StoredProjection,
  type StoredRow,
  type WorkerState,
} from '../core/index.ts';
import { findRows, matches } from './find-rows.ts';
import {
  anew,
  keyOf,
  newProjection,
  newPartition,
  type KeptPartition,
  type KeptProjection,
} from './kept-projection.ts';
import { leaseAll, leave, release } from './leases.ts';
import { compareCodePoints } from './log-index.ts';
import { Versions, type KeptReadModels, type ReadModelSettings } from './versions.ts';

const LANE = 0x1_0000_0000;

/** Read models in memory. One process has them, but the rules are those of many: leases run out, and epochs rise. */
export class ReadModels extends Versions implements ProjectionStorage {
  /** Whose log they are made from. */
  readonly #storeId: string | undefined;
  #retrying: Promise<unknown> = Promise.resolve();

  constructor(
    settings: ReadModelSettings,
    kept: KeptReadModels = { all: new Map(), live: new Map(), retired: new Map() },
  ) {
    super(kept, settings);
    this.#storeId = settings.storeId;
  }

  /** The same for the log of another storage. */
  for(log: EventStorage): ProjectionStorage {
    const { storeId } = log;
    this.#checkFollows(storeId);
    return new ReadModels({ now: this.now, storeId, readLog: () => frozenLog(log) }, this.kept);
  }

  #checkFollows(storeId: string | undefined): void {
    const { follows } = this.kept;
    if (storeId === undefined || follows === undefined || follows === storeId) return;
    throw new ReadModelsOfAnotherLogError({ follows, log: storeId });
  }

  protected over(kept: KeptReadModels): ProjectionStorage {
    return new ReadModels({ now: this.now, readLog: this.readLog }, kept);
  }

  async prepareProjection(
    projection: ProjectionModel,
    { kind, from }: Beginning = { kind: 'projection', from: 0 },
  ): Promise<void> {
    this.#checkFollows(this.#storeId);
    this.kept.follows ??= this.#storeId;
    const { name, version } = projection;
    const other = [...this.kept.all.values()].find((kept) => kept.id.name === name && kept.kind !== kind);
    if (other !== undefined) throw new ProjectionNameTakenError(name, `it is a ${other.kind} already`);
    this.checkNotRetired(projection);
    if (this.find(projection) !== undefined) return;
    this.kept.all.set(keyOf(projection), newProjection(projection, { now: this.now(), kind, from }));
    if (!this.kept.live.has(name)) this.kept.live.set(name, { version, previous: undefined });
  }

  async leaseProjections(request: LeaseRequest): Promise<LeaseAnswer> {
    const found = request.projections.map((id) => ({ id, kept: this.find(id) }));
    const known = found.flatMap(({ kept }) => kept ?? []);
    const unknown = found.filter(({ kept }) => kept === undefined).map(({ id }) => id);
    const unsettled = known.filter(isUnsettled).map(({ id }) => id);
    return { ...leaseAll(known, request, this.now()), unknown, unsettled };
  }

  async saveVerification(id: ProjectionId, ok: boolean): Promise<void> {
    const kept = this.find(id);
    if (kept !== undefined) kept.verified = { at: this.now(), ok };
  }

  async readCheckpointHistory(id: ProjectionId, since: number): Promise<readonly CheckpointSample[]> {
    return this.find(id)?.history.filter(({ at }) => at >= since) ?? [];
  }

  async releaseProjections(owner: string, leases: readonly Lease[]): Promise<void> {
    for (const lease of leases) release(this.find(lease), owner, lease);
  }

  async leaveProjections(owner: string): Promise<void> {
    for (const kept of this.kept.all.values()) leave(kept, owner);
  }

  async partitionProjection(id: ProjectionId, wanted?: number): Promise<Partitioning | undefined> {
    const kept = this.find(id);
    if (kept === undefined) return undefined;
    kept.wantedPartitions = wanted ?? kept.wantedPartitions;
    const arranged = arrangePartitions(kept.partitions, kept.wantedPartitions);
    kept.partitions = arranged.map((it) => kept.partitions.find((known) => known === it) ?? anew(it));
    return { partitions: kept.partitions.length, wanted: kept.wantedPartitions };
  }

  async readApplied(id: ProjectionId): Promise<AppliedState | undefined> {
    const kept = this.find(id);
    if (kept === undefined) return undefined;
    return {
      partitions: kept.partitions.map(({ from, to, position }) => ({ from, to, position })),
      digests: Array.from(kept.digests, ([bucket, sum]) => ({ bucket, ...sum })),
      parked: [...kept.parked].flatMap(([key, { positions }]) => positions.map((position) => ({ key, position }))),
      discarded: [...kept.discarded],
      inline: [...kept.inlineRanges],
    };
  }

  async readRows(id: ProjectionId, keys: readonly string[]): Promise<readonly StoredRow[]> {
    this.checkNotRetired(id);
    const rows = this.find(id)?.rows;
    return keys.flatMap((key) => rows?.get(key) ?? []);
  }

  async listRows(
    id: ProjectionId,
    { after, limit }: { readonly after: string | undefined; readonly limit: number },
  ): Promise<readonly StoredRow[]> {
    this.checkNotRetired(id);
    const all = [...(this.find(id)?.rows.values() ?? [])];
    return all
      .filter(({ key }) => after === undefined || compareCodePoints(key, after) > 0)
      .toSorted((left, right) => compareCodePoints(left.key, right.key))
      .slice(0, limit);
  }

  async findRows(id: ProjectionId, query: RowQuery): Promise<readonly StoredRow[]> {
    this.checkNotRetired(id);
    return findRows(this.find(id)?.rows.values() ?? [], query);
  }

  async countRows(id: ProjectionId, where: readonly Condition[]): Promise<number> {
    this.checkNotRetired(id);
    const rows = [...(this.find(id)?.rows.values() ?? [])];
    return rows.filter((row) => matches(row, where)).length;
  }

  async readBatch(id: ProjectionId, keys: readonly string[]): Promise<BatchState> {
    const kept = this.find(id);
    // Both of one moment: nothing is waited for between them.
    return {
      rows: keys.flatMap((key) => kept?.rows.get(key) ?? []),
      parkedKeys: keys.filter((key) => kept?.parked.has(key) === true),
    };
  }

  async commitProjection(commit: ProjectionCommit): Promise<CommitOutcome> {
    const { lease, to, events, writes, deadLetters, duration, digests } = commit;
    const kept = this.find(lease);
    const partition = kept?.partitions.find(
      ({ from, to: end }) => from === lease.partition.from && end === lease.partition.to,
    );
    if (kept === undefined || partition?.epoch !== lease.epoch || partition.position !== lease.position) return 'lost';
    const parkedNow = new Set(deadLetters.filter(({ error }) => error !== undefined).map(({ key }) => key));
    if (deadLetters.some(({ key }) => !parkedNow.has(key) && !kept.parked.has(key))) return 'unparked';
    const now = this.now();
    Object.assign(partition, {
      position: to,
      events: partition.events + events,
      movedAt: now,
      expiresAt: now + duration,
      faultedBy: [],
      state: 'working',
      error: undefined,
      attempts: 0,
    });
    for (const { key, row, position } of writes) {
      if (row === null) kept.rows.delete(key);
      else kept.rows.set(key, { key, row, position, isStale: wasDiscarded(kept, key) });
    }
    for (const letter of deadLetters) park(kept, letter, now);
    addDigests(kept, digests);
    return 'stored';
  }

  async listParked({ name, version, key: only, after, limit }: ListParkedQuery): Promise<readonly ParkedKey[]> {
    return [...this.kept.all.values()]
      .flatMap(({ id, parked }) =>
        Array.from(parked, ([key, { positions, claim: _claim, ...rest }]) => {
          return { ...id, key, ...rest, events: positions.length, position: positions[0] ?? 0 };
        }),
      )
      .filter((it) => (name === undefined || it.name === name) && (version === undefined || it.version === version))
      .filter((it) => only === undefined || it.key === only)
      .filter((it) => after === undefined || compareParked(it, after) > 0)
      .toSorted(compareParked)
      .slice(0, limit);
  }

  async listDeadLetters(
    id: ProjectionId,
    key: string,
    { after, limit }: { readonly after: number; readonly limit: number },
  ): Promise<readonly number[]> {
    const positions = this.find(id)?.parked.get(key)?.positions ?? [];
    return positions.filter((position) => position > after).slice(0, limit);
  }

  async findDeadLetters(
    id: ProjectionId,
    { after, upTo }: { readonly after: number; readonly upTo: number },
  ): Promise<readonly { readonly key: string; readonly position: number }[]> {
    return Array.from(this.find(id)?.parked ?? []).flatMap(([key, { positions }]) => {
      const position = positions.find((it) => it > after && it <= upTo);
      return position === undefined ? [] : [{ key, position }];
    });
  }

  async retryParked(
    id: ProjectionModel,
    of: { readonly key: string; readonly limit: number },
    work: (step: ParkedStep) => Promise<RetriedStep>,
  ): Promise<{ readonly applied: number; readonly left: number } | undefined> {
    const done = this.#retrying.then(() => this.#retryNow(id, of, work));
    this.#retrying = done.then(ignore, ignore);
    return done;
  }

  async #retryNow(
    id: ProjectionId,
    { key, limit }: { readonly key: string; readonly limit: number },
    work: (step: ParkedStep) => Promise<RetriedStep>,
  ): Promise<{ readonly applied: number; readonly left: number } | undefined> {
    const kept = this.find(id);
    const parked = kept?.parked.get(key);
    if (kept === undefined || parked === undefined) return undefined;
    const positions = parked.positions.slice(0, limit);
    const step = await work({ row: kept.rows.get(key)?.row ?? null, positions, attempt: undefined });
    // Reset or discarded meanwhile: what was worked out is worth nothing any more.
    if (kept.parked.get(key) !== parked) return undefined;
    parked.positions = parked.positions.slice(step.applied);
    const left = parked.positions.length;
    const position = positions[step.applied - 1];
    if (step.row === null) kept.rows.delete(key);
    else if (position !== undefined) {
      kept.rows.set(key, { key, row: step.row, position, isStale: left > 0 || wasDiscarded(kept, key) });
    }
    addDigests(kept, step.digests);
    if (left === 0) kept.parked.delete(key);
    else if (step.error !== undefined) {
      const attempts = step.applied > 0 ? 1 : parked.attempts + 1;
      Object.assign(parked, { error: step.error, attempts, lastFailedAt: this.now() });
    }
    return { applied: step.applied, left };
  }

  async claimParked(
    id: ProjectionId,
    { key, owner, duration }: { readonly key: string; readonly owner: string; readonly duration: number },
  ): Promise<'claimed' | 'busy' | 'none'> {
    const parked = this.find(id)?.parked.get(key);
    if (parked === undefined) return 'none';
    const { claim } = parked;
    if (claim !== undefined && claim.owner !== owner && claim.until > this.now()) return 'busy';
    parked.claim = { owner, until: this.now() + duration };
    return 'claimed';
  }

  async discardParked(id: ProjectionId, { key, events }: DiscardedKey): Promise<number> {
    const kept = this.find(id);
    const positions = kept?.parked.get(key)?.positions ?? [];
    if (events !== undefined && events !== positions.length) return 0;
    kept?.discarded.push(...positions.map((position) => ({ key, position })));
    kept?.parked.delete(key);
    return positions.length;
  }

  async reportProjection(
    lease: Lease,
    report: Pick<StoredPartition, 'error' | 'attempts'> & { readonly state: WorkerState },
  ): Promise<void> {
    const partition = this.find(lease)?.partitions.find(({ from }) => from === lease.partition.from);
    if (partition?.epoch !== lease.epoch) return;
    Object.assign(partition, report);
    if (report.state === 'faulted') partition.faultedBy = [...partition.faultedBy, partition.owner ?? ''];
  }

  async pauseProjection(id: ProjectionId, isPaused: boolean): Promise<boolean> {
    const kept = this.find(id);
    if (kept === undefined || kept.isInline) return false;
    if (!isPaused) for (const partition of kept.partitions) partition.faultedBy = [];
    if (kept.isPaused === isPaused) return true;
    kept.isPaused = isPaused;
    // Whoever works on it finds that its lease is worth nothing any more.
    for (const partition of kept.partitions) Object.assign(partition, { epoch: partition.epoch + 1, owner: undefined });
    return true;
  }

  async resetProjection(id: ProjectionId): Promise<boolean> {
    const kept = this.find(id);
    if (kept === undefined || kept.isInline) return false;
    kept.partitions = kept.partitions.map(({ epoch, ...range }) => {
      return { ...newPartition(range, { position: 0, movedAt: this.now() }), epoch: epoch + 1 };
    });
    kept.discarded.length = 0;
    kept.inlineRanges.length = 0;
    kept.rows.clear();
    kept.parked.clear();
    kept.digests.clear();
    return true;
  }

  async replaySubscription(id: ProjectionId, position: number): Promise<boolean> {
    const kept = this.find(id);
    if (kept === undefined) return false;
    kept.partitions = kept.partitions.map(({ from, to, epoch, events }) => {
      return { ...newPartition({ from, to }, { position, movedAt: this.now() }), epoch: epoch + 1, events };
    });
    for (const [key, parked] of kept.parked) {
      parked.positions = parked.positions.filter((it) => it <= position);
      if (parked.positions.length === 0) kept.parked.delete(key);
    }
    return true;
  }

  async listProjections(): Promise<readonly StoredProjection[]> {
    const now = this.now();
    const all = [...this.kept.all.values()].map((kept) => {
      const partitions = kept.partitions.map((partition) => toStoredPartition(partition, kept, now));
      const isLive = this.kept.live.get(kept.id.name)?.version === kept.id.version;
      return {
        ...kept.id,
        kind: kept.kind,
        ...ofPartitions(partitions),
        parkedKeys: kept.parked.size,
        oldestParkedAt: oldestOf(kept),
        isLive,
        wantedPartitions: kept.wantedPartitions,
        partitions,
        ...(kept.verified && { verifiedAt: kept.verified.at, isVerified: kept.verified.ok }),
      };
    });
    const retired = Array.from(this.kept.retired.values(), (id) => {
      return {
        ...id,
        kind: 'projection' as const,
        ...ofPartitions([]),
        parkedKeys: 0,
        oldestParkedAt: undefined,
        isLive: false,
        wantedPartitions: 0,
        partitions: [],
      };
    });
    return [...all, ...retired].toSorted((left, right) => {
      return compareCodePoints(left.name, right.name) || left.version - right.version;
    });
  }

  async measureLag({ after, upTo, filter, limit }: LagQuery): Promise<Lag> {
    const { events } = await this.readLog().readLogPage({ after, upTo, filter, limit, direction: 'forwards' });
    return { events: events.length, oldest: events[0]?.recordedAt };
  }
}

/** Where partitions have still to be merged. */
function isUnsettled({ partitions, wantedPartitions }: KeptProjection): boolean {
  return partitions.length !== wantedPartitions;
}

function park(kept: KeptProjection, { key, position, error, attempts }: NewDeadLetter, now: number): void {
  const parked = kept.parked.get(key);
  if (parked === undefined) {
    const failed = { error: error ?? '', attempts, firstFailedAt: now, lastFailedAt: now, positions: [position] };
    kept.parked.set(key, failed);
  } else {
    parked.positions = [...parked.positions, position];
  }
  const row = kept.rows.get(key);
  if (row !== undefined) kept.rows.set(key, { ...row, isStale: true });
}

/** Whether events of a key were given up: its row lacks them, whatever comes after them. */
function wasDiscarded({ discarded }: KeptProjection, key: string): boolean {
  return discarded.some((it) => it.key === key);
}

function addDigests(kept: KeptProjection, digests: readonly Digest[]): void {
  for (const { bucket, count, low, high } of digests) {
    const sum = kept.digests.get(bucket) ?? { count: 0, low: 0, high: 0 };
    kept.digests.set(bucket, {
      count: sum.count + count,
      low: (sum.low + low) % LANE,
      high: (sum.high + high) % LANE,
    });
  }
}

function toStoredPartition(
  partition: KeptPartition,
  { isPaused, isInline }: KeptProjection,
  now: number,
): StoredPartition {
  const { from, to, position, epoch, events, error, attempts, movedAt, holdAt, expiresAt, state } = partition;
  const owner = expiresAt > now ? partition.owner : undefined;
  const isLeft = owner === undefined && state !== 'faulted' && position !== holdAt;
  const worked = isLeft ? 'stopped' : state;
  const shown = isInline ? 'inline' : isPaused ? 'paused' : worked;
  return { from, to, position, epoch, events, state: shown, owner, error, attempts, movedAt, holdAt };
}

type ParkedId = Pick<ParkedKey, 'name' | 'version' | 'key'>;

function compareParked(left: ParkedId, right: ParkedId): number {
  return (
    compareCodePoints(left.name, right.name) || left.version - right.version || compareCodePoints(left.key, right.key)
  );
}

function ignore(): void {
  // Whoever asked for it is told.
}

/** When the first of its parked keys failed first. */
function oldestOf({ parked }: KeptProjection): number | undefined {
  return parked.size === 0 ? undefined : Math.min(...Array.from(parked.values(), ({ firstFailedAt }) => firstFailedAt));
}
