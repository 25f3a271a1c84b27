import type { HistoryStore } from '../events.ts';

/** What was committed in a month. */
export interface Month {
  /** `2024-05`, UTC. */
  readonly month: string;
  readonly commits: number;
  /** Days with a commit. */
  readonly days: number;
  readonly added: number;
  readonly removed: number;
}

interface MonthSoFar extends Omit<Month, 'days'> {
  readonly days: Set<string>;
}

/** The months of a repository with commits, in their order, from one pass over the log. */
export async function monthlyActivity(store: HistoryStore, repository: string): Promise<readonly Month[]> {
  const months = new Map<string, MonthSoFar>();
  const streamPrefixes = [`Author-${repository}:`];
  for await (const { data } of store.readAll({ categories: ['Author'], types: ['CommitAuthored'], streamPrefixes })) {
    const day = data.occurredAt.toISOString().slice(0, 10);
    const month = day.slice(0, 7);
    const before = months.get(month);
    months.set(month, {
      month,
      commits: (before?.commits ?? 0) + 1,
      days: (before?.days ?? new Set()).add(day),
      added: (before?.added ?? 0) + data.linesAdded,
      removed: (before?.removed ?? 0) + data.linesRemoved,
    });
  }
  return Array.from(months.values(), ({ days, ...month }) => ({ ...month, days: days.size })).toSorted((left, right) =>
    left.month < right.month ? -1 : 1,
  );
}
