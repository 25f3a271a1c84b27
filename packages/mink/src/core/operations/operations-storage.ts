import type { AuditEntry } from '../commands/middleware/audit.ts';
import type { JsonObject } from '../json.ts';
import type { RecordedEvent, StreamInfo } from '../storage/event-storage.ts';
import type { DatabaseFacts } from '../doctor/database-facts.ts';
import type { Setting } from './setting.ts';

/** A line of the audit log, as it is kept. */
export interface StoredAuditEntry extends Omit<AuditEntry, 'id'> {
  /** Rises with every line. */
  readonly id: number;
  /** The id of the message or action: lines of one have it in common. */
  readonly messageId: string;
}

/** Which lines of the audit log; all conditions must hold. The newest come first. */
export interface ListAuditQuery {
  readonly kinds: readonly AuditEntry['kind'][] | undefined;
  readonly type: string | undefined;
  readonly userId: string | undefined;
  readonly status: AuditEntry['status'] | undefined;
  readonly streamName: string | undefined;
  readonly correlationId: string | undefined;
  /** Only those with a lower id: the end of the page before. */
  readonly before: number | undefined;
  readonly limit: number;
}

/** A report of a process, to be kept in place of its last one. */
export interface NewProcessReport {
  /** A UUID, of this process. */
  readonly id: string;
  readonly name: string;
  /** Milliseconds since 1970, by the clock of the process. */
  readonly startedAt: number;
  /** Milliseconds to the next report. */
  readonly interval: number;
  readonly report: JsonObject;
}

/** The last report of a process, by the clock of the storage. */
export interface StoredProcessReport extends NewProcessReport {
  /** Milliseconds since 1970. */
  readonly reportedAt: number;
  /** Milliseconds since then. */
  readonly age: number;
  /** What the database has set for the process; empty for a storage without one. */
  readonly server: JsonObject;
}

/** A category, and what it has. */
export interface CategoryInfo {
  readonly category: string;
  readonly streams: number;
  readonly events: number;
  readonly lastRecordedAt: Date;
}

/** Streams of all categories, or of one. */
export interface TopStreamsQuery {
  readonly category: string | undefined;
  readonly limit: number;
}

/** Events after one position and up to another that belong together. */
export interface CorrelatedQuery {
  readonly correlationId: string;
  readonly after: number;
  readonly upTo: number;
  readonly limit: number;
}

/** What was found in a range. */
export interface CorrelatedPage {
  readonly events: readonly RecordedEvent[];
  /** Up to here all were found: to the end of the range, or not as far where there were too many. */
  readonly searchedTo: number;
}

/** How connections are had, since the process began. */
export interface ConnectionUse {
  /** Connections that are open, and those of them that nobody uses; undefined where the pool cannot tell. */
  readonly total?: number | undefined;
  readonly idle?: number | undefined;
  /** Calls that wait for one now; undefined where the pool cannot tell. */
  readonly waiting: number | undefined;
  /** Connections that were asked for, and seconds until they were there, in all. */
  readonly calls: number;
  readonly seconds: number;
}

/** What a database must do to show people what it holds and who uses it. */
export interface OperationsStorage {
  /** What is in effect in this process. */
  settings(): readonly Setting[];
  /** How connections are had; undefined for a storage without any. */
  connections?(): ConnectionUse;
  /** What the database says of itself, without bringing its schema up to date; undefined for a storage without one. */
  readFacts?(): Promise<DatabaseFacts>;
  /** Adds a line to the audit log; it is durable when the promise resolves. */
  writeAudit(entry: AuditEntry): Promise<void>;
  /** One page of the audit log, the newest first. */
  listAudit(query: ListAuditQuery): Promise<readonly StoredAuditEntry[]>;
  /** Lines of the audit log from before a moment. */
  countAudit(before: Date): Promise<number>;
  /** Deletes them, and gives back how many. */
  pruneAudit(before: Date): Promise<number>;
  /** Keeps a report in place of the last one of its process, and forgets processes that have been silent for a day. */
  saveProcessReport(report: NewProcessReport): Promise<void>;
  /** Forgets a process. */
  deleteProcessReport(id: string): Promise<void>;
  /** Processes that have reported within a day, the last report first. */
  listProcessReports(): Promise<readonly StoredProcessReport[]>;
  /** All categories, by name. */
  listCategories(): Promise<readonly CategoryInfo[]>;
  /** Streams with the most events, these first. */
  longestStreams(query: TopStreamsQuery): Promise<readonly StreamInfo[]>;
  /** Streams of the last events of the log, the last first. */
  recentStreams(query: TopStreamsQuery): Promise<readonly StreamInfo[]>;
  /** Events with a correlation id, in their order, of all or a part of the range. */
  readCorrelated(query: CorrelatedQuery): Promise<CorrelatedPage>;
}
