import type { ProjectionEngine } from '../projections/projection-engine.ts';
import type { ProjectionStatus } from '../projections/projection-status.ts';
import type { EventStorage, FeedStatus, StorageVitals } from '../storage/event-storage.ts';
import { internals } from '../deciders/aggregate.ts';
import { METRICS, type MetricDefinition } from './metric-definitions.ts';
import type { MetricFamily, Sample } from './metric-registry.ts';

/** What gauges are read from: looking costs queries, so it is done when somebody asks, and not too often. */
export interface MetricSources {
  /** For the feed, the storage and the pool. */
  readonly store?: ObservedStore | undefined;
  /** For the lag, the state and the dead letters of its projections. */
  readonly engine?: Pick<ProjectionEngine, 'status'> | undefined;
}

/** A store, as `createPostgresStore` or `createMemoryStore` gives it. */
export interface ObservedStore {
  feedStatus(): Promise<FeedStatus>;
}

/** How large a store is, and how its connections are used; undefined where its storage cannot tell. */
async function vitalsOf(store: ObservedStore): Promise<StorageVitals | undefined> {
  return isOpen(store) ? store[internals].storage.readVitals?.() : undefined;
}

function isOpen(
  store: ObservedStore,
): store is ObservedStore & { readonly [internals]: { readonly storage: EventStorage } } {
  return internals in store;
}

/** The gauges of a source. */
export async function readGauges({ store, engine }: MetricSources): Promise<readonly MetricFamily[]> {
  const [feed, vitals, projections] = await Promise.all([
    store?.feedStatus(),
    store === undefined ? undefined : vitalsOf(store),
    engine?.status(),
  ]);
  return [
    ...(feed === undefined ? [] : feedGauges(feed)),
    ...(vitals === undefined ? [] : vitalGauges(vitals)),
    ...(projections === undefined ? [] : projectionGauges(projections)),
  ];
}

function family(definition: MetricDefinition, samples: readonly Sample[]): MetricFamily {
  return { definition, samples, histograms: [] };
}

function feedGauges({ position, head, heldBy }: FeedStatus): readonly MetricFamily[] {
  const oldest = Math.max(0, ...heldBy.map(({ age }) => age ?? 0)) / 1_000;
  return [
    family(METRICS.feedPosition, [{ labels: [], value: position }]),
    family(METRICS.feedHead, [{ labels: [], value: head }]),
    family(METRICS.feedHolders, [{ labels: [], value: heldBy.length }]),
    family(METRICS.feedHeldSeconds, [{ labels: [], value: oldest }]),
  ];
}

function vitalGauges({ bytes, connections }: StorageVitals): readonly MetricFamily[] {
  const parts = Object.entries(bytes).map(([part, value]) => ({ labels: [part], value }));
  if (connections === undefined) return [family(METRICS.storageBytes, parts)];
  const { total, idle, waiting } = connections;
  const states = { busy: total - idle, idle, waiting };
  return [
    family(METRICS.storageBytes, parts),
    family(
      METRICS.poolConnections,
      Object.entries(states).map(([state, value]) => ({ labels: [state], value })),
    ),
  ];
}

function projectionGauges(projections: readonly ProjectionStatus[]): readonly MetricFamily[] {
  const of = (definition: MetricDefinition, value: (status: ProjectionStatus) => number): MetricFamily =>
    family(
      definition,
      projections.map((status) => ({ labels: [status.name, String(status.version)], value: value(status) })),
    );
  return [
    of(METRICS.projectionLagEvents, ({ lagEvents }) => lagEvents),
    of(METRICS.projectionLagSeconds, ({ lagTime }) => lagTime / 1_000),
    of(METRICS.projectionCheckpoint, ({ position }) => position),
    of(METRICS.projectionParkedKeys, ({ parkedKeys }) => parkedKeys),
    family(
      METRICS.projectionState,
      projections.map(({ name, version, state }) => ({ labels: [name, String(version), state], value: 1 })),
    ),
  ];
}
