import {
  ProjectionNameTakenError,
  areWhole,
  arrangePartitions,
  DatabaseError,
  ProjectionRetiredError,
  ReadModelChangedError,
  type AppliedState,
  type BatchState,
  type Beginning,
  type CheckpointSample,
  type CommitOutcome,
  type Condition,
  type EventStorage,
  type Lag,
  type LagQuery,
  type Lease,
  type LeaseAnswer,
  type LeaseRequest,
  type ListParkedQuery,
  type LiveVersion,
  type LogReader,
  type ProjectionKind,
  type OpenTransaction,
  type ParkedKey,
  type DiscardedKey,
  type ParkedStep,
  type Partitioning,
  type ProjectionCommit,
  type ProjectionId,
  type ProjectionModel,
  type ProjectionStorage,
  type ProjectionTransaction,
  type RetireOutcome,
  type RetriedStep,
  type Scratch,
  type Shadow,
  type ShadowPurpose,
  type RowQuery,
  type SqlBatch,
  type StoredPartition,
  type StoredProjection,
  type StoredRow,
  type SwitchRequest,
  type TableSpec,
} from '../core/index.ts';
import type { Database, Row, Statement } from './connection.ts';
import { readCheckpointHistoryQuery, toCheckpointSample } from './queries/checkpoint-history.ts';
import {
  claimParkedQuery,
  discardParkedQuery,
  findDeadLettersQuery,
  holdParkedQuery,
  holdTablesQuery,
  listDeadLettersQuery,
  listParkedQuery,
  storeRetryQueries,
  toParkedKey,
} from './queries/dead-letters.ts';
import { countRowsQuery, findRowsQuery } from './queries/find-rows.ts';
import { commitProjectionQuery, toCommitOutcome } from './queries/projection-commit.ts';
import {
  leaseProjectionsQuery,
  leaveProjectionsQuery,
  releaseProjectionsQuery,
  toLease,
  toLeaseAnswer,
} from './queries/projection-leases.ts';
import {
  holdPartitionsQuery,
  readAppliedQuery,
  replacePartitionsQueries,
  toAppliedState,
  toArrangedPartition,
  wantPartitionsQuery,
} from './queries/projection-partitions.ts';
import {
  listRowsQuery,
  readBatchQuery,
  readRowsQuery,
  rowTable,
  toBatchState,
  toStoredRow,
} from './queries/projection-rows.ts';
import {
  listProjectionsQuery,
  measureLagQuery,
  pauseProjectionQuery,
  reportProjectionQuery,
  saveVerificationQuery,
  toStoredProjections,
} from './queries/projection-state.ts';
import { checkFollows, measureLagIn } from './other-log.ts';
import { nameHolderQuery, preparedTablesQuery, prepareProjectionScript } from './queries/read-model-tables.ts';
import { liveVersionQuery, measureSizeQuery, seizeQuery, toLiveVersion } from './queries/projection-versions.ts';
import { toTimestamp } from './queries/timestamp.ts';
import { replaySubscription, resetProjection } from './reset-projection.ts';
import { withScratch } from './scratch.ts';
import { attemptsIn, runSqlBatch } from './sql-batch.ts';
import type { SchemaName } from './schema-name.ts';
import { untilSilent } from './until-silent.ts';
import {
  adoptShadow,
  createShadow,
  dropShadow,
  listShadows,
  readTables,
  retireProjection,
  switchProjection,
} from './versions.ts';

const UNDEFINED_TABLE = '42P01';

/** What read models are kept with. */
export interface ReadModelSettings {
  readonly database: Database;
  readonly schema: SchemaName;
  /** Runs a statement, once the schema is up to date. */
  readonly run: (statement: Statement) => Promise<readonly Row[]>;
  /** Runs statements in a transaction of its own. */
  readonly inTransaction: <T>(
    work: (run: (statement: Statement) => Promise<readonly Row[]>, tx: OpenTransaction) => Promise<T>,
  ) => Promise<T>;
  /** The log, as a transaction sees it. */
  readonly logWithin: (tx: OpenTransaction) => Pick<LogReader, 'readLogPage'>;
  /** The log that they follow, where it is that of another storage. */
  readonly otherLog?: EventStorage | undefined;
}

/** Read models in tables beside the log. */
export class ReadModels implements ProjectionStorage {
  readonly #settings: ReadModelSettings;

  constructor(settings: ReadModelSettings) {
    this.#settings = settings;
  }

  /** The same for the log of another storage. */
  for(log: EventStorage): ProjectionStorage {
    return new ReadModels({ ...this.#settings, otherLog: log });
  }

  async prepareProjection(
    projection: ProjectionModel,
    beginning: Beginning = { kind: 'projection', from: 0 },
  ): Promise<void> {
    const { database, schema } = this.#settings;
    const { kind } = beginning;
    await checkFollows(this.#settings);
    await this.#checkName(projection, kind);
    const [known] = await this.#run(preparedTablesQuery(schema, projection));
    if (known?.[2] === 't') throw new ProjectionRetiredError(projection.name, projection.version);
    if (known !== undefined) checkSame(projection, known[0] ?? '');
    if (known?.[1] === 't') return;
    try {
      await database.withSession((session) =>
        session.runScript(prepareProjectionScript(schema, projection, beginning)),
      );
    } catch (error) {
      throw nameTaken(projection, error) ?? error;
    }
    // Somebody may have started something else of this name at the same moment.
    await this.#checkName(projection, kind);
  }

  async readLiveVersion(name: string): Promise<LiveVersion | undefined> {
    const [row] = await this.#run(liveVersionQuery(this.#schema, name));
    return row === undefined ? undefined : toLiveVersion(row);
  }

  async saveVerification(projection: ProjectionId, ok: boolean): Promise<void> {
    await this.#run(saveVerificationQuery(this.#schema, projection, ok));
  }

  async readCheckpointHistory(projection: ProjectionId, since: number): Promise<readonly CheckpointSample[]> {
    const query = readCheckpointHistoryQuery(this.#schema, projection, toTimestamp(since));
    return (await this.#run(query)).map(toCheckpointSample);
  }

  async readTables(projection: ProjectionId): Promise<readonly TableSpec[] | undefined> {
    return readTables(this.#settings, projection, this.#settings.run);
  }

  async measureSize(projection: ProjectionModel): Promise<number> {
    const [row] = await this.#run(measureSizeQuery(this.#schema, projection));
    return Number(row?.[0] ?? 0);
  }

  async seizeProjection(
    projection: ProjectionId,
    by: { readonly owner: string; readonly duration: number },
  ): Promise<readonly Lease[]> {
    return (await this.#run(seizeQuery(this.#schema, projection, by))).map(toLease);
  }

  async switchProjection(request: SwitchRequest): Promise<void> {
    await switchProjection(this.#settings, request);
  }

  async retireProjection(
    projection: ProjectionId,
    { isForced }: { readonly isForced: boolean },
  ): Promise<RetireOutcome> {
    return retireProjection(this.#settings, projection, { isForced, seize: () => this.#seizeForGood(projection) });
  }

  async createShadow(of: ProjectionModel, purpose: ShadowPurpose): Promise<ProjectionId> {
    return createShadow(this.#settings, of, purpose);
  }

  async listShadows(name?: string): Promise<readonly Shadow[]> {
    return listShadows(this.#settings, name, this.#settings.run);
  }

  async dropShadow(shadow: ProjectionId): Promise<void> {
    await dropShadow(this.#settings, shadow, () => this.#seizeForGood(shadow));
  }

  async adoptShadow(shadow: ProjectionId, leases: readonly Lease[]): Promise<boolean> {
    return adoptShadow(this.#settings, shadow, leases);
  }

  async withScratch<T>(options: { readonly timeout: number }, work: (scratch: Scratch) => Promise<T>): Promise<T> {
    return withScratch(this.#settings, options, work);
  }

  async leaseProjections(request: LeaseRequest): Promise<LeaseAnswer> {
    return toLeaseAnswer(await this.#run(untilSilent(leaseProjectionsQuery(this.#schema, request))));
  }

  async releaseProjections(owner: string, leases: readonly Lease[]): Promise<void> {
    await this.#run(untilSilent(releaseProjectionsQuery(this.#schema, owner, leases)));
  }

  async leaveProjections(owner: string): Promise<void> {
    await this.#run(leaveProjectionsQuery(this.#schema, owner));
  }

  async partitionProjection(projection: ProjectionId, count?: number): Promise<Partitioning | undefined> {
    const schema = this.#schema;
    return this.#settings.inTransaction(async (run) => {
      const [known] = await run(wantPartitionsQuery(schema, projection, undefined));
      if (known === undefined) return undefined;
      const current = (await run(holdPartitionsQuery(schema, projection))).map(toArrangedPartition);
      // It is retired, or somebody has removed a checkpoint.
      if (!areWhole(current)) return undefined;
      if (count !== undefined) await run(wantPartitionsQuery(schema, projection, count));
      const wanted = count ?? Number(known[0]);
      const arranged = arrangePartitions(current, wanted);
      const gone = current.filter((partition) => !arranged.includes(partition));
      const made = arranged.filter((partition) => !current.includes(partition));
      for (const statement of replacePartitionsQueries(schema, projection, { gone, made })) await run(statement);
      return { partitions: arranged.length, wanted };
    });
  }

  async readApplied(projection: ProjectionId): Promise<AppliedState | undefined> {
    return toAppliedState(await this.#run(readAppliedQuery(this.#schema, projection)));
  }

  async readRows(projection: ProjectionModel, keys: readonly string[]): Promise<readonly StoredRow[]> {
    const table = rowTable(projection);
    if (table === undefined) return [];
    const rows = await this.#readRowsBy(projection, readRowsQuery(this.#schema, projection, { table, keys }));
    return rows.map((row) => toStoredRow(table, row));
  }

  async listRows(
    projection: ProjectionModel,
    page: { readonly after: string | undefined; readonly limit: number },
  ): Promise<readonly StoredRow[]> {
    const table = rowTable(projection);
    if (table === undefined) return [];
    const rows = await this.#readRowsBy(projection, listRowsQuery(this.#schema, projection, { table, ...page }));
    return rows.map((row) => toStoredRow(table, row));
  }

  async findRows(projection: ProjectionModel, query: RowQuery): Promise<readonly StoredRow[]> {
    const table = rowTable(projection);
    if (table === undefined) return [];
    const rows = await this.#readRowsBy(projection, findRowsQuery(this.#schema, projection, { table, query }));
    return rows.map((row) => toStoredRow(table, row));
  }

  async countRows(projection: ProjectionModel, where: readonly Condition[]): Promise<number> {
    const table = rowTable(projection);
    if (table === undefined) return 0;
    const [row] = await this.#readRowsBy(projection, countRowsQuery(this.#schema, projection, { table, where }));
    return Number(row?.[0] ?? 0);
  }

  async readBatch(projection: ProjectionModel, keys: readonly string[]): Promise<BatchState> {
    const query = untilSilent(readBatchQuery(this.#schema, projection, keys));
    return toBatchState(projection, await this.#onRows(projection, query));
  }

  async commitProjection(commit: ProjectionCommit): Promise<CommitOutcome> {
    const { table, writes } = commit;
    const rows = table === undefined ? undefined : { table, writes };
    const statement = untilSilent(commitProjectionQuery(this.#schema, commit, rows));
    const [row = []] = await this.#onRows(commit.lease, statement);
    return toCommitOutcome(commit, row);
  }

  async commitSqlProjection(
    batch: SqlBatch,
    work: (tx: ProjectionTransaction) => Promise<void>,
  ): Promise<CommitOutcome> {
    const { schema, inTransaction } = this.#settings;
    return runSqlBatch({ schema, inTransaction }, batch, work);
  }

  async listParked(query: ListParkedQuery): Promise<readonly ParkedKey[]> {
    const rows = await this.#run(listParkedQuery(this.#schema, query));
    return rows.map(toParkedKey);
  }

  async listDeadLetters(
    projection: ProjectionId,
    key: string,
    page: { readonly after: number; readonly limit: number },
  ): Promise<readonly number[]> {
    const rows = await this.#run(listDeadLettersQuery(this.#schema, projection, { key, ...page }));
    return rows.map(([position]) => Number(position));
  }

  async findDeadLetters(
    projection: ProjectionId,
    range: { readonly after: number; readonly upTo: number },
  ): Promise<readonly { readonly key: string; readonly position: number }[]> {
    const rows = await this.#run(findDeadLettersQuery(this.#schema, projection, range));
    return rows.map(([key, position]) => ({ key: key ?? '', position: Number(position) }));
  }

  async retryParked(
    projection: ProjectionModel,
    { key, limit, timeout }: { readonly key: string; readonly limit: number; readonly timeout: number },
    work: (step: ParkedStep) => Promise<RetriedStep>,
  ): Promise<{ readonly applied: number; readonly left: number } | undefined> {
    const schema = this.#schema;
    const table = rowTable(projection);
    const hold = holdTablesQuery(schema, projection);
    return this.#settings.inTransaction(async (run, client) => {
      if (hold !== undefined) await run(hold);
      if ((await run(holdParkedQuery(schema, projection, key))).length === 0) return undefined;
      const stored = table === undefined ? [] : await run(readRowsQuery(schema, projection, { table, keys: [key] }));
      const [row] = table === undefined ? [] : stored.map((values) => toStoredRow(table, values));
      // One more than are to be applied: it tells whether any are left.
      const rows = await run(listDeadLettersQuery(schema, projection, { key, after: 0, limit: limit + 1 }));
      const positions = rows.map(([position]) => Number(position));
      const writesSql = table === undefined && hold !== undefined;
      const attempt = writesSql ? await attemptsIn({ schema, projection, timeout }, run, client) : undefined;
      const step = await work({ row: row?.row ?? null, positions: positions.slice(0, limit), attempt });
      const left = positions.length - step.applied;
      for (const statement of storeRetryQueries(schema, projection, { key, positions, step, left }))
        await run(statement);
      return { applied: step.applied, left };
    });
  }

  async claimParked(
    projection: ProjectionId,
    of: { readonly key: string; readonly owner: string; readonly duration: number },
  ): Promise<'claimed' | 'busy' | 'none'> {
    const [row] = await this.#run(claimParkedQuery(this.#schema, projection, of));
    if (row?.[0] === 't') return 'claimed';
    return row?.[1] === 't' ? 'busy' : 'none';
  }

  async discardParked(projection: ProjectionId, of: DiscardedKey): Promise<number> {
    const schema = this.#schema;
    return this.#settings.inTransaction(async (run) => {
      await run(holdParkedQuery(schema, projection, of.key));
      const [row] = await run(discardParkedQuery(schema, projection, of));
      return Number(row?.[0] ?? 0);
    });
  }

  async reportProjection(lease: Lease, report: Pick<StoredPartition, 'state' | 'error' | 'attempts'>): Promise<void> {
    await this.#run(untilSilent(reportProjectionQuery(this.#schema, lease, report)));
  }

  async pauseProjection(projection: ProjectionId, isPaused: boolean): Promise<boolean> {
    return (await this.#run(pauseProjectionQuery(this.#schema, projection, isPaused))).length > 0;
  }

  async resetProjection({ name, version }: ProjectionId): Promise<boolean> {
    const tables = await this.readTables({ name, version });
    return tables !== undefined && resetProjection(this.#settings, { name, version, tables });
  }

  async replaySubscription(subscription: ProjectionId, from: number): Promise<boolean> {
    return replaySubscription(this.#settings, subscription, from);
  }

  async listProjections(): Promise<readonly StoredProjection[]> {
    return toStoredProjections(await this.#run(listProjectionsQuery(this.#schema)));
  }

  async measureLag(query: LagQuery): Promise<Lag> {
    const { otherLog } = this.#settings;
    if (otherLog !== undefined) return measureLagIn(otherLog, query);
    const [row] = await this.#run(measureLagQuery(this.#schema, query));
    const [events, oldest] = row ?? [];
    return { events: Number(events), oldest: oldest === null || oldest === undefined ? undefined : Number(oldest) };
  }

  async #checkName({ name }: ProjectionId, kind: ProjectionKind): Promise<void> {
    const [holder] = await this.#run(nameHolderQuery(this.#schema, name, kind));
    if (holder !== undefined) throw new ProjectionNameTakenError(name, holder[0] ?? '');
  }

  /** From what is dropped next. */
  #seizeForGood(projection: ProjectionId): Promise<readonly Lease[]> {
    return this.seizeProjection(projection, { owner: 'nobody: it is dropped', duration: 10_000 });
  }

  get #schema(): SchemaName {
    return this.#settings.schema;
  }

  /** Rows that are read: none of a version that was never started, as a service may read before its engine has begun. */
  #readRowsBy(projection: ProjectionId, statement: Statement): Promise<readonly Row[]> {
    return this.#onRows(projection, statement, { ofUnknown: [] });
  }

  /** A statement on the rows of a version, which may have been dropped. */
  async #onRows(
    projection: ProjectionId,
    statement: Statement,
    { ofUnknown }: { readonly ofUnknown?: readonly Row[] } = {},
  ): Promise<readonly Row[]> {
    try {
      return await this.#run(statement);
    } catch (error) {
      const isGone = error instanceof DatabaseError && error.sqlState === UNDEFINED_TABLE;
      if (!isGone) throw error;
      const [known] = await this.#run(preparedTablesQuery(this.#schema, projection));
      if (known?.[2] === 't') throw new ProjectionRetiredError(projection.name, projection.version);
      if (ofUnknown === undefined) throw error;
      // It may have been started meanwhile.
      return known === undefined ? ofUnknown : this.#run(statement);
    }
  }

  #run(statement: Statement): Promise<readonly Row[]> {
    return this.#settings.run(statement);
  }
}

/** The code of a version that is there already must want the same tables. */
function checkSame({ name, version, tables }: ProjectionModel, stored: string): void {
  if (JSON.stringify(JSON.parse(stored)) !== JSON.stringify(tables)) throw new ReadModelChangedError(name, version);
}

const DUPLICATE_TABLE = '42P07';
const UNIQUE_VIOLATION = '23505';

/** Names that are written alike in SQL, also when both are started at the same moment. */
function nameTaken({ name }: ProjectionId, error: unknown): ProjectionNameTakenError | undefined {
  const isTaken = error instanceof DatabaseError && [DUPLICATE_TABLE, UNIQUE_VIOLATION].includes(error.sqlState);
  return isTaken ? new ProjectionNameTakenError(name, error.message, { cause: error }) : undefined;
}
