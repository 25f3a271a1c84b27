import {
  arrangePartitions,
  equalRanges,
  ofPartitions,
  type AppliedState,
  type ArrangedPartition,
  type BatchState,
  type CommitOutcome,
  type Condition,
  type Digest,
  type KeyedPosition,
  type Lag,
  type LagQuery,
  type Lease,
  type LeaseAnswer,
  type LeaseRequest,
  type ListParkedQuery,
  type LogPageQuery,
  type NewDeadLetter,
  type ParkedKey,
  type ParkedStep,
  type Partition,
  type Partitioning,
  type ProjectionCommit,
  type ProjectionId,
  type ProjectionModel,
  type ProjectionStorage,
  type RecordedEvent,
  type RetriedStep,
  type RowQuery,
  type StoredPartition,
  type StoredProjection,
  type StoredRow,
  type WorkerState,
} from '../core/index.ts';
import { findRows, matches } from './find-rows.ts';
import { leaseAll, leave, release } from './leases.ts';
import { compareCodePoints } from './log-index.ts';

/** How far the keys of some slots are. */
export interface KeptPartition extends Partition {
  position: number;
  epoch: number;
  events: number;
  owner: string | undefined;
  expiresAt: number;
  state: WorkerState;
  error: string | undefined;
  attempts: number;
  movedAt: number;
  holdAt: number | undefined;
  /** Who has failed here since it last moved. */
  faultedBy: readonly string[];
}

/** A projection in memory. */
export interface KeptProjection {
  readonly id: ProjectionId;
  isPaused: boolean;
  /** Every append applies it, and no worker may. */
  isInline: boolean;
  wantedPartitions: number;
  partitions: KeptPartition[];
  readonly rows: Map<string, StoredRow>;
  readonly parked: Map<string, Parked>;
  readonly discarded: KeyedPosition[];
  readonly digests: Map<number, { count: number; low: number; high: number }>;
  /** Processes that have code for it, and until when they are known to live. */
  readonly workers: Map<string, number>;
}

interface Parked {
  error: string;
  attempts: number;
  readonly firstFailedAt: number;
  lastFailedAt: number;
  positions: readonly number[];
}

const LANE = 0x1_0000_0000;

/** Read models in memory. One process has them, but the rules are those of many: leases run out, and epochs rise. */
export class ReadModels implements ProjectionStorage {
  readonly #now: () => number;
  readonly #readLog: (query: LogPageQuery) => Promise<{ readonly events: readonly RecordedEvent[] }>;
  readonly #all = new Map<string, KeptProjection>();
  readonly #live = new Map<string, number>();
  #retrying: Promise<unknown> = Promise.resolve();

  constructor(
    now: () => number,
    readLog: (query: LogPageQuery) => Promise<{ readonly events: readonly RecordedEvent[] }>,
  ) {
    this.#now = now;
    this.#readLog = readLog;
  }

  async prepareProjection({ name, version, partitions = 1 }: ProjectionModel): Promise<void> {
    if (this.find({ name, version }) !== undefined) return;
    this.#all.set(keyOf({ name, version }), {
      id: { name, version },
      isPaused: false,
      isInline: false,
      wantedPartitions: partitions,
      partitions: equalRanges(partitions).map((range) => newPartition(range, this.#now())),
      rows: new Map(),
      parked: new Map(),
      discarded: [],
      digests: new Map(),
      workers: new Map(),
    });
    if (!this.#live.has(name)) this.#live.set(name, version);
  }

  async leaseProjections(request: LeaseRequest): Promise<LeaseAnswer> {
    const found = request.projections.map((id) => ({ id, kept: this.find(id) }));
    const known = found.flatMap(({ kept }) => kept ?? []);
    const unknown = found.filter(({ kept }) => kept === undefined).map(({ id }) => id);
    const unsettled = known.filter(isUnsettled).map(({ id }) => id);
    return { ...leaseAll(known, request, this.#now()), unknown, unsettled };
  }

  async releaseProjections(owner: string, leases: readonly Lease[]): Promise<void> {
    for (const lease of leases) release(this.find(lease), owner, lease);
  }

  async leaveProjections(owner: string): Promise<void> {
    for (const kept of this.#all.values()) leave(kept, owner);
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
    };
  }

  async readRows(id: ProjectionId, keys: readonly string[]): Promise<readonly StoredRow[]> {
    const rows = this.find(id)?.rows;
    return keys.flatMap((key) => rows?.get(key) ?? []);
  }

  async listRows(
    id: ProjectionId,
    { after, limit }: { readonly after: string | undefined; readonly limit: number },
  ): Promise<readonly StoredRow[]> {
    const all = [...(this.find(id)?.rows.values() ?? [])];
    return all
      .filter(({ key }) => after === undefined || compareCodePoints(key, after) > 0)
      .toSorted((left, right) => compareCodePoints(left.key, right.key))
      .slice(0, limit);
  }

  async findRows(id: ProjectionId, query: RowQuery): Promise<readonly StoredRow[]> {
    return findRows(this.find(id)?.rows.values() ?? [], query);
  }

  async countRows(id: ProjectionId, where: readonly Condition[]): Promise<number> {
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
    const now = this.#now();
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
    for (const { key, row } of writes) {
      if (row === null) kept.rows.delete(key);
      else kept.rows.set(key, { key, row, position: to, isStale: wasDiscarded(kept, key) });
    }
    for (const letter of deadLetters) park(kept, letter, now);
    addDigests(kept, digests);
    return 'stored';
  }

  async listParked({ name, version, after, limit }: ListParkedQuery): Promise<readonly ParkedKey[]> {
    return [...this.#all.values()]
      .flatMap(({ id, parked }) =>
        Array.from(parked, ([key, { positions, ...rest }]) => {
          return { ...id, key, ...rest, events: positions.length, position: positions[0] ?? 0 };
        }),
      )
      .filter((it) => (name === undefined || it.name === name) && (version === undefined || it.version === version))
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
    const step = await work({ row: kept.rows.get(key)?.row ?? null, positions, tx: undefined });
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
      Object.assign(parked, { error: step.error, attempts, lastFailedAt: this.#now() });
    }
    return { applied: step.applied, left };
  }

  async discardParked(id: ProjectionId, { key }: { readonly key: string; readonly reason: string }): Promise<number> {
    const kept = this.find(id);
    const positions = kept?.parked.get(key)?.positions ?? [];
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
      return { ...newPartition(range, this.#now()), epoch: epoch + 1 };
    });
    kept.discarded.length = 0;
    kept.rows.clear();
    kept.parked.clear();
    kept.digests.clear();
    return true;
  }

  async listProjections(): Promise<readonly StoredProjection[]> {
    const now = this.#now();
    return [...this.#all.values()]
      .toSorted((left, right) => compareCodePoints(left.id.name, right.id.name) || left.id.version - right.id.version)
      .map((kept) => {
        const partitions = kept.partitions.map((partition) => toStoredPartition(partition, kept, now));
        return {
          ...kept.id,
          ...ofPartitions(partitions),
          parkedKeys: kept.parked.size,
          isLive: this.#live.get(kept.id.name) === kept.id.version,
          wantedPartitions: kept.wantedPartitions,
          partitions,
        };
      });
  }

  async measureLag({ after, upTo, filter, limit }: LagQuery): Promise<Lag> {
    const { events } = await this.#readLog({ after, upTo, filter, limit, direction: 'forwards' });
    return { events: events.length, oldest: events[0]?.recordedAt };
  }

  /** A projection as it is kept here. */
  find(id: ProjectionId): KeptProjection | undefined {
    return this.#all.get(keyOf(id));
  }
}

function newPartition({ from, to }: Partition, movedAt: number): KeptPartition {
  return anew({ from, to, position: 0, epoch: 0, events: 0, movedAt, holdAt: undefined });
}

/** A partition that nobody works on yet. */
function anew({ from, to, position, epoch, events, movedAt, holdAt }: ArrangedPartition): KeptPartition {
  const nobody = { owner: undefined, expiresAt: 0, state: 'working' as const, error: undefined, attempts: 0 };
  return { from, to, position, epoch, events, movedAt, holdAt, ...nobody, faultedBy: [] };
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

function keyOf({ name, version }: ProjectionId): string {
  return `${name} ${version}`;
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
