import type { ProjectionEngine } from '../projections/projection-engine.ts';
import type { ProjectionStatus } from '../projections/projection-status.ts';
import type { FeedStatus, StorageVitals } from '../storage/event-storage.ts';
import { internals } from '../deciders/aggregate.ts';
import { compareClocks, type ClockComparison } from '../health/compare-clocks.ts';
import type { InlineState } from '../projections/inline-projections.ts';
import { isOpenStore } from '../store/open-store.ts';
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

/** What only a store of mink's own can tell. */
interface StoreDetails {
  readonly vitals: StorageVitals | undefined;
  readonly clocks: ClockComparison | undefined;
  readonly inline: readonly InlineState[];
}

async function detailsOf(store: ObservedStore): Promise<StoreDetails | undefined> {
  if (!isOpenStore(store)) return undefined;
  const { storage, inline: own } = store[internals];
  const [vitals, clocks, inline] = await Promise.all([
    storage.readVitals?.(),
    compareClocks(storage, Date.now),
    own.states(),
  ]);
  return { vitals, clocks, inline };
}

/** The gauges of a source. */
export async function readGauges({ store, engine }: MetricSources): Promise<readonly MetricFamily[]> {
  const [feed, details, projections] = await Promise.all([
    store?.feedStatus(),
    store === undefined ? undefined : detailsOf(store),
    engine?.status(),
  ]);
  return [
    ...(feed === undefined ? [] : feedGauges(feed)),
    ...(details === undefined ? [] : detailGauges(details)),
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

function detailGauges({ vitals, clocks, inline }: StoreDetails): readonly MetricFamily[] {
  const states = inline.map(({ name, version, state }) => ({ labels: [name, String(version), state], value: 1 }));
  return [
    ...(vitals === undefined ? [] : vitalGauges(vitals)),
    ...(clocks === undefined ? [] : clockGauges(clocks)),
    ...(states.length === 0 ? [] : [family(METRICS.inlineProjections, states)]),
  ];
}

function clockGauges({ skew, recordedAhead }: ClockComparison): readonly MetricFamily[] {
  return [
    family(METRICS.clockSkew, [{ labels: [], value: skew / 1_000 }]),
    family(METRICS.recordedAhead, [{ labels: [], value: recordedAhead / 1_000 }]),
  ];
}

function vitalGauges({ bytes, keptResults, connections }: StorageVitals): readonly MetricFamily[] {
  const parts = Object.entries(bytes).map(([part, value]) => ({ labels: [part], value }));
  const kept = keptResults === undefined ? [] : [{ labels: [], value: keptResults }];
  const all = [family(METRICS.storageBytes, parts), family(METRICS.keptResults, kept)];
  if (connections !== undefined) {
    const { total, idle, waiting } = connections;
    const states = Object.entries({ busy: total - idle, idle, waiting });
    const samples = states.map(([state, value]) => ({ labels: [state], value }));
    all.push(family(METRICS.poolConnections, samples));
  }
  return all.filter(({ samples }) => samples.length > 0);
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
    of(METRICS.projectionOldestParked, ({ oldestParkedAt }) =>
      oldestParkedAt === undefined ? 0 : Math.max(0, Date.now() - oldestParkedAt.getTime()) / 1_000,
    ),
    of(METRICS.projectionParkedKeys, ({ parkedKeys }) => parkedKeys),
    family(
      METRICS.projectionState,
      projections.map(({ name, version, state }) => ({ labels: [name, String(version), state], value: 1 })),
    ),
  ];
}
