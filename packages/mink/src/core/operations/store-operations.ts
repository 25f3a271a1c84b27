import type { AuditEntry } from '../commands/middleware/audit.ts';
import type { DatabaseFacts } from '../doctor/database-facts.ts';
import { InvalidArgumentError } from '../errors.ts';
import type { EventStorage, StreamInfo } from '../storage/event-storage.ts';
import { checkCategory } from '../store/event-registry.ts';
import { checkMoment, checkOneOf, checkText, checkWhole } from '../store/read-options.ts';
import { findCorrelated, type CorrelatedEvents, type CorrelatedOptions } from './find-correlated.ts';
import type { CategoryInfo, OperationsStorage, StoredAuditEntry, TopStreamsQuery } from './operations-storage.ts';
import { toProcessReport, type ProcessReport } from './process-report.ts';

/** What the audit log is asked for; all conditions must hold. */
export interface ListAuditOptions {
  readonly kinds?: readonly AuditEntry['kind'][] | undefined;
  readonly type?: string | undefined;
  readonly userId?: string | undefined;
  readonly status?: AuditEntry['status'] | undefined;
  readonly streamName?: string | undefined;
  readonly correlationId?: string | undefined;
  /** Only lines with a lower id: the last one of the page before. */
  readonly before?: number | undefined;
  /**
   * At most so many.
   * @defaultValue 100
   */
  readonly limit?: number | undefined;
}

/** Who wanted what, and what came of it. */
export interface AuditLog {
  /**
   * Adds a line; it is durable when the promise resolves. In a transaction of its own, whatever the caller has open.
   *
   * @example
   * recommendedPipeline({ audit: { write: store.operations.audit.write, onLost } });
   */
  readonly write: (entry: AuditEntry) => Promise<void>;
  /** One page, the newest first; the id falls. Without `userId`, `streamName` or `correlationId` a rare line is searched for in all. */
  list(options?: ListAuditOptions): Promise<readonly StoredAuditEntry[]>;
  /** How many lines `prune` would delete. */
  count(of: { readonly before: Date }): Promise<number>;
  /** Deletes the lines from before a moment, for good, and gives back how many; in portions, so that nobody waits. */
  prune(of: { readonly before: Date }): Promise<number>;
}

/** Which streams are wanted, and how many. */
export interface TopStreamsOptions {
  readonly category?: string | undefined;
  /**
   * At most so many, up to 1,000.
   * @defaultValue 20
   */
  readonly limit?: number | undefined;
}

/** What people look at who operate a store. All of it throws `InvalidArgumentError` where the storage has nothing of it. */
export interface StoreOperations {
  /**
   * Processes that report (`createProcessReport`), the newest report first. One that is silent for more than a day is forgotten.
   */
  processes(): Promise<readonly ProcessReport[]>;
  readonly audit: AuditLog;
  /** What the database says of itself; undefined where there is none. Changes nothing, and waits for no migration. */
  facts(): Promise<DatabaseFacts | undefined>;
  /** All categories, by name. Reads the whole table of streams, and no event: seconds for ten million streams. */
  categories(): Promise<readonly CategoryInfo[]>;
  /** Streams with the most events, these first. Reads the whole table of streams, or of a category its part. */
  longestStreams(options?: TopStreamsOptions): Promise<readonly StreamInfo[]>;
  /**
   * Streams of the last events, the last first. Looks at the last 10,000 events of the log, or of the category, and gives fewer where
   * these are of fewer streams.
   */
  recentStreams(options?: TopStreamsOptions): Promise<readonly StreamInfo[]>;
  /**
   * Events of one correlation id behind a position. There is no index of metadata, so the log is searched, piece by piece, up to
   * `range` positions; `searchedTo` says where to go on.
   *
   * @example
   * const { events, isComplete } = await store.operations.correlated({ correlationId, after: position - 1 });
   */
  correlated(options: CorrelatedOptions): Promise<CorrelatedEvents>;
}

/** The operations of a store; `use` gives its storage while it is open. */
export function storeOperations(use: () => { readonly storage: EventStorage }): StoreOperations {
  const operations = (): OperationsStorage => operationsOf(use());
  return {
    processes: async () => (await operations().listProcessReports()).map(toProcessReport),
    audit: auditLog(operations),
    facts: async () => operations().readFacts?.(),
    categories: async () => operations().listCategories(),
    longestStreams: async (options) => operations().longestStreams(topStreams(options)),
    recentStreams: async (options) => operations().recentStreams(topStreams(options)),
    correlated: async (options) => findCorrelated(use().storage, operations(), options),
  };
}

/** What a storage has for operators. */
export function operationsOf({ storage }: { readonly storage: EventStorage }): OperationsStorage {
  if (storage.operations !== undefined) return storage.operations;
  throw new InvalidArgumentError('store', 'has a storage that keeps nothing for operators');
}

function auditLog(operations: () => OperationsStorage): AuditLog {
  return {
    write: async (entry) => operations().writeAudit(checkEntry(entry)),
    list: async ({ kinds, type, userId, status, streamName, correlationId, before, limit = 100 } = {}) => {
      for (const [name, text] of Object.entries({ type, userId, streamName, correlationId })) {
        if (text !== undefined) checkText(name, text);
      }
      return operations().listAudit({
        kinds: kinds?.map((kind) => checkOneOf('kinds', kind, KINDS)),
        type,
        userId,
        status: status === undefined ? undefined : checkOneOf('status', status, STATUSES),
        streamName,
        correlationId,
        before: before === undefined ? undefined : checkWhole('before', before, 0),
        limit: checkWhole('limit', limit, 1),
      });
    },
    count: async ({ before }) => operations().countAudit(checkMoment('before', before)),
    prune: async ({ before }) => operations().pruneAudit(checkMoment('before', before)),
  };
}

/** At the door: lines that are written at once share a commit, and one that cannot be stored would take the others with it. */
function checkEntry(entry: AuditEntry): AuditEntry {
  const { kind, status, at, streamVersion, details } = entry;
  checkOneOf('kind', kind, KINDS);
  checkOneOf('status', status, STATUSES);
  checkMoment('at', at);
  if (streamVersion !== undefined) checkWhole('streamVersion', streamVersion, 0);
  try {
    JSON.stringify(details);
  } catch (error) {
    throw new InvalidArgumentError('details', `is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  return entry;
}

const KINDS = ['command', 'query', 'action', 'view'] as const;
const STATUSES = ['attempted', 'succeeded', 'refused', 'failed'] as const;
const MOST_STREAMS = 1_000;

function topStreams({ category, limit = 20 }: TopStreamsOptions = {}): TopStreamsQuery {
  if (category !== undefined) checkCategory(category);
  if (checkWhole('limit', limit, 1) > MOST_STREAMS) throw new InvalidArgumentError('limit', `is above ${MOST_STREAMS}`);
  return { category, limit };
}
