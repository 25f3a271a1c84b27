import type { HistoryStore } from '../events.ts';
import { byCodePoint } from './by-code-point.ts';
import { addChange, type Contribution } from './contribution.ts';
import { fileAt, type FileState } from './file-history.ts';

/** An author with their commits. */
export interface RankedAuthor extends Contribution {
  readonly author: string;
}

/** A file with its changes. */
export interface RankedFile extends FileState {
  readonly path: string;
}

/** What a ranking is made of. */
export interface RankingQuestion {
  readonly repository: string;
  readonly limit: number;
  /** Of files: only those below this directory. */
  readonly under?: string | undefined;
}

/** The authors with the most commits, from one pass over their events in the log. */
export async function topAuthors(
  store: HistoryStore,
  { repository, limit }: RankingQuestion,
): Promise<readonly RankedAuthor[]> {
  const prefix = `Author-${repository}:`;
  const authors = new Map<string, Contribution>();
  const commits = store.readAll({ categories: ['Author'], types: ['CommitAuthored'], streamPrefixes: [prefix] });
  for await (const { data, streamName } of commits) {
    const author = streamName.slice(prefix.length);
    const lines = { added: data.linesAdded, removed: data.linesRemoved };
    authors.set(author, addChange(authors.get(author), { name: data.name, occurredAt: data.occurredAt, lines }));
  }
  return Array.from(authors, ([author, work]) => ({ author, ...work }))
    .toSorted((left, right) => right.changes - left.changes || byCodePoint(left.author, right.author))
    .slice(0, limit);
}

/** The files that changed most often: every change is an event, so the stream's version is their number. */
export async function topFiles(
  store: HistoryStore,
  { repository, limit, under }: RankingQuestion,
): Promise<readonly RankedFile[]> {
  const prefix = streamsUnder(repository, under);
  let top: { readonly id: string; readonly version: number }[] = [];
  for await (const page of store.listStreams({ prefix }).pages()) {
    const candidates = page.map(({ streamName, version }) => ({ id: streamName.slice('File-'.length), version }));
    top = [...top, ...candidates].toSorted((left, right) => right.version - left.version).slice(0, limit);
  }
  const files: RankedFile[] = [];
  for (const { id } of top) {
    const { state } = await store.load(fileAt(undefined), id);
    files.push({ path: id.slice(repository.length + 1), ...state });
  }
  return files;
}

/** What the names of the streams begin with: of all files, or of those below a directory. */
export function streamsUnder(repository: string, directory: string | undefined): string {
  const path = directory === undefined ? '' : directory.replace(/\/*$/u, '/');
  return `File-${repository}:${path === '/' ? '' : path}`;
}
