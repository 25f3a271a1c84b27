import { DatabaseError, typed, type DatabaseFacts, type Pooler, type StoreFacts } from '../../core/index.ts';
import type { Database, Row, Session } from '../connection.ts';
import { schemaStatus } from '../migrate.ts';
import { connectionLimit } from '../pools.ts';
import type { SchemaName } from '../schema-name.ts';
import { knownIndexes } from './known-indexes.ts';
import {
  brokenIndexesQuery,
  guardsOffQuery,
  momentQuery,
  rightsQuery,
  serverQuery,
  slowStatementsQuery,
  statementsExtensionQuery,
  tablesQuery,
  unusedIndexesQuery,
} from './facts-queries.ts';

/** Looks at a database, whatever state its schema is in. Changes nothing. Throws `DatabaseUnavailableError`. */
export async function readFacts(database: Database, schema: SchemaName): Promise<DatabaseFacts> {
  const [server = []] = await database.run(serverQuery());
  const [serverVersion, isReplica, role, isSuperuser, settings] = server;
  const { databaseVersion, codeVersion } = await schemaStatus(database, schema);
  const isMigrated = databaseVersion >= codeVersion;
  const [rights = []] = isMigrated ? await database.run(rightsQuery(schema)) : [];
  return {
    serverVersion: Number(serverVersion),
    isReplica: isReplica === 't',
    role: {
      name: role ?? '',
      isSuperuser: isSuperuser === 't',
      isOwner: rights[0] === 't',
      missing: typed<readonly string[]>(JSON.parse(rights[1] ?? '[]')),
    },
    schema: { name: schema.name, databaseVersion, codeVersion },
    settings: typed<Readonly<Record<string, string>>>(JSON.parse(settings ?? '{}')),
    pooler: await findPooler(database),
    store: isMigrated ? await database.withSession((session) => storeFacts(session, schema)) : undefined,
  };
}

async function storeFacts(session: Session, schema: SchemaName): Promise<StoreFacts> {
  const brokenIndexes = (await session.run(brokenIndexesQuery(schema))).map(([name = '', problem, place]) => {
    const mend = problem === 'invalid' ? `reindex index concurrently ${place}` : knownIndexes(schema).get(name ?? '');
    return {
      name: name ?? '',
      problem: problem === 'invalid' ? ('invalid' as const) : ('missing' as const),
      mend: mend ?? '',
    };
  });
  const guardsOff = (await session.run(guardsOffQuery(schema))).map(([name]) => name ?? '');
  const tables = (await session.run(tablesQuery(schema))).map(([name, ...numbers]) => {
    const [rows = 0, deadRows = 0, scannedRows = 0, scans = 0, bytes = 0] = numbers.map(Number);
    return { name: name ?? '', rows, deadRows, scannedRows, scans, bytes, isVacuumed: numbers[5] !== 't' };
  });
  const unusedIndexes = (await session.run(unusedIndexesQuery(schema))).map(([name, table, bytes]) => {
    return { name: name ?? '', table: table ?? '', bytes: Number(bytes) };
  });
  const [moment = []] = await session.run(momentQuery(schema));
  const [takenAt, upTo, head, now] = moment;
  const lastBackup =
    takenAt === null || takenAt === undefined ? undefined : { takenAt: Number(takenAt), upTo: Number(upTo) };
  const statements = await slowStatements(session, schema);
  const places = { head: Number(head), now: Number(now) };
  return { brokenIndexes, guardsOff, tables, unusedIndexes, statements, lastBackup, ...places };
}

/** Undefined where the server does not count, or the role may not see it. */
async function slowStatements(session: Session, schema: SchemaName): Promise<StoreFacts['statements']> {
  const [extension] = await session.run(statementsExtensionQuery());
  if (typeof extension?.[0] !== 'string') return undefined;
  try {
    const rows = await session.run(slowStatementsQuery(schema, extension[0]));
    return rows.map(([text, ...numbers]) => {
      const [calls = 0, mean = 0, total = 0] = numbers.map(Number);
      return { text: (text ?? '').replaceAll(/\s+/gu, ' ').trim(), calls, mean, total };
    });
  } catch (error) {
    if (error instanceof DatabaseError) return undefined;
    throw error;
  }
}

const BACKEND = { name: undefined, text: 'select pg_catalog.pg_backend_pid()', values: [] };

/**
 * Behind a pooler, the process that a connection was told is not the one that serves it. One that gives a server's connection to
 * each transaction serves two of ours, one after the other, by the same process; and one that does so for each statement knows no
 * transactions.
 */
async function findPooler(database: Database): Promise<Pooler> {
  const { session, processID, release } = await database.openSession();
  try {
    const pid = pidOf(await session.run(BACKEND));
    if (pid === processID) return 'none';
    try {
      await session.runScript('begin; rollback');
    } catch (error) {
      if (error instanceof DatabaseError) return 'statement';
      throw error;
    }
    if (connectionLimit({ pool: database.pool }) < 2) return 'pool_of_one';
    return pidOf(await database.withSession((second) => second.run(BACKEND))) === pid ? 'transaction' : 'session';
  } finally {
    release();
  }
}

function pidOf([row]: readonly Row[]): number {
  return Number(row?.[0]);
}
