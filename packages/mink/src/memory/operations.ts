import type {
  AuditEntry,
  CategoryInfo,
  CorrelatedPage,
  CorrelatedQuery,
  ListAuditQuery,
  NewProcessReport,
  OperationsStorage,
  RecordedEvent,
  Setting,
  StoredAuditEntry,
  StoredProcessReport,
  StreamInfo,
  TopStreamsQuery,
} from '../core/index.ts';
import { compareCodePoints } from './log-index.ts';

/** What the operations look at. */
export interface OperationsContext {
  readonly now: () => number;
  /** Throws once the storage is closed. */
  readonly checkOpen: () => void;
  readonly log: readonly RecordedEvent[];
  readonly streams: () => Iterable<StreamInfo>;
}

const DAY = 86_400_000;
/** Events that are looked at for the streams of the last ones. */
const TAIL = 10_000;

/** What people look at who operate a store, in memory. */
export class Operations implements OperationsStorage {
  readonly #context: OperationsContext;
  readonly #audit: StoredAuditEntry[] = [];
  readonly #processes = new Map<string, NewProcessReport & { readonly reportedAt: number }>();
  #lines = 0;

  constructor(context: OperationsContext) {
    this.#context = context;
  }

  settings(): readonly Setting[] {
    return [{ name: 'storage.kind', value: 'memory', source: 'option' }];
  }

  async writeAudit({ id: messageId, ...entry }: AuditEntry): Promise<void> {
    this.#context.checkOpen();
    this.#lines += 1;
    this.#audit.push(structuredClone({ ...entry, id: this.#lines, messageId }));
  }

  async listAudit(query: ListAuditQuery): Promise<readonly StoredAuditEntry[]> {
    this.#context.checkOpen();
    const { kinds, before = Infinity, limit, ...wanted } = query;
    const conditions = Object.entries(wanted).filter(([, value]) => value !== undefined);
    return this.#audit
      .filter((line) => line.id < before && (kinds === undefined || kinds.includes(line.kind)))
      .filter((line) => conditions.every(([name, value]) => Reflect.get(line, name) === value))
      .toReversed()
      .slice(0, limit)
      .map((line) => structuredClone(line));
  }

  async countAudit(before: Date): Promise<number> {
    this.#context.checkOpen();
    return this.#audit.filter(({ at }) => at < before).length;
  }

  async pruneAudit(before: Date): Promise<number> {
    this.#context.checkOpen();
    const kept = this.#audit.filter(({ at }) => at >= before);
    const pruned = this.#audit.length - kept.length;
    this.#audit.splice(0, this.#audit.length, ...kept);
    return pruned;
  }

  async saveProcessReport(report: NewProcessReport): Promise<void> {
    this.#context.checkOpen();
    this.#processes.set(report.id, { ...report, reportedAt: this.#context.now() });
  }

  async deleteProcessReport(id: string): Promise<void> {
    this.#context.checkOpen();
    this.#processes.delete(id);
  }

  async listProcessReports(): Promise<readonly StoredProcessReport[]> {
    this.#context.checkOpen();
    const now = this.#context.now();
    for (const [id, { reportedAt }] of this.#processes) if (now - reportedAt > DAY) this.#processes.delete(id);
    return Array.from(this.#processes.values(), (it) => ({ ...it, age: now - it.reportedAt, server: {} })).toSorted(
      (left, right) => right.reportedAt - left.reportedAt,
    );
  }

  async listCategories(): Promise<readonly CategoryInfo[]> {
    this.#context.checkOpen();
    const found = new Map<string, CategoryInfo>();
    for (const { category, version, lastRecordedAt } of this.#context.streams()) {
      const known = found.get(category) ?? { category, streams: 0, events: 0, lastRecordedAt };
      found.set(category, {
        category,
        streams: known.streams + 1,
        events: known.events + version,
        lastRecordedAt: lastRecordedAt > known.lastRecordedAt ? lastRecordedAt : known.lastRecordedAt,
      });
    }
    return [...found.values()].toSorted((left, right) => compareCodePoints(left.category, right.category));
  }

  async longestStreams({ category, limit }: TopStreamsQuery): Promise<readonly StreamInfo[]> {
    this.#context.checkOpen();
    return Array.from(this.#context.streams())
      .filter((stream) => category === undefined || stream.category === category)
      .toSorted((left, right) => right.version - left.version || compareCodePoints(left.streamName, right.streamName))
      .slice(0, limit);
  }

  async recentStreams({ category, limit }: TopStreamsQuery): Promise<readonly StreamInfo[]> {
    this.#context.checkOpen();
    const tail = this.#context.log
      .filter((event) => category === undefined || event.category === category)
      .slice(-TAIL);
    const names = [...new Set(tail.toReversed().map(({ streamName }) => streamName))].slice(0, limit);
    const streams = new Map(Array.from(this.#context.streams(), (stream) => [stream.streamName, stream]));
    return names.flatMap((name) => streams.get(name) ?? []);
  }

  async readCorrelated({ correlationId, after, upTo, limit }: CorrelatedQuery): Promise<CorrelatedPage> {
    this.#context.checkOpen();
    const events = this.#context.log
      .slice(after, upTo)
      .filter(({ metadata }) => metadata['correlationId'] === correlationId)
      .slice(0, limit);
    return { events, searchedTo: events.length < limit ? upTo : (events.at(-1)?.globalPosition ?? upTo) };
  }
}
