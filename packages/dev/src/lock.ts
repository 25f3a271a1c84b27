import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';

import { errorCode } from './error-code.ts';
import { processIdentity } from './process-identity.ts';

/** Who holds the lock: `identity` tells the process apart from a later one with the same pid. */
interface Holder {
  readonly pid: number;
  readonly identity: string;
  readonly nonce: string;
}

export type LockResult =
  /** `afterCrash`: the former holder ended without giving the lock back. */
  { status: 'acquired'; afterCrash: boolean; release: () => Promise<void> } | { status: 'held'; pid: number };

/**
 * Takes the lock file at `path` for this process, unless a living process holds it. At most one holder
 * at any time, also when several processes find the lock of a dead one at the same moment: whoever
 * replaces it must first hold a second lock named after that dead holder, and look again under it.
 */
export async function acquireLock(path: string): Promise<LockResult> {
  const nonce = randomUUID();
  const draft = `${path}.draft-${nonce}`;
  const identity = (await processIdentity(process.pid)) ?? '';
  // Written aside and linked: nobody ever reads a half-written lock.
  await writeFile(draft, JSON.stringify({ pid: process.pid, identity, nonce } satisfies Holder), {
    flag: 'wx',
  });
  const release = () => rm(path, { force: true });
  try {
    for (;;) {
      if (await linkIfAbsent(draft, path)) return { status: 'acquired', afterCrash: false, release };
      const holder = await readHolder(path);
      if (holder === undefined) continue;
      if (await isAlive(holder)) return { status: 'held', pid: holder.pid };
      const claim = await acquireLock(`${path}.${holder.nonce}`);
      if (claim.status === 'held') return claim;
      try {
        if ((await readHolder(path))?.nonce === holder.nonce) {
          await rename(draft, path);
          return { status: 'acquired', afterCrash: true, release };
        }
      } finally {
        await claim.release();
      }
    }
  } finally {
    await rm(draft, { force: true });
  }
}

async function linkIfAbsent(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  return (await processIdentity(holder.pid)) === holder.identity;
}

async function readHolder(path: string): Promise<Holder | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  // Unreadable after a power failure: nobody who holds it is alive.
  return parseHolder(text) ?? { pid: 0, identity: 'none', nonce: 'unreadable' };
}

function parseHolder(text: string): Holder | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    if (!('pid' in value) || !('identity' in value) || !('nonce' in value)) return undefined;
    const { pid, identity, nonce } = value;
    if (typeof pid !== 'number' || typeof identity !== 'string' || typeof nonce !== 'string') return undefined;
    return { pid, identity, nonce };
  } catch {
    return undefined;
  }
}
