import type { AuthorHistory } from '../questions/author-history.ts';
import type { FileHistory } from '../questions/file-history.ts';
import type { Month } from '../questions/monthly-activity.ts';
import type { RankedAuthor, RankedFile } from '../questions/ranking.ts';
import { day, numeric, printable, table, wholeNumber } from './table.ts';

const MAX_ROWS = 10;
const WORK = [numeric('added'), numeric('removed'), 'first', 'last'];

export function fileAnswer(file: FileHistory, at: Date | undefined): string {
  const authors = Array.from(file.authors, ([author, work]) => ({ author, ...work })).toSorted(
    (left, right) => right.changes - left.changes,
  );
  const facts = [
    `${file.exists ? 'exists' : 'does not exist'}${at === undefined ? '' : ` at ${at.toISOString()}`}`,
    `${counted(file.changes, 'change')} by ${counted(authors.length, 'author')}`,
    `last by commit ${file.lastCommit?.slice(0, 12) ?? ''}`,
    ...(file.renamedFrom === undefined ? [] : [`renamed from ${file.renamedFrom}`]),
    ...(file.renamedTo === undefined ? [] : [`renamed to ${file.renamedTo}`]),
  ];
  const rows = authors.map(({ author, name, changes, added, removed, first, last }) => {
    return [name, author, changes, added, removed, day(first), day(last)];
  });
  return `${printable(file.path)}: ${printable(facts.join(', '))}\n${table(['author', 'address', numeric('changes'), ...WORK], rows)}`;
}

export function authorAnswer(author: AuthorHistory, at: Date | undefined): string {
  const { name, changes, merges, added, removed, first, last, activeDays, files } = author;
  const facts = [
    `${counted(changes, 'commit')}${at === undefined ? '' : ` until ${at.toISOString()}`}`,
    `${wholeNumber(merges)} of them merges`,
    counted(files.length, 'file'),
    `+${wholeNumber(added)} -${wholeNumber(removed)} lines`,
    `active on ${counted(activeDays, 'day')} from ${day(first)} to ${day(last)}`,
  ];
  const rows = files.slice(0, MAX_ROWS).map(({ path, commits }) => [path, commits]);
  const more = files.length > MAX_ROWS ? `  and ${counted(files.length - MAX_ROWS, 'more file')}\n` : '';
  return `${printable(name)} <${printable(author.author)}>: ${facts.join(', ')}\n${table(['file', numeric('commits')], rows)}${more}`;
}

/** Without authors where only files were asked for. */
export function rankingAnswer(authors: readonly RankedAuthor[] | undefined, files: readonly RankedFile[]): string {
  const authorRows = authors?.map(({ author, name, changes, added, removed, first, last }) => {
    return [name, author, changes, added, removed, day(first), day(last)];
  });
  const fileRows = files.map(({ path, changes, authors: by, first, last }) => {
    return [path, changes, by.size, day(first), day(last)];
  });
  const busiest =
    authorRows === undefined
      ? ''
      : `Authors with the most commits\n${table(['author', 'address', numeric('commits'), ...WORK], authorRows)}\n`;
  return `${busiest}Files that changed most often\n${table(['file', numeric('changes'), numeric('authors'), 'first', 'last'], fileRows)}`;
}

export function activityAnswer(months: readonly Month[]): string {
  const rows = months.map(({ month, commits, days, added, removed }) => [month, commits, days, added, removed]);
  return table(['month', ...['commits', 'days', 'added', 'removed'].map(numeric)], rows);
}

export function counted(count: number, noun: string): string {
  return `${wholeNumber(count)} ${noun}${count === 1 ? '' : 's'}`;
}
