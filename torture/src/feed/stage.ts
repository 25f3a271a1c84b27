import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseUnavailableError, type FeedBound } from 'mink';
import { createPostgresStore } from 'mink/postgres';
import { LAST_TYPE, RARE_TYPE } from '../actors/event-types.ts';
import { resolveUnknown } from '../actors/library-writer.ts';
import type { ObservedReader } from '../actors/observed.ts';
import { matcher, toDelivered } from '../actors/observed.ts';
import { checkAttempts } from '../check/check-attempts.ts';
import { checkLog, byStream } from '../check/check-log.ts';
import { checkReading } from '../check/check-reading.ts';
import type { Finding } from '../check/finding.ts';
import { readLog, readStreamVersions } from '../cluster/read-log.ts';
import { retrySql } from '../cluster/sql.ts';
import { finalStatus, History, type Attempt, type LoggedEvent } from '../history.ts';
import type { WriterChild } from '../processes/writer-child.ts';
import type { Random } from '../random.ts';
import { becomes, pause, TimeLimit } from '../waiting.ts';
import type { PhaseResult, PlacedFinding, Run } from './run.ts';
import type { UntypedStore } from '../untyped-store.ts';

/** One phase's database with everybody who writes to it and reads from it, and the book that is kept of them. */
export class Stage {
  readonly name: string;
  readonly url: string;
  readonly directory: string;
  readonly history = new History();
  readonly random: Random;
  /** For what the test itself asks; nothing disturbs it but the server's own crashes. */
  readonly store: UntypedStore;
  readonly #run: Run;
  readonly #readers: ObservedReader[] = [];
  readonly #writers: WriterChild[] = [];
  readonly #closing: (() => Promise<unknown>)[] = [];
  readonly #findings: PlacedFinding[] = [];
  readonly #done = new Map<string, number>();
  #events = 0;

  private constructor(run: Run, at: { readonly name: string; readonly url: string; readonly directory: string }) {
    this.#run = run;
    this.name = at.name;
    this.url = at.url;
    this.directory = at.directory;
    this.random = run.random.derive(at.name);
    this.store = this.openStore();
  }

  /** A new database, with nobody there. */
  static async open(run: Run, name: string): Promise<Stage> {
    const directory = join(run.directory, name);
    await mkdir(directory, { recursive: true });
    const url = await run.cluster.createDatabase(name.replaceAll('-', '_'));
    const stage = new Stage(run, { name, url, directory });
    // Some logs pass the position at which 32 bits are full.
    if (stage.random.chance(0.3)) await startBelow32Bits(url, stage.random);
    return stage;
  }

  get run(): Run {
    return this.#run;
  }

  get database(): string {
    return this.name.replaceAll('-', '_');
  }

  get readers(): readonly ObservedReader[] {
    return this.#readers;
  }

  get hasFindings(): boolean {
    return this.#findings.length > 0;
  }

  /** A store that is closed with the stage. One that polls has seen a new bound 10 milliseconds later, whoever moved it. */
  openStore(
    options: { readonly url?: string; readonly timeout?: number; readonly wakeUp?: 'notify' | 'poll' } = {},
  ): UntypedStore {
    const { url = this.url, timeout = 10_000, wakeUp = 'notify' } = options;
    const store = createPostgresStore({
      url,
      migrate: 'never',
      pollInterval: 10,
      wakeUp,
      connectTimeout: timeout,
      lockTimeout: timeout,
    });
    this.#closing.push(() => store.close());
    return store;
  }

  addReader<R extends ObservedReader>(reader: R): R {
    this.#readers.push(reader);
    return reader;
  }

  addWriter(writer: WriterChild): WriterChild {
    this.#writers.push(writer);
    return writer;
  }

  /** To be undone with the stage, before its stores are closed. */
  onClose(close: () => Promise<unknown>): void {
    this.#closing.push(close);
  }

  count(what: string): void {
    this.#done.set(what, (this.#done.get(what) ?? 0) + 1);
  }

  report(when: string, findings: readonly Finding[]): void {
    for (const finding of findings) this.#findings.push({ ...finding, phase: this.name, when });
  }

  /** Waits until so many more appends were acknowledged; a system in which nothing happens is not tested. */
  async progress(appends: number, when: string): Promise<void> {
    await this.#refreshWriters();
    const goal = this.acknowledged() + appends;
    const moved = await becomes(
      async () => {
        await this.#refreshWriters();
        return this.acknowledged() >= goal;
      },
      { timeout: this.#run.patience, interval: 20, signal: this.#run.signal },
    );
    if (moved || this.#run.signal.aborted) return;
    this.report(when, [
      { kind: 'stuck', message: `no ${appends} appends in ${this.#run.patience} ms. ${await this.#holders()}` },
    ]);
  }

  /** The bound, however long the server needs to come back. */
  async bound(): Promise<FeedBound> {
    const deadline = performance.now() + this.#run.patience;
    for (;;) {
      try {
        return await this.store.readBound();
      } catch (error) {
        if (!(error instanceof DatabaseUnavailableError) || performance.now() > deadline) throw error;
        await pause(20);
      }
    }
  }

  /** Retries, with the same ids, what a writer that is dead now was not told: each must come to one end. */
  async resolve(attemptsOf: string, when: string): Promise<void> {
    await this.#refreshWriters();
    const open = this.history.attempts().filter((attempt) => attempt.id.startsWith(attemptsOf) && isOpen(attempt));
    await Promise.all(
      open.map(async (attempt) => {
        const eventIds = idsOf(attempt);
        // Nobody knows its ids: it may be there or not, and nobody can ask.
        if (eventIds === undefined) return;
        using limit = new TimeLimit(this.#run.signal, this.#run.patience);
        const { signal } = limit;
        const outcome = await resolveUnknown({ ...attempt, eventIds }, this.store, { recorder: this.history, signal });
        if (outcome.status !== 'unknown' || this.#run.signal.aborted) return;
        const message = `attempt ${attempt.id} had no end after ${this.#run.patience} ms of retries`;
        this.report(when, [{ kind: 'stuck', attempt: attempt.id, message }]);
      }),
    );
  }

  /** Holds everything that is known now against the log, while writers go on; readers must reach the bound of now. */
  async check(when: string): Promise<void> {
    await this.#refreshWriters();
    const answered = this.history.answered();
    const { position } = await this.bound();
    const log = await readLog(this.url);
    await this.#refreshWriters();
    // What was answered after the log was read may be missing in it; it may be in it as well.
    const attempts = this.history.attempts().map((attempt) => {
      const outcomes = answered.get(attempt.id) ?? [];
      return { ...attempt, outcomes: outcomes.length > 0 ? outcomes : [UNKNOWN] };
    });
    await this.#judge(when, { log, attempts, position });
  }

  /**
   * The last word: writers have ended, everything is resolved and nobody holds anything, so the log must be complete and
   * every reader at its end.
   */
  async finish(): Promise<PhaseResult> {
    const { signal } = this.#run;
    await Promise.all(this.#writers.map((writer) => writer.child.stop()));
    await this.resolve('', 'end');
    const isQuiet = await becomes(async () => isAtHead(await this.bound()), { timeout: this.#run.patience, signal });
    if (!isQuiet && !signal.aborted) {
      this.report('end', [
        { kind: 'stuck', message: `readers are held, though nobody writes. ${await this.#holders()}` },
      ]);
    }
    await this.#appendLast();
    const log = await readLog(this.url);
    this.#events = log.length;
    await this.#judge('end', { log, attempts: this.history.attempts(), position: (await this.bound()).position });
    this.report('end', await this.#checkLibrary(log));
    this.report('end', await this.#checkStreams(log));
    this.report(
      'end',
      this.history.unexpectedMessages().map((message) => ({ kind: 'unexpected', message })),
    );
    if (signal.aborted) this.#findings.length = 0;
    if (this.#findings.length > 0) await this.#keepEvidence(log);
    return this.result();
  }

  result(controlsLost: Readonly<Record<string, number>> = {}): PhaseResult {
    const outcomes = this.history.attempts().flatMap((attempt) => attempt.outcomes);
    const count = (status: string): number => outcomes.filter((outcome) => outcome.status === status).length;
    const pending = this.history.attempts().filter(({ outcomes }) => outcomes.length === 0).length;
    return {
      phase: this.name,
      events: this.#events,
      done: Object.fromEntries(this.#done),
      unknownOutcomes: count('unknown') + pending,
      conflicts: count('conflict'),
      refused: count('refused'),
      controlsLost,
      findings: this.#findings,
    };
  }

  /** Ends everybody, and drops the database unless it is evidence. */
  async close(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.child.kill()));
    await Promise.all(this.#readers.map((reader) => reader.stop().catch(() => undefined)));
    for (const close of this.#closing.toReversed()) await close().catch(() => undefined);
    if (this.#findings.length === 0) await this.#run.cluster.dropDatabase(this.database);
  }

  async #judge(
    when: string,
    at: {
      readonly log: readonly LoggedEvent[];
      readonly attempts: readonly Attempt[];
      readonly position: number;
    },
  ): Promise<void> {
    const { log, attempts, position } = at;
    await Promise.all(this.#readers.map((reader) => this.#catchUp(reader, log, position)));
    if (this.#run.signal.aborted) return;
    this.report(when, [...checkLog(log), ...checkAttempts(attempts, log)]);
    for (const reader of this.#readers) {
      const readings = reader.readings();
      for (const [index, reading] of readings.entries()) {
        const isLast = index === readings.length - 1;
        const known = { ...reading, delivered: reading.delivered.filter((event) => event.position <= position) };
        this.report(when, checkReading(known, log, isLast ? Math.max(position, reading.after) : undefined));
      }
      this.report(when, reader.ownFindings());
    }
  }

  async #catchUp(reader: ObservedReader, log: readonly LoggedEvent[], position: number): Promise<void> {
    const matches = matcher(reader.interest);
    const last = log.findLast((event) => event.position <= position && matches(event))?.position ?? 0;
    const isThere = async (): Promise<boolean> => {
      await reader.refresh();
      return reader.position() >= last;
    };
    await becomes(isThere, { timeout: this.#run.patience, interval: 10, signal: this.#run.signal });
  }

  /** Something for every reader at the very end: also for those that found nothing for long. */
  async #appendLast(): Promise<void> {
    const start = {
      id: 'last-1',
      entries: [
        { streamName: 'Hot-1', expectedVersion: 'any', types: [RARE_TYPE, LAST_TYPE] },
        { streamName: 'Last-1', expectedVersion: 'no_stream', types: [LAST_TYPE] },
      ],
      eventIds: [this.random.uuid(), this.random.uuid(), this.random.uuid()],
    } as const;
    this.history.begin(start);
    using limit = new TimeLimit(this.#run.signal, this.#run.patience);
    await resolveUnknown(start, this.store, { recorder: this.history, signal: limit.signal });
  }

  /** The library's own reading of the log is the log. */
  async #checkLibrary(log: readonly LoggedEvent[]): Promise<readonly Finding[]> {
    const delivered = (await this.store.readAll().toArray()).map(toDelivered);
    return checkReading({ reader: 'readAll', after: 0, matches: () => true, delivered }, log, Infinity);
  }

  /** The rows that versions are taken from agree with the events; rows that no event came to are swept. */
  async #checkStreams(log: readonly LoggedEvent[]): Promise<readonly Finding[]> {
    const events = byStream(log);
    const versions = await readStreamVersions(this.url);
    return [...new Set([...events.keys(), ...versions.keys()])].flatMap((streamName): readonly Finding[] => {
      const [stored, said] = [events.get(streamName)?.length ?? 0, versions.get(streamName) ?? 0];
      if (stored === said && stored > 0) return [];
      return [{ kind: 'gap', streamName, message: `its row says version ${said}, it has ${stored} events` }];
    });
  }

  async #holders(): Promise<string> {
    const rows = await retrySql(
      this.url,
      `select l.pid, a.state, a.wait_event, now() - a.xact_start, left(a.query, 60)
      from pg_catalog.pg_locks l left join pg_catalog.pg_stat_activity a using (pid)
      where l.locktype = 'advisory'`,
    );
    return `Floors are held by ${JSON.stringify(rows)}`;
  }

  async #refreshWriters(): Promise<void> {
    for (const writer of this.#writers) await writer.refresh();
  }

  /** Appends that were answered so far. */
  acknowledged(): number {
    return this.history.attempts().filter((attempt) => finalStatus(attempt) === 'acknowledged').length;
  }

  async #keepEvidence(log: readonly LoggedEvent[]): Promise<void> {
    const files = {
      findings: this.#findings,
      log,
      attempts: this.history.attempts(),
      readers: this.#readers.map((reader) => ({
        name: reader.name,
        interest: reader.interest,
        readings: reader.readings(),
      })),
    };
    for (const [name, content] of Object.entries(files)) {
      await writeFile(join(this.directory, `${name}.json`), JSON.stringify(content, undefined, 1));
    }
  }
}

async function startBelow32Bits(url: string, random: Random): Promise<void> {
  await retrySql(url, `select setval('mink.global_position', $1)`, [2 ** 32 - random.int(1, 500)]);
}

const UNKNOWN = { status: 'unknown', eventIds: undefined } as const;

function isOpen(attempt: Attempt): boolean {
  const status = finalStatus(attempt);
  return status === 'unknown' || status === 'pending';
}

/** Those that were given, or those that the library says it has made. */
function idsOf(attempt: Attempt): readonly string[] | undefined {
  if (attempt.eventIds !== undefined) return attempt.eventIds;
  for (const outcome of attempt.outcomes) if (outcome.status === 'unknown') return outcome.eventIds;
  return undefined;
}

function isAtHead({ position, head }: FeedBound): boolean {
  return position === head;
}
