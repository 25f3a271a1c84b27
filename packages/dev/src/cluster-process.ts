import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { FileHandle } from 'node:fs/promises';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Account } from './account.ts';
import { PostgresStartError } from './errors.ts';
import { postgresEnvironment } from './postgres-environment.ts';

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ClusterProcess {
  readonly pid: number;
  /** Resolves when the process has ended; never rejects. */
  readonly exited: Promise<ProcessExit>;
  isRunning(): boolean;
  /** Does nothing when the process has ended. */
  kill(signal: NodeJS.Signals): void;
}

export interface ClusterProgram {
  readonly binDir: string;
  readonly account: Account | undefined;
  /** The directory given as `-D`. */
  readonly cluster: string;
  /** Gets both output streams: unlike a pipe it cannot break when this process dies. */
  readonly log: string;
}

/**
 * Starts `initdb` or `postgres` as a child in a session of its own: Ctrl-C in the terminal reaches only
 * this process, which then stops the server in order.
 */
export async function startClusterProcess(
  program: 'initdb' | 'postgres',
  args: readonly string[],
  options: ClusterProgram,
): Promise<ClusterProcess> {
  const { binDir, account, cluster, log } = options;
  const logFile = await open(log, 'a');
  const directory = await openDirectory(cluster, account);
  try {
    const dataDirectory = directory === undefined ? cluster : '/proc/self/fd/3';
    const child = spawn(join(binDir, program), ['-D', dataDirectory, ...args], {
      cwd: '/',
      detached: true,
      env: postgresEnvironment(),
      stdio: ['ignore', logFile.fd, logFile.fd, directory?.fd ?? 'ignore'],
      ...account,
    });
    const exited = exitOf(child);
    await once(child, 'spawn');
    return {
      pid: child.pid ?? 0,
      exited,
      isRunning: () => child.exitCode === null && child.signalCode === null,
      kill: (signal) => void child.kill(signal),
    };
  } catch (cause) {
    throw new PostgresStartError({
      dataDir: cluster,
      problem: `${binDir}/${program} cannot be run`,
      log: '',
      cause,
    });
  } finally {
    await directory?.close();
    await logFile.close();
  }
}

/** The last lines of a log, for an error message. */
export async function logTail(log: string): Promise<string> {
  const text = await readFile(log, 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-20).join('\n');
}

/**
 * Another account may be unable to reach the cluster by its path, below a private home directory for
 * instance. It can through a descriptor that we opened: Linux then checks the directory itself only.
 */
async function openDirectory(cluster: string, account: Account | undefined): Promise<FileHandle | undefined> {
  return account === undefined || process.platform !== 'linux' ? undefined : open(cluster, 'r');
}

function exitOf(child: ChildProcess): Promise<ProcessExit> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    // Not started at all; the `spawn` that is waited for reports why.
    child.once('error', () => resolve({ code: null, signal: null }));
  });
}
