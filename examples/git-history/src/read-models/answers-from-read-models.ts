import type { FindOptions, FoundPage } from 'mink';
import type { HistoryStore } from '../events.ts';
import type { Answers } from '../questions/answers.ts';
import { spellings, type FileHistory } from '../questions/file-history.ts';
import { streamsUnder } from '../questions/ranking.ts';
import { authorKey, authorStream, fileStream } from '../streams.ts';
import { activity, countDays } from './activity.ts';
import { authorFiles } from './author-files.ts';
import { authors } from './authors.ts';
import { files, type FileRow } from './files.ts';
import { toContribution } from './kept-contribution.ts';

/** What one page may hold. */
const MAX_PAGE = 1_000;

/** Answers from the read models, as far as they have come. */
export function answersFromReadModels({ projections }: HistoryStore, repository: string): Answers {
  const fileRows = projections.readModel(files);
  const authorRows = projections.readModel(authors);
  const touchedRows = projections.readModel(authorFiles);
  const months = projections.readModel(activity);
  return {
    async file(path) {
      for (const spelling of spellings(path)) {
        const row = await fileRows.get(fileStream(repository, spelling));
        if (row !== undefined) return toFile(row);
      }
      return undefined;
    },
    async author(author) {
      const stream = authorStream(repository, authorKey({ name: '', email: author }));
      const row = await authorRows.get(stream);
      if (row === undefined) return undefined;
      const active = { where: { repository, author: row.author }, orderBy: ['month'] } as const;
      const touched = { where: { stream }, orderBy: [['commits', 'desc'], 'path'] } as const;
      const { merges } = row;
      let activeDays = 0;
      for (const { days } of await findAll(months, active)) activeDays += countDays(days);
      const changed = await findAll(touchedRows, touched);
      const work = { author: row.author, ...toContribution(row), merges, activeDays };
      return { ...work, files: changed.map(({ path, commits }) => ({ path, commits })) };
    },
    async topAuthors({ limit }) {
      const busiest = { where: { repository }, orderBy: [['changes', 'desc'], 'author'] } as const;
      const rows = await findAll(authorRows, busiest, limit);
      return rows.map((row) => ({ author: row.author, ...toContribution(row) }));
    },
    async topFiles({ limit, under }) {
      const stream = { startsWith: streamsUnder(repository, under) };
      const changed = { where: { repository, stream }, orderBy: [['changes', 'desc'], 'stream'] } as const;
      return (await findAll(fileRows, changed, limit)).map(toFile);
    },
    async activity() {
      const rows = await findAll(months, { where: { repository, author: null }, orderBy: ['month'] });
      return rows.map(({ month, commits, days, added, removed }) => {
        return { month, commits, days: countDays(days), added, removed };
      });
    },
  };
}

/** The rows that fit, page by page, up to a limit. */
async function findAll<Row>(
  rows: { find(options: FindOptions<Row>): Promise<FoundPage<Row>> },
  options: Omit<FindOptions<Row>, 'limit' | 'after'>,
  limit = Infinity,
): Promise<readonly Row[]> {
  const found: Row[] = [];
  let after: string | undefined;
  do {
    const page = await rows.find({ ...options, after, limit: Math.min(MAX_PAGE, limit - found.length) });
    found.push(...page.items.map(({ model }) => model));
    after = page.next;
  } while (after !== undefined && found.length < limit);
  return found;
}

function toFile({ path, exists, changes, lastCommit, authors: shares, ...row }: FileRow): FileHistory {
  return {
    path,
    exists,
    changes,
    first: new Date(row.first),
    last: new Date(row.last),
    lastCommit,
    renamedFrom: row.renamedFrom ?? undefined,
    renamedTo: row.renamedTo ?? undefined,
    authors: new Map(shares.map((share) => [share.author, toContribution(share)])),
  };
}
