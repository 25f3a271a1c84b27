import { readdir, readlink, realpath } from 'node:fs/promises';
import { sendSignal } from './send-signal.ts';

const PID = /^\d+$/u;

/**
 * Kills what is left of a server whose postmaster was killed, told by its working directory, which is the cluster's. A process
 * that began after the others were counted may wait for ever for a lock that one of them has taken with it, does not notice that
 * its postmaster is gone, and keeps the next one from starting. Linux only: elsewhere there is no such list.
 */
export async function killStragglers(dataDirectory: string): Promise<void> {
  const directory = await realpath(dataDirectory);
  const pids = await readdir('/proc').catch(() => []);
  for (const pid of pids.filter((name) => PID.test(name))) {
    // Gone meanwhile, or somebody else's.
    const at = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
    if (at === directory) sendSignal(Number(pid), 'SIGKILL');
  }
}
