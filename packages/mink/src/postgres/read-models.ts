import type {
  BatchState,
  CommitOutcome,
  Lag,
  LagQuery,
  Lease,
  LeaseRequest,
  ListParkedQuery,
  ParkedKey,
  ParkedStep,
  ProjectionCommit,
  ProjectionId,
  ProjectionStorage,
  RetriedStep,
  StoredDocument,
  StoredProjection,
} from '../core/index.ts';
import type { Database, Row, Statement } from './connection.ts';
import {
  discardParkedQuery,
  holdParkedQuery,
  listDeadLettersQuery,
  listParkedQuery,
  storeRetryQueries,
  toParkedKey,
} from './queries/dead-letters.ts';
import {
  commitProjectionQuery,
  leaseProjectionsQuery,
  listDocumentsQuery,
  listProjectionsQuery,
  measureLagQuery,
  pauseProjectionQuery,
  prepareProjectionScript,
  projectionExistsQuery,
  readBatchQuery,
  readDocumentsQuery,
  releaseProjectionsQuery,
  reportProjectionQuery,
  resetProjectionQueries,
  toBatchState,
  toCommitOutcome,
  toLease,
  toStoredDocument,
  toStoredProjection,
} from './queries/projections.ts';
import type { SchemaName } from './schema-name.ts';

/** What read models are kept with. */
export interface ReadModelSettings {
  readonly database: Database;
  readonly schema: SchemaName;
  /** Runs a statement, once the schema is up to date. */
  readonly run: (statement: Statement) => Promise<readonly Row[]>;
  /** Runs statements in a transaction of its own. */
  readonly inTransaction: <T>(
    work: (run: (statement: Statement) => Promise<readonly Row[]>) => Promise<T>,
  ) => Promise<T>;
}

/** Read models in tables beside the log. */
export class ReadModels implements ProjectionStorage {
  readonly #settings: ReadModelSettings;

  constructor(settings: ReadModelSettings) {
    this.#settings = settings;
  }

  async prepareProjection(projection: ProjectionId): Promise<void> {
    const { database, schema, run } = this.#settings;
    const known = await run(projectionExistsQuery(schema, projection));
    if (known.length > 0) return;
    await database.withSession((session) => session.runScript(prepareProjectionScript(schema, projection)));
  }

  async leaseProjections(request: LeaseRequest): Promise<readonly Lease[]> {
    const rows = await this.#run(leaseProjectionsQuery(this.#schema, request));
    return rows.map(toLease);
  }

  async releaseProjections(owner: string, leases: readonly Lease[]): Promise<void> {
    await this.#run(releaseProjectionsQuery(this.#schema, owner, leases));
  }

  async readDocuments(projection: ProjectionId, keys: readonly string[]): Promise<readonly StoredDocument[]> {
    const rows = await this.#run(readDocumentsQuery(this.#schema, projection, keys));
    return rows.map(toStoredDocument);
  }

  async listDocuments(
    projection: ProjectionId,
    page: { readonly after: string | undefined; readonly limit: number },
  ): Promise<readonly StoredDocument[]> {
    const rows = await this.#run(listDocumentsQuery(this.#schema, projection, page));
    return rows.map(toStoredDocument);
  }

  async readBatch(projection: ProjectionId, keys: readonly string[]): Promise<BatchState> {
    return toBatchState(await this.#run(readBatchQuery(this.#schema, projection, keys)));
  }

  async commitProjection(commit: ProjectionCommit): Promise<CommitOutcome> {
    const [row = []] = await this.#run(commitProjectionQuery(this.#schema, commit));
    return toCommitOutcome(commit, row);
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

  async retryParked(
    projection: ProjectionId,
    { key, limit }: { readonly key: string; readonly limit: number },
    work: (step: ParkedStep) => Promise<RetriedStep>,
  ): Promise<{ readonly applied: number; readonly left: number } | undefined> {
    const schema = this.#schema;
    return this.#settings.inTransaction(async (run) => {
      if ((await run(holdParkedQuery(schema, projection, key))).length === 0) return undefined;
      const [document] = (await run(readDocumentsQuery(schema, projection, [key]))).map(toStoredDocument);
      // One more than are to be applied: it tells whether any are left.
      const rows = await run(listDeadLettersQuery(schema, projection, { key, after: 0, limit: limit + 1 }));
      const positions = rows.map(([position]) => Number(position));
      const step = await work({ document: document?.document ?? null, positions: positions.slice(0, limit) });
      const left = positions.length - step.applied;
      for (const statement of storeRetryQueries(schema, projection, { key, positions, step, left }))
        await run(statement);
      return { applied: step.applied, left };
    });
  }

  async discardParked(
    projection: ProjectionId,
    of: { readonly key: string; readonly reason: string },
  ): Promise<number> {
    const [row] = await this.#run(discardParkedQuery(this.#schema, projection, of));
    return Number(row?.[0] ?? 0);
  }

  async reportProjection(lease: Lease, report: Pick<StoredProjection, 'state' | 'error' | 'attempts'>): Promise<void> {
    await this.#run(reportProjectionQuery(this.#schema, lease, report));
  }

  async pauseProjection(projection: ProjectionId, isPaused: boolean): Promise<boolean> {
    return (await this.#run(pauseProjectionQuery(this.#schema, projection, isPaused))).length > 0;
  }

  async resetProjection(projection: ProjectionId): Promise<boolean> {
    return this.#settings.inTransaction(async (run) => {
      if ((await run(projectionExistsQuery(this.#schema, projection))).length === 0) return false;
      for (const statement of resetProjectionQueries(this.#schema, projection)) await run(statement);
      return true;
    });
  }

  async listProjections(): Promise<readonly StoredProjection[]> {
    const rows = await this.#run(listProjectionsQuery(this.#schema));
    return rows.map(toStoredProjection);
  }

  async measureLag(query: LagQuery): Promise<Lag> {
    const [row] = await this.#run(measureLagQuery(this.#schema, query));
    const [events, oldest] = row ?? [];
    return { events: Number(events), oldest: oldest === null || oldest === undefined ? undefined : Number(oldest) };
  }

  get #schema(): SchemaName {
    return this.#settings.schema;
  }

  #run(statement: Statement): Promise<readonly Row[]> {
    return this.#settings.run(statement);
  }
}
