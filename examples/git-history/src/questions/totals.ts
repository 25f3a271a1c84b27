import type { HistoryStore } from '../events.ts';
import { repositoryStream } from '../streams.ts';

/** What the store holds of a repository, counted from the streams themselves. */
export interface Totals {
  readonly files: number;
  readonly authors: number;
  readonly events: number;
}

/** Counts the streams of a repository and their events. */
export async function countTotals(store: HistoryStore, repository: string): Promise<Totals> {
  const files = await countStreams(store, `File-${repository}:`);
  const authors = await countStreams(store, `Author-${repository}:`);
  const checkpoints = (await store.streamInfo(repositoryStream(repository)))?.version ?? 0;
  return { files: files.streams, authors: authors.streams, events: files.events + authors.events + checkpoints };
}

async function countStreams(
  store: HistoryStore,
  prefix: string,
): Promise<{ readonly streams: number; readonly events: number }> {
  let streams = 0;
  let events = 0;
  for await (const page of store.listStreams({ prefix }).pages()) {
    streams += page.length;
    for (const { version } of page) events += version;
  }
  return { streams, events };
}
