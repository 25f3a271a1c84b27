import {
  isSameAppend,
  meetsExpectation,
  StoreClosedError,
  type AppendCommand,
  type AppendCommandEntry,
  type AppendedEntry,
  type AppendOutcome,
  type EventStorage,
  type FeedBound,
  type ListStreamsQuery,
  type LogFilter,
  type LogPage,
  type LogPageQuery,
  type RecordedEvent,
  type StreamInfo,
  type StreamPageQuery,
  type WaitForBound,
} from '../core/index.ts';

const INCARNATION = 'memory';

interface Stream {
  readonly name: string;
  readonly category: string;
  readonly createdAt: number;
  lastRecordedAt: number;
  readonly events: RecordedEvent[];
  /** Version of each event id; built when a repeat is first looked for. */
  versionsById: Map<string, number> | undefined;
}

/** The append an event was part of. */
interface Commit {
  readonly firstPosition: number;
  readonly size: number;
}

/**
 * The storage contract in memory: the reference implementation, and the store for tests. Nothing is ever pending here, so
 * the bound is always the head. What it holds is frozen, and lives as long as the object.
 */
export class MemoryStorage implements EventStorage {
  readonly #log: RecordedEvent[] = [];
  readonly #commits: Commit[] = [];
  readonly #streams = new Map<string, Stream>();
  readonly #waiting = new Set<() => void>();
  readonly #now: () => number;
  #closed = false;

  constructor(now: () => number) {
    this.#now = now;
  }

  async append(command: AppendCommand): Promise<AppendOutcome> {
    this.#checkOpen();
    const earlier = command.mayBeRepeated ? this.#findRepeat(command) : undefined;
    if (earlier !== undefined) return earlier;
    for (const { streamName, expectedVersion } of command.entries) {
      const actualVersion = this.#versionOf(streamName);
      if (!meetsExpectation(expectedVersion, actualVersion)) return { status: 'conflict', streamName, actualVersion };
    }
    const entries = this.#write(command.entries);
    for (const wake of this.#waiting) wake();
    return { status: 'appended', repeated: false, entries };
  }

  async readStreamPage(query: StreamPageQuery): Promise<readonly RecordedEvent[]> {
    this.#checkOpen();
    const { untilVersion = Infinity, untilPosition = Infinity, untilTime = Infinity, types } = query;
    const events = this.#streams.get(query.streamName)?.events ?? [];
    const first = Math.max(query.fromVersion, 1) - 1;
    const end = Math.min(untilVersion, events.length);
    const matches = (event: RecordedEvent): boolean =>
      event.globalPosition <= untilPosition && event.recordedAt <= untilTime && (types?.includes(event.type) ?? true);
    return query.direction === 'forwards'
      ? takeForwards(events, { first, end, limit: query.limit, matches })
      : takeBackwards(events, { first, end, limit: query.limit, matches });
  }

  async readLogPage(query: LogPageQuery): Promise<LogPage> {
    this.#checkOpen();
    const range = {
      first: query.after,
      end: Math.min(query.upTo, this.#log.length),
      limit: query.limit,
      matches: (event: RecordedEvent): boolean => matchesFilter(event, query.filter),
    };
    const events = query.direction === 'forwards' ? takeForwards(this.#log, range) : takeBackwards(this.#log, range);
    return { events, incarnation: INCARNATION };
  }

  async readBound(): Promise<FeedBound> {
    this.#checkOpen();
    return { position: this.#log.length, head: this.#log.length, incarnation: INCARNATION };
  }

  async waitForBound({ after, signal }: WaitForBound): Promise<FeedBound> {
    while (this.#log.length <= after) {
      this.#checkOpen();
      signal.throwIfAborted();
      await this.#nextAppend(signal);
    }
    return this.readBound();
  }

  async positionAt(time: Date, upTo: number): Promise<number> {
    this.#checkOpen();
    const index = this.#log.findIndex((event) => event.recordedAt > time.getTime());
    return index === -1 ? upTo : Math.min(index, upTo);
  }

  async streamInfo(streamName: string): Promise<StreamInfo | undefined> {
    this.#checkOpen();
    const stream = this.#streams.get(streamName);
    return stream === undefined ? undefined : toInfo(stream);
  }

  async listStreams({
    category,
    prefix = '',
    afterStreamName,
    limit,
  }: ListStreamsQuery): Promise<readonly StreamInfo[]> {
    this.#checkOpen();
    return [...this.#streams.values()]
      .filter(
        ({ name, category: own }) =>
          (category === undefined || own === category) &&
          name.startsWith(prefix) &&
          (afterStreamName === undefined || compareCodePoints(name, afterStreamName) > 0),
      )
      .toSorted((left, right) => compareCodePoints(left.name, right.name))
      .slice(0, limit)
      .map(toInfo);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const wake of this.#waiting) wake();
  }

  #checkOpen(): void {
    if (this.#closed) throw new StoreClosedError();
  }

  #versionOf(streamName: string): number {
    return this.#streams.get(streamName)?.events.length ?? 0;
  }

  #write(entries: readonly AppendCommandEntry[]): readonly AppendedEntry[] {
    const size = entries.reduce((sum, { events }) => sum + events.length, 0);
    const commit: Commit = { firstPosition: this.#log.length + 1, size };
    const recordedAt = entries.reduce(
      (latest, { streamName }) => Math.max(latest, this.#streams.get(streamName)?.lastRecordedAt ?? 0),
      this.#now(),
    );
    return entries.map((entry) => {
      if (entry.events.length === 0) return { streamVersion: this.#versionOf(entry.streamName), events: [] };
      const stream = this.#openStream(entry, recordedAt);
      const events = entry.events.map((event): RecordedEvent => {
        const recorded: RecordedEvent = Object.freeze({
          id: event.id,
          type: event.type,
          schemaVersion: event.schemaVersion,
          data: event.data,
          metadata: event.metadata,
          streamName: stream.name,
          category: stream.category,
          streamVersion: stream.events.length + 1,
          globalPosition: this.#log.length + 1,
          recordedAt,
        });
        stream.events.push(recorded);
        stream.versionsById?.set(event.id, recorded.streamVersion);
        this.#log.push(recorded);
        this.#commits.push(commit);
        return recorded;
      });
      return { streamVersion: stream.events.length, events };
    });
  }

  #openStream({ streamName, category }: AppendCommandEntry, recordedAt: number): Stream {
    const existing = this.#streams.get(streamName);
    if (existing !== undefined) {
      existing.lastRecordedAt = recordedAt;
      return existing;
    }
    const stream: Stream = {
      name: streamName,
      category,
      createdAt: recordedAt,
      lastRecordedAt: recordedAt,
      events: [],
      versionsById: undefined,
    };
    this.#streams.set(streamName, stream);
    return stream;
  }

  /** The first result of this append, a mismatch, or undefined if none of its ids is known. */
  #findRepeat({ entries }: AppendCommand): AppendOutcome | undefined {
    const writing = entries.filter(({ events }) => events.length > 0);
    const found = writing.map((entry) => ({ entry, recorded: this.#recordedWithIds(entry) }));
    const known = found.find(({ recorded }) => recorded.length > 0);
    if (known === undefined) return undefined;
    const isRepeat = found.every(({ entry, recorded }) => isSameAppend(entry.events, recorded));
    const commits = new Set(
      found.flatMap(({ recorded }) => recorded.map((event) => this.#commits[event.globalPosition - 1])),
    );
    const [commit] = commits;
    const size = writing.reduce((sum, { events }) => sum + events.length, 0);
    if (!isRepeat || commits.size !== 1 || commit?.size !== size) {
      const eventIds = known.recorded.map(({ id }) => id);
      return { status: 'mismatch', streamName: known.entry.streamName, eventIds };
    }
    return {
      status: 'appended',
      repeated: true,
      entries: entries.map((entry) => {
        const events = found.find((item) => item.entry === entry)?.recorded ?? [];
        return { streamVersion: events.at(-1)?.streamVersion ?? this.#versionOf(entry.streamName), events };
      }),
    };
  }

  #recordedWithIds({ streamName, events }: AppendCommandEntry): readonly RecordedEvent[] {
    const stream = this.#streams.get(streamName);
    if (stream === undefined) return [];
    const versions = (stream.versionsById ??= new Map(stream.events.map((event) => [event.id, event.streamVersion])));
    return events.flatMap(({ id }) => stream.events[(versions.get(id) ?? 0) - 1] ?? []);
  }

  #nextAppend(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake);
    });
  }
}

interface Range {
  /** Index of the first event. */
  readonly first: number;
  /** Index after the last event. */
  readonly end: number;
  readonly limit: number;
  readonly matches: (event: RecordedEvent) => boolean;
}

function takeForwards(
  events: readonly RecordedEvent[],
  { first, end, limit, matches }: Range,
): readonly RecordedEvent[] {
  const page: RecordedEvent[] = [];
  for (let index = first; index < end && page.length < limit; index += 1) {
    const event = events[index];
    if (event !== undefined && matches(event)) page.push(event);
  }
  return page;
}

function takeBackwards(
  events: readonly RecordedEvent[],
  { first, end, limit, matches }: Range,
): readonly RecordedEvent[] {
  const page: RecordedEvent[] = [];
  for (let index = end - 1; index >= first && page.length < limit; index -= 1) {
    const event = events[index];
    if (event !== undefined && matches(event)) page.push(event);
  }
  return page;
}

function matchesFilter(event: RecordedEvent, { types, categories, streamNames, streamPrefixes }: LogFilter): boolean {
  return (
    (types?.includes(event.type) ?? true) &&
    (categories?.includes(event.category) ?? true) &&
    (streamNames?.includes(event.streamName) ?? true) &&
    (streamPrefixes?.some((prefix) => event.streamName.startsWith(prefix)) ?? true)
  );
}

function toInfo(stream: Stream): StreamInfo {
  return {
    streamName: stream.name,
    category: stream.category,
    version: stream.events.length,
    createdAt: new Date(stream.createdAt),
    lastRecordedAt: new Date(stream.lastRecordedAt),
    state: 'live',
  };
}

/** The order of PostgreSQL's collation "C" over UTF-8; JavaScript's own order differs above U+FFFF. */
function compareCodePoints(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}
