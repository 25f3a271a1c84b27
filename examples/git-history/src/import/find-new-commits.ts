import { CommitList } from '../git/commit-list.ts';
import { knownCommits, walkCommits, type GitRepository } from '../git/repository.ts';
import type { Checkpoint } from './checkpoint.ts';

/** What a repository has that is not imported, and the other way round. */
export interface NewCommits {
  /** Not imported, and without the one that is imported in part. Children before their parents. */
  readonly commits: CommitList;
  /** Imported commits that are not in this history any more; at least as many, where git has forgotten some. */
  readonly left: number;
}

/**
 * Finds the commits of the branch that are not below the frontier. The frontier says exactly what is imported, so this holds
 * however the branch has moved: new commits, old branches merged since, a rewritten history, another branch.
 *
 * Every commit is looked at, unless there is nothing to do. `git rev-list HEAD ^imported` would be quicker, but it goes by
 * the commits' times, and where a clock was wrong it also names commits that are below an excluded one.
 */
export async function findNewCommits(
  git: GitRepository,
  { frontier, partial }: Pick<Checkpoint, 'frontier' | 'partial'>,
  {
    importedCommits,
    signal,
  }: {
    /** Reads from the log what git has forgotten how to tell. */
    readonly importedCommits: () => Promise<ReadonlySet<string>>;
    readonly signal: AbortSignal | undefined;
  },
): Promise<NewCommits> {
  const commits = new CommitList();
  if (partial === null && frontier.length === 1 && frontier[0] === git.head) return { commits, left: 0 };

  const known = await knownCommits(git, frontier, signal);
  const forgotten = frontier.length - known.length;
  const fromLog = forgotten === 0 ? new Set<string>() : await importedCommits();
  let left = forgotten;
  // Whatever is below an imported commit is imported too; the sets hold what the walk has not come to yet.
  const imported = new Set(known);
  const inHistory = new Set([git.head]);
  for await (const { hash, parents } of walkCommits(git, [git.head, ...known], signal)) {
    const isImported = imported.delete(hash);
    const isInHistory = inHistory.delete(hash);
    for (const parent of parents) {
      if (isImported) imported.add(parent);
      if (isInHistory) inHistory.add(parent);
    }
    if (isImported && !isInHistory) left += 1;
    if (!isImported && hash !== partial?.commit && !fromLog.has(hash)) commits.add(hash);
  }
  return { commits, left };
}
