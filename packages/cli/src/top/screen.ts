import type { FeedHolder } from 'mink';
import { counted } from '../counted.ts';
import { lagText } from '../lag-text.ts';
import type { TerminalSize } from '../terminal.ts';
import { cut, fitted, lineOf, type Cell } from './cells.ts';
import { processLines } from './process-lines.ts';
import { total, type Movement, type MovingProjection } from './rates.ts';
import { shortBytes, shortDuration, shortNumber } from './units.ts';

/** A column that can be sorted by. */
interface TopColumn extends Cell {
  readonly title: string;
  readonly text: (projection: MovingProjection) => string;
  readonly by: (projection: MovingProjection) => number | string;
}

const NAME_LEAST = 12;
const MOST_ERRORS = 3;

const number = (
  title: string,
  width: number,
  text: TopColumn['text'],
  by: (projection: MovingProjection) => number,
): TopColumn => ({ title, width, align: 'right', text, by });

/** In their order; sorting moves along them. */
export const COLUMNS: readonly TopColumn[] = [
  { title: 'NAME', width: NAME_LEAST, align: 'left', text: ({ name }) => name, by: ({ name }) => name },
  number(
    'V',
    3,
    ({ version }) => String(version),
    ({ version }) => version,
  ),
  { title: 'STATE', width: 11, align: 'left', text: ({ state }) => state, by: ({ state }) => state },
  number(
    'BEHIND',
    7,
    ({ behind, waiting }) => (waiting === undefined ? shortNumber(behind) : lagText(behind, shortNumber)),
    ({ behind }) => behind,
  ),
  number(
    'WAIT',
    5,
    ({ waiting }) => (waiting === undefined ? '' : shortDuration(waiting)),
    ({ waiting }) => waiting ?? -1,
  ),
  number(
    'PER S',
    6,
    ({ rate }) => (rate === undefined ? '' : shortNumber(rate)),
    ({ rate }) => rate ?? -1,
  ),
  number(
    'ETA',
    5,
    ({ eta }) => (eta === undefined ? '' : shortDuration(eta)),
    ({ eta }) => eta ?? -1,
  ),
  number(
    'PARKED',
    7,
    ({ parkedKeys }) => shortNumber(parkedKeys),
    ({ parkedKeys }) => parkedKeys,
  ),
];

/** How the table is sorted: by which of {@link COLUMNS}, and whether the greatest comes first. */
export interface Sorting {
  readonly column: number;
  readonly isFalling: boolean;
}

/** Those that are furthest behind first. */
export const WORST_FIRST: Sorting = { column: 3, isFalling: true };

/** What is shown, beside what was measured. */
export interface Screen {
  readonly size: TerminalSize;
  readonly sorting: Sorting;
  /** The first line's right side. */
  readonly note: string;
}

/** The lines of the screen, none longer than it is wide, and no more of them than it is high. */
export function screenOf(movement: Movement, { size, sorting, note }: Screen): readonly string[] {
  const { columns, rows } = size;
  const head = [title(movement, note, columns), ...summary(movement), ''];
  const below = [...errorLines(movement.projections), ...processLines(movement.look.processes, columns)];
  const room = Math.max(1, rows - head.length - 1 - below.length);
  const sorted = sortedBy(movement.projections, sorting);
  const shown = sorted.length > room ? sorted.slice(0, room - 1) : sorted;
  const own = fitted(COLUMNS, columns);
  const table = [
    titles(sorting, own),
    ...shown.map((it) =>
      lineOf(
        own.map(({ text }) => text(it)),
        own,
      ),
    ),
  ];
  if (shown.length < sorted.length) table.push(`… ${sorted.length - shown.length} more`);
  if (sorted.length === 0) table.push('No projections.');
  return [...head, ...table, ...below].slice(0, rows).map((text) => cut(text, columns));
}

function title({ look }: Movement, note: string, columns: number): string {
  const left = `mink top  ${new Date(look.time).toISOString().slice(0, 19)}Z`;
  return left + note.padStart(Math.max(note.length + 2, columns - left.length));
}

function summary({ look, appended, growth, projections }: Movement): readonly string[] {
  const { position, head, heldBy } = look.feed;
  const unread =
    head === position ? '' : `, read to ${position.toLocaleString('en')} (${shortNumber(head - position)} behind)`;
  const parked = projections.reduce((sum, { parkedKeys }) => sum + parkedKeys, 0);
  const oldest = Math.min(...projections.map(({ oldestParkedAt }) => oldestParkedAt ?? Infinity));
  const age = parked === 0 ? '' : `, the oldest for ${shortDuration(Math.max(0, look.time - oldest) / 1_000)}`;
  return [
    `appended ${shortNumber(appended)}/s, position ${head.toLocaleString('en')}${unread}`,
    `held     ${heldBy.length === 0 ? 'by nobody' : heldBy.map(holder).join('; ')}`,
    `storage  ${storage(look.storage)}${growth > 0 ? `, +${shortBytes(growth)}/s` : ''}`,
    `parked   ${parked === 0 ? 'no keys' : `${counted(parked, 'key')}${age}`}`,
  ];
}

function holder({ pid, preparedTransaction, age, applicationName, state }: FeedHolder): string {
  const who = preparedTransaction === undefined ? `process ${pid ?? '?'}` : `prepared '${preparedTransaction}'`;
  const what = [applicationName, state].filter((it) => it !== undefined).join(', ');
  return `${age === undefined ? '' : `${shortDuration(age / 1_000)} `}by ${who}${what === '' ? '' : ` (${what})`}`;
}

function storage(parts: Readonly<Record<string, number>>): string {
  const names = Object.entries(parts).filter(([, bytes]) => bytes > 0);
  const list = names.map(([part, bytes]) => `${part.replace('_', ' ')} ${shortBytes(bytes)}`).join(', ');
  return list === '' ? 'unknown' : `${shortBytes(total(parts))}: ${list}`;
}

function errorLines(projections: readonly MovingProjection[]): readonly string[] {
  const failing = projections.filter(({ error }) => error !== undefined);
  if (failing.length === 0) return [];
  const told = failing.slice(0, MOST_ERRORS).map(({ name, version, error }) => `${name} v${version}: ${error ?? ''}`);
  const more = failing.length > MOST_ERRORS ? [`… ${failing.length - MOST_ERRORS} more with errors`] : [];
  return ['', ...told, ...more];
}

/** By the column, then by name and version, so that what is equal stays where it is. */
export function sortedBy(
  projections: readonly MovingProjection[],
  { column, isFalling }: Sorting,
): readonly MovingProjection[] {
  const { by } = COLUMNS[column] ?? { by: ({ name }: MovingProjection) => name };
  const direction = isFalling ? -1 : 1;
  return projections.toSorted((left, right) => {
    return direction * compare(by(left), by(right)) || compare(left.name, right.name) || left.version - right.version;
  });
}

function compare(left: number | string, right: number | string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function titles({ column, isFalling }: Sorting, columns: readonly TopColumn[]): string {
  const arrow = isFalling ? '↓' : '↑';
  const all = columns.map(({ title: text, align }, index) => {
    if (index !== column) return text;
    return align === 'left' ? text + arrow : arrow + text;
  });
  return lineOf(all, columns);
}
