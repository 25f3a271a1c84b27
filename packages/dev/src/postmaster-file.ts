import { readFile, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { errorCode } from './error-code.ts';
import { isServerOf, processIdentity } from './process-identity.ts';

/** What a server writes to `postmaster.pid` in its data directory. */
export interface PostmasterFile {
  readonly pid: number;
  readonly port: number | undefined;
  /** Listens, and has recovered from a crash if there was one. */
  readonly ready: boolean;
}

// Source: src/include/utils/pidfile.h; the same lines since PostgreSQL 10.
export async function readPostmasterFile(cluster: string): Promise<PostmasterFile | undefined> {
  try {
    const lines = (await readFile(join(cluster, 'postmaster.pid'), 'utf8')).split('\n');
    const [pid, port] = [Number(lines[0]), Number(lines[3])];
    if (!Number.isInteger(pid) || pid <= 0) return undefined;
    return { pid, port: port > 0 ? port : undefined, ready: lines[7]?.trim() === 'ready' };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The server that works in the cluster right now. */
export async function liveServer(cluster: string): Promise<PostmasterFile | undefined> {
  const file = await readPostmasterFile(cluster);
  if (file === undefined) return undefined;
  return (await isServerOf(await realpath(cluster), file.pid)) ? file : undefined;
}

/**
 * PostgreSQL refuses to start while a process with the pid in a leftover `postmaster.pid` exists, even
 * an unrelated one: after a restart of a container the small pids come again. Names this process
 * instead, its future parent, which PostgreSQL knows cannot be another server; the file's other
 * lines stay, because with them it checks for surviving processes of the old server.
 * Only under the lock, and only when there is no live server.
 */
export async function disownStalePid(cluster: string): Promise<void> {
  const file = await readPostmasterFile(cluster);
  if (file === undefined || (await processIdentity(file.pid)) === undefined) return;
  const path = join(cluster, 'postmaster.pid');
  const lines = (await readFile(path, 'utf8')).split('\n');
  await writeFile(path, [String(process.pid), ...lines.slice(1)].join('\n'));
}
