import { constants } from 'node:fs';
import { access, chmod, mkdtemp, readdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';

const MEMORY = '/dev/shm';
const PREFIX = 'mink-test-';
/** What a run takes at its worst, and as much again. */
const ENOUGH_BYTES = 8 * 2 ** 30;

/**
 * Has temporary files of a run in memory, where there is enough of it and nobody has said where they are to be: thousands of
 * databases are made and dropped, and a disk that has to write them all keeps everybody waiting, browsers too. Whatever a test
 * kills loses nothing by it: that takes a machine that stops.
 */
export default async function setup(): Promise<() => Promise<void>> {
  if (process.env['TMPDIR'] !== undefined || !(await hasRoom())) return () => Promise.resolve();
  await removeLeftovers();
  const folder = await mkdtemp(join(MEMORY, `${PREFIX}${process.pid}-`));
  // As that of the system: for all accounts.
  await chmod(folder, 0o1777);
  process.env['TMPDIR'] = folder;
  return async () => {
    delete process.env['TMPDIR'];
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  };
}

async function hasRoom(): Promise<boolean> {
  try {
    await access(MEMORY, constants.W_OK);
    const { bavail, bsize } = await statfs(MEMORY);
    return bavail * bsize >= ENOUGH_BYTES;
  } catch {
    return false;
  }
}

/** Of runs that were killed: it is memory that nobody else can have. */
async function removeLeftovers(): Promise<void> {
  const leftovers = (await readdir(MEMORY)).filter((name) => name.startsWith(PREFIX) && !isRunning(pidIn(name)));
  await Promise.all(leftovers.map((name) => rm(join(MEMORY, name), { recursive: true, force: true })));
}

const pidIn = (name: string): number => Number(name.slice(PREFIX.length).split('-')[0]);

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
