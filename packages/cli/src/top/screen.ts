import type { FeedHolder } from 'mink';
import { escapeControls } from '../terminal-text.ts';
import type { TerminalSize } from '../terminal.ts';
import { total, type Movement, type MovingProjection } from './rates.ts';
import { shortBytes, shortDuration, shortNumber } from './units.ts';

/** A column that can be sorted by. */
interface TopColumn {
  readonly title: string;
  /** Characters; the name takes what the others leave. */
  readonly width: number;
  readonly align: 'left' | 'right';
  readonly text: (projection: MovingProjection) => string;
  readonly by: (projection: MovingProjection) => number | string;
}

const NAME_LEAST = 12;
const GAP = 2;
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
    ({ behind }) => shortNumber(behind),
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
  const errors = errorsOf(movement.projections);
  const room = Math.max(1, rows - head.length - 1 - (errors.length === 0 ? 0 : errors.length + 1));
  const sorted = sortedBy(movement.projections, sorting);
  const shown = sorted.length > room ? sorted.slice(0, room - 1) : sorted;
  const widths = widthsFor(columns);
  const table = [
    titles(sorting, widths),
    ...shown.map((it) =>
      line(
        COLUMNS.map(({ text }) => text(it)),
        widths,
      ),
    ),
  ];
  if (shown.length < sorted.length) table.push(`… ${sorted.length - shown.length} more`);
  if (sorted.length === 0) table.push('No projections.');
  const below = errors.length === 0 ? [] : ['', ...errors];
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
    `parked   ${parked === 0 ? 'no keys' : `${parked} keys${age}`}`,
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

function errorsOf(projections: readonly MovingProjection[]): readonly string[] {
  const failing = projections.filter(({ error }) => error !== undefined);
  const told = failing.slice(0, MOST_ERRORS).map(({ name, version, error }) => `${name} v${version}: ${error ?? ''}`);
  return failing.length > MOST_ERRORS ? [...told, `… ${failing.length - MOST_ERRORS} more with errors`] : told;
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

function widthsFor(columns: number): readonly number[] {
  const others = COLUMNS.slice(1).reduce((sum, { width }) => sum + width + GAP, 0);
  return COLUMNS.map(({ width }, index) => (index === 0 ? Math.max(NAME_LEAST, columns - others) : width));
}

function titles({ column, isFalling }: Sorting, widths: readonly number[]): string {
  const arrow = isFalling ? '↓' : '↑';
  const all = COLUMNS.map((it, index) => {
    if (index !== column) return it.title;
    const room = (widths[index] ?? 0) - 1;
    return it.align === 'left' ? it.title.slice(0, room) + arrow : arrow + it.title.slice(0, room);
  });
  return line(all, widths);
}

function line(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, index) => {
      const width = widths[index] ?? 0;
      const text = cut(cell, width);
      const padding = ' '.repeat(width - lengthOf(text));
      return COLUMNS[index]?.align === 'right' ? padding + text : text + padding;
    })
    .join(' '.repeat(GAP));
}

/** Cannot steer the terminal, and is not longer than this. */
function cut(text: string, width: number): string {
  const safe = Array.from(escapeControls(text));
  return safe.length <= width ? safe.join('') : `${safe.slice(0, Math.max(0, width - 1)).join('')}…`;
}

function lengthOf(text: string): number {
  return Array.from(text).length;
}
