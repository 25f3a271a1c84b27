import { randomUUID } from 'node:crypto';
import {
  isSameAppend,
  searchedTo,
  signalIn,
  takesLazySignals,
  type AnySignal,
  type AppendCommand,
  type AppendOutcome,
  type EventStorage,
  type FeedBound,
  type FeedStatus,
  type ListStreamsQuery,
  type OpenTransaction,
  type LazySignalOptions,
  type LogPage,
  type LogPageQuery,
  type RecordedEvent,
  type Setting,
  type StorageCallOptions,
  type StreamInfo,
  type StreamPageQuery,
  type WaitForBound,
} from '../core/index.ts';
import type { Database, Row, Statement } from './connection.ts';
import { Feed } from './feed.ts';
import { Listener } from './listener.ts';
import { checkCompatible, checkMigrated, migrate, schemaStatus } from './migrate.ts';
import { Notifier } from './notifier.ts';
import { AppendPump, outcomeUnknown, type AppendPumpSettings } from './append-pump.ts';
import { AppendSender, toInlineChanged } from './append-sender.ts';
import { toAppendedEntries, toMismatch } from './appended-entries.ts';
import type { AppendAnswer } from './queries/encode-command.ts';
import { toEventOf, toRecordedEvent } from './queries/event-row.ts';
import { eventsAtQuery, feedBoundQuery, positionAtQuery, toFeedBound } from './queries/feed.ts';
import { feedStatusQuery, toFeedStatus } from './queries/feed-status.ts';
import { nextPositionQuery, readLogQuery, withinWindow } from './queries/read-log.ts';
import { channelOf, hasListenersQuery, notifyQuery } from './queries/notify.ts';
import { readStreamQuery } from './queries/read-stream.ts';
import { sequenceStateQuery, toSequenceState } from './queries/sequence.ts';
import { listStreamsQuery, streamInfoQuery, toStreamInfo } from './queries/streams.ts';
import { PostgresInlineSet } from './inline-set.ts';
import { ensureSequence } from './repair.ts';
import { ReadModels } from './read-models.ts';
import type { SchemaName } from './schema-name.ts';
import { SideTables } from './side-tables.ts';
import {
  checkNotEnded,
  isTransactionOpen,
  checkOutsideTransaction,
  checkTransaction,
  joinTransaction,
  withOwnTransaction,
} from './transaction.ts';
import { untilSilent } from './until-silent.ts';

/** What a PostgreSQL storage needs to know. */
export interface PostgresStorageSettings {
  readonly database: Database;
  readonly schema: SchemaName;
  readonly migrate: 'auto' | 'never';
  readonly pollInterval: number;
  /** Whether appends are notified to other processes. */
  readonly isNotifying: boolean;
  /** Milliseconds that a caller's own transaction may be idle after an append; 0 leaves the server's setting. */
  readonly holdTimeout: number;
  /** How appends travel. */
  readonly pump: Omit<AppendPumpSettings, 'send'>;
  /** What is in effect, for people. */
  readonly settings: () => readonly Setting[];
}

const MAX_BACKOFF = 5_000;
const NET_INTERVAL = 1_000;
const NOTIFY_INTERVAL = 5;
const LISTENERS_INTERVAL = 1_000;
const SETTLE_MARGIN = 250;
const LONGEST_CLOSE = 1_000;
const CHECK_TIMEOUT = 5_000;

/** The storage contract on PostgreSQL 14 and later. The rules behind it are in docs/decisions. */
export class PostgresStorage extends SideTables implements EventStorage {
  readonly [takesLazySignals] = true;
  readonly #database: Database;
  readonly #migrate: 'auto' | 'never';
  readonly readModels: ReadModels;
  readonly inline: PostgresInlineSet;
  readonly #sender: AppendSender;
  readonly #pump: AppendPump;
  readonly #feed: Feed;
  readonly #listener: Listener | undefined;
  readonly #notifier: Notifier | undefined;
  #ready: Promise<void> | undefined;
  #isReady = false;
  #sound: Promise<void> | undefined;
  #isSound = false;
  #storeId: string | undefined;

  /** Something was committed: those who follow the log look at once, here and elsewhere. */
  readonly #tellReaders = (): void => {
    this.#feed.wake();
    this.#notifier?.notify();
  };

  constructor({
    database,
    schema,
    migrate: migrating,
    pollInterval,
    isNotifying,
    holdTimeout,
    pump,
    settings,
  }: PostgresStorageSettings) {
    super({ database, schema, settings });
    this.#database = database;
    this.#migrate = migrating;
    this.readModels = new ReadModels({
      database,
      schema,
      run: (statement) => this.read(statement),
      inTransaction: (work) =>
        withOwnTransaction(database.pool, (tx) => work((statement) => this.read(statement, tx), tx)),
      logWithin: (tx) => this.#logWithin(tx),
    });
    this.inline = new PostgresInlineSet({
      database,
      schema,
      run: (statement, tx) => this.read(statement, tx),
      inTransaction: (work) => withOwnTransaction(database.pool, work),
      within: (tx) => this.#within(tx),
    });
    this.#sender = new AppendSender({ database, schema, holdTimeout });
    this.#pump = new AppendPump({
      ...pump,
      send: (commands, lock) => this.#sender.send(commands, lock),
    });
    const channel = channelOf(schema);
    const self = randomUUID();
    if (isNotifying) {
      const notification = untilSilent(notifyQuery(channel, self));
      this.#notifier = new Notifier({
        hasListeners: async () => {
          const [row] = await database.run(untilSilent(hasListenersQuery(channel, this.#listener?.pid ?? 0)));
          return row?.[0] === 't';
        },
        send: () => database.run(notification),
        interval: NOTIFY_INTERVAL,
        recheck: LISTENERS_INTERVAL,
        longestClose: LONGEST_CLOSE,
      });
    }
    if (database.listenPool !== undefined) {
      this.#listener = new Listener({
        pool: database.listenPool,
        channel,
        self,
        onNews: () => this.#feed.wake(),
        settleTime: LISTENERS_INTERVAL + SETTLE_MARGIN,
        checkTimeout: CHECK_TIMEOUT,
        maxBackoff: MAX_BACKOFF,
      });
    }
    this.#feed = new Feed({
      readBound: () => this.readBound(),
      listener: this.#listener,
      pollInterval,
      netInterval: NET_INTERVAL,
      maxBackoff: MAX_BACKOFF,
    });
  }

  get storeId(): string | undefined {
    return this.#storeId;
  }

  async append(command: AppendCommand, options: StorageCallOptions & LazySignalOptions = {}): Promise<AppendOutcome> {
    const { tx } = options;
    const signal = signalIn(options);
    if (tx !== undefined) return this.#appendWithin(tx, command, signal);
    if (!this.#isSound) await this.#whenSound();
    signal?.throwIfAborted();
    checkOutsideTransaction(command);
    let answer: AppendAnswer;
    try {
      answer = await this.#pump.append(this.#sender.encode(command), signal);
    } catch (error) {
      return toInlineChanged(error);
    }
    if (answer.outcome !== 'appended') return this.#toRefusal(command, answer);
    this.#tellReaders();
    return { status: 'appended', repeated: false, entries: toAppendedEntries(command, answer) };
  }

  async readStreamPage(query: StreamPageQuery, { tx }: StorageCallOptions = {}): Promise<readonly RecordedEvent[]> {
    const rows = await this.read(readStreamQuery(this.schema, query), tx);
    return rows.map(toEventOf(query.streamName));
  }

  async readLogPage(query: LogPageQuery, { tx }: StorageCallOptions = {}): Promise<LogPage> {
    const window = withinWindow(query);
    const rows = await this.read(untilSilent(readLogQuery(this.schema, window)), tx);
    const events = rows.map(toRecordedEvent);
    const isFull = events.length === query.limit;
    return {
      events,
      searchedTo: isFull ? searchedTo(query, events.at(-1)) : await this.#endOfWindow(query, window, tx),
      incarnation: rows[0]?.[1] ?? undefined,
    };
  }

  async readBound(): Promise<FeedBound> {
    if (!this.#isSound) await this.#whenSound();
    const [row = []] = await this.read(untilSilent(feedBoundQuery(this.schema)));
    return toFeedBound(row);
  }

  waitForBound(seen: WaitForBound): Promise<FeedBound> {
    return this.#feed.waitForBound(seen);
  }

  async feedStatus(): Promise<FeedStatus> {
    if (!this.#isSound) await this.#whenSound();
    const [row = []] = await this.read(feedStatusQuery(this.schema));
    return { ...toFeedStatus(row), wakeUp: this.#listener?.isListening === true ? 'notified' : 'polling' };
  }

  async inTransaction<T>(work: (tx: OpenTransaction) => Promise<T>): Promise<T> {
    if (!this.#isSound) await this.#whenSound();
    return withOwnTransaction(this.#database.pool, work);
  }

  onConnectionLost(listener: () => void): void {
    this.#database.onLost(listener);
  }

  isInTransaction(): boolean {
    return isTransactionOpen();
  }

  async positionAt(time: Date, upTo: number): Promise<number> {
    const [row] = await this.read(positionAtQuery(this.schema, time, upTo));
    return Number(row?.[0]);
  }

  async streamInfo(streamName: string): Promise<StreamInfo | undefined> {
    const [row] = await this.read(streamInfoQuery(this.schema, streamName));
    return row === undefined ? undefined : toStreamInfo(row);
  }

  async listStreams(query: ListStreamsQuery): Promise<readonly StreamInfo[]> {
    const rows = await this.read(listStreamsQuery(this.schema, query));
    return rows.map(toStreamInfo);
  }

  async close(): Promise<void> {
    this.#pump.close();
    this.#feed.close();
    this.#listener?.close();
    await this.#notifier?.close();
    await this.#database.close();
  }

  /** Checks, and unless told otherwise migrates, the schema: once, before the first statement. */
  #whenReady(): Promise<void> {
    this.#ready ??= this.#prepare().catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  /** Looks over the caller's connection, which may be the last one of its pool. Only a migration needs another. */
  async #whenReadyWithin(tx: OpenTransaction): Promise<void> {
    checkNotEnded(tx);
    const status = await schemaStatus(this.#database, this.schema, tx);
    if (status.databaseVersion < status.codeVersion) return this.#whenReady();
    checkCompatible(status);
    this.#isReady = true;
  }

  /** Once, before positions are drawn or read: a sequence that is behind the log would lose events. */
  #whenSound(): Promise<void> {
    this.#sound ??= this.#checkSequence().catch((error: unknown) => {
      this.#sound = undefined;
      throw error;
    });
    return this.#sound;
  }

  async #checkSequence(tx?: OpenTransaction): Promise<void> {
    const [row = []] = await this.read(sequenceStateQuery(this.schema), tx);
    const raise = this.#migrate === 'auto' ? () => migrate(this.#database, this.schema) : undefined;
    const state = toSequenceState(row);
    await ensureSequence(this.schema, state, raise);
    this.#storeId = state.storeId;
    this.#isSound = true;
  }

  async #prepare(): Promise<void> {
    const status = await schemaStatus(this.#database, this.schema);
    checkCompatible(status);
    if (status.databaseVersion < status.codeVersion) {
      if (this.#migrate === 'never') checkMigrated(status);
      else await migrate(this.#database, this.schema);
    }
    this.#isReady = true;
  }

  /** Where to search on: not at the end of the window, but where there is something again. */
  async #endOfWindow(query: LogPageQuery, window: LogPageQuery, tx?: OpenTransaction): Promise<number> {
    const end = searchedTo(window, undefined);
    if (end === searchedTo(query, undefined)) return end;
    const isForwards = query.direction === 'forwards';
    const rest = isForwards ? { ...query, after: end } : { ...query, upTo: end };
    const [row] = await this.read(untilSilent(nextPositionQuery(this.schema, rest)), tx);
    const next = row?.[0];
    if (next === undefined || next === null) return searchedTo(query, undefined);
    return isForwards ? Number(next) - 1 : Number(next);
  }

  protected async read(statement: Statement, tx?: OpenTransaction): Promise<readonly Row[]> {
    if (!this.#isReady) await (tx === undefined ? this.#whenReady() : this.#whenReadyWithin(tx));
    if (tx !== undefined) checkNotEnded(tx);
    return (tx === undefined ? this.#database : this.#database.within(tx)).run(statement);
  }

  #logWithin(tx: OpenTransaction): Pick<EventStorage, 'readLogPage'> {
    return { readLogPage: (query) => this.readLogPage(query, { tx }) };
  }

  #within(tx: OpenTransaction): {
    readonly storage: Pick<EventStorage, 'readLogPage'>;
    readonly readModels: ReadModels;
  } {
    const run = (statement: Statement): Promise<readonly Row[]> => this.read(statement, tx);
    return {
      storage: this.#logWithin(tx),
      readModels: new ReadModels({
        database: this.#database,
        schema: this.schema,
        run,
        inTransaction: (work) => work(run, tx),
        logWithin: (inner) => this.#logWithin(inner),
      }),
    };
  }

  async #appendWithin(
    tx: OpenTransaction,
    command: AppendCommand,
    signal: AnySignal | undefined,
  ): Promise<AppendOutcome> {
    checkTransaction(tx);
    // Over the same connection: it may be the last one of its pool.
    if (!this.#isSound) await this.#checkSequence(tx);
    signal?.throwIfAborted();
    checkTransaction(tx);
    let answer: AppendAnswer;
    try {
      answer = await this.#sender.sendWithin(tx, this.#sender.encode(command));
    } catch (error) {
      return toInlineChanged(error);
    }
    if (answer.outcome !== 'appended') return this.#toRefusal(command, answer, tx);
    // Somebody else's transaction: readers see that something is held back, and look often until it has ended.
    if (!joinTransaction(tx, command, this.#tellReaders)) this.#tellReaders();
    return { status: 'appended', repeated: false, entries: toAppendedEntries(command, answer) };
  }

  async #toRefusal(command: AppendCommand, answer: AppendAnswer, tx?: OpenTransaction): Promise<AppendOutcome> {
    const { entries } = command;
    const { outcome, culprit = entries[0], versions } = answer;
    const streamName = culprit?.streamName ?? '';
    const at = culprit === undefined ? 0 : entries.indexOf(culprit);
    switch (outcome) {
      case 'appended':
      case 'repeated':
        return this.#toRepeated(command, answer, tx);
      case 'known':
        return this.#toKnown(command, tx);
      case 'taken': {
        const { set = '', value = '', heldBy = '' } = answer.taken ?? {};
        return { status: 'taken', streamName, set, value, heldBy };
      }
      case 'failed':
        throw answer.failure ?? new Error('an inline projection failed without an error');
      case 'untried':
        throw new Error('a command was not tried');
      case 'conflict':
        return { status: 'conflict', streamName, actualVersion: versions[at] ?? 0 };
      case 'mismatch':
        return toMismatch(command, answer);
      case 'closed': {
        const [row] = await this.read(streamInfoQuery(this.schema, streamName), tx);
        const isArchived = row !== undefined && toStreamInfo(row).state === 'archived';
        return { status: 'closed', streamName, state: isArchived ? 'archived' : 'tombstoned' };
      }
    }
  }

  /** A result that expires between the append and now is none: the command is sent again. */
  async #toKnown(command: AppendCommand, tx: OpenTransaction | undefined): Promise<AppendOutcome> {
    const result = await this.readResult(command.key?.key ?? '', tx);
    return result === undefined ? this.append(command, { tx }) : { status: 'known', result };
  }

  /** The events are in the log: whether they are the same ones can be told without a lock. */
  async #toRepeated(command: AppendCommand, answer: AppendAnswer, tx?: OpenTransaction): Promise<AppendOutcome> {
    const recorded = await this.#readAgain(command, answer.positions, tx);
    let next = 0;
    const entries = command.entries.map(({ events }, index) => {
      const own = recorded.slice(next, next + events.length);
      next += events.length;
      return { streamVersion: own.at(-1)?.streamVersion ?? answer.versions[index] ?? 0, events: own };
    });
    const isRepeat = command.entries.every(({ events }, index) => isSameAppend(events, entries[index]?.events ?? []));
    if (!isRepeat) return toMismatch(command, answer);
    // An append that was there before its key is its result from now on, unless the key has got another one meanwhile.
    const isKept = await orUnknown(command, this.keepAppended(command, { entries, positions: answer.positions }, tx));
    return isKept ? { status: 'appended', repeated: true, entries } : this.#toKnown(command, tx);
  }

  async #readAgain(
    command: AppendCommand,
    positions: readonly number[],
    tx: OpenTransaction | undefined,
  ): Promise<readonly RecordedEvent[]> {
    const rows = await orUnknown(command, this.read(eventsAtQuery(this.schema, positions), tx));
    return rows.map(toRecordedEvent);
  }
}

/** The append is stored: whoever cannot be told so must not be told that it is not. */
async function orUnknown<T>(command: AppendCommand, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw outcomeUnknown(command, error);
  }
}
