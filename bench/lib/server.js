// The PostgreSQL that everybody is measured on: a temporary cluster with the settings of a fresh installation.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTemporaryPostgres, findSystemPostgres } from '@mink/dev';
import { Client } from 'pg';

const SHOWN = [
  'server_version',
  'fsync',
  'synchronous_commit',
  'full_page_writes',
  'wal_level',
  'max_wal_senders',
  'wal_compression',
  'shared_buffers',
  'max_wal_size',
  'checkpoint_timeout',
  'max_connections',
  'jit',
  'autovacuum',
  'wal_sync_method',
];

/** Starts it. `settings` come on top of PostgreSQL's own defaults. */
export async function startServer(settings = {}) {
  const system = await findSystemPostgres();
  const postgres = await createTemporaryPostgres({
    binDir: system?.binDir,
    durable: true,
    settings: {
      // A temporary PostgreSQL of @mink/dev leaves these out, to save time in tests: back to what PostgreSQL does.
      jit: 'on',
      wal_level: 'replica',
      max_wal_senders: '10',
      // The only change: room for the pools.
      max_connections: '200',
      ...settings,
    },
  });
  const admin = new Client({ connectionString: postgres.url });
  // The server ends before this connection when the benchmark is interrupted.
  admin.on('error', () => undefined);
  await admin.connect();
  const urlOf = (database) => postgres.url.replace(/\/[^/]*$/, `/${database}`);
  const queryIn = async (database, text) => {
    const client = new Client({ connectionString: urlOf(database) });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query(text)).rows;
    } finally {
      await client.end();
    }
  };
  const shown = {};
  for (const name of SHOWN) {
    const { rows } = await admin.query('select current_setting($1) as value', [name]);
    shown[name] = rows[0].value;
  }
  return {
    settings: shown,
    origin: system === undefined ? 'embedded, from npm' : 'installed on the machine',
    pid: postgres.pid,
    log: join(postgres.dataDir, 'postgres.log'),
    admin,
    urlOf,
    async createDatabase(database) {
      await admin.query(`create database ${database}`);
    },
    async dropDatabase(database) {
      await admin.query(`drop database if exists ${database} with (force)`);
    },
    /** So that nobody pays for the pages that somebody before him has changed. */
    async settle() {
      await admin.query('checkpoint');
    },
    vacuum: (database) => queryIn(database, 'vacuum analyze'),
    query: queryIn,
    async walPosition() {
      const { rows } = await admin.query("select pg_current_wal_insert_lsn() - '0/0' as position");
      return Number(rows[0].position);
    },
    cpuMs: () => serverCpuMs(postgres.pid),
    async stop() {
      await admin.end().catch(() => undefined);
      await postgres.stop();
    },
  };
}

const TICK_MS = 10;

/**
 * CPU that the server and all its processes have used since it started, in milliseconds; undefined where there is no
 * /proc. Those that have ended are counted by the postmaster, which waited for them.
 */
function serverCpuMs(postmaster) {
  let ticks = 0;
  try {
    for (const pid of readdirSync('/proc')) {
      if (!/^\d+$/.test(pid)) continue;
      const fields = statFields(pid);
      if (fields === undefined) continue;
      const [, parent] = fields;
      const own = Number(fields[11]) + Number(fields[12]);
      if (Number(pid) === postmaster) ticks += own + Number(fields[13]) + Number(fields[14]);
      else if (Number(parent) === postmaster) ticks += own;
    }
  } catch {
    return undefined;
  }
  return ticks * TICK_MS;
}

/** The fields of /proc/PID/stat after the name, which may hold anything; undefined for a process that has ended. */
function statFields(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
