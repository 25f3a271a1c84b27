import type { HistoryStore } from './events.ts';
import type { GitRepository } from './git/repository.ts';
import { repositoryId, repositoryStream } from './streams.ts';

/**
 * The id a repository has in the store: from its first commit, so that every clone and every path to it is the same. A
 * history that was merged with another one has several first commits; then one that was imported before counts.
 */
export async function identify(
  store: HistoryStore,
  { roots }: GitRepository,
): Promise<{ readonly id: string; readonly isImported: boolean }> {
  for (const root of roots) {
    const id = repositoryId(root);
    if ((await store.streamInfo(repositoryStream(id))) !== undefined) return { id, isImported: true };
  }
  return { id: repositoryId(roots[0]), isImported: false };
}
