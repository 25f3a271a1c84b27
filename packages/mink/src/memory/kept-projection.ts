import {
  equalRanges,
  type ArrangedPartition,
  type CheckpointSample,
  type KeyedPosition,
  type Partition,
  type ProjectionId,
  type ProjectionKind,
  type ProjectionModel,
  type Shadow,
  type StoredRow,
  type TableSpec,
  type WorkerState,
} from '../core/index.ts';

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
  readonly tables: readonly TableSpec[];
  readonly kind: ProjectionKind;
  /** The position that it begins behind. */
  readonly from: number;
  /** Undefined for a version. */
  readonly shadow: Pick<Shadow, 'of' | 'purpose'> | undefined;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  isPaused: boolean;
  /** Every append applies it, and no worker may. */
  isInline: boolean;
  wantedPartitions: number;
  partitions: KeptPartition[];
  readonly rows: Map<string, StoredRow>;
  readonly parked: Map<string, Parked>;
  readonly discarded: KeyedPosition[];
  /** Positions that appends applied themselves. */
  readonly inlineRanges: { readonly from: number; readonly to: number }[];
  readonly digests: Map<number, { count: number; low: number; high: number }>;
  /** Processes that have code for it, and until when they are known to live. */
  readonly workers: Map<string, number>;
  /** Where it was, in the order of time. */
  history: readonly CheckpointSample[];
  verified?: { readonly at: number; readonly ok: boolean };
}

/** A key whose events wait. */
export interface Parked {
  error: string;
  attempts: number;
  readonly firstFailedAt: number;
  lastFailedAt: number;
  positions: readonly number[];
  /** Who retries it. */
  claim?: { readonly owner: string; readonly until: number };
}

/** How a projection begins. */
interface NewKept {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly kind?: ProjectionKind;
  readonly from?: number;
  readonly shadow?: Pick<Shadow, 'of' | 'purpose'>;
}

/** A projection of which nothing was applied yet. */
export function newProjection(
  { name, version, tables, partitions = 1 }: ProjectionModel,
  { now, kind = 'projection', from = 0, shadow }: NewKept,
): KeptProjection {
  return {
    id: { name, version },
    tables,
    kind,
    from,
    shadow,
    createdAt: now,
    isPaused: false,
    isInline: false,
    wantedPartitions: partitions,
    partitions: equalRanges(partitions).map((range) => newPartition(range, { position: from, movedAt: now })),
    rows: new Map(),
    parked: new Map(),
    discarded: [],
    inlineRanges: [],
    digests: new Map(),
    workers: new Map(),
    history: [],
  };
}

export function newPartition(
  { from, to }: Partition,
  { position, movedAt }: { readonly position: number; readonly movedAt: number },
): KeptPartition {
  return anew({ from, to, position, epoch: 0, events: 0, movedAt, holdAt: undefined });
}

/** A partition that nobody works on yet. */
export function anew({ from, to, position, epoch, events, movedAt, holdAt }: ArrangedPartition): KeptPartition {
  const nobody = { owner: undefined, expiresAt: 0, state: 'working' as const, error: undefined, attempts: 0 };
  return { from, to, position, epoch, events, movedAt, holdAt, ...nobody, faultedBy: [] };
}

/** What projections are found by. */
export function keyOf({ name, version }: ProjectionId): string {
  return `${name} ${version}`;
}
