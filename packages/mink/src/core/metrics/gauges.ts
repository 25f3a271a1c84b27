import type { ProjectionEngine } from '../projections/projection-engine.ts';
import type { ProjectionStatus } from '../projections/projection-status.ts';
import type { FeedStatus, StorageVitals } from '../storage/event-storage.ts';
import { internals } from '../deciders/aggregate.ts';
import { compareClocks, type ClockComparison } from '../health/compare-clocks.ts';
import type { InlineState } from '../projections/inline-projections.ts';
import type { ConnectionUse } from '../operations/operations-storage.ts';
import { isOpenStore, type OpenStore } from '../store/open-store.ts';
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

/** One look at something; each can fail without the others. */
export type GaugeLook = () => Promise<readonly MetricFamily[]>;

/** What there is to look at. */
export function gaugeLooks({ store, engine }: MetricSources): readonly GaugeLook[] {
  const looks: GaugeLook[] = [];
  // First: the others ask the database, and a call that is about to get its connection counts as one that waits.
  if (store !== undefined && isOpenStore(store)) looks.push(poolLook(store[internals]));
  if (store !== undefined) looks.push(async () => feedGauges(await store.feedStatus()));
  if (store !== undefined && isOpenStore(store)) looks.push(...looksInto(store[internals]));
  if (engine !== undefined) looks.push(async () => projectionGauges(await engine.status()));
  return looks;
}

/** Without asking the database: when nobody gets a connection is when it is looked for. */
function poolLook({ storage }: OpenStore[typeof internals]): GaugeLook {
  return async () => poolGauges(storage.operations?.connections?.());
}

/** What only a store of mink's own can tell. */
function looksInto({ storage, inline }: OpenStore[typeof internals]): readonly GaugeLook[] {
  return [
    async () => vitalGauges(await storage.readVitals?.()),
    async () => clockGauges(await compareClocks(storage, Date.now)),
    async () => inlineGauges(await inline.states()),
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

function inlineGauges(states: readonly InlineState[]): readonly MetricFamily[] {
  const samples = states.map(({ name, version, state }) => ({ labels: [name, String(version), state], value: 1 }));
  return samples.length === 0 ? [] : [family(METRICS.inlineProjections, samples)];
}

function clockGauges(clocks: ClockComparison | undefined): readonly MetricFamily[] {
  if (clocks === undefined) return [];
  return [
    family(METRICS.clockSkew, [{ labels: [], value: clocks.skew / 1_000 }]),
    family(METRICS.recordedAhead, [{ labels: [], value: clocks.recordedAhead / 1_000 }]),
  ];
}

function vitalGauges(vitals: StorageVitals | undefined): readonly MetricFamily[] {
  if (vitals === undefined) return [];
  const { bytes, keptResults } = vitals;
  const parts = Object.entries(bytes).map(([part, value]) => ({ labels: [part], value }));
  const kept = keptResults === undefined ? [] : [{ labels: [], value: keptResults }];
  const all = [family(METRICS.storageBytes, parts), family(METRICS.keptResults, kept)];
  return all.filter(({ samples }) => samples.length > 0);
}

function poolGauges(use: ConnectionUse | undefined): readonly MetricFamily[] {
  if (use?.total === undefined || use.idle === undefined) return [];
  const { total, idle, waiting = 0 } = use;
  const states = Object.entries({ busy: total - idle, idle, waiting });
  return [
    family(
      METRICS.poolConnections,
      states.map(([state, value]) => ({ labels: [state], value })),
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
