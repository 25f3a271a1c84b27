import type { Fold } from 'mink';
import { authorEvents, type HistoryStore } from '../events.ts';
import { authorKey, authorStream, entityId } from '../streams.ts';
import { byCodePoint } from './by-code-point.ts';
import { addChange, type Contribution } from './contribution.ts';

/** One author, as their events tell it; `changes` are commits. */
export interface AuthorState {
  readonly work: Contribution | undefined;
  readonly merges: number;
}

/** A file and how many commits of an author changed it. */
export interface TouchedFile {
  readonly path: string;
  readonly commits: number;
}

/** Answer to "what has this author done". */
export interface AuthorHistory extends Contribution {
  readonly author: string;
  readonly merges: number;
  /** Days with a commit, in UTC. */
  readonly activeDays: number;
  /** All files the author changed, those changed most often first. */
  readonly files: readonly TouchedFile[];
}

/** An author's work until a date, by the commits' own time. */
function authorAt(at: Date | undefined): Fold<'Author', typeof authorEvents, AuthorState> {
  return {
    category: 'Author',
    events: authorEvents,
    initialState: () => ({ work: undefined, merges: 0 }),
    evolve: (state, { type, data }) => {
      if (type === 'CommitContinued' || (at !== undefined && data.occurredAt > at)) return state;
      const lines = { added: data.linesAdded, removed: data.linesRemoved };
      return {
        work: addChange(state.work, { name: data.name, occurredAt: data.occurredAt, lines }),
        merges: state.merges + (data.parents > 1 ? 1 : 0),
      };
    },
  };
}

/** The history of an author, by address, or undefined if there is none (by that date). */
export async function authorHistory(
  store: HistoryStore,
  { repository, author, at }: { readonly repository: string; readonly author: string; readonly at?: Date | undefined },
): Promise<AuthorHistory | undefined> {
  const key = authorKey({ name: '', email: author });
  const { state } = await store.load(authorAt(at), entityId(repository, key));
  if (state.work === undefined) return undefined;
  return {
    author: key,
    ...state.work,
    merges: state.merges,
    ...(await countWhileReading(store, { repository, key, at })),
  };
}

/** A state with every file and day in it would be copied with every event. */
async function countWhileReading(
  store: HistoryStore,
  { repository, key, at }: { readonly repository: string; readonly key: string; readonly at: Date | undefined },
): Promise<Pick<AuthorHistory, 'activeDays' | 'files'>> {
  const counts = new Map<string, number>();
  const days = new Set<string>();
  for await (const { data } of store.readStream(authorStream(repository, key))) {
    if (at !== undefined && data.occurredAt > at) continue;
    days.add(data.occurredAt.toISOString().slice(0, 10));
    for (const path of data.paths) counts.set(path, (counts.get(path) ?? 0) + 1);
  }
  const files = Array.from(counts, ([path, commits]) => ({ path, commits })).toSorted(
    (left, right) => right.commits - left.commits || byCodePoint(left.path, right.path),
  );
  return { activeDays: days.size, files };
}
