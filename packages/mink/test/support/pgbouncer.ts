import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, constants, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { freePort } from './free-port.ts';

/** A PgBouncer in transaction mode in front of one server. */
export interface RunningPgBouncer {
  /** The same database, through PgBouncer. */
  through(url: string): string;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
  /** Starts it again on the same port. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Where PgBouncer is, if it is installed. */
export async function findPgBouncer(): Promise<string | undefined> {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  for (const directory of directories) {
    const path = join(directory, 'pgbouncer');
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (directory !== '' && isThere) return path;
  }
  return undefined;
}

/** Listens on a free port of the loopback interface, for the server that `url` names. */
export async function startPgBouncer(
  binary: string,
  { url, poolSize }: { readonly url: string; readonly poolSize: number },
): Promise<RunningPgBouncer> {
  const directory = await mkdtemp(join(tmpdir(), 'mink-pgbouncer-'));
  const port = await freePort();
  const config = join(directory, 'pgbouncer.ini');
  await writeFile(
    config,
    [
      '[databases]',
      `* = host=127.0.0.1 port=${new URL(url).port} user=postgres`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${port}`,
      'unix_socket_dir =',
      'auth_type = any',
      'pool_mode = transaction',
      `default_pool_size = ${poolSize}`,
      'max_client_conn = 500',
      // Each test has a database, and so a pool, of its own.
      'server_idle_timeout = 2',
    ].join('\n'),
  );
  // It refuses to be root, and must then be able to read this.
  const account = process.geteuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  await chmod(directory, 0o755);

  const start = async (): Promise<() => Promise<void>> => {
    const child = spawn(binary, ['--quiet', config], { cwd: '/', stdio: 'ignore', ...account });
    const exited = once(child, 'exit');
    await once(child, 'spawn');
    const deadline = Date.now() + 20_000;
    while (!(await answers(through(url)))) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`${binary} did not start`);
      await delay(20);
    }
    return async () => {
      child.kill('SIGKILL');
      await exited;
    };
  };
  const through = (target: string): string => {
    const changed = new URL(target);
    changed.port = String(port);
    return changed.href;
  };

  let kill = await start();
  return {
    through,
    kill: () => kill(),
    restart: async () => {
      kill = await start();
    },
    stop: async () => {
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}
