import { Client } from 'pg';
import { describe, inject } from 'vitest';
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
    describe.skipIf(url === undefined)(`${title}, on ${label}`, () => define(databasesOn(url ?? '')));
  }
}

function databasesOn(serverUrl: string): TestDatabases {
  const create = async (template: string): Promise<string> => {
    made += 1;
    const name = `test_${process.pid}_${process.env['VITEST_POOL_ID'] ?? '0'}_${made}`;
    await runSql(atDatabase(serverUrl, 'postgres'), `create database ${name} template ${template}`);
    return atDatabase(serverUrl, name);
  };
  return { create: () => create(TEMPLATE), createEmpty: () => create('template1') };
}

function atDatabase(url: string, name: string): string {
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
