import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { promisify } from 'node:util';
import { loadConfig, type ConfigFold } from './config-file.ts';
import type { Context, GlobalOptions } from './context.ts';
import { OldCodeError } from './errors.ts';
import { interruptible } from './interrupt.ts';
import type { ReadableStore } from './readable-store.ts';

const runFile = promisify(execFile);

/** The store and the folds of code as it was. */
export interface OldCode {
  readonly store: ReadableStore;
  readonly folds: readonly ConfigFold[];
}

/** Where the code of a git ref is, and where it comes from. */
interface Checkout {
  readonly root: string;
  readonly tree: string;
}

/**
 * Works with the config file as it was at a git ref. Its files are written to a directory of their own, which is removed
 * afterwards; the repository is only read.
 */
export async function withOldCode<T>(
  context: Pick<Context, 'cwd' | 'signal'>,
  options: Pick<GlobalOptions, 'config'>,
  ref: string,
  work: (code: OldCode) => T,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'mink-against-'));
  try {
    return await interruptible(tryOldCode(context, options, { ref, directory }, work), context.signal);
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function tryOldCode<T>(
  { cwd }: Pick<Context, 'cwd'>,
  { config }: Pick<GlobalOptions, 'config'>,
  { ref, directory }: { readonly ref: string; readonly directory: string },
  work: (code: OldCode) => T,
): Promise<T> {
  const here = await realpath(cwd);
  const root = await git(ref, here, ['rev-parse', '--show-toplevel']);
  const commit = await git(ref, here, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`]);
  const tree = join(directory, 'tree');
  // An index of its own: that of the repository may be in use, by the hook that this runs in.
  const index = { GIT_INDEX_FILE: join(directory, 'index') };
  await git(ref, root, ['read-tree', commit], index);
  await git(ref, root, ['checkout-index', '--all', `--prefix=${tree}/`], index);
  await linkPackages({ root, tree }, here);
  const there = join(tree, relative(root, here));
  const { path, store, folds } = await loadConfig(there, configThere({ root, tree }, ref, config));
  if (store === undefined) {
    throw new OldCodeError(ref, path === undefined ? 'it has no config file' : `its "${path}" exports no "store"`);
  }
  try {
    return work({ store, folds });
  } finally {
    await store.close();
  }
}

/** The same file, as it was. */
function configThere({ root, tree }: Checkout, ref: string, config: string | undefined): string | undefined {
  if (config === undefined || !isAbsolute(config)) return config;
  const within = relative(root, config);
  if (within.startsWith('..')) throw new OldCodeError(ref, `the config file "${config}" is not in the repository`);
  return join(tree, within);
}

/** Without what a hook of git tells its commands: it is meant for the repository as it is. */
async function git(
  ref: string,
  cwd: string,
  args: readonly string[],
  own: Readonly<Record<string, string>> = {},
): Promise<string> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_'));
  try {
    const { stdout } = await runFile('git', args, { cwd, env: { ...Object.fromEntries(inherited), ...own } });
    return stdout.trim();
  } catch (error) {
    const [reason = ''] = (error instanceof Error ? error.message : String(error)).trim().split('\n').slice(-1);
    throw new OldCodeError(ref, `"git ${args[0]}" failed: ${reason}`, { cause: error });
  }
}

/** It works with the packages that are installed now, and with those of its own repository as they were. */
async function linkPackages({ root, tree }: Checkout, here: string): Promise<void> {
  for (let folder = here; ; folder = dirname(folder)) {
    const packages = join(folder, 'node_modules');
    await linkEntries({ root, tree }, packages, join(tree, relative(root, packages)));
    if (folder === root) return;
  }
}

async function linkEntries(checkout: Checkout, from: string, to: string): Promise<void> {
  const entries = await readdir(from).catch(() => []);
  if (entries.length > 0) await mkdir(to, { recursive: true });
  for (const entry of entries) {
    if (entry.startsWith('@')) await linkEntries(checkout, join(from, entry), join(to, entry));
    else await symlink(await targetOf(checkout, join(from, entry)), join(to, entry));
  }
}

/** A package of a workspace is a link into the repository. */
async function targetOf({ root, tree }: Checkout, path: string): Promise<string> {
  const real = await realpath(path).catch(() => path);
  const within = relative(root, real);
  const isOwn = !within.startsWith('..') && !isAbsolute(within) && !within.split(sep).includes('node_modules');
  return isOwn ? join(tree, within) : real;
}
