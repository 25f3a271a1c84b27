import { execFile } from 'node:child_process';
import { mkdtemp, readdir, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { loadConfig, type ConfigFold } from './config-file.ts';
import type { Context, GlobalOptions } from './context.ts';
import { OldCodeError } from './errors.ts';
import type { ReadableStore } from './readable-store.ts';

const runFile = promisify(execFile);

/** The store and the folds of code as it was. */
export interface OldCode {
  readonly store: ReadableStore;
  readonly folds: readonly ConfigFold[];
}

/** Works with the config file as it was at a git ref, in a directory of its own that is removed afterwards. */
export async function withOldCode<T>(
  { cwd }: Pick<Context, 'cwd'>,
  { config }: Pick<GlobalOptions, 'config'>,
  ref: string,
  work: (code: OldCode) => T,
): Promise<T> {
  const root = await git(ref, cwd, 'rev-parse', '--show-toplevel');
  const commit = await git(ref, cwd, 'rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`);
  const directory = await mkdtemp(join(tmpdir(), 'mink-against-'));
  const tree = join(directory, 'tree');
  try {
    await git(ref, root, 'worktree', 'add', '--quiet', '--detach', tree, commit);
    await linkPackages(root, tree);
    const there = join(tree, relative(root, await realpath(cwd)));
    const { path, store, folds } = await loadConfig(there, config);
    if (store === undefined) {
      throw new OldCodeError(ref, path === undefined ? 'it has no config file' : `its "${path}" exports no "store"`);
    }
    try {
      return work({ store, folds });
    } finally {
      await store.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
    await git(ref, root, 'worktree', 'prune').catch(() => undefined);
  }
}

async function git(ref: string, cwd: string, ...args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await runFile('git', args, { cwd });
    return stdout.trim();
  } catch (error) {
    const [reason = ''] = (error instanceof Error ? error.message : String(error)).trim().split('\n').slice(-1);
    throw new OldCodeError(ref, `"git ${args[0]}" failed: ${reason}`, { cause: error });
  }
}

/** It works with the packages that are installed now. */
async function linkPackages(root: string, tree: string): Promise<void> {
  const names = (await readdir(root)).filter((name) => name === 'node_modules');
  for (const name of names) await symlink(join(root, name), join(tree, name));
}
