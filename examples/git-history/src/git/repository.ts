import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { GitHistoryError } from '../errors.ts';
import type { Commit } from './commit.ts';
import { git, GitFailedError, gitOutput } from './git.ts';
import { LOG_FORMAT, parseLog } from './parse-log.ts';
import { TokenReader } from './token-reader.ts';

/** A repository that can be imported, as it was when it was opened. */
export interface GitRepository {
  readonly path: string;
  /** The commit its history is read from. */
  readonly head: string;
  /** The commits without parents: first the one that the first parents lead to, then the others. */
  readonly roots: readonly [string, ...string[]];
}

/** Plumbing, which leaves the configuration of the user alone, and what it would still take from it. */
const DIFF_TREE = [
  'diff-tree',
  '--stdin',
  '--always',
  '--root',
  '-r',
  '-z',
  '--raw',
  '--numstat',
  '--no-abbrev',
  `--format=${LOG_FORMAT}`,
  '--encoding=UTF-8',
  '--find-renames=50%',
  '-l1000',
  '-O/dev/null',
  '--diff-algorithm=myers',
  '--ignore-submodules=none',
  '--no-ext-diff',
  '--no-textconv',
  '--no-color',
];

/** Opens the repository at a path, or in a folder above it. Throws `GitHistoryError` if its history cannot be read. */
export async function openRepository(location: string): Promise<GitRepository> {
  const path = resolve(location);
  if (!(await isDirectory(path))) {
    throw new GitHistoryError('NOT_A_REPOSITORY', `There is no folder ${JSON.stringify(path)}.`);
  }
  if ((await isShallow(path)) === 'true') {
    throw new GitHistoryError(
      'SHALLOW_REPOSITORY',
      `${JSON.stringify(path)} is a shallow clone: a part of its history is missing. Run "git fetch --unshallow" in it first.`,
    );
  }
  const head = await headOf(path);
  const roots = await git(path, ['rev-list', '--max-parents=0', head]);
  const mainRoot = await git(path, ['rev-list', '--max-parents=0', '--first-parent', head]);
  return { path, head, roots: [mainRoot, ...roots.split('\n').filter((root) => root !== mainRoot)] };
}

/** Commits, told in the order of their hashes; each portion of those has one a line. */
export function readCommits(
  { path }: GitRepository,
  hashes: Iterable<string>,
  signal?: AbortSignal,
): AsyncGenerator<Commit, void, undefined> {
  return parseLog(gitOutput(path, DIFF_TREE, { input: hashes, signal }));
}

/** One commit and its parents. */
export interface CommitLink {
  readonly hash: string;
  readonly parents: readonly string[];
}

/** Some commits and all their ancestors, children before their parents. */
export async function* walkCommits(
  { path }: GitRepository,
  from: readonly string[],
  signal?: AbortSignal,
): AsyncGenerator<CommitLink, void, undefined> {
  const input = [toLines(from)];
  const output = gitOutput(path, ['rev-list', '--topo-order', '--parents', '--stdin'], { input, signal });
  const lines = new TokenReader(output, '\n');
  try {
    for (let line = await lines.next(); line !== undefined; line = await lines.next()) {
      const [hash = '', ...parents] = line.toString('latin1').split(' ');
      yield { hash, parents };
    }
  } finally {
    await lines.close();
  }
}

/** Those of some commits that the repository has. */
export async function knownCommits(
  { path }: GitRepository,
  hashes: readonly string[],
  signal?: AbortSignal,
): Promise<readonly string[]> {
  if (hashes.length === 0) return [];
  const input = [toLines(hashes)];
  const answers = (await git(path, ['cat-file', '--batch-check=%(objecttype)'], { input, signal })).split('\n');
  return hashes.filter((_, index) => answers[index] === 'commit');
}

function toLines(hashes: readonly string[]): string {
  return hashes.map((hash) => `${hash}\n`).join('');
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

async function isShallow(path: string): Promise<string> {
  try {
    return await git(path, ['rev-parse', '--is-shallow-repository']);
  } catch (error) {
    if (!(error instanceof GitFailedError)) throw error;
    const said = error.stderr.trim().split('\n')[0] ?? '';
    throw new GitHistoryError(
      'NOT_A_REPOSITORY',
      `${JSON.stringify(path)} is not a Git repository. Git says: ${said}`,
      {
        cause: error,
      },
    );
  }
}

async function headOf(path: string): Promise<string> {
  try {
    return await git(path, ['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']);
  } catch (error) {
    if (!(error instanceof GitFailedError)) throw error;
    throw new GitHistoryError(
      'EMPTY_REPOSITORY',
      `${JSON.stringify(path)} has no commits yet: there is nothing to import.`,
      {
        cause: error,
      },
    );
  }
}
