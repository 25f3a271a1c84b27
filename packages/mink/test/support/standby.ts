import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';
import { runSql } from './databases.ts';

const run = promisify(execFile);

/** A streaming copy of a server. */
export interface Standby {
  readonly url: string;
  /** Makes it a primary. */
  promote(): Promise<void>;
  stop(): Promise<void>;
}

/** Copies the server behind `url` and follows it; undefined where `binDir` has no pg_basebackup. */
export async function startStandby(binDir: string, url: string): Promise<Standby | undefined> {
  const basebackup = join(binDir, 'pg_basebackup');
  const isThere = await access(basebackup).then(
    () => true,
    () => false,
  );
  if (!isThere) return undefined;
  const parent = await mkdtemp(join(tmpdir(), 'mink-standby-'));
  await chmod(parent, 0o755);
  const cluster = join(parent, 'data');
  const source = new URL(url);
  source.pathname = '';
  await run(basebackup, ['--pgdata', cluster, '--dbname', source.href, '--write-recovery-conf', '--checkpoint=fast']);
  // PostgreSQL refuses to be root.
  const account = process.geteuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  if (process.geteuid?.() === 0) await run('chown', ['-R', '65534:65534', cluster]);
  const port = await freePort();
  const child = spawn(
    join(binDir, 'postgres'),
    ['-D', cluster, '-c', `port=${port}`, '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
    { cwd: '/', stdio: 'ignore', ...account },
  );
  const exited = once(child, 'exit');
  const own = new URL(url);
  own.port = String(port);
  const isReady = (): Promise<boolean> =>
    runSql(own.href, 'select 1').then(
      () => true,
      () => false,
    );
  for (const deadline = Date.now() + 30_000; !(await isReady());) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error('the standby did not start');
    await delay(50);
  }
  return {
    url: own.href,
    promote: async () => {
      await runSql(own.href, 'select pg_promote()');
    },
    stop: async () => {
      child.kill('SIGQUIT');
      await exited;
      await rm(parent, { recursive: true, force: true });
    },
  };
}
