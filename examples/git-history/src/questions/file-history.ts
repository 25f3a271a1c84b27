import type { EventOf, Fold } from 'mink';
import { fileEvents, type HistoryStore } from '../events.ts';
import { quotePath } from '../git/quote-path.ts';
import { entityId } from '../streams.ts';
import { addChange, earlier, later, type Contribution } from './contribution.ts';

type FileEvent = EventOf<typeof fileEvents>;

/** One path, as its events tell it. */
export interface FileState {
  readonly exists: boolean;
  readonly changes: number;
  readonly first: Date | undefined;
  readonly last: Date | undefined;
  readonly lastCommit: string | undefined;
  readonly renamedFrom: string | undefined;
  readonly renamedTo: string | undefined;
  /** By author. */
  readonly authors: ReadonlyMap<string, Contribution>;
}

/** Answer to "who changed this file, and what has become of it". */
export interface FileHistory extends FileState {
  readonly path: string;
}

/** A file as it was at a date: what happened later, by the commits' own time, is left out. */
export function fileAt(at: Date | undefined): Fold<'File', typeof fileEvents, FileState> {
  return {
    category: 'File',
    events: fileEvents,
    initialState: () => ({
      exists: false,
      changes: 0,
      first: undefined,
      last: undefined,
      lastCommit: undefined,
      renamedFrom: undefined,
      renamedTo: undefined,
      authors: new Map(),
    }),
    evolve: (state, event) => (at !== undefined && event.data.occurredAt > at ? state : evolve(state, event)),
  };
}

/** The history of a path, or undefined if there never was one (by that date). */
export async function fileHistory(
  store: HistoryStore,
  { repository, path, at }: { readonly repository: string; readonly path: string; readonly at?: Date | undefined },
): Promise<FileHistory | undefined> {
  for (const spelling of spellings(path)) {
    const { state } = await store.load(fileAt(at), entityId(repository, spelling));
    if (state.changes > 0) return { path: spelling, ...state };
  }
  return undefined;
}

/** What a path may be called here: it is taken as the name itself first, then as git shows it, "caf\\303\\251" in quotes. */
export function spellings(path: string): ReadonlySet<string> {
  return new Set([quotePath(Buffer.from(path)), path]);
}

function evolve(state: FileState, event: FileEvent): FileState {
  const { author, authorName: name, commit, lines, occurredAt } = event.data;
  const authors = new Map(state.authors).set(author, addChange(state.authors.get(author), { name, lines, occurredAt }));
  return {
    ...state,
    ...fileOutcome(event),
    changes: state.changes + 1,
    first: earlier(state.first, occurredAt),
    last: later(state.last, occurredAt),
    lastCommit: commit,
    authors,
  };
}

/** What an event makes of the file. */
export function fileOutcome(event: FileEvent): Pick<FileState, 'exists'> & Partial<FileState> {
  switch (event.type) {
    case 'FileAdded':
    case 'FileModified':
      return { exists: true, renamedTo: undefined };
    case 'FileRenamedFrom':
      return { exists: true, renamedFrom: event.data.from, renamedTo: undefined };
    case 'FileDeleted':
      return { exists: false };
    case 'FileRenamedTo':
      return { exists: false, renamedTo: event.data.to };
  }
}
