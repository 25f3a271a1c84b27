import { execFile } from 'node:child_process';
import { access, constants, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { PostgresBinaries } from './binaries.ts';
import { serverVersion } from './binaries.ts';

const run = promisify(execFile);

/**
 * A PostgreSQL server installed on this machine, to give as `binDir`: the one `pg_config` names, else
 * the newest in the places where distributions put them. Undefined when none has initdb and postgres.
 */
export async function findSystemPostgres(): Promise<PostgresBinaries | undefined> {
  const configured = await pgConfigBinDir();
  const usable = configured === undefined ? undefined : await usableBinaries(configured);
  if (usable !== undefined) return usable;
  const installed = await Promise.all((await installedBinDirs()).map(usableBinaries));
  return installed
    .filter((binaries) => binaries !== undefined)
    .toSorted((a, b) => Number.parseFloat(b.version) - Number.parseFloat(a.version))[0];
}

async function pgConfigBinDir(): Promise<string | undefined> {
  try {
    return (await run('pg_config', ['--bindir'])).stdout.trim();
  } catch {
    // Not installed; it often comes with the client library only.
    return undefined;
  }
}

async function installedBinDirs(): Promise<string[]> {
  const debian = await subdirectories('/usr/lib/postgresql', /^\d+$/);
  const redHat = await subdirectories('/usr', /^pgsql-\d+$/);
  const homebrew = await subdirectories('/opt/homebrew/opt', /^postgresql(@\d+)?$/);
  return [...debian, ...redHat, ...homebrew].map((directory) => join(directory, 'bin'));
}

async function subdirectories(parent: string, pattern: RegExp): Promise<string[]> {
  const names = await readdir(parent).catch(() => []);
  return names.filter((name) => pattern.test(name)).map((name) => join(parent, name));
}

async function usableBinaries(binDir: string): Promise<PostgresBinaries | undefined> {
  try {
    await access(join(binDir, 'initdb'), constants.X_OK);
  } catch {
    return undefined;
  }
  const version = await serverVersion(binDir, undefined);
  return typeof version === 'string' ? { binDir, version } : undefined;
}
