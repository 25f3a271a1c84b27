import { GitHistoryError } from '../errors.ts';
import type { HistoryStore } from '../events.ts';
import type { Commit } from '../git/commit.ts';
import type { CommitList } from '../git/commit-list.ts';
import { knownCommits, readCommits, type GitRepository } from '../git/repository.ts';
import { changesDigest } from './batches.ts';
import type { Checkpoint } from './checkpoint.ts';
import { findNewCommits } from './find-new-commits.ts';

/** What is left to import. */
export interface ImportPlan {
  /** Parents before their children. */
  readonly commits: AsyncIterable<Commit>;
  readonly total: number;
  /** See `NewCommits.left`. */
  readonly left: number;
}

/** Finds what is not imported yet, and reads it from git when it is asked for. */
export async function planImport(
  store: HistoryStore,
  { git, id, before }: { readonly git: GitRepository; readonly id: string; readonly before: Checkpoint },
  signal: AbortSignal | undefined,
): Promise<ImportPlan> {
  const { partial } = before;
  if (partial !== null && (await knownCommits(git, [partial.commit], signal)).length === 0) throw halfImported(partial);
  const importedCommits = () => readImportedCommits(store, id);
  const { commits, left } = await findNewCommits(git, before, { importedCommits, signal });
  const total = commits.size + (partial === null ? 0 : 1);
  return { commits: pendingCommits(git, { partial, commits }, signal), total, left };
}

/** The commit that is imported in part comes first: its parents are in the log already. */
async function* pendingCommits(
  git: GitRepository,
  { partial, commits }: { readonly partial: Checkpoint['partial']; readonly commits: CommitList },
  signal: AbortSignal | undefined,
): AsyncGenerator<Commit, void, undefined> {
  if (partial !== null) {
    for await (const commit of readCommits(git, [`${partial.commit}\n`], signal)) {
      if (changesDigest(commit) !== partial.digest) throw describedDifferently(commit);
      yield commit;
    }
  }
  if (commits.size > 0) yield* readCommits(git, commits.reversed(), signal);
}

async function readImportedCommits(store: HistoryStore, id: string): Promise<ReadonlySet<string>> {
  const imported = new Set<string>();
  const authored = store.readAll({
    categories: ['Author'],
    types: ['CommitAuthored'],
    streamPrefixes: [`Author-${id}:`],
  });
  for await (const event of authored) imported.add(event.data.commit);
  return imported;
}

function halfImported({ commit }: { readonly commit: string }): GitHistoryError {
  return new GitHistoryError(
    'HALF_IMPORTED_COMMIT_GONE',
    `Commit ${commit} was imported in part when the last import ended, and the repository has it no more. Fetch it again, or import into another database.`,
  );
}

function describedDifferently({ hash }: Commit): GitHistoryError {
  return new GitHistoryError(
    'GIT_FAILED',
    `Commit ${hash} was imported in part, and this version of Git describes its changes differently. Use the version that the import was begun with.`,
  );
}
