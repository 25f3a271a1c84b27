import { randomUUID } from 'node:crypto';
import { chmod, copyFile, lstat, mkdir, readFile, readdir, rename, rm, stat, symlink } from 'node:fs/promises';
import { constants } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';

import type { Symlink } from './binaries.ts';
import { errorCode } from './error-code.ts';
import { PostgresBinariesNotFoundError } from './errors.ts';

interface CacheOptions {
  readonly packageDir: string;
  readonly symlinks: readonly Symlink[];
  /** Whether the copied binaries run; a temporary directory may be mounted noexec. */
  readonly works: (copy: string) => Promise<boolean>;
}

/**
 * Copies the binaries (about 60 MB, once per version) to a directory that every account can read, only
 * this one can write, and that nobody else can have prepared. Returns the copy of the package directory.
 */
export async function copyToCache(options: CacheOptions): Promise<string> {
  const { packageDir, works } = options;
  const files = await listFiles(join(packageDir, 'native'));
  const key = `${basename(packageDir)}-${await packageVersion(packageDir)}`;
  const refusals: string[] = [];
  for (const parent of new Set([tmpdir(), '/var/tmp'])) {
    const base = join(parent, `mink-dev-${process.geteuid?.() ?? 0}`);
    const refusal = await prepareBase(base);
    if (refusal !== undefined) {
      refusals.push(refusal);
      continue;
    }
    const target = join(base, key);
    if (!(await isComplete(target, files))) await replaceCopy(target, options, files);
    if (await works(target)) return target;
    refusals.push(`a copy in "${base}" does not run`);
    await rm(target, { recursive: true, force: true });
  }
  const problem = `those in "${packageDir}" cannot be used where they are, and ${refusals.join('; ')}`;
  throw new PostgresBinariesNotFoundError({ binDir: join(packageDir, 'native', 'bin'), problem });
}

/** Why the directory must not be used, such as that another account made it; undefined when it is fine. */
async function prepareBase(base: string): Promise<string | undefined> {
  try {
    const parent = await stat(dirname(base));
    // Without the sticky bit anybody could exchange our directory for another.
    if ((parent.mode & 0o022) !== 0 && (parent.mode & 0o1000) === 0) return `others can replace "${base}"`;
    const made = await makeDirectory(base);
    if (made) await chmod(base, 0o755);
    const found = await lstat(base);
    if (!found.isDirectory() || found.uid !== process.geteuid?.()) return `"${base}" belongs to another account`;
    if ((found.mode & 0o022) !== 0) return `"${base}" is writable by others`;
    return undefined;
  } catch (error) {
    return `"${base}" cannot be made (${errorCode(error) ?? String(error)})`;
  }
}

async function makeDirectory(path: string): Promise<boolean> {
  try {
    await mkdir(path, { mode: 0o700 });
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Complete or not there at all: copied aside and renamed. Another process may do the same meanwhile. */
async function replaceCopy(target: string, options: CacheOptions, files: Files): Promise<void> {
  const draft = `${target}.new-${process.pid}-${randomUUID()}`;
  try {
    await copyPackage(options, files, draft);
    // Looked at again: by now another process may have put a good copy there, and use it.
    if (await isComplete(target, files)) return;
    await moveAside(target);
    await rename(draft, target).catch((error: unknown) => {
      if (errorCode(error) !== 'ENOTEMPTY' && errorCode(error) !== 'EEXIST') throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** An incomplete copy: cleaners of temporary directories delete single old files. */
async function moveAside(target: string): Promise<void> {
  const old = `${target}.old-${process.pid}-${randomUUID()}`;
  try {
    await rename(target, old);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  await rm(old, { recursive: true, force: true });
}

async function copyPackage({ packageDir, symlinks }: CacheOptions, files: Files, draft: string): Promise<void> {
  await mkdir(draft);
  await chmod(draft, 0o755);
  for (const directory of ['', ...files.directories]) {
    const path = join(draft, 'native', directory);
    await mkdir(path);
    // The umask may have taken permissions away that the server's account needs.
    await chmod(path, 0o755);
  }
  for (const file of files.sizes.keys()) {
    const copy = join(draft, 'native', file);
    await copyFile(join(packageDir, 'native', file), copy, constants.COPYFILE_FICLONE);
    await chmod(copy, dirname(file) === 'bin' ? 0o755 : 0o644);
  }
  for (const { source, target } of symlinks) {
    await symlink(relative(dirname(target), source), join(draft, target));
  }
}

/** Relative to the directory listed; symbolic links are left out. */
interface Files {
  readonly directories: readonly string[];
  readonly sizes: ReadonlyMap<string, number>;
}

async function listFiles(root: string): Promise<Files> {
  const directories: string[] = [];
  const sizes = new Map<string, number>();
  for (const entry of await readdir(root, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) directories.push(relative(root, path));
    if (entry.isFile()) sizes.set(relative(root, path), (await lstat(path)).size);
  }
  // Parents before children.
  return { directories: directories.toSorted(), sizes };
}

async function isComplete(target: string, { sizes }: Files): Promise<boolean> {
  try {
    const copy = await listFiles(join(target, 'native'));
    return [...sizes].every(([file, size]) => copy.sizes.get(file) === size);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

async function packageVersion(packageDir: string): Promise<string> {
  const value: unknown = JSON.parse(await readFile(join(packageDir, 'package.json'), 'utf8'));
  if (typeof value !== 'object' || value === null || !('version' in value)) return 'unknown';
  return typeof value.version === 'string' ? value.version : 'unknown';
}
