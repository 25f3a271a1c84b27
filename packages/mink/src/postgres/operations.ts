import type {
  AuditEntry,
  CategoryInfo,
  ConnectionUse,
  CorrelatedPage,
  CorrelatedQuery,
  DatabaseFacts,
  ListAuditQuery,
  NewProcessReport,
  OperationsStorage,
  Setting,
  StoredAuditEntry,
  StoredProcessReport,
  StreamInfo,
  TopStreamsQuery,
} from '../core/index.ts';
import { Batches } from './batches.ts';
import type { Row, Statement } from './connection.ts';
import {
  countAuditQuery,
  listAuditQuery,
  pruneAuditQuery,
  toAuditEntry,
  writeAuditQuery,
} from './queries/audit-log.ts';
import { toRecordedEvent } from './queries/event-row.ts';
import {
  deleteProcessReportQuery,
  listProcessReportsQuery,
  saveProcessReportQuery,
  toProcessReport,
} from './queries/processes.ts';
import { toStreamInfo } from './queries/streams.ts';
import {
  listCategoriesQuery,
  longestStreamsQuery,
  readCorrelatedQuery,
  recentStreamsQuery,
  toCategoryInfo,
} from './queries/top-streams.ts';
import type { SchemaName } from './schema-name.ts';

/** Lines of the audit log that are deleted at a time. */
const PORTION = 10_000;

/** What the operations work with. */
export interface OperationsContext {
  readonly schema: SchemaName;
  /** Runs a statement, once the schema is up to date. */
  readonly run: (statement: Statement) => Promise<readonly Row[]>;
  readonly settings: () => readonly Setting[];
  readonly connections: () => ConnectionUse;
  readonly readFacts: () => Promise<DatabaseFacts>;
}

/** What people look at who operate a store. */
export class Operations implements OperationsStorage {
  readonly #schema: SchemaName;
  readonly #run: OperationsContext['run'];
  /** Lines that come at once share a commit. */
  readonly #audit: Batches<AuditEntry, void>;
  readonly settings: () => readonly Setting[];
  readonly connections: () => ConnectionUse;
  readonly readFacts: () => Promise<DatabaseFacts>;

  constructor({ schema, run, settings, connections, readFacts }: OperationsContext) {
    this.#schema = schema;
    this.#run = run;
    this.settings = settings;
    this.connections = connections;
    this.readFacts = readFacts;
    this.#audit = new Batches<AuditEntry, void>(async (entries) => {
      await run(writeAuditQuery(schema, entries));
      return entries.map(() => undefined);
    });
  }

  writeAudit(entry: AuditEntry): Promise<void> {
    return this.#audit.add(entry);
  }

  async listAudit(query: ListAuditQuery): Promise<readonly StoredAuditEntry[]> {
    return (await this.#run(listAuditQuery(this.#schema, query))).map(toAuditEntry);
  }

  async countAudit(before: Date): Promise<number> {
    const [row] = await this.#run(countAuditQuery(this.#schema, before));
    return Number(row?.[0]);
  }

  async pruneAudit(before: Date): Promise<number> {
    let all = 0;
    for (;;) {
      const [row] = await this.#run(pruneAuditQuery(this.#schema, before, PORTION));
      const pruned = Number(row?.[0]);
      all += pruned;
      if (pruned < PORTION) return all;
    }
  }

  async saveProcessReport(report: NewProcessReport): Promise<void> {
    await this.#run(saveProcessReportQuery(this.#schema, report));
  }

  async deleteProcessReport(id: string): Promise<void> {
    await this.#run(deleteProcessReportQuery(this.#schema, id));
  }

  async listProcessReports(): Promise<readonly StoredProcessReport[]> {
    return (await this.#run(listProcessReportsQuery(this.#schema))).map(toProcessReport);
  }

  async listCategories(): Promise<readonly CategoryInfo[]> {
    return (await this.#run(listCategoriesQuery(this.#schema))).map(toCategoryInfo);
  }

  async longestStreams(query: TopStreamsQuery): Promise<readonly StreamInfo[]> {
    return (await this.#run(longestStreamsQuery(this.#schema, query))).map(toStreamInfo);
  }

  async recentStreams(query: TopStreamsQuery): Promise<readonly StreamInfo[]> {
    return (await this.#run(recentStreamsQuery(this.#schema, query))).map(toStreamInfo);
  }

  async readCorrelated(query: CorrelatedQuery): Promise<CorrelatedPage> {
    const { correlationId, limit, upTo } = query;
    const found = (await this.#run(readCorrelatedQuery(this.#schema, query))).map(toRecordedEvent);
    // Others have the same text elsewhere.
    const events = found.filter(({ metadata }) => metadata['correlationId'] === correlationId);
    return { events, searchedTo: found.length < limit ? upTo : (found.at(-1)?.globalPosition ?? upTo) };
  }
}
