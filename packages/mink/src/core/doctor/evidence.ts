import type { AnyProjection } from '../projections/define-sql-projection.ts';
import { createProjectionEngine, type StoreOfEngine } from '../projections/projection-engine.ts';
import type { ProjectionStatus } from '../projections/projection-status.ts';
import type { StoredProjection } from '../projections/projection-storage.ts';
import type { CheckedShapes } from '../schema/check-log.ts';
import type { StoreSchema } from '../schema/store-schema.ts';
import type { StoreSnapshots } from '../snapshots/store-snapshots.ts';
import type { FeedStatus, StreamInfo } from '../storage/event-storage.ts';
import type { ProcessReport } from '../operations/process-report.ts';
import type { StoreOperations } from '../operations/store-operations.ts';
import type { DatabaseFacts } from './database-facts.ts';
import type { Monitoring } from './monitoring.ts';

/** A decider, or the definition of an aggregate. */
export interface ExaminedFold {
  readonly category: string;
  readonly snapshots?: object | undefined;
}

/** What is examined: the parts of a store that everybody has. */
export interface ExaminedStore<Target> extends StoreOfEngine {
  readonly operations: StoreOperations;
  readonly schema: Pick<StoreSchema<Target>, 'check' | 'types'>;
  readonly snapshots: Pick<StoreSnapshots<Target>, 'list'>;
  feedStatus(): Promise<FeedStatus>;
}

/** Where evidence comes from. */
export interface EvidenceSources<Target> {
  readonly store: ExaminedStore<Target>;
  readonly projections: readonly AnyProjection[];
  readonly deciders: readonly (Target & ExaminedFold)[];
  readonly monitoring: (() => Promise<Monitoring>) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Something that was looked for. */
export type Seen<T> = { readonly value: T } | { readonly error: unknown };

/** A stream that is long, and the version of its last snapshot; 0 where it has none. */
export interface LongStream {
  readonly stream: StreamInfo;
  readonly snapshotVersion: number;
  /** Whether its decider or aggregate makes snapshots; undefined where there is no code of it here. */
  readonly hasSnapshots: boolean | undefined;
}

/** All that checks look at. */
export interface Evidence {
  readonly facts: Seen<DatabaseFacts | undefined>;
  readonly feed: Seen<FeedStatus>;
  readonly processes: Seen<readonly ProcessReport[]>;
  readonly stored: Seen<readonly StoredProjection[]>;
  /** Of the projections whose code is here. */
  readonly statuses: Seen<readonly ProjectionStatus[]>;
  /** Undefined where the store knows no events. */
  readonly shapes: Seen<CheckedShapes | undefined>;
  readonly longStreams: Seen<readonly LongStream[]>;
  readonly monitoring: Seen<Monitoring | undefined>;
  readonly now: number;
}

/** Looks at everything; what cannot be seen is an error in its place. Where the schema is behind the code, only at the database. */
export async function gatherEvidence<Target>(sources: EvidenceSources<Target>): Promise<Evidence> {
  const { store, projections, monitoring } = sources;
  const facts = await seen(() => store.operations.facts());
  const isReady = 'value' in facts && (facts.value === undefined || facts.value.store !== undefined);
  const look = <T>(work: () => Promise<T>): Promise<Seen<T>> =>
    isReady ? seen(work) : Promise.resolve({ error: new NotReady() });
  const [feed, processes, stored, statuses, shapes, longStreams, monitored] = await Promise.all([
    look(() => store.feedStatus()),
    look(() => store.operations.processes()),
    look(() => store.projections.list()),
    look(async () => (projections.length === 0 ? [] : createProjectionEngine(store, projections).status())),
    look(async () => (store.schema.types().length > 0 ? checkShapes(sources) : undefined)),
    look(() => findLongStreams(sources)),
    seen(async () => monitoring?.()),
  ]);
  return { facts, feed, processes, stored, statuses, shapes, longStreams, monitoring: monitored, now: Date.now() };
}

/** The database is away, or its schema is behind. */
class NotReady extends Error {
  override readonly message = 'The database could not be looked at: see the findings above.';
}

async function seen<T>(work: () => Promise<T>): Promise<Seen<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    return { error };
  }
}

function checkShapes<Target>({ store, deciders, signal }: EvidenceSources<Target>): Promise<CheckedShapes> {
  return store.schema.check(deciders, { signal });
}

/** Streams that are looked at of all. */
const LONGEST = 20;

async function findLongStreams<Target>({ store, deciders }: EvidenceSources<Target>): Promise<readonly LongStream[]> {
  const streams = await store.operations.longestStreams({ limit: LONGEST });
  const found: LongStream[] = [];
  for (const stream of streams) {
    const { streamName, category } = stream;
    const folds = deciders.filter((fold) => fold.category === category);
    const hasSnapshots = folds.length === 0 ? undefined : folds.some(({ snapshots }) => snapshots !== undefined);
    const snapshots = await store.snapshots.list({ streamName }).toArray();
    const snapshotVersion = Math.max(0, ...snapshots.map(({ streamVersion }) => streamVersion));
    found.push({ stream, snapshotVersion, hasSnapshots });
  }
  return found;
}
