import { setTimeout as sleep } from 'node:timers/promises';
import { checkWhole, DatabaseError, InvalidArgumentError } from '../../core/index.ts';
import { createDatabase, type ConnectionOptions, type Database, type Session } from '../connection.ts';
import { checkMigrated, schemaStatus } from '../migrate.ts';
import { holdLimitsQuery } from '../queries/hold-limits.ts';
import { schemaName, type SchemaName } from '../schema-name.ts';
import { BLOCK, FORMAT, RunningSum, TABLES, type BackupEnd, type BackupHeader } from './backup-format.ts';
import {
  auditWritersQuery,
  backupAuditQuery,
  backupEventsQuery,
  backupRowsQuery,
  logEndQuery,
  recordBackupQuery,
} from './backup-queries.ts';

/** Options of {@link createBackup}. */
export interface BackupOptions extends ConnectionOptions {
  /** @defaultValue 'mink' */
  readonly schema?: string | undefined;
  /**
   * Only events behind this position: where an earlier backup ends.
   * @defaultValue 0
   */
  readonly after?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told of each block of events. */
  readonly onProgress?: ((progress: { readonly position: number; readonly upTo: number }) => void) | undefined;
  /**
   * Whether the store keeps that there is a backup, as soon as the last line was taken: `mink doctor` looks for a fresh one. With
   * `false`, call `recordBackup` when it is where it belongs.
   * @defaultValue true
   */
  readonly isRecorded?: boolean | undefined;
}

/** A backup that was written to its end. */
export interface TakenBackup {
  readonly takenAt: Date;
  /** The position behind which it begins. */
  readonly after: number;
  /** Where it ends. */
  readonly upTo: number;
  readonly events: number;
}

/** Milliseconds that appends in flight are waited for; new ones wait behind that. */
const LOCK_TIMEOUT = 500;
const LOCK_TRIES = 20;
/** Milliseconds between two looks at lines of the audit log that are under way. */
const AUDIT_INTERVAL = 5;
const LOCK_NOT_AVAILABLE = '55P03';
/** Insufficient privilege; a read-only transaction. */
const NOT_WRITABLE = new Set(['42501', '25006']);

/**
 * A backup of the log, line by line: to be written to a file, compressed, or given to `restoreBackup`. Everything in it is of one
 * moment: every event up to a position, with the values of unique sets, the results of commands and the shapes as they were then.
 * With the lines of the audit log since the backup before. Read models and snapshots follow from it.
 *
 * Appends wait for the moment in which that is looked up, some milliseconds after those in flight have ended; not for the rest. Holds
 * a snapshot of the database for as long as it is read.
 *
 * @example
 * for await (const line of createBackup({ url })) out.write(`${line}\n`);
 */
export async function* createBackup(options: BackupOptions): AsyncGenerator<string, void, undefined> {
  const after = checkWhole('after', options.after ?? 0, 0);
  const schema = schemaName(options.schema);
  const database = createDatabase({ maxConnections: 2, ...options, wakeUp: 'poll' });
  try {
    checkMigrated(await schemaStatus(database, schema));
    const { session, release } = await database.openSession();
    let isDone = false;
    try {
      const moment = await freeze(database, { session, schema });
      const taken = yield* linesOf(session, schema, { ...moment, after }, options);
      await session.runScript('commit');
      isDone = true;
      if (options.isRecorded !== false) await keep(database, schema, taken);
    } finally {
      // In the middle of something, it is thrown away.
      release(isDone ? undefined : new Error('a backup was not finished'));
    }
  } finally {
    await database.close();
  }
}

/**
 * Keeps in the store that a backup of it was written and is where it belongs, for `mink doctor`. For those whose `createBackup` has
 * `isRecorded: false`.
 */
export async function recordBackup(
  options: ConnectionOptions & Pick<BackupOptions, 'schema'>,
  taken: TakenBackup,
): Promise<void> {
  const database = createDatabase({ maxConnections: 1, ...options, wakeUp: 'poll' });
  try {
    await keep(database, schemaName(options.schema), taken);
  } finally {
    await database.close();
  }
}

async function keep(database: Database, schema: SchemaName, taken: TakenBackup): Promise<void> {
  try {
    await database.run(recordBackupQuery(schema, taken));
  } catch (error) {
    // A role that may only read takes backups, too: these are as good as others.
    if (!(error instanceof DatabaseError) || !NOT_WRITABLE.has(error.sqlState)) throw error;
  }
}

interface Moment {
  readonly storeId: string;
  readonly upTo: number;
}

/** Takes a snapshot in which no append is under way: its end is a bound, and what stands beside the events is of the same moment. */
async function freeze(
  database: Database,
  { session, schema }: { readonly session: Session; readonly schema: SchemaName },
): Promise<Moment> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await database.withSession(async (locker) => {
        // Every append begins with its streams: those in flight are over, and no other has drawn a position yet.
        await locker.runScript('begin');
        await locker.run(holdLimitsQuery({ lock: LOCK_TIMEOUT }));
        await locker.runScript(`lock table ${schema.quoted}.streams in exclusive mode`);
        await passAuditWriters(locker, schema);
        await session.runScript('begin isolation level repeatable read read only');
        const [row = []] = await session.run(logEndQuery(schema));
        await locker.runScript('rollback');
        return { storeId: row[0] ?? '', upTo: Math.max(Number(row[1]), Number(row[2])) };
      });
    } catch (error) {
      const isHeld = error instanceof DatabaseError && error.sqlState === LOCK_NOT_AVAILABLE;
      if (!isHeld || tries === LOCK_TRIES) throw error;
      await sleep(LOCK_TIMEOUT);
    }
  }
}

/**
 * Waits for the lines of the audit log that are under way: they are of a position before the end of this backup, and so the next one
 * does not have them. Those that begin later are of its end. Without a lock: that would need the right to change lines.
 */
async function passAuditWriters(session: Session, schema: SchemaName): Promise<void> {
  const find = async (among?: readonly string[]): Promise<readonly string[]> =>
    (await session.run(auditWritersQuery(schema, among))).map(([id]) => id ?? '');
  const until = performance.now() + LOCK_TIMEOUT;
  for (let writers = await find(); writers.length > 0; writers = await find(writers)) {
    if (performance.now() > until) {
      throw new DatabaseError('Lines of the audit log are under way for too long.', LOCK_NOT_AVAILABLE, undefined);
    }
    await sleep(AUDIT_INTERVAL);
  }
}

async function* linesOf(
  session: Session,
  schema: SchemaName,
  { storeId, upTo, after }: Moment & { readonly after: number },
  { signal, onProgress }: BackupOptions,
): AsyncGenerator<string, TakenBackup, undefined> {
  if (after > upTo) throw new InvalidArgumentError('after', `${after} is behind the end of the log, position ${upTo}`);
  const sum = new RunningSum();
  const counted = (line: string): string => {
    sum.add(line);
    return line;
  };
  const takenAt = new Date();
  const header: BackupHeader = { mink: 'backup', format: FORMAT, storeId, after, upTo, takenAt: takenAt.toISOString() };
  yield counted(JSON.stringify(header));
  let events = 0;
  for (let position = after; position < upTo;) {
    signal?.throwIfAborted();
    const block = await session.run(backupEventsQuery(schema, { after: position, upTo, limit: BLOCK }));
    for (const [, line] of block) yield counted(line ?? '');
    events += block.length;
    position = block.length < BLOCK ? upTo : Number(block.at(-1)?.[0]);
    if (block.length > 0) yield JSON.stringify({ sum: sum.value });
    onProgress?.({ position, upTo });
  }
  let rows = 0;
  for await (const line of rowsOf(session, schema, { after, signal })) {
    yield counted(line);
    rows += 1;
    if (rows % BLOCK === 0) yield JSON.stringify({ sum: sum.value });
  }
  const end: BackupEnd = { end: true, events, rows, sum: sum.value };
  yield JSON.stringify(end);
  return { takenAt, after, upTo, events };
}

async function* rowsOf(
  session: Session,
  schema: SchemaName,
  { after: since, signal }: Pick<BackupOptions, 'signal'> & { readonly after: number },
): AsyncGenerator<string, void, undefined> {
  for (const table of TABLES) {
    for (const [line] of await session.run(backupRowsQuery(schema, table))) yield line ?? '';
  }
  for (let after = 0; ;) {
    signal?.throwIfAborted();
    const block = await session.run(backupAuditQuery(schema, { since, after, limit: BLOCK }));
    for (const [, line] of block) yield line ?? '';
    if (block.length < BLOCK) return;
    after = Number(block.at(-1)?.[0]);
  }
}
