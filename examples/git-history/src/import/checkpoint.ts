import type { Fold } from 'mink';
import { repositoryEvents, type CommitsImported } from '../events.ts';

/** How far a repository is imported, folded from its `CommitsImported`. */
export interface Checkpoint {
  readonly commits: number;
  readonly changes: number;
  /** All events of the repository, checkpoints included. */
  readonly events: number;
  readonly frontier: readonly string[];
  readonly partial: CommitsImported['partial'];
}

export const checkpoint: Fold<'Repository', typeof repositoryEvents, Checkpoint> = {
  category: 'Repository',
  events: repositoryEvents,
  initialState: () => ({ commits: 0, changes: 0, events: 0, frontier: [], partial: null }),
  evolve: (state, { data }) => ({
    commits: state.commits + data.commits,
    changes: state.changes + data.changes,
    events: state.events + data.events,
    frontier: data.frontier,
    partial: data.partial,
  }),
};
