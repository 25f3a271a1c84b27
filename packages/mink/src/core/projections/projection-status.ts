import type { AnyProjection } from './define-sql-projection.ts';
import type { Lag, Partition, ProjectionKind, StoredPartition, StoredProjection } from './projection-storage.ts';
import { filterOf, WHOLE, type WorkerContext } from './projection-worker.ts';

/**
 * The state of a projection, the worst of its partitions:
 *
 * - `stopped`: nobody works on it
 * - `catching_up`: it is behind, and moves
 * - `live`: it has applied all there is
 * - `retrying`: something fails, and is tried again
 * - `stalled`: it is behind, and has not moved for a while, though somebody works on it
 * - `paused`: somebody has stopped it
 * - `faulted`: something fails for good, and it stands still
 * - `rebuilding`: it is behind, and not the version that its name stands for
 * - `inline`: every append applies it
 * - `retired`: it was dropped for good
 */
export type ProjectionCondition =
  | 'stopped'
  | 'catching_up'
  | 'live'
  | 'retrying'
  | 'stalled'
  | 'paused'
  | 'faulted'
  | 'rebuilding'
  | 'inline'
  | 'retired';

/** How a projection is doing. */
export interface ProjectionStatus {
  readonly name: string;
  readonly version: number;
  readonly kind: ProjectionKind;
  readonly state: ProjectionCondition;
  /** Everything up to here is in the read model. */
  readonly position: number;
  /** Events in the log that it reads, and has not applied; counted up to 10,000. */
  readonly lagEvents: number;
  /** How long the first of them has been in the log, in milliseconds; 0 where there is none. */
  readonly lagTime: number;
  /** Events that were applied, in all. */
  readonly events: number;
  readonly owner: string | undefined;
  /** What keeps it from going on. */
  readonly error: string | undefined;
  readonly attempts: number;
  /** Keys whose events wait to be retried. */
  readonly parkedKeys: number;
  /** When the first of them failed first; undefined where there is none. */
  readonly oldestParkedAt: Date | undefined;
  /** When the checkpoint last moved. */
  readonly movedAt: Date | undefined;
  /** Whether this is the version that its name stands for. */
  readonly isLive: boolean;
  /** How many partitions it is to have: there are more until those that are merged are equally far. */
  readonly wantedPartitions: number;
  /** By their slots. */
  readonly partitions: readonly StoredPartition[];
}

/** A longer lag is not counted to its end. */
export const MAX_LAG = 10_000;

/**
 * How projections are doing, with a real lag: against what each of them reads. Also the live version of their name, where it is one
 * without code here that nobody works on; its lag is that of what the code here reads.
 */
export async function statusOf(
  { storage, readModels, registry }: Pick<WorkerContext, 'storage' | 'readModels' | 'registry'>,
  projections: readonly AnyProjection[],
  stalledAfter: number,
): Promise<readonly ProjectionStatus[]> {
  const [stored, { position: upTo }] = await Promise.all([readModels.listProjections(), storage.readBound()]);
  const unattended = projections.flatMap((projection) => {
    const version = unattendedVersion(projection, stored, projections);
    return version === undefined ? [] : [{ projection, version }];
  });
  const own = projections.map((projection) => ({ projection, version: projection.version }));
  return Promise.all(
    [...own, ...unattended].map(async ({ projection, version }): Promise<ProjectionStatus> => {
      const { name } = projection;
      const known = stored.find((it) => it.name === name && it.version === version);
      const isInline = known?.state === 'inline';
      const lags = isInline ? [NO_LAG] : await lagsOf({ readModels, registry }, projection, { known, upTo });
      const lag = totalOf(projection, lags);
      return {
        name,
        version,
        kind: projection.kind === 'subscription' ? 'subscription' : 'projection',
        state: conditionOf(known, lags, { now: Date.now(), stalledAfter }),
        // Of an inline one, only where it began is stored.
        position: isInline ? upTo : (known?.position ?? 0),
        lagEvents: lag.events,
        lagTime: lag.oldest === undefined ? 0 : Math.max(0, Date.now() - lag.oldest),
        events: known?.events ?? 0,
        owner: known?.owner,
        error: known?.error,
        attempts: known?.attempts ?? 0,
        parkedKeys: known?.parkedKeys ?? 0,
        oldestParkedAt: known?.oldestParkedAt === undefined ? undefined : new Date(known.oldestParkedAt),
        movedAt: known === undefined ? undefined : new Date(known.movedAt),
        isLive: known?.isLive ?? false,
        wantedPartitions: known?.wantedPartitions ?? projection.partitions,
        partitions: known?.partitions ?? [],
      };
    }),
  );
}

const UNATTENDED = new Set<StoredProjection['state']>(['stopped', 'paused', 'faulted']);

/** As after a switch to a version whose code is deployed nowhere: what is read stands still. Told once, by the newest version here. */
function unattendedVersion(
  { name, version }: AnyProjection,
  stored: readonly StoredProjection[],
  projections: readonly AnyProjection[],
): number | undefined {
  const versions = projections.filter((it) => it.name === name).map((it) => it.version);
  const live = stored.find((it) => it.name === name && it.isLive);
  if (live === undefined || versions.includes(live.version) || version !== Math.max(...versions)) return undefined;
  return UNATTENDED.has(live.state) ? live.version : undefined;
}

/** What somebody works on is live, or behind: then it counts whether it moves. */
function conditionOf(
  known: StoredProjection | undefined,
  lags: readonly PartitionLag[],
  { now, stalledAfter }: { readonly now: number; readonly stalledAfter: number },
): ProjectionCondition {
  if (known?.state !== 'working') return known?.state ?? 'stopped';
  const behind = lags.filter(({ events }) => events > 0);
  if (behind.length === 0) return 'live';
  // What was appended just now has kept nobody waiting yet.
  const isStalled = behind.some(({ movedAt, oldest = 0 }) => now - Math.max(movedAt, oldest) >= stalledAfter);
  if (isStalled) return 'stalled';
  return known.isLive ? 'catching_up' : 'rebuilding';
}

/** What a partition has not applied, and when it last moved, in milliseconds since 1970. */
interface PartitionLag extends Lag {
  readonly movedAt: number;
}

const NO_LAG: PartitionLag = { events: 0, oldest: undefined, movedAt: 0 };

/** What each partition has not applied: at most `limit` events, and when the first of them was recorded. */
function lagsOf(
  { readModels, registry }: Pick<WorkerContext, 'readModels' | 'registry'>,
  projection: AnyProjection,
  { known, upTo, limit = MAX_LAG }: LagOptions,
): Promise<readonly PartitionLag[]> {
  const partitions: readonly (Partition & Pick<StoredPartition, 'position' | 'movedAt'>)[] = known?.partitions ?? [
    { ...WHOLE, position: 0, movedAt: 0 },
  ];
  return Promise.all(
    partitions.map(async ({ position: after, movedAt, from, to }) => {
      const filter = filterOf(registry, projection, { from, to });
      return { ...(await readModels.measureLag({ after, upTo, filter, limit })), movedAt };
    }),
  );
}

/** Up to where what is missing is counted, and to how many events. */
interface LagOptions {
  /** Undefined for one that was never started. */
  readonly known: StoredProjection | undefined;
  readonly upTo: number;
  /** @defaultValue 10_000 */
  readonly limit?: number | undefined;
}

/** Events that a projection has not applied, and when the first of them was recorded. */
export async function lagOf(
  context: Pick<WorkerContext, 'readModels' | 'registry'>,
  projection: AnyProjection,
  options: LagOptions,
): Promise<Lag> {
  return totalOf(projection, await lagsOf(context, projection, options), options.limit);
}

function totalOf({ hasOwnKeys }: AnyProjection, lags: readonly Lag[], limit = MAX_LAG): Lag {
  const events = lags.map((lag) => lag.events);
  const oldest = lags.flatMap((lag) => lag.oldest ?? []);
  // Where only the projection can tell whose an event is, each partition sees them all.
  const all = hasOwnKeys ? Math.max(0, ...events) : events.reduce((sum, count) => sum + count, 0);
  return { events: Math.min(limit, all), oldest: oldest.length === 0 ? undefined : Math.min(...oldest) };
}
