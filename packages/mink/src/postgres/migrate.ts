import { setTimeout as sleep } from 'node:timers/promises';
import { SchemaVersionError, type OpenTransaction } from '../core/index.ts';
import type { Database, Session } from './connection.ts';
import type { Migration } from './migration.ts';
import { migrations } from './migrations.generated.ts';
import { repair } from './repair.ts';
import { inSchema, type SchemaName } from './schema-name.ts';
import { BEGIN_OWN } from './transaction.ts';

/** The level of this code. A database whose `min_compatible_code` is above it must not be touched by it. */
export const CODE_LEVEL = 1;

const LOCK_KEY = 7_236_179_148;
const LOCK_WAIT = { least: 20, most: 200 };

/** One migration and whether the database has it. */
export interface MigrationStatus {
  readonly version: number;
  readonly name: string;
  /** Undefined while it is pending. */
  readonly appliedAt: Date | undefined;
}

/** Where a database stands. */
export interface SchemaStatus {
  readonly schema: string;
  /** The last applied migration; 0 for a database without the schema. */
  readonly databaseVersion: number;
  /** The last migration this code knows. */
  readonly codeVersion: number;
  /** The oldest code that works on this database. */
  readonly minCompatibleCode: number;
  /** Known and applied migrations, by version. */
  readonly migrations: readonly MigrationStatus[];
}

interface AppliedMigration {
  readonly version: number;
  readonly name: string;
  readonly appliedAt: Date;
  readonly minCompatibleCode: number;
}

/** Reads where the database stands, in a transaction of the caller's if one is given. Changes nothing. */
export async function schemaStatus(
  database: Database,
  schema: SchemaName,
  tx?: OpenTransaction,
): Promise<SchemaStatus> {
  const read = (session: Session): Promise<SchemaStatus> => readStatus(session, schema);
  return tx === undefined ? database.withSession(read) : read(database.within(tx));
}

/** What {@link migrate} would run, without running it: the `sql` of each migration is complete. */
export async function pendingMigrations(database: Database, schema: SchemaName): Promise<readonly Migration[]> {
  return database.withSession(async (session) => {
    const status = await readStatus(session, schema);
    checkCompatible(status);
    return pendingAfter(session, schema, status);
  });
}

/**
 * Brings the schema up to date, in one transaction: all pending migrations or none. Several processes may do it at once;
 * one works, the others wait and find it done. Returns what was applied. Also puts right what a restore left behind: a
 * sequence behind the log, guards that are off. A lost connection rolls a migration back: trying again is safe.
 */
export async function migrate(database: Database, schema: SchemaName): Promise<readonly Migration[]> {
  for (;;) {
    const applied = await database.withSession((session) => tryMigrate(session, schema));
    if (applied !== undefined) return applied;
    await sleep(LOCK_WAIT.least + Math.random() * (LOCK_WAIT.most - LOCK_WAIT.least));
  }
}

/** Refuses a database that is too new for this code. */
export function checkCompatible({ schema, databaseVersion, minCompatibleCode }: SchemaStatus): void {
  if (minCompatibleCode <= CODE_LEVEL) return;
  throw new SchemaVersionError(
    `Schema "${schema}" is at version ${databaseVersion} and needs code of level ${minCompatibleCode}; this is level ${CODE_LEVEL}. Upgrade mink in this process before it touches the database.`,
    { schema, databaseVersion },
  );
}

/** Refuses a database that lacks migrations this code needs. */
export function checkMigrated({ schema, databaseVersion, codeVersion }: SchemaStatus): void {
  if (databaseVersion >= codeVersion) return;
  const state = databaseVersion === 0 ? 'does not exist' : `is at version ${databaseVersion}`;
  throw new SchemaVersionError(
    `Schema "${schema}" ${state}, this code needs version ${codeVersion}. Run "mink migrate", or let the store do it with { migrate: 'auto' }.`,
    { schema, databaseVersion },
  );
}

/** Undefined while another process migrates. A transaction-level lock works behind every pooler. */
async function tryMigrate(session: Session, schema: SchemaName): Promise<readonly Migration[] | undefined> {
  await session.runScript(BEGIN_OWN);
  const [lock] = await session.run({
    name: 'mink_migration_lock',
    text: 'select pg_catalog.pg_try_advisory_xact_lock($1)::int',
    values: [LOCK_KEY],
  });
  if (lock?.[0] !== '1') {
    await session.runScript('rollback');
    return undefined;
  }
  const status = await readStatus(session, schema);
  checkCompatible(status);
  const pending = await pendingAfter(session, schema, status);
  for (const { sql } of pending) await session.runScript(sql);
  await repair(session, schema);
  await session.runScript('commit');
  return pending;
}

/** The migrations that are missing, each with the SQL that applies and records it. */
async function pendingAfter(
  session: Session,
  schema: SchemaName,
  { databaseVersion }: SchemaStatus,
): Promise<readonly Migration[]> {
  const preamble = databaseVersion === 0 ? await schemaSql(session, schema) : '';
  return migrations
    .filter(({ version }) => version > databaseVersion)
    .map((migration, index) => ({
      ...migration,
      sql: [
        index === 0 ? preamble : '',
        inSchema(schema, 'migration', migration.sql).text,
        `insert into ${schema.quoted}.migrations (version, name, min_compatible_code)
values (${migration.version}, '${migration.name}', ${migration.minCompatibleCode});\n`,
      ].join('\n'),
    }));
}

async function schemaSql(session: Session, schema: SchemaName): Promise<string> {
  const existing = await session.run({
    name: 'mink_schema_exists',
    text: 'select 1 from pg_catalog.pg_namespace where nspname = $1',
    values: [schema.name],
  });
  // "if not exists" would ask for the right to create schemas even where it exists.
  const create = existing.length === 0 ? `create schema ${schema.quoted};\n\n` : '';
  return `${create}create table ${schema.quoted}.migrations (
  version int primary key,
  name text not null,
  min_compatible_code int not null,
  applied_at timestamptz not null default pg_catalog.clock_timestamp()
);
`;
}

async function readStatus(session: Session, schema: SchemaName): Promise<SchemaStatus> {
  const applied = await readApplied(session, schema);
  const known = migrations.map(({ version, name }): MigrationStatus => ({
    version,
    name,
    appliedAt: applied.find((row) => row.version === version)?.appliedAt,
  }));
  const unknown = applied.filter(({ version }) => version > migrations.length);
  return {
    schema: schema.name,
    databaseVersion: applied.reduce((highest, { version }) => Math.max(highest, version), 0),
    codeVersion: migrations.length,
    minCompatibleCode: applied.reduce((highest, row) => Math.max(highest, row.minCompatibleCode), 0),
    migrations: [...known, ...unknown],
  };
}

async function readApplied(session: Session, schema: SchemaName): Promise<readonly AppliedMigration[]> {
  const tables = await session.run({
    name: 'mink_has_migrations',
    text: `select 1
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relname = 'migrations'`,
    values: [schema.name],
  });
  if (tables.length === 0) return [];
  const rows = await session.run({
    ...inSchema(
      schema,
      'migrations',
      `select version, name, min_compatible_code, (pg_catalog.date_part('epoch', applied_at) * 1000)::bigint
      from :schema.migrations
      order by version`,
    ),
    values: [],
  });
  return rows.map(([version, name, minCompatibleCode, appliedAt]) => ({
    version: Number(version),
    name: String(name),
    minCompatibleCode: Number(minCompatibleCode),
    appliedAt: new Date(Number(appliedAt)),
  }));
}
