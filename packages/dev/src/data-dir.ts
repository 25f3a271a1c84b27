import { chown, lchown, mkdir, open, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { Account } from './account.ts';
import { DataDirVersionError, ForeignDataDirError } from './errors.ts';
import { errorCode } from './error-code.ts';
import { layout } from './layout.ts';

const draftPrefix = 'data.new-';

/** Makes the directory, or checks that it is one of ours. Throws ForeignDataDirError if not. */
export async function claimDataDir(dataDir: string): Promise<void> {
  await mkdir(dirname(dataDir), { recursive: true });
  await mkdir(dataDir, { mode: 0o700 }).catch(ignore('EEXIST'));
  const { state } = layout(dataDir);
  const names = await readdir(dataDir).catch((error: unknown) => {
    if (errorCode(error) === 'ENOTDIR') throw new ForeignDataDirError(dataDir, 'a file');
    throw error;
  });
  if (names.includes('mink-postgres.json')) return;
  if (names.includes('PG_VERSION')) throw new ForeignDataDirError(dataDir, 'a plain PostgreSQL cluster');
  if (names.length > 0) throw new ForeignDataDirError(dataDir, `other files (${names.slice(0, 3).join(', ')})`);
  await writeFile(state, '{}\n', { flag: 'wx' }).catch(ignore('EEXIST'));
}

/** A fresh empty directory to run initdb in; remains of interrupted ones are removed. Needs the lock. */
export async function createClusterDraft(dataDir: string, account: Account | undefined): Promise<string> {
  for (const name of await readdir(dataDir)) {
    if (!name.startsWith(draftPrefix)) continue;
    // An initdb that outlived its owner may still write there: the next start removes the rest.
    await rm(join(dataDir, name), { recursive: true, force: true }).catch(ignore('ENOTEMPTY'));
  }
  const draft = join(dataDir, `${draftPrefix}${process.pid}-${Date.now()}`);
  await mkdir(draft, { mode: 0o700 });
  if (account !== undefined) await chown(draft, account.uid, account.gid);
  return draft;
}

/** From here on the cluster exists. Fails when there is one already. */
export async function publishCluster(draft: string, dataDir: string): Promise<void> {
  await rename(draft, layout(dataDir).cluster);
  // Whatever is committed later must not be lost with the name of its directory in a power failure.
  const parent = await open(dataDir, 'r');
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
}

/** The major version that made the cluster; undefined when there is no cluster yet. */
export async function clusterVersion(dataDir: string): Promise<string | undefined> {
  const { cluster } = layout(dataDir);
  try {
    await stat(cluster);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return (await readFile(join(cluster, 'PG_VERSION'), 'utf8')).trim();
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    throw new ForeignDataDirError(cluster, 'no PG_VERSION');
  }
}

export function checkVersion(facts: { dataDir: string; dataVersion: string; serverVersion: string }): void {
  if (facts.serverVersion.split('.')[0] !== facts.dataVersion) throw new DataDirVersionError(facts);
}

/** A cluster that was copied by root belongs to root; the server's account must own all of it. */
export async function giveTo(account: Account, directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    await lchown(join(entry.parentPath, entry.name), account.uid, account.gid);
  }
  await lchown(directory, account.uid, account.gid);
}

/** The port of the last run; undefined when there was none. */
export async function rememberedPort(dataDir: string): Promise<number | undefined> {
  try {
    const state: unknown = JSON.parse(await readFile(layout(dataDir).state, 'utf8'));
    if (typeof state !== 'object' || state === null || !('port' in state)) return undefined;
    return typeof state.port === 'number' ? state.port : undefined;
  } catch {
    // A convenience, not data: without it another port is chosen.
    return undefined;
  }
}

export async function rememberPort(dataDir: string, port: number): Promise<void> {
  const { state } = layout(dataDir);
  const draft = `${state}.new`;
  await writeFile(draft, `${JSON.stringify({ port })}\n`);
  await rename(draft, state);
}

function ignore(code: string): (error: unknown) => void {
  return (error) => {
    if (errorCode(error) !== code) throw error;
  };
}
