import type { AnyProjection } from './define-sql-projection.ts';
import type { Lag, Partition, ProjectionState, StoredPartition, StoredProjection } from './projection-storage.ts';
import { filterOf, WHOLE, type WorkerContext } from './projection-worker.ts';

/** How a projection is doing. */
export interface ProjectionStatus {
  readonly name: string;
  readonly version: number;
  readonly state: ProjectionState;
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
  /** When the checkpoint last moved. */
  readonly movedAt: Date | undefined;
  /** Whether this is the version that its name stands for. */
  readonly isLive: boolean;
  /** By their slots. */
  readonly partitions: readonly StoredPartition[];
}

/** A longer lag is not counted to its end. */
const MAX_LAG = 10_000;

/** How projections are doing, with a real lag: against what each of them reads. */
export async function statusOf(
  { storage, readModels, registry }: Pick<WorkerContext, 'storage' | 'readModels' | 'registry'>,
  projections: readonly AnyProjection[],
): Promise<readonly ProjectionStatus[]> {
  const [stored, { position: upTo }] = await Promise.all([readModels.listProjections(), storage.readBound()]);
  return Promise.all(
    projections.map(async (projection): Promise<ProjectionStatus> => {
      const { name, version } = projection;
      const known = stored.find((it) => it.name === name && it.version === version);
      const lag = await lagOf({ readModels, registry }, projection, { known, upTo });
      return {
        name,
        version,
        state: known?.state ?? 'stopped',
        position: known?.position ?? 0,
        lagEvents: lag.events,
        lagTime: lag.oldest === undefined ? 0 : Math.max(0, Date.now() - lag.oldest),
        events: known?.events ?? 0,
        owner: known?.owner,
        error: known?.error,
        attempts: known?.attempts ?? 0,
        parkedKeys: known?.parkedKeys ?? 0,
        movedAt: known === undefined ? undefined : new Date(known.movedAt),
        isLive: known?.isLive ?? false,
        partitions: known?.partitions ?? [],
      };
    }),
  );
}

/** Events that a projection has not applied, at most 10,000, and when the first of them was recorded. */
async function lagOf(
  { readModels, registry }: Pick<WorkerContext, 'readModels' | 'registry'>,
  projection: AnyProjection,
  { known, upTo }: { readonly known: StoredProjection | undefined; readonly upTo: number },
): Promise<Lag> {
  const partitions: readonly (Partition & { readonly position: number })[] = known?.partitions ?? [
    { ...WHOLE, position: 0 },
  ];
  const lags = await Promise.all(
    partitions.map(({ position: after, ...partition }) =>
      readModels.measureLag({ after, upTo, filter: filterOf(registry, projection, partition), limit: MAX_LAG }),
    ),
  );
  // Where only the projection can tell whose an event is, each partition sees them all.
  const events = lags.map((lag) => lag.events);
  const oldest = lags.flatMap((lag) => lag.oldest ?? []);
  return {
    events: Math.min(
      MAX_LAG,
      projection.hasOwnKeys ? Math.max(...events) : events.reduce((sum, count) => sum + count, 0),
    ),
    oldest: oldest.length === 0 ? undefined : Math.min(...oldest),
  };
}
