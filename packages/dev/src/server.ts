import { rename, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

import type { Account } from './account.ts';
import type { PostgresBinaries } from './binaries.ts';
import type { ClusterProcess } from './cluster-process.ts';
import { logTail, startClusterProcess } from './cluster-process.ts';
import { ask, quoteIdentifier } from './connection.ts';
import { rememberedPort } from './data-dir.ts';
import { errorCode } from './error-code.ts';
import { PortInUseError, PostgresStartError } from './errors.ts';
import { layout } from './layout.ts';
import type { ResolvedOptions } from './options.ts';
import { freePort, isPortFree } from './port.ts';
import { readPostmasterFile } from './postmaster-file.ts';
import { shutDown } from './shutdown.ts';
import type { Watchdog } from './watchdog.ts';
import { startWatchdog } from './watchdog.ts';

export interface LaunchOptions {
  readonly options: ResolvedOptions;
  readonly binaries: PostgresBinaries;
  readonly account: Account | undefined;
  /** Removed should this process die. */
  readonly temporaryDir: string | undefined;
}

export interface Server {
  readonly process: ClusterProcess;
  readonly port: number;
  readonly watchdog: Watchdog;
}

type Attempt = { status: 'ready'; server: Server } | { status: 'exited'; log: string; problem: string };

const pollMs = 20;
const portAttempts = 5;
// SQLSTATE lock_file_exists. Under our lock it means that processes of a killed server are still ending.
const stillEnding = / F0001 /;

/** Starts the server and waits until it answers and the database exists. Needs the lock. */
export async function launch(launchOptions: LaunchOptions): Promise<Server> {
  const { options } = launchOptions;
  await keepPreviousLog(options.dataDir);
  const deadline = Date.now() + options.startTimeoutMs;
  let port = await choosePort(options);
  for (let portsTaken = 0; ;) {
    const attempt = await tryPort(launchOptions, { port, deadline });
    if (attempt.status === 'ready') return attempt.server;
    if (stillEnding.test(attempt.log) && Date.now() < deadline) {
      await delay(pollMs);
      continue;
    }
    const { dataDir } = options;
    const failure = new PostgresStartError({ dataDir, problem: attempt.problem, log: attempt.log });
    if (await isPortFree(port)) throw failure;
    if (options.port !== 0) throw new PortInUseError(port, { cause: failure });
    // Somebody else got the port between our look and the server's start.
    portsTaken += 1;
    if (portsTaken === portAttempts) throw failure;
    port = await freePort();
  }
}

async function choosePort(options: ResolvedOptions): Promise<number> {
  if (options.port !== 0) {
    if (!(await isPortFree(options.port))) throw new PortInUseError(options.port);
    return options.port;
  }
  const remembered = await rememberedPort(options.dataDir);
  return remembered !== undefined && (await isPortFree(remembered)) ? remembered : freePort();
}

async function tryPort(
  { options, binaries, account, temporaryDir }: LaunchOptions,
  { port, deadline }: { port: number; deadline: number },
): Promise<Attempt> {
  const { cluster, log } = layout(options.dataDir);
  // What an attempt before this one said is read, and is not the reason of this one.
  await writeFile(log, '');
  const server = await startClusterProcess('postgres', serverArguments(options, port), {
    binDir: binaries.binDir,
    account,
    cluster,
    log,
  });
  const watchdog = startWatchdog({ pid: server.pid, signal: 'INT', temporaryDir });
  let outcome: 'ready' | 'timeout' | 'exited' | undefined;
  try {
    outcome = await becomeReady(server, { cluster, port, deadline, database: options.database });
  } finally {
    if (outcome !== 'ready') {
      await stopChild(server);
      watchdog.dismiss();
    }
  }
  if (outcome === 'ready') return { status: 'ready', server: { process: server, port, watchdog } };
  const tail = await logTail(log);
  if (outcome === 'timeout') {
    const problem = `it did not answer within ${options.startTimeoutMs} ms`;
    throw new PostgresStartError({ dataDir: options.dataDir, problem, log: tail });
  }
  const { code, signal } = await server.exited;
  return { status: 'exited', problem: `it ended with ${signal ?? `exit code ${code}`}`, log: tail };
}

/** Fast shutdown, then harder; resolves when the process has ended or after the ladder's last step. */
export async function stopChild(server: ClusterProcess): Promise<void> {
  await shutDown({
    kill: (signal) => server.kill(signal),
    waitUntilGone: async (timeoutMs) => {
      const timer = new AbortController();
      const late = delay(timeoutMs, false, { signal: timer.signal }).catch(() => false);
      const gone = await Promise.race([server.exited.then(() => true), late]);
      timer.abort();
      return gone;
    },
  });
}

function serverArguments(options: ResolvedOptions, port: number): string[] {
  const settings = {
    ...options.settings,
    listen_addresses: '127.0.0.1',
    port: String(port),
    // No socket file: its path has a length limit and its directory would need care.
    unix_socket_directories: '',
    lc_messages: 'C',
    // With the SQLSTATE, by which this package reads the log.
    log_line_prefix: '%m [%p] %e ',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

async function becomeReady(
  server: ClusterProcess,
  target: { cluster: string; port: number; database: string; deadline: number },
): Promise<'ready' | 'timeout' | 'exited'> {
  while (server.isRunning()) {
    if (Date.now() > target.deadline) return 'timeout';
    if ((await isListening(server, target.cluster)) && (await ensureDatabase(target))) return 'ready';
    await delay(pollMs);
  }
  return 'exited';
}

/** By the server's own word: another one could listen on the port that ours did not get. */
async function isListening(server: ClusterProcess, cluster: string): Promise<boolean> {
  const file = await readPostmasterFile(cluster);
  return file?.pid === server.pid && file.ready;
}

/** True when a connection to the database has succeeded; creates the database when it is missing. */
async function ensureDatabase({ port, database }: { port: number; database: string }): Promise<boolean> {
  const timeoutMs = 5_000;
  const answer = await ask({ port, database, timeoutMs });
  if (answer.status !== 'refused') return answer.status === 'ok';
  const missing = '3D000';
  if (answer.sqlState !== missing) return false;
  const statement = `create database ${quoteIdentifier(database)}`;
  await ask({ port, database: 'postgres', statement, timeoutMs: 60_000 });
  return false;
}

async function keepPreviousLog(dataDir: string): Promise<void> {
  const { log, previousLog } = layout(dataDir);
  await rename(log, previousLog).catch((error: unknown) => {
    if (errorCode(error) !== 'ENOENT') throw error;
  });
}
