// The results of the growth benchmark, as JSON and as text.
import { median } from './statistics.js';
import { formatNumber } from './table.js';

export function growthResults({ machine, versions, server, rounds, seconds, levels, measured }) {
  const keys = new Map(
    measured.map(({ work, subject, level, unit }) => [`${work} ${subject} ${level}`, { work, subject, level, unit }]),
  );
  return {
    machine,
    versions,
    settings: { measuredAt: new Date().toISOString(), rounds, seconds, levels, writers: 32, server },
    rows: [...keys.values()].map((key) => {
      const same = measured.filter(
        ({ work, subject, level }) => work === key.work && subject === key.subject && level === key.level,
      );
      const rates = same.map(({ rate }) => Number(rate.toPrecision(6)));
      const wal = same.map(({ walBytes }) => walBytes).filter((bytes) => bytes !== undefined);
      return {
        ...key,
        better: 'higher',
        rounds: rates,
        median: median(rates),
        ...(wal.length === 0 ? {} : { walBytesPerAppend: Math.round(median(wal)) }),
      };
    }),
  };
}

/** Cells of the table, with its header first: a line for each work and subject, a column for each level. */
export function growthLines({ settings: { levels }, rows }) {
  const header = [
    'work',
    'subject',
    'unit',
    ...levels.map((level) => `${formatNumber(level)} events`),
    ...(levels.length > 1 ? ['last : first'] : []),
    'WAL bytes an append',
  ];
  const names = [...new Set(rows.map(({ work, subject }) => `${work} ${subject}`))].toSorted(
    (left, right) => orderOf(rows, left) - orderOf(rows, right),
  );
  const lines = names.map((name) => {
    const same = rows.filter(({ work, subject }) => `${work} ${subject}` === name);
    const at = levels.map((level) => same.find((row) => row.level === level));
    const [first, last] = [at[0]?.median, at.at(-1)?.median];
    const wal = at.map((row) => row?.walBytesPerAppend).filter((bytes) => bytes !== undefined);
    return [
      same[0].work,
      same[0].subject,
      same[0].unit,
      ...at.map((row) =>
        row === undefined
          ? '–'
          : `${formatNumber(row.median)} (${formatNumber(Math.min(...row.rounds))}–${formatNumber(Math.max(...row.rounds))})`,
      ),
      ...(levels.length > 1 ? [first > 0 && last !== undefined ? (last / first).toFixed(2) : '–'] : []),
      wal.length === 0 ? '' : wal.map(formatNumber).join(' → '),
    ];
  });
  return [header, ...lines];
}

function orderOf(rows, name) {
  const works = [...new Set(rows.map(({ work }) => work))];
  const [work, subject] = name.split(' ');
  return works.indexOf(work) * 2 + (subject === 'mink' ? 0 : 1);
}

export function renderGrowthTable(results) {
  const { server } = results.settings;
  const lines = growthLines(results);
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return [
    `shared_buffers ${server.shared_buffers}, max_wal_size ${server.max_wal_size}, wal_compression ${server.wal_compression}`,
    ...lines.map((line) =>
      line
        .map((value, column) => (column < 3 ? value.padEnd(widths[column]) : value.padStart(widths[column])))
        .join('  ')
        .trimEnd(),
    ),
  ].join('\n');
}
