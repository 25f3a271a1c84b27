import { randomUUID } from 'node:crypto';
import {
  isSameAppend,
  searchedTo,
  partitionKey,
  takesLazySignals,
  meetsExpectation,
  StoreClosedError,
  type AppendCommand,
  type AppendCommandEntry,
  type AppendedEntry,
  type AppendOutcome,
  type Direction,
  type EventStorage,
  type FeedBound,
  type FeedStatus,
  type ListStreamsQuery,
  type LogFilter,
  type LogPage,
  type LogPageQuery,
  type LogReader,
  type PreparedEvent,
  type RecordedEvent,
  type StorageCallOptions,
  type StorageClock,
  type StorageVitals,
  type StreamInfo,
  type StreamPageQuery,
  type WaitForBound,
  type ProjectionStorage,
} from '../core/index.ts';
import { inlineRows, writeInlineRows } from './inline-projections.ts';
import { MemoryInlineSet } from './inline-set.ts';
import { ReadModels } from './read-models.ts';
import { Operations } from './operations.ts';
import { refuseTransaction, SideTables } from './side-tables.ts';
import { firstIndex, LogIndex } from './log-index.ts';

const INCARNATION = 'memory';

/** The events of a stream, the first version first. Never empty. */
type Stream = RecordedEvent[];

/**
 * The storage contract in memory: the reference implementation, and the store for tests. Nothing is ever pending here, so
 * the bound is always the head. What it holds lives as long as the object, and never leaves it: results and pages are
 * copies of its events, which share their frozen payloads.
 */
export class MemoryStorage extends SideTables implements EventStorage {
  readonly [takesLazySignals] = true;
  readonly storeId: string;
  /** The event at position p is at index p - 1. */
  readonly #log: RecordedEvent[] = [];
  readonly #index = new LogIndex(this.#log);
  readonly #streams = new Map<string, Stream>();
  /** The first position of each append. */
  readonly #commits: number[] = [];
  /** The version of each event id, for streams in which a repeat was looked for. */
  readonly #versions = new Map<string, IdIndex>();
  readonly readModels: ReadModels;
  readonly inline: MemoryInlineSet;
  readonly operations: Operations;
  readonly #waiting = new Set<() => void>();
  readonly #now: () => number;
  #closed = false;

  constructor(now: () => number, storeId: string = randomUUID()) {
    super(now);
    this.storeId = storeId;
    this.#now = now;
    this.operations = new Operations({
      now,
      checkOpen: () => this.checkOpen(),
      log: this.#log,
      streams: () => Array.from(this.#streams.keys(), (name) => this.#info(name)).filter((it) => it !== undefined),
    });
    this.readModels = new ReadModels({ now, storeId, readLog: () => this.#readLog() });
    this.inline = new MemoryInlineSet({
      readModels: this.readModels,
      readLogPage: (query) => this.readLogPage(query),
      head: () => this.#log.length,
    });
  }

  async append(command: AppendCommand, { tx }: StorageCallOptions = {}): Promise<AppendOutcome> {
    this.checkOpen();
    if (tx !== undefined) refuseTransaction();
    const { key } = command;
    const known = key === undefined ? undefined : this.results.find(key.key);
    if (known !== undefined) return { status: 'known', result: known };
    const outcome = (command.mayBeRepeated ? this.#findRepeat(command) : undefined) ?? this.#appendNew(command);
    if (key !== undefined && outcome.status === 'appended') {
      const entries = outcome.entries.map((entry, index) => ({
        ...entry,
        streamName: command.entries[index]?.streamName ?? '',
      }));
      this.results.keep(key, { status: 'appended', entries, value: key.value });
    }
    return outcome;
  }

  #appendNew(command: AppendCommand): AppendOutcome {
    const taken = this.claims.findTaken(command.entries);
    if (taken !== undefined) return { status: 'taken', ...taken };
    const streams: (Stream | undefined)[] = [];
    let latest = 0;
    for (const { streamName, expectedVersion } of command.entries) {
      const stream = this.#streams.get(streamName);
      const actualVersion = stream?.length ?? 0;
      if (!meetsExpectation(expectedVersion, actualVersion)) return { status: 'conflict', streamName, actualVersion };
      latest = Math.max(latest, stream?.at(-1)?.recordedAt ?? 0);
      streams.push(stream);
    }
    const recordedAt = Math.max(latest, this.#now());
    if (!this.inline.isMet(command)) return { status: 'inline_changed', cause: undefined };
    const recorded = this.#record(command, streams, recordedAt);
    const rows = inlineRows(this.readModels, command.inline?.keys ?? []);
    command.inline?.apply(rows, recorded);
    // Nothing can fail from here on.
    writeInlineRows(this.readModels, rows);
    this.#commits.push(this.#log.length + 1);
    for (const [index, { streamName }] of command.entries.entries()) {
      this.#write(streamName, streams[index], recorded[index]?.events ?? []);
    }
    const entries = recorded.map(({ streamVersion, events }) => ({ streamVersion, events: events.map(copy) }));
    this.claims.apply(command.entries);
    for (const wake of this.#waiting) wake();
    return { status: 'appended', repeated: false, entries };
  }

  async readStreamPage(query: StreamPageQuery, { tx }: StorageCallOptions = {}): Promise<readonly RecordedEvent[]> {
    this.checkOpen();
    if (tx !== undefined) refuseTransaction();
    const { untilVersion = Infinity, untilPosition = Infinity, untilTime = Infinity, types } = query;
    const events = this.#streams.get(query.streamName) ?? [];
    return take(events, {
      first: Math.max(query.fromVersion, 1) - 1,
      end: Math.min(untilVersion, events.length),
      direction: query.direction,
      limit: query.limit,
      matches: (event) =>
        event.globalPosition <= untilPosition &&
        event.recordedAt <= untilTime &&
        (types === undefined || types.includes(event.type)),
    });
  }

  async readLogPage({ after, upTo, filter, direction, limit }: LogPageQuery): Promise<LogPage> {
    this.checkOpen();
    const matches = (event: RecordedEvent): boolean => matchesFilter(event, filter);
    const pages = this.#listsFor(filter).map((events) =>
      take(events, {
        first: firstIndex(events, ({ globalPosition }) => globalPosition > after),
        end: firstIndex(events, ({ globalPosition }) => globalPosition > upTo),
        direction,
        limit,
        matches,
      }),
    );
    const [only, another] = pages;
    const events = another === undefined ? (only ?? []) : merge(pages, direction).slice(0, limit);
    const last = events.length < limit ? undefined : events.at(-1);
    return { events, searchedTo: searchedTo({ after, upTo, direction }, last), incarnation: INCARNATION };
  }

  readModelsFor(log: EventStorage): ProjectionStorage {
    return this.readModels.for(log);
  }

  /** The log as it is now: what is appended later is not in it. */
  #readLog(): LogReader {
    const position = this.#log.length;
    const bound = async (): Promise<FeedBound> => ({ position, head: position, incarnation: INCARNATION });
    return {
      readBound: bound,
      waitForBound: bound,
      readLogPage: (query) => this.readLogPage({ ...query, upTo: Math.min(query.upTo, position) }),
      positionAt: (time, upTo) => this.positionAt(time, Math.min(upTo, position)),
    };
  }

  async readBound(): Promise<FeedBound> {
    this.checkOpen();
    return { position: this.#log.length, head: this.#log.length, incarnation: INCARNATION };
  }

  async feedStatus(): Promise<FeedStatus> {
    return { ...(await this.readBound()), heldBy: [], wakeUp: 'notified' };
  }

  async readClock(): Promise<StorageClock> {
    const last = this.#log.slice(-100).map(({ recordedAt }) => recordedAt);
    return { now: this.#now(), lastRecordedAt: last.length === 0 ? undefined : Math.max(...last) };
  }

  async readVitals(): Promise<StorageVitals> {
    return { bytes: {}, keptResults: this.results.size, connections: undefined };
  }

  async waitForBound({ after, signal }: WaitForBound): Promise<FeedBound> {
    while (this.#log.length <= after) {
      this.checkOpen();
      signal.throwIfAborted();
      await this.#nextAppend(signal);
    }
    return this.readBound();
  }

  async positionAt(time: Date, upTo: number): Promise<number> {
    this.checkOpen();
    const later = this.#index.firstAfter(time.getTime());
    return later === undefined ? upTo : Math.min(later.globalPosition - 1, upTo);
  }

  async streamInfo(streamName: string): Promise<StreamInfo | undefined> {
    this.checkOpen();
    return this.#info(streamName);
  }

  async listStreams(query: ListStreamsQuery): Promise<readonly StreamInfo[]> {
    this.checkOpen();
    const { category, prefix = '', afterStreamName, limit } = query;
    const beginning = category === undefined ? prefix : within(category, prefix);
    const page: StreamInfo[] = [];
    if (beginning === undefined) return page;
    for (const name of this.#index.streamNames(beginning, afterStreamName)) {
      if (page.length === limit) break;
      const info = this.#info(name);
      if (info !== undefined) page.push(info);
    }
    return page;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const wake of this.#waiting) wake();
  }

  protected checkOpen(): void {
    if (this.#closed) throw new StoreClosedError();
  }

  /** The events of a command as they will be stored. */
  #record(
    { entries }: AppendCommand,
    streams: readonly (Stream | undefined)[],
    recordedAt: number,
  ): readonly AppendedEntry[] {
    let globalPosition = this.#log.length;
    return entries.map((entry, index) => {
      let streamVersion = streams[index]?.length ?? 0;
      const events = entry.events.map((event) => {
        streamVersion += 1;
        globalPosition += 1;
        return toRecorded(event, { entry, recordedAt, streamVersion, globalPosition });
      });
      return { streamVersion, events };
    });
  }

  #write(streamName: string, stream: Stream | undefined, events: readonly RecordedEvent[]): void {
    if (stream === undefined) {
      if (events.length > 0) this.#streams.set(streamName, [...events]);
    } else {
      for (const event of events) stream.push(event);
    }
    for (const event of events) this.#log.push(event);
  }

  /** Lists that hold everything the filter may match, each in the order of the log. */
  #listsFor({ categories, streamNames, streamPrefixes }: LogFilter): readonly (readonly RecordedEvent[])[] {
    if (streamNames !== undefined) return [...new Set(streamNames)].map((name) => this.#streams.get(name) ?? []);
    const names = categories ?? categoriesOf(streamPrefixes);
    return names === undefined ? [this.#log] : [...new Set(names)].map((name) => this.#index.ofCategory(name));
  }

  #info(streamName: string): StreamInfo | undefined {
    const stream = this.#streams.get(streamName);
    const [first, last] = [stream?.[0], stream?.at(-1)];
    if (stream === undefined || first === undefined || last === undefined) return undefined;
    return {
      streamName,
      category: first.category,
      version: stream.length,
      createdAt: new Date(first.recordedAt),
      lastRecordedAt: new Date(last.recordedAt),
      state: 'live',
    };
  }

  /** The first result of this append, a mismatch, or undefined if none of its ids is known. */
  #findRepeat({ entries }: AppendCommand): AppendOutcome | undefined {
    const writing = entries.filter(({ events }) => events.length > 0);
    const found = writing.map((entry) => ({ entry, recorded: this.#recordedWithIds(entry) }));
    const known = found.find(({ recorded }) => recorded.length > 0);
    if (known === undefined) return undefined;
    const isRepeat = found.every(({ entry, recorded }) => isSameAppend(entry.events, recorded));
    const commits = new Set(
      found.flatMap(({ recorded }) => recorded.map(({ globalPosition }) => this.#commitOf(globalPosition))),
    );
    const [commit = 0] = commits;
    const size = writing.reduce((sum, { events }) => sum + events.length, 0);
    if (!isRepeat || commits.size !== 1 || this.#sizeOf(commit) !== size) {
      const eventIds = known.recorded.map(({ id }) => id);
      return { status: 'mismatch', streamName: known.entry.streamName, eventIds };
    }
    return {
      status: 'appended',
      repeated: true,
      entries: entries.map((entry) => {
        const events = found.find((item) => item.entry === entry)?.recorded ?? [];
        const version = events.at(-1)?.streamVersion ?? this.#streams.get(entry.streamName)?.length ?? 0;
        return { streamVersion: version, events: events.map(copy) };
      }),
    };
  }

  #recordedWithIds({ streamName, events }: AppendCommandEntry): readonly RecordedEvent[] {
    const stream = this.#streams.get(streamName);
    if (stream === undefined) return [];
    let versions = this.#versions.get(streamName);
    if (versions === undefined) this.#versions.set(streamName, (versions = new IdIndex(stream)));
    return events.flatMap(({ id }) => versions.find(id) ?? []);
  }

  /** The append that wrote this position: its number, from 0. */
  #commitOf(globalPosition: number): number {
    return firstIndex(this.#commits, (first) => first > globalPosition) - 1;
  }

  #sizeOf(commit: number): number {
    return (this.#commits[commit + 1] ?? this.#log.length + 1) - (this.#commits[commit] ?? 0);
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

/** The events of a stream by id; it reads on from where it was, so that an append pays nothing for it. */
class IdIndex {
  readonly #stream: Stream;
  readonly #events = new Map<string, RecordedEvent>();
  #read = 0;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  find(id: string): RecordedEvent | undefined {
    for (; this.#read < this.#stream.length; this.#read += 1) {
      const event = this.#stream[this.#read];
      if (event !== undefined) this.#events.set(event.id, event);
    }
    return this.#events.get(id);
  }
}

interface Place {
  readonly entry: AppendCommandEntry;
  readonly recordedAt: number;
  readonly streamVersion: number;
  readonly globalPosition: number;
}

function toRecorded(event: PreparedEvent, { entry, recordedAt, streamVersion, globalPosition }: Place): RecordedEvent {
  return {
    id: event.id,
    type: event.type,
    schemaVersion: event.schemaVersion,
    data: event.data,
    metadata: event.metadata,
    streamName: entry.streamName,
    category: entry.category,
    streamVersion,
    globalPosition,
    recordedAt,
  };
}

function copy(event: RecordedEvent): RecordedEvent {
  return { ...event };
}

interface Range {
  /** Index of the first event. */
  readonly first: number;
  /** Index after the last event. */
  readonly end: number;
  readonly direction: Direction;
  readonly limit: number;
  readonly matches: (event: RecordedEvent) => boolean;
}

/** Copies of the events of a range that match. */
function take(
  events: readonly RecordedEvent[],
  { first, end, direction, limit, matches }: Range,
): readonly RecordedEvent[] {
  const page: RecordedEvent[] = [];
  const step = direction === 'forwards' ? 1 : -1;
  for (let index = step === 1 ? first : end - 1; index >= first && index < end && page.length < limit; index += step) {
    const event = events[index];
    if (event !== undefined && matches(event)) page.push(copy(event));
  }
  return page;
}

function merge(pages: readonly (readonly RecordedEvent[])[], direction: Direction): readonly RecordedEvent[] {
  const sign = direction === 'forwards' ? 1 : -1;
  return pages.flat().toSorted((left, right) => sign * (left.globalPosition - right.globalPosition));
}

function matchesFilter(event: RecordedEvent, filter: LogFilter): boolean {
  const { types, categories, streamNames, streamPrefixes, slots } = filter;
  return (
    (types === undefined || types.includes(event.type)) &&
    (categories === undefined || categories.includes(event.category)) &&
    (streamNames === undefined || streamNames.includes(event.streamName)) &&
    (streamPrefixes === undefined || streamPrefixes.some((prefix) => event.streamName.startsWith(prefix))) &&
    (slots === undefined || isWithin(slots, partitionKey(event.streamName)))
  );
}

function isWithin({ from, to }: { readonly from: number; readonly to: number }, slot: number): boolean {
  return slot >= from && slot < to;
}

/** How the names of `category` begin that begin with `prefix`; undefined if none can. */
function within(category: string, prefix: string): string | undefined {
  const beginning = `${category}-`;
  if (prefix.startsWith(beginning)) return prefix;
  return beginning.startsWith(prefix) ? beginning : undefined;
}

/** The categories of all streams whose names may begin with one of these; undefined if that cannot be told. */
function categoriesOf(prefixes: readonly string[] | undefined): readonly string[] | undefined {
  if (prefixes?.every((prefix) => prefix.includes('-')) !== true) return undefined;
  return prefixes.map((prefix) => prefix.slice(0, prefix.indexOf('-')));
}
