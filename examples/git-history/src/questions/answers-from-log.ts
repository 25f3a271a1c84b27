import type { HistoryStore } from '../events.ts';
import type { Answers } from './answers.ts';
import { authorHistory } from './author-history.ts';
import { fileHistory } from './file-history.ts';
import { monthlyActivity } from './monthly-activity.ts';
import { topAuthors, topFiles } from './ranking.ts';

/** Answers from replaying the events: slower, and the only ones that know how things were at a date. */
export function answersFromLog(store: HistoryStore, repository: string, at?: Date): Answers {
  return {
    file: (path) => fileHistory(store, { repository, path, at }),
    author: (author) => authorHistory(store, { repository, author, at }),
    topAuthors: (ranking) => topAuthors(store, { repository, ...ranking }),
    topFiles: (ranking) => topFiles(store, { repository, ...ranking }),
    activity: () => monthlyActivity(store, repository),
  };
}
