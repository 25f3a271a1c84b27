// The results as text for a terminal.
import { SUBJECTS } from './arguments.js';
import { judge } from './targets.js';

const BASE = 'floor';

/** Thousands separated; three digits for small numbers. */
export function formatNumber(value) {
  if (value === null || value === undefined) return '–';
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}

/** One entry a row name: `{ work, unit, better, subjects: Map }`, in the order of the results. */
export function byWork(rows) {
  const grouped = new Map();
  for (const row of rows) {
    const group = grouped.get(row.work) ?? { work: row.work, unit: row.unit, better: row.better, subjects: new Map() };
    group.subjects.set(row.subject, row);
    grouped.set(row.work, group);
  }
  return [...grouped.values()];
}

/** How many times as good as the floor, or undefined. */
export function ratio(group, subject, base = BASE) {
  const mine = group.subjects.get(subject)?.median;
  const theirs = group.subjects.get(base)?.median;
  if (typeof mine !== 'number' || typeof theirs !== 'number' || mine === 0 || theirs === 0) return undefined;
  return group.better === 'higher' ? mine / theirs : theirs / mine;
}

export function subjectsOf(rows) {
  return SUBJECTS.filter((subject) => rows.some((row) => row.subject === subject));
}

/** Median, spread and comparison with the floor, then the notes. */
export function renderTable({ rows }) {
  const subjects = subjectsOf(rows);
  const header = ['work', 'unit', ...subjects, ...(subjects.includes(BASE) ? ['mink : floor'] : [])];
  const notes = [];
  const lines = byWork(rows).map((group) => [
    group.work,
    group.unit,
    ...subjects.map((subject) => cell(group.subjects.get(subject), group.work, notes)),
    ...(subjects.includes(BASE) ? [formatRatio(ratio(group, 'mink'))] : []),
  ]);
  const widths = header.map((title, column) => Math.max(title.length, ...lines.map((line) => line[column].length)));
  const text = [header, ...lines].map((line) =>
    line
      .map((value, column) => (column < 2 ? value.padEnd(widths[column]) : value.padStart(widths[column])))
      .join('  ')
      .trimEnd(),
  );
  return [...text, ...(notes.length > 0 ? ['', ...notes] : [])].join('\n');
}

/** What mink wants to reach, and does or does not. Empty when no target can be judged. */
export function renderTargets({ rows, machine }) {
  return judge(rows, machine)
    .map(
      ({ work, wanted, measured, reached, unit }) =>
        `${reached ? 'reached ' : 'MISSED  '} ${work.padEnd(18)} ${wanted.padEnd(40)} ${formatNumber(measured)} ${unit}`,
    )
    .join('\n');
}

export function formatRatio(value) {
  return value === undefined ? '' : `${value.toPrecision(3)} ×`;
}

function cell(row, work, notes) {
  if (row === undefined) return '';
  let mark = '';
  if (row.note !== undefined) {
    const known = notes.findIndex((note) => note.endsWith(`${row.subject}: ${row.note}`));
    const index = known === -1 ? notes.push(`[${notes.length + 1}] ${work}, ${row.subject}: ${row.note}`) : known + 1;
    mark = ` [${index}]`;
  }
  if (row.median === null) return `–${mark}`;
  const spread =
    row.rounds.length > 1 ? ` (${formatNumber(Math.min(...row.rounds))}–${formatNumber(Math.max(...row.rounds))})` : '';
  return `${formatNumber(row.median)}${spread}${mark}`;
}
