import type { ProcessReport } from 'mink';
import { fitted, lineOf, type Cell } from './cells.ts';
import { shortLatency, shortNumber } from './units.ts';

/** A column of the processes that report. */
interface ProcessColumn extends Cell {
  readonly title: string;
  readonly text: (report: ProcessReport) => string;
}

const MOST = 8;

const number = (title: string, value: (vitals: NonNullable<ProcessReport['vitals']>) => string): ProcessColumn => ({
  title,
  width: 6,
  align: 'right',
  text: ({ vitals }) => (vitals === undefined ? '' : value(vitals)),
});

const COLUMNS: readonly ProcessColumn[] = [
  { title: 'PROCESS', width: 12, align: 'left', text: ({ name, host, pid }) => `${name} ${pid}@${host}` },
  number('PER S', ({ appendsPerSecond }) => (appendsPerSecond === undefined ? '' : shortNumber(appendsPerSecond))),
  number('P50', ({ appendP50 }) => shortLatency(appendP50)),
  number('P99', ({ appendP99 }) => shortLatency(appendP99)),
  number('CMD/S', ({ commandsPerSecond }) => shortNumber(commandsPerSecond)),
  number('P99', ({ commandP99 }) => shortLatency(commandP99)),
  number('ERR/S', ({ commandErrorsPerSecond }) => shortNumber(commandErrorsPerSecond)),
  number('POOL', ({ pool }) => poolText(pool)),
  number('LOOP', ({ eventLoopDelay }) => shortLatency(eventLoopDelay)),
];

/** Connections in use, and calls that wait for one: `9+3`. */
function poolText(pool: NonNullable<ProcessReport['vitals']>['pool']): string {
  if (pool?.busy === undefined) return '';
  return pool.waiting === 0 ? shortNumber(pool.busy) : `${shortNumber(pool.busy)}+${shortNumber(pool.waiting)}`;
}

/** What processes have said of their last interval: appends, commands, connections and the event loop. Nothing where none reports. */
export function processLines(reports: readonly ProcessReport[], columns: number): readonly string[] {
  if (reports.length === 0) return [];
  const alive = reports.filter(({ isSilent }) => !isSilent);
  const silent = reports.length - alive.length;
  const own = fitted(COLUMNS, columns);
  const lines = alive.slice(0, MOST).map((report) =>
    lineOf(
      own.map(({ text }) => text(report)),
      own,
    ),
  );
  const more = [
    ...(alive.length > MOST ? [`${alive.length - MOST} more`] : []),
    ...(silent > 0 ? [`${silent} silent`] : []),
  ];
  const titles = own.map(({ title }) => title);
  return ['', lineOf(titles, own), ...lines, ...(more.length === 0 ? [] : [`… ${more.join(', ')}: mink processes`])];
}
