import {
  createMetrics,
  createProjectionEngine,
  METRICS,
  type AnyProjection,
  type FeedStatus,
  type MetricFamily,
  type ProcessReport,
  type ProjectionStatus,
  type StoredProjection,
} from 'mink';
import type { ReadableStore } from '../readable-store.ts';

/** A projection or a subscription, as it was at one moment. */
export interface LookedProjection extends Pick<
  StoredProjection,
  'name' | 'version' | 'kind' | 'position' | 'events' | 'parkedKeys' | 'isLive' | 'error'
> {
  readonly state: ProjectionStatus['state'];
  /** Events that it has not applied; without its code, positions behind the bound, of which it may not want all. */
  readonly behind: number;
  /** Seconds that the first of them has waited; undefined without its code. */
  readonly waiting: number | undefined;
  /** Milliseconds since 1970, of the oldest parked key. */
  readonly oldestParkedAt: number | undefined;
}

/** Everything at one moment. */
export interface Look {
  /** Milliseconds from any beginning. */
  readonly at: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly feed: Pick<FeedStatus, 'position' | 'head' | 'heldBy'>;
  readonly projections: readonly LookedProjection[];
  /** Those that report; none where the storage cannot tell. */
  readonly processes: readonly ProcessReport[];
  /** Bytes by part; empty where the storage cannot tell. */
  readonly storage: Readonly<Record<string, number>>;
}

/** Looks again and again at a store, and at projections whose code is there. */
export function lookingAt(store: ReadableStore, projections: readonly AnyProjection[]): () => Promise<Look> {
  const metrics = createMetrics({ gaugeInterval: 0 });
  metrics.watch({ store });
  const engine = projections.length === 0 ? undefined : createProjectionEngine(store, projections);
  return async () => {
    const [feed, stored, families, processes, statuses = []] = await Promise.all([
      store.feedStatus(),
      store.projections.list(),
      metrics.collect(),
      processesOf(store),
      engine?.status(),
    ]);
    return {
      at: performance.now(),
      time: Date.now(),
      feed,
      projections: stored.map((it) => looked(it, feed, statuses)),
      processes,
      storage: storageOf(families),
    };
  };
}

/** A storage of somebody's own may have no place for reports. */
async function processesOf({ operations }: ReadableStore): Promise<readonly ProcessReport[]> {
  try {
    return await operations.processes();
  } catch {
    return [];
  }
}

function looked(
  stored: StoredProjection,
  { position: bound }: Pick<FeedStatus, 'position'>,
  statuses: readonly ProjectionStatus[],
): LookedProjection {
  const { name, version, kind, position, events, parkedKeys, isLive, error, state, oldestParkedAt } = stored;
  const status = statuses.find((it) => it.name === name && it.version === version);
  const isInline = state === 'inline';
  const behind = isInline ? 0 : Math.max(0, bound - position);
  return {
    name,
    version,
    kind,
    position: isInline ? bound : position,
    events,
    parkedKeys,
    isLive,
    error,
    oldestParkedAt,
    state: status?.state ?? (state === 'working' ? (behind === 0 ? 'live' : 'catching_up') : state),
    behind: status?.lagEvents ?? behind,
    waiting: status === undefined ? undefined : status.lagTime / 1_000,
  };
}

function storageOf(families: readonly MetricFamily[]): Look['storage'] {
  const { samples = [] } = families.find(({ definition }) => definition.name === METRICS.storageBytes.name) ?? {};
  return Object.fromEntries(samples.map(({ labels: [part = ''], value }) => [part, value]));
}
