import { InvalidArgumentError } from '../errors.ts';
import { HandlerTimeoutError, ProjectionFailedError } from '../projection-errors.ts';
import type { StoreTracer } from '../observe/tracer.ts';
import type { StoredEvent } from '../store/categories.ts';
import { SubscriptionBatch, type DeliveryProgress } from '../subscriptions/subscription-batch.ts';
import type { Projection } from './define-projection.ts';
import type { AnyProjection, SqlProjection } from './define-sql-projection.ts';
import { BatchLog, ProjectionBatch, type KeyedEvent } from './projection-batch.ts';
import type { BatchEnd, CommitOutcome, Lease, NewDeadLetter, ProjectionStorage } from './projection-storage.ts';
import { sqlStateOf } from './sql-state.ts';

/** What an error of a projection is: `transient` ones are waited out, others are tried a few times, or once. */
export type Classification = 'transient' | 'retry' | 'permanent';

/** What an applier works with. */
export interface ApplierContext {
  readonly readModels: ProjectionStorage;
  /** Milliseconds of the lease. */
  readonly leaseDuration: number;
  /** Milliseconds that a handler with statements of its own may take for a batch. */
  readonly handlerTimeout: number;
  readonly tries: number;
  readonly tracer: StoreTracer | undefined;
  readonly classify: (error: unknown) => Classification;
  /** Tells what keeps an event from being applied. */
  readonly report: (error: unknown, attempts: number) => Promise<void>;
  /** Waits before the next try, unless the worker is stopped. */
  readonly pause: (attempts: number) => Promise<void>;
  /** Until when the lease lasts without being renewed, by `performance.now()`. */
  readonly leasedUntil: () => number;
  /** Stops the worker. */
  readonly signal: AbortSignal;
  /** Throws where there is no room for further dead letters. */
  readonly checkRoom: (letters: readonly NewDeadLetter[]) => Promise<void>;
}

/** An event that has failed for good: it is parked instead of being applied again. */
export interface Parking {
  readonly position: number;
  readonly attempts: number;
  /** What its storing failed with; undefined where a handler threw, which then says for which keys. */
  readonly error: unknown;
}

/** How a batch came out: how far it is stored, and what has failed after that. */
export interface Applied {
  readonly outcome: CommitOutcome;
  /** The last position that is stored; undefined where none is. */
  readonly to: number | undefined;
  readonly failure: unknown;
  /** The last position of which something was parked; 0 where nothing was, undefined where it is not known. */
  readonly parkedAt?: number | undefined;
}

/** Applies batches to a read model. Throws {@link BatchFailedError} where it cannot tell which event has failed. */
export type Applier = (lease: Lease, events: readonly KeyedEvent[], parking: Parking | undefined) => Promise<Applied>;

/** Something in a batch failed; it has changed nothing, and can be applied in halves. */
export class BatchFailedError extends Error {}

/** The applier of a kind of projection. */
export function createApplier(context: ApplierContext, projection: AnyProjection): Applier {
  switch (projection.kind) {
    case 'rows':
      return createRowApplier(context, projection);
    case 'sql':
      return (lease, events, parking) => applySql(context, projection, { lease, events, parking });
    case 'subscription': {
      const progress: DeliveryProgress = { acknowledged: new Set(), leasedUntil: 0 };
      return (lease, events) => new SubscriptionBatch(context, projection, { lease, events, progress }).run();
    }
  }
}

/** What is needed to apply events to rows. */
export type RowContext = Pick<ApplierContext, 'readModels' | 'leaseDuration' | 'checkRoom'>;

/** The applier of a projection that keeps rows. */
export function createRowApplier(context: RowContext, projection: Projection): Applier {
  return (lease, events, parking) => applyRows(context, projection, { lease, events, parking });
}

interface Batch {
  readonly lease: Lease;
  readonly events: readonly KeyedEvent[];
  readonly parking: Parking | undefined;
}

function keysOf(events: readonly KeyedEvent[]): readonly string[] {
  const keys = new Set<string>();
  for (const { event, parts } of events) {
    for (const key of parts?.keys() ?? [event.streamName]) keys.add(key);
  }
  return [...keys];
}

async function applyRows(context: RowContext, projection: Projection, batch: Batch): Promise<Applied> {
  const { lease, events, parking } = batch;
  const { readModels } = context;
  const state = await readModels.readBatch(projection, keysOf(events));
  const rows = new ProjectionBatch(projection, state);
  let failure: ProjectionFailedError | undefined;
  let count = 0;
  for (const keyed of events) {
    failure = applyToRows(projection, rows, keyed, parking);
    if (failure !== undefined) break;
    count += 1;
  }
  const table = projection.readModel.spec;
  return store(context, { lease, events: events.slice(0, count), log: rows.log, failure }, (end) =>
    readModels.commitProjection({ ...end, table, writes: rows.writes() }),
  );
}

function applyToRows(
  projection: Projection,
  rows: ProjectionBatch,
  keyed: KeyedEvent,
  parking: Parking | undefined,
): ProjectionFailedError | undefined {
  const { event, parts } = keyed;
  if (parts === undefined) return parkUnread(projection, rows.log, keyed, parking);
  const isParked = parking?.position === event.globalPosition;
  if (isParked && parking.error !== undefined) {
    parkAll(rows.log, keyed, parking);
    return undefined;
  }
  const failed = rows.apply({ event, parts }, isParked ? parking : undefined);
  return failed === undefined ? undefined : new ProjectionFailedError(projection.name, event, failed.error);
}

async function applySql(context: ApplierContext, projection: SqlProjection, batch: Batch): Promise<Applied> {
  const { lease, events, parking } = batch;
  const { readModels, handlerTimeout: timeout } = context;
  const commitSql = readModels.commitSqlProjection?.bind(readModels);
  if (commitSql === undefined) {
    throw new InvalidArgumentError('projections', `has "${projection.name}", which writes SQL: that needs PostgreSQL`);
  }
  const { parkedKeys } = await readModels.readBatch(projection, keysOf(events));
  const log = new BatchLog(parkedKeys);
  const given = new Set<StoredEvent>();
  let failure: ProjectionFailedError | undefined;
  let count = 0;
  for (const keyed of events) {
    failure = sortOut(projection, { log, given }, keyed, parking);
    if (failure !== undefined) break;
    count += 1;
  }
  return store(context, { lease, events: events.slice(0, count), log, failure }, (end) =>
    commitSql({ ...end, tables: projection.tables, timeout }, async (tx) => {
      if (given.size > 0) await handle(() => projection.apply([...given], tx));
    }),
  );
}

/** Whether the handler gets an event. It cannot be applied to some of its keys: where one is parked, all are. */
function sortOut(
  projection: SqlProjection,
  { log, given }: { readonly log: BatchLog; readonly given: Set<StoredEvent> },
  keyed: KeyedEvent,
  parking: Parking | undefined,
): ProjectionFailedError | undefined {
  const { event, parts } = keyed;
  if (parts === undefined) return parkUnread(projection, log, keyed, parking);
  if (parking?.position === event.globalPosition) {
    parkAll(log, keyed, parking);
    return undefined;
  }
  const behind = [...parts.keys()].find((key) => log.isParked(key));
  if (behind !== undefined) {
    const error = new Error(`waits behind key ${JSON.stringify(behind)}`);
    parkAll(log, keyed, { position: event.globalPosition, attempts: 0, error });
    return undefined;
  }
  for (const [key, own] of parts) {
    for (const part of own) given.add(part);
    log.applied(event, key);
  }
  return undefined;
}

function parkAll(log: BatchLog, { event, parts }: KeyedEvent, { attempts, error }: Parking): void {
  for (const key of parts?.keys() ?? []) {
    if (log.isParked(key)) log.follow(key, event.globalPosition);
    else log.park(key, event.globalPosition, error, attempts);
  }
}

/** Without its keys, all that can be parked is its stream; where keys are others, the order of one would be lost. */
function parkUnread(
  { name, hasOwnKeys }: AnyProjection,
  log: BatchLog,
  { event, error }: KeyedEvent,
  parking: Parking | undefined,
): ProjectionFailedError | undefined {
  const key = event.streamName;
  const isParked = log.isParked(key);
  if (hasOwnKeys || (!isParked && parking?.position !== event.globalPosition)) {
    return new ProjectionFailedError(name, event, error);
  }
  if (isParked) log.follow(key, event.globalPosition);
  else log.park(key, event.globalPosition, error, parking?.attempts ?? 1);
  return undefined;
}

/** Stores what was applied: one bad event costs none of the good ones before it. */
async function store(
  { leaseDuration: duration, checkRoom }: Pick<RowContext, 'leaseDuration' | 'checkRoom'>,
  done: {
    readonly lease: Lease;
    readonly events: readonly KeyedEvent[];
    readonly log: BatchLog;
    readonly failure: ProjectionFailedError | undefined;
  },
  commit: (end: BatchEnd) => Promise<CommitOutcome>,
): Promise<Applied> {
  const { lease, events, log, failure } = done;
  const to = events.at(-1)?.event.globalPosition;
  if (to === undefined) return { outcome: 'stored', to, failure };
  await checkRoom(log.deadLetters);
  const own = events.filter(({ parts }) => parts === undefined || parts.size > 0).length;
  const { deadLetters } = log;
  try {
    const outcome = await commit({ lease, to, events: own, deadLetters, digests: log.digests(), duration });
    const parkedAt = deadLetters.reduce((last, { position }) => Math.max(last, position), 0);
    return { outcome, to: outcome === 'stored' ? to : undefined, failure, parkedAt };
  } catch (error) {
    const isOfBatch = isOfData(error) || error instanceof HandlerTimeoutError;
    // What a handler threw says so itself.
    if (!isOfBatch || error instanceof BatchFailedError) throw error;
    throw new BatchFailedError('a batch could not be stored', { cause: error });
  }
}

/** What a handler throws is about its events, unless the database has thrown it first, for reasons of its own. */
async function handle(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (sqlStateOf(error) === undefined || isOfData(error)) {
      throw new BatchFailedError('a batch could not be applied', { cause: error });
    }
    throw error;
  }
}

/**
 * Classes of SQLSTATE that are about what is written: one row where there are several, data, constraints, limits such as the longest
 * entry of an index, and errors that functions raise themselves.
 */
const OF_DATA = new Set(['21', '22', '23', '54', 'P0']);

function isOfData(error: unknown): boolean {
  return OF_DATA.has(sqlStateOf(error)?.slice(0, 2) ?? '');
}
