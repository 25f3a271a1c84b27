import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findSystemPostgres } from '@mink/dev';
import { verifyStore, createPostgresStore } from 'mink/postgres';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { build } from './support/spawn-mink.ts';

const page = readFileSync(fileURLToPath(new URL('../../../docs/recovery.md', import.meta.url)), 'utf8');
const program = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const system = await findSystemPostgres();
/** PostgreSQL refuses to be root: then its programs run as nobody. */
const account = process.geteuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : undefined;
const note = (n: number) => ({ type: 'Noted', data: { n } });

interface ShellBlock {
  readonly code: string;
  /** What stands behind the language. */
  readonly info: string;
}

/** The shell blocks below each heading. */
function recipes(): ReadonlyMap<string, readonly ShellBlock[]> {
  const sections = page.split(/^## /mu).slice(1);
  return new Map(
    sections.map((section) => [
      section.slice(0, section.indexOf('\n')),
      [...section.matchAll(/^```sh(?<info>[^\n]*)\n(?<code>[\s\S]*?)^```$/gmu)].map(({ groups }) => ({
        code: groups?.['code'] ?? '',
        info: (groups?.['info'] ?? '').trim(),
      })),
    ]),
  );
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A server of its own, as the page has it, and a shell in which the page's names are set. */
class Machine {
  readonly #directory: string;
  readonly env: Record<string, string>;
  readonly url: string;

  private constructor(directory: string, env: Record<string, string>) {
    this.#directory = directory;
    this.env = env;
    this.url = env['DATABASE_URL'] ?? '';
  }

  static async start(): Promise<Machine> {
    const directory = await mkdtemp(join(tmpdir(), 'mink-recovery-'));
    chmodSync(directory, 0o755);
    const at = (name: string): string => join(directory, name);
    for (const name of ['bin', 'backups', 'servers']) mkdirSync(at(name));
    if (account !== undefined) chownSync(at('servers'), account.uid, account.gid);
    writeFileSync(at('bin/mink'), `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`, { mode: 0o755 });
    const as = account === undefined ? '' : `setpriv --reuid=${account.uid} --regid=${account.gid} --clear-groups `;
    for (const name of ['initdb', 'pg_ctl', 'pg_basebackup']) {
      writeFileSync(at(`bin/${name}`), `#!/bin/sh\nexec ${as}"${system?.binDir ?? ''}/${name}" "$@"\n`, {
        mode: 0o755,
      });
    }
    const [port, restoredPort, standbyPort] = await Promise.all([freePort(), freePort(), freePort()]);
    const url = (of: number, database: string): string => `postgresql://postgres@127.0.0.1:${of}/${database}`;
    const machine = new Machine(directory, {
      PATH: `${at('bin')}:${system?.binDir ?? ''}:${process.env['PATH'] ?? ''}`,
      DATABASE_URL: url(port, 'orders'),
      PGDATA: at('servers/primary'),
      BACKUPS: at('backups'),
      RESTORED_PGDATA: at('servers/restored'),
      RESTORED_PORT: String(restoredPort),
      RESTORED_URL: url(restoredPort, 'orders'),
      STANDBY_PGDATA: at('servers/standby'),
      STANDBY_PORT: String(standbyPort),
      STANDBY_URL: url(standbyPort, 'orders'),
    });
    await machine.run('initdb -D "$PGDATA" --username postgres --auth trust --encoding UTF8 --no-locale --no-sync');
    const settings = { port, listen_addresses: '127.0.0.1', unix_socket_directories: '', max_wal_size: '128MB' };
    const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'`);
    writeFileSync(at('servers/primary/postgresql.conf'), `${lines.join('\n')}\n`, { flag: 'a' });
    await machine.run(
      `pg_ctl start -D "$PGDATA" -l "$PGDATA/log" -w && createdb --maintenance-db "${url(port, 'postgres')}" orders`,
    );
    return machine;
  }

  /** Runs a script as a block of the page is run: it ends at the first command that fails. Gives back what it printed. */
  async run(script: string, exitCode = 0): Promise<string> {
    const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
      cwd: this.#directory,
      env: this.env,
      // Servers that it starts keep what they inherit open.
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [said, errors] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    const [code] = await once(child, 'exit');
    expect({ script, code, errors: code === exitCode ? '' : `${said}${errors}` }).toEqual({
      script,
      code: exitCode,
      errors: '',
    });
    return said;
  }

  async stop(): Promise<void> {
    for (const name of ['PGDATA', 'RESTORED_PGDATA', 'STANDBY_PGDATA']) {
      await promisify(execFile)('bash', ['-c', `pg_ctl stop -D "$${name}" -m immediate`], { env: this.env }).catch(
        () => undefined,
      );
    }
    await rm(this.#directory, { recursive: true, force: true });
  }
}

async function sql(url: string, text: string): Promise<readonly (readonly unknown[])[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<unknown[]>({ text, rowMode: 'array' })).rows;
  } finally {
    await client.end();
  }
}

/** Appends events, and gives the position of the last one. */
async function append(url: string, count: number): Promise<number> {
  await using store = createPostgresStore({ url });
  let last = 0;
  for (let n = 0; n < count; n += 1) last = (await store.append(`Note-${n % 5}`, [note(n)])).globalPosition;
  return last;
}

/** Appends events all the time. */
async function appendUntil(url: string, signal: AbortSignal): Promise<void> {
  await using store = createPostgresStore({ url });
  for (let n = 0; !signal.aborted; n += 1) await store.append(`Note-${n % 5}`, [note(n)]);
}

async function positions(url: string, schema = 'mink'): Promise<readonly number[]> {
  await using store = createPostgresStore({ url, schema, migrate: 'never' });
  return (await store.readAll().toArray()).map(({ globalPosition }) => globalPosition);
}

const sound = async (url: string, schema = 'mink'): Promise<void> => {
  expect(await verifyStore({ url, schema })).toMatchObject({ ok: true, findings: [] });
};

/** Whether a consumer that has its position elsewhere is told that the log ends before it. */
async function consumerAt(url: string, position: number): Promise<string> {
  await using store = createPostgresStore({ url, migrate: 'never' });
  const over = AbortSignal.timeout(2_000);
  return await store
    .subscribe({ after: position, signal: over })
    .first()
    .then(
      (event) => String(event?.globalPosition),
      (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
    );
}

type Before = (machine: Machine) => Promise<void>;

interface Recipe {
  /** What happens before each of its blocks, in their order. */
  readonly before: readonly Before[];
  readonly settled: (machine: Machine) => Promise<void>;
}

const nothing: Before = async () => undefined;
const write: Before = async ({ url }) => void (await append(url, 60));

/** What this page's time is, and how far the log was then. */
const remember: Before = async ({ url, env }) => {
  env['KNOWN'] = String(await append(url, 60));
  const [row] = await sql(url, `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`);
  env['YESTERDAY'] = String(row?.[0]);
  await sql(url, 'select pg_sleep(0.05)');
  env['BEYOND'] = String(await append(url, 100));
};

const RECIPES: Readonly<Record<string, Recipe>> = {
  'Backups on a schedule': {
    before: [
      write,
      // The next hour, with a service that goes on.
      async (machine) => {
        await append(machine.url, 60);
        const done = new AbortController();
        const writing = appendUntil(machine.url, done.signal);
        await machine.run(recipes().get('Backups on a schedule')?.[0]?.code ?? '');
        done.abort();
        await writing;
      },
    ],
    settled: async ({ url }) => {
      await sound(url, 'restored');
    },
  },
  'One schema into a second': {
    before: [remember],
    settled: async ({ url, env }) => {
      await sound(url, 'yesterday');
      expect((await positions(url, 'yesterday')).at(-1)).toBe(Number(env['KNOWN']));
    },
  },
  pg_dump: {
    before: [
      async ({ url, env }) => {
        env['BEYOND'] = String(await append(url, 60));
        env['RESTORED_URL'] = url.replace(/orders$/u, 'orders_restored');
      },
    ],
    settled: async ({ url, env }) => {
      const restored = env['RESTORED_URL'] ?? '';
      await sound(restored);
      expect(await positions(restored)).toEqual(await positions(url));
      // It is the same log: whoever was at its end is at its end.
      const next = await append(restored, 1);
      expect(await consumerAt(restored, Number(env['BEYOND']))).toBe(String(next));
    },
  },
  'Base backup and archived WAL': {
    before: [nothing, write, remember],
    settled: async ({ env }) => {
      const restored = env['RESTORED_URL'] ?? '';
      await sound(restored);
      expect((await positions(restored)).at(-1)).toBe(Number(env['KNOWN']));
      expect(await consumerAt(restored, Number(env['BEYOND']))).toBe('LOG_REWOUND');
      expect(await append(restored, 1)).toBeGreaterThan(Number(env['KNOWN']));
    },
  },
  'A standby': {
    before: [write, nothing, async ({ url, env }) => void (env['BEYOND'] = String(await append(url, 60)))],
    settled: async ({ env }) => {
      const standby = env['STANDBY_URL'] ?? '';
      await sound(standby);
      expect((await positions(standby)).at(-1)).toBe(Number(env['BEYOND']));
      const next = await append(standby, 1);
      expect(next).toBeGreaterThan(Number(env['BEYOND']));
      expect(await consumerAt(standby, Number(env['BEYOND']))).toBe(String(next));
    },
  },
  'An event was changed': {
    before: [
      write,
      async ({ url, env }) => {
        env['POSITION'] = '7';
        await sql(url, `alter table mink.events disable trigger refuse_change`);
        await sql(url, `update mink.events set data = '{"n":-1}' where global_position = 7`);
        await sql(url, `alter table mink.events enable always trigger refuse_change`);
      },
      nothing,
      async ({ url, env }) => {
        env['REMOVED'] = '9';
        await sql(url, `alter table mink.events disable trigger refuse_change`);
        await sql(url, `delete from mink.events where global_position = 9`);
        await sql(url, `alter table mink.events enable always trigger refuse_change`);
      },
    ],
    settled: async ({ url }) => {
      await sound(url);
      const mended = 'select data from mink.events where global_position in (7, 9) order by global_position';
      expect(await sql(url, mended)).toEqual([[{ n: 6 }], [{ n: 8 }]]);
    },
  },
  Afterwards: {
    before: [write],
    settled: async ({ url }) => {
      await sound(url);
      const last = (await positions(url)).at(-1) ?? 0;
      expect(await append(url, 1)).toBeGreaterThan(last + 100_000);
    },
  },
};

describe.skipIf(system === undefined)('the recipes of the page about recovery', () => {
  beforeAll(build, 120_000);

  test('are all tried', () => {
    const found = [...recipes()].filter(([, blocks]) => blocks.some(({ info }) => info !== 'no-run'));
    expect(found.map(([name]) => name)).toEqual(Object.keys(RECIPES));
    for (const [name, blocks] of found) expect(RECIPES[name]?.before).toHaveLength(blocks.length);
  });

  describe.each(Object.entries(RECIPES))('%s', (name, { before, settled }) => {
    let machine: Machine;
    beforeAll(async () => {
      machine = await Machine.start();
    }, 60_000);
    afterAll(() => machine?.stop());

    test('brings back what it says', { timeout: 120_000 }, async () => {
      for (const [index, { code, info }] of (recipes().get(name) ?? []).entries()) {
        await before[index]?.(machine);
        await machine.run(code, Number(/exit-code=(?<code>\d+)/u.exec(info)?.groups?.['code'] ?? 0));
      }
      await settled(machine);
    });
  });
});
