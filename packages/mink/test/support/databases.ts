import { Client } from 'pg';
import { afterAll, describe, inject } from 'vitest';
import { TEMPLATE, type TestServer } from './global-setup.ts';

/** Databases cloned from the migrated template, on one server. */
export interface TestDatabases {
  /** The URL of a new database with the schema in place. */
  create(): Promise<string>;
  /** The URL of a new, empty database. */
  createEmpty(): Promise<string>;
}

/** The system's PostgreSQL, or the one from npm: for what takes long and is the same on both. */
export function lastServer(): readonly TestServer[] {
  return inject('servers')
    .filter(({ url }) => url !== undefined)
    .slice(-1);
}

let made = 0;

/** Runs the same tests against every PostgreSQL there is; `.ci/run` does not accept a missing one. */
export function describePostgres(
  title: string,
  define: (databases: TestDatabases) => void,
  servers: readonly TestServer[] = inject('servers'),
): void {
  for (const { label, url } of servers) {
    describe.skipIf(url === undefined)(`${title}, on ${label}`, () => {
      const databases = databasesOn(url ?? '');
      // After whatever the tests have registered: those are called first.
      afterAll(() => databases.drop());
      define(databases);
    });
  }
}

function databasesOn(serverUrl: string): TestDatabases & { drop(): Promise<void> } {
  const urls: string[] = [];
  const create = async (template?: string): Promise<string> => {
    const url = await createDatabase(serverUrl, template);
    urls.push(url);
    return url;
  };
  return {
    create: () => create(),
    createEmpty: () => create('template1'),
    drop: async () => {
      for (const url of urls.splice(0)) await dropDatabase(url);
    },
  };
}

/** The URL of a new database: with the schema in place, or a copy of whatever database nobody is connected to. */
export async function createDatabase(
  serverUrl: string | undefined = inject('servers')[0]?.url,
  template: string = TEMPLATE,
): Promise<string> {
  if (serverUrl === undefined) throw new Error('There is no PostgreSQL to test with.');
  made += 1;
  const name = `test_${process.pid}_${process.env['VITEST_POOL_ID'] ?? '0'}_${made}`;
  const admin = atDatabase(serverUrl, 'postgres');
  await runSql(admin, `create database ${name} template ${template} ${await copyingFiles(admin)}`);
  return atDatabase(serverUrl, name);
}

const strategies = new Map<string, Promise<string>>();

/** Half of the time that it takes by way of the write-ahead log, or less; PostgreSQL 14 knows no other way. */
function copyingFiles(admin: string): Promise<string> {
  const known = strategies.get(admin);
  if (known !== undefined) return known;
  const find = `select case when current_setting('server_version_num')::int < 150000 then '' else 'strategy file_copy' end as strategy`;
  const strategy = runSql(admin, find).then(([row]) => String(row?.['strategy']));
  strategies.set(admin, strategy);
  return strategy;
}

/** Drops it, unless somebody is still connected: a test that has failed may leave that, and is not to fail others. */
export async function dropDatabase(url: string): Promise<void> {
  const name = new URL(url).pathname.slice(1);
  const admin = atDatabase(url, 'postgres');
  const users = await runSql(admin, 'select 1 from pg_stat_activity where datname = $1', [name]);
  if (users.length === 0) await runSql(admin, `drop database if exists ${name}`);
}

/** The URL of another database of the same server. */
export function atDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

/** Runs SQL on a connection of its own. */
export async function runSql(
  url: string,
  sql: string,
  values: readonly unknown[] = [],
): Promise<readonly Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql, [...values]);
    return rows;
  } finally {
    await client.end();
  }
}

/** A connection that stays open until `close`. */
export async function openClient(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
