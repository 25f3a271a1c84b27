// The results as Markdown, for docs/benchmarks.md.
import { growthLines } from './growth-table.js';
import { byWork, formatNumber, formatRatio, ratio, subjectsOf } from './table.js';
import { judge } from './targets.js';

const BEGIN = '<!-- results: written by npm run bench:report -->';
const END = '<!-- end of results -->';

/** The page with everything between the two marks replaced. Throws when it has no marks. */
export function replaceResults(page, content) {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin === -1 || end < begin) throw new Error(`The page needs the lines "${BEGIN}" and "${END}".`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${content.trim()}\n\n${page.slice(end)}`;
}

/** Everything that is there: the comparison, the targets, the growth. */
export function renderMarkdown({ latest, growth }) {
  return [
    ...(latest === undefined ? [] : comparison(latest)),
    ...(growth === undefined ? [] : growthPart(growth)),
  ].join('\n\n');
}

function comparison({ machine, versions, settings, rows }) {
  const subjects = subjectsOf(rows);
  const notes = [];
  const hasFloor = subjects.includes('floor');
  const hasEmmett = subjects.includes('emmett');
  const header = [
    'row',
    'unit',
    ...subjects,
    ...(hasFloor ? ['mink : floor'] : []),
    ...(hasEmmett ? ['mink : emmett'] : []),
  ];
  const lines = byWork(rows).map((group) => [
    `\`${group.work}\``,
    group.unit,
    ...subjects.map((subject) => cell(group.subjects.get(subject), notes)),
    ...(hasFloor ? [formatRatio(ratio(group, 'mink', 'floor'))] : []),
    ...(hasEmmett ? [formatRatio(ratio(group, 'mink', 'emmett'))] : []),
  ]);
  const runs = settings.runs > 1 ? `medians of ${settings.runs} runs of` : 'medians of';
  const targets = judge(rows, machine);
  return [
    '### Side by side',
    `${describe(machine, versions, settings)} ${capitalize(runs)} ${settings.rounds} rounds of ${settings.seconds} s, with the smallest and ` +
      'the largest round. A ratio above 1 says that mink does better.',
    '![The same as bars](../bench/results/latest.svg)',
    table(header, lines, 2),
    ...(notes.length === 0
      ? []
      : [notes.map(({ subject, note }, index) => `${index + 1}. ${subject}: ${note}`).join('\n')]),
    ...(targets.length === 0 ? [] : ['### Targets', targetTable(targets)]),
  ];
}

function targetTable(targets) {
  const lines = targets.map(({ work, wanted, measured, reached, unit }) => [
    `\`${work}\``,
    wanted,
    `${formatNumber(measured)} ${unit}`,
    reached ? 'yes' : '**no**',
  ]);
  return table(['row', 'wanted', 'measured', 'reached'], lines, 2);
}

function growthPart(growth) {
  const { machine, versions, settings } = growth;
  const { server } = settings;
  const [header, ...lines] = growthLines(growth);
  return [
    '### Growth',
    `${describe(machine, versions, settings)} Medians of ${settings.rounds} rounds of ${settings.seconds} s, with the smallest and ` +
      `the largest round; ${settings.writers} writers. shared_buffers ${server.shared_buffers}, max_wal_size ${server.max_wal_size}, ` +
      `wal_compression ${server.wal_compression}.`,
    table(header, lines, 3),
  ];
}

function describe(machine, versions, { measuredAt }) {
  return (
    `Measured on ${measuredAt.slice(0, 10)}: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.fileSystem} ` +
    `(${machine.syncMs} ms to make 8 kB durable), PostgreSQL ${versions.postgresql.split(' ')[0]}, Node ${versions.node}.`
  );
}

function capitalize(text) {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function cell(row, notes) {
  if (row === undefined) return '';
  let mark = '';
  if (row.note !== undefined) {
    const known = notes.findIndex(({ subject, note }) => subject === row.subject && note === row.note);
    mark = ` [${known === -1 ? notes.push({ subject: row.subject, note: row.note }) : known + 1}]`;
  }
  if (row.median === null) return `–${mark}`;
  const spread =
    row.rounds.length > 1 ? ` (${formatNumber(Math.min(...row.rounds))}–${formatNumber(Math.max(...row.rounds))})` : '';
  return `${formatNumber(row.median)}${spread}${mark}`;
}

/** A table as the formatter would write it; columns from `left` on are numbers. */
function table(header, lines, left) {
  const cells = [header, ...lines].map((line) => line.map((value) => value.replaceAll('|', '\\|')));
  const widths = header.map((_, column) => Math.max(3, ...cells.map((line) => line[column].length)));
  const isNumber = (column) => column >= left;
  const row = (line) =>
    `| ${line.map((value, column) => (isNumber(column) ? value.padStart(widths[column]) : value.padEnd(widths[column]))).join(' | ')} |`;
  const rule = widths.map((width, column) => (isNumber(column) ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)));
  const [first, ...rest] = cells.map(row);
  return [first, `| ${rule.join(' | ')} |`, ...rest].join('\n');
}
