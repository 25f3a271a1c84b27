import { BackupBrokenError, checkWhole, RestoreRefusedError, typed } from '../../core/index.ts';
import { createDatabase, type ConnectionOptions, type Database, type Session } from '../connection.ts';
import { migrate } from '../migrate.ts';
import { schemaName, type SchemaName } from '../schema-name.ts';
import {
  AUDIT,
  readBackup,
  TABLES,
  type BackupEnd,
  type BackupEvent,
  type BackupHeader,
  type BackupPart,
  type BackupRow,
} from './backup-format.ts';
import {
  announceRestoreQuery,
  logEndQuery,
  restoreAuditQueries,
  restoreEventsQuery,
  restoreRowsQueries,
  restoreStreamsQuery,
} from './backup-queries.ts';

/** Options of {@link restoreBackup}. */
export interface RestoreOptions extends ConnectionOptions {
  /** @defaultValue 'mink' */
  readonly schema?: string | undefined;
  /**
   * Whole commits up to this position alone: the log as it was then.
   * @defaultValue all of them
   */
  readonly untilPosition?: number | undefined;
  /** Whole commits before the first event that was recorded after this time alone. */
  readonly untilTime?: Date | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told of each block of events that is stored. */
  readonly onProgress?: ((progress: { readonly position: number; readonly upTo: number }) => void) | undefined;
}

/** What came of a restore. */
export interface RestoredBackup {
  /** Events that were stored. */
  readonly events: number;
  /** Events that were there already: of an earlier try, or an earlier backup. */
  readonly skipped: number;
  /** The last position of the log now. */
  readonly position: number;
  /**
   * Whether the log ends before the backup does. Values of unique sets are to be rebuilt then (`mink unique-sets rebuild`), as they
   * are not known for that moment.
   */
  readonly isPartial: boolean;
}

/**
 * Restores a backup into an empty store, or goes on in one that holds the backups before it, or a part of this one: run it again where
 * it was stopped. Positions, versions, ids, times and payloads are what they were. Each block of events is checked, then stored in
 * one transaction.
 *
 * Let nobody append before it has ended. Throws `RestoreRefusedError` where the store is another one, has gone on, or is beyond the moment
 * that is asked for; `BackupBrokenError` where the backup is cut off or was changed: what came before that is restored.
 */
export async function restoreBackup(options: RestoreOptions, lines: AsyncIterable<string>): Promise<RestoredBackup> {
  const schema = schemaName(options.schema);
  if (options.untilPosition !== undefined) checkWhole('untilPosition', options.untilPosition, 0);
  const database = createDatabase({ maxConnections: 1, ...options, wakeUp: 'poll' });
  try {
    await migrate(database, schema);
    const restore = new Restore(database, schema, options);
    for await (const part of readBackup(lines)) {
      options.signal?.throwIfAborted();
      await restore.take(part);
    }
    return restore.result();
  } finally {
    await database.close();
  }
}

/** Events that may wait for the rest of their commit. */
const MOST_HELD = 100_000;

/** How many events there are before the first one whose commit is not whole. */
function wholeCommits(events: readonly BackupEvent[]): number {
  const left = new Map<number, number>();
  for (const event of events) left.set(event[9], (left.get(event[9]) ?? event[11]) - 1);
  const first = events.findIndex((event) => left.get(event[9]) !== 0);
  return first < 0 ? events.length : first;
}

interface LogEnd {
  readonly storeId: string;
  readonly position: number;
  /** The last position that was drawn. */
  readonly drawn: number;
}

class Restore {
  readonly #database: Database;
  readonly #schema: SchemaName;
  readonly #options: RestoreOptions;
  readonly #rows: BackupRow[] = [];
  #held: readonly BackupEvent[] = [];
  #header: BackupHeader | undefined;
  /** The last event of the store. */
  #position = 0;
  #events = 0;
  #skipped = 0;
  #seen = 0;
  /** Nothing was ever appended to the store. */
  #isNew = false;
  /** The first event that is left out was met. */
  #isPartial = false;

  constructor(database: Database, schema: SchemaName, options: RestoreOptions) {
    this.#database = database;
    this.#schema = schema;
    this.#options = options;
  }

  async take(part: BackupPart): Promise<void> {
    switch (part.kind) {
      case 'header':
        await this.#begin(part.header);
        break;
      case 'events':
        await this.#take(part.lines.map((line) => typed<BackupEvent>(JSON.parse(line))));
        break;
      case 'rows':
        await this.#takeRows(part.rows);
        break;
      case 'end':
        await this.#end(part.end);
        break;
    }
  }

  result(): RestoredBackup {
    return { events: this.#events, skipped: this.#skipped, position: this.#position, isPartial: this.#isPartial };
  }

  async #begin(header: BackupHeader): Promise<void> {
    const { storeId, position, drawn } = await this.#inSession((session) => this.#readEnd(session));
    const isEmpty = position === 0 && drawn === 0;
    if (!isEmpty && storeId !== header.storeId) throw new RestoreRefusedError(position, 'it is of another store');
    if (Math.max(position, drawn) < header.after) {
      throw new RestoreRefusedError(
        position,
        `it holds what comes after position ${header.after}: restore the one before it first`,
      );
    }
    if (position > header.upTo)
      throw new RestoreRefusedError(position, `it ends at position ${header.upTo}, and the store has gone on`);
    await this.#checkMoment(position);
    this.#isNew = isEmpty;
    this.#header = header;
    this.#position = position;
  }

  /** A log that is there is not cut. */
  async #checkMoment(position: number): Promise<void> {
    const { untilPosition = Infinity, untilTime } = this.#options;
    const text = `
      select pg_catalog.floor(pg_catalog.date_part('epoch', e.recorded_at) * 1000)::text
      from ${this.#schema.quoted}.events e
      where e.global_position = $1`;
    const [row] = await this.#inSession((session) => session.run({ name: undefined, text, values: [position] }));
    const isLater = Number(row?.[0] ?? 0) > (untilTime?.getTime() ?? Infinity);
    if (position > untilPosition || isLater)
      throw new RestoreRefusedError(position, 'it goes beyond that moment already: restore into an empty one');
  }

  /** What commits that are not whole yet begin with waits for their rest: nobody is to see a part of one. */
  async #take(block: readonly BackupEvent[]): Promise<void> {
    this.#seen += block.length;
    const all = [...this.#held, ...this.#wanted(block)];
    const whole = all.length > MOST_HELD ? all.length : wholeCommits(all);
    this.#held = all.slice(whole);
    await this.#store(all.slice(0, whole));
  }

  async #store(wanted: readonly BackupEvent[]): Promise<void> {
    const events = wanted.filter(([position]) => position > this.#position);
    await this.#checkSame(wanted.find(([position]) => position === this.#position));
    this.#skipped += wanted.length - events.length;
    const last = events.at(-1)?.[0];
    if (last === undefined) return;
    await this.#inTransaction(async (session) => {
      const { position } = await this.#readEnd(session);
      if (position !== this.#position) throw new RestoreRefusedError(position, 'somebody else appends to it');
      await this.#takeName(session);
      await session.run(announceRestoreQuery(this.#schema));
      await session.run(restoreStreamsQuery(this.#schema, events));
      await session.run(restoreEventsQuery(this.#schema, events));
    });
    await this.#raiseSequence(last);
    this.#position = last;
    this.#events += events.length;
    this.#options.onProgress?.({ position: last, upTo: this.#header?.upTo ?? last });
  }

  /** Rows take the place of those that are there, at the end. The audit log grows, so that no more than a block is held. */
  async #takeRows(rows: readonly BackupRow[]): Promise<void> {
    this.#rows.push(...rows.filter(({ table }) => table !== AUDIT));
    const audit = rows.filter((row) => row.table === AUDIT && this.#isWanted(row));
    if (audit.length === 0) return;
    await this.#inTransaction(async (session) => {
      await this.#takeName(session);
      for (const statement of restoreAuditQueries(this.#schema, audit)) await session.run(statement);
    });
  }

  /** Of a log that ends earlier, the lines up to there. */
  #isWanted({ row }: BackupRow): boolean {
    const { untilTime } = this.#options;
    if (!this.#isPartial) return true;
    const { at } = row;
    const isLater = untilTime !== undefined && typeof at === 'string' && Date.parse(at) > untilTime.getTime();
    return !isLater && Number(row['log_position']) <= this.#position;
  }

  /** An empty store becomes the one that the backup is of; not before something of it was found to be sound. */
  async #takeName(session: Session): Promise<void> {
    if (!this.#isNew) return;
    const text = `update ${this.#schema.quoted}.meta set store_id = $1::uuid`;
    await session.run({ name: undefined, text, values: [this.#header?.storeId] });
    // Of somebody who has looked at it while it was empty.
    await session.runScript(`delete from ${this.#schema.quoted}.audit_log`);
    this.#isNew = false;
  }

  /** Of a block, what is not left out. */
  #wanted(block: readonly BackupEvent[]): readonly BackupEvent[] {
    const { untilPosition = Infinity, untilTime } = this.#options;
    if (this.#isPartial) return [];
    const time = untilTime?.getTime() ?? Infinity;
    const end = block.findIndex((event) => event[0] > untilPosition || Date.parse(event[8]) > time);
    if (end < 0) return block;
    this.#isPartial = true;
    return block.slice(0, end);
  }

  /** What goes on from another log than the one before it does not belong here. */
  async #checkSame(last: BackupEvent | undefined): Promise<void> {
    if (last === undefined) return;
    const text = `select e.event_id::text from ${this.#schema.quoted}.events e where e.global_position = $1`;
    const [row] = await this.#inSession((session) => session.run({ name: undefined, text, values: [last[0]] }));
    if (row?.[0] !== last[2]) throw new RestoreRefusedError(last[0], 'the event at that position is another one');
  }

  async #end({ events }: BackupEnd): Promise<void> {
    if (events !== this.#seen) throw new BackupBrokenError(1, `it should have ${events} events, and has ${this.#seen}`);
    if (this.#isPartial) return;
    // Where somebody has deleted events, their commits are never whole: what is there is restored as it is.
    await this.#store(this.#held);
    await this.#inTransaction(async (session) => {
      await this.#takeName(session);
      for (const table of TABLES) {
        const rows = this.#rows.filter((row) => row.table === table);
        for (const statement of restoreRowsQueries(this.#schema, table, rows)) await session.run(statement);
      }
    });
    // Positions that were drawn and rolled back are never given again.
    await this.#raiseSequence(this.#header?.upTo ?? 0);
  }

  /** After the commit: a sequence does not wait for it, and readers must not pass what is not there yet. */
  async #raiseSequence(position: number): Promise<void> {
    if (position === 0) return;
    const name = `${this.#schema.quoted}.global_position`;
    const text = `
      select pg_catalog.setval($1::pg_catalog.regclass, greatest($2::bigint, q.last_value))
      from ${name} q`;
    await this.#inSession((session) => session.run({ name: undefined, text, values: [name, position] }));
  }

  async #readEnd(session: Session): Promise<LogEnd> {
    const [row = []] = await session.run(logEndQuery(this.#schema));
    return { storeId: row[0] ?? '', position: Number(row[1]), drawn: Number(row[2]) };
  }

  #inSession<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#database.withSession(work);
  }

  #inTransaction(work: (session: Session) => Promise<void>): Promise<void> {
    return this.#inSession(async (session) => {
      await session.runScript('begin');
      await work(session);
      await session.runScript('commit');
    });
  }
}
