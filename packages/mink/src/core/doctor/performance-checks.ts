import { aliveOf, given, givenStore, listed, valueOf, type Check } from './check.ts';
import { FEED_CHECK } from './database-checks.ts';
import { failed, ok, unknown, warning } from './finding.ts';

const LARGE_INDEX = 10_000_000;
const LARGE_TABLE = 10_000;
const DEAD_SHARE = 0.2;
const LATE = 0.05;
const SLOW_WAIT = 0.01;

const megabytes = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`;
const milliseconds = (seconds: number): string => `${(seconds * 1_000).toFixed(1)} ms`;

/** What makes a store slow. */
export const PERFORMANCE_CHECKS: readonly Check[] = [
  {
    id: 'slow-statements',
    title: 'No statement is slow',
    runbook: 'performance',
    examine: (evidence, { slowStatement }) =>
      givenStore(evidence, ({ statements }) => {
        if (statements === undefined) {
          return unknown(
            'The server does not count statements, or the role may not see it.',
            "shared_preload_libraries = 'pg_stat_statements'; create extension pg_stat_statements; grant pg_read_all_stats",
          );
        }
        const slow = statements.filter(({ mean }) => mean > slowStatement);
        const [first] = slow.toSorted((left, right) => right.mean - left.mean);
        if (first === undefined) return ok(`None takes more than ${slowStatement} ms on average.`);
        return warning(
          `${slow.length} take more than ${slowStatement} ms on average; the slowest ${first.mean.toFixed(0)} ms, ${first.calls} times: ${first.text.slice(0, 120)}`,
          'explain (analyze, buffers) of it: docs/runbooks/performance.md',
        );
      }),
  },
  {
    id: 'pool-wait',
    title: 'Nobody waits for a connection',
    runbook: 'performance',
    examine: ({ processes }) =>
      given(processes, () => {
        const known = aliveOf({ processes }).flatMap((process) => {
          const most = Number(valueOf(process, 'pool.maxConnections') ?? Infinity);
          return process.vitals?.pool === undefined ? [] : [{ name: process.name, most, ...process.vitals.pool }];
        });
        if (known.length === 0)
          return unknown('No process says how its pool does.', 'createProcessReport(store, { metrics, … })');
        // Whoever asks just now waits, too, until it is given one: that is no want while some are free.
        const slow = known.filter(
          ({ wait, waiting, busy = 0, most }) => wait > SLOW_WAIT || (waiting > 0 && busy >= most),
        );
        return slow.length === 0
          ? ok(
              `${known.length === 1 ? 'The process gets its' : `All ${known.length} processes get their`} connections at once.`,
            )
          : warning(
              `${listed(slow.map(({ name, wait, waiting }) => `${name} waits ${milliseconds(wait)} for a connection, ${waiting} wait now`))}.`,
              'raise maxConnections; look for transactions that are open while something else is waited for',
            );
      }),
  },
  {
    id: 'event-loop',
    title: 'Event loops turn',
    runbook: 'performance',
    examine: ({ processes }) =>
      given(processes, () => {
        const known = aliveOf({ processes }).flatMap(({ name, vitals }) =>
          vitals === undefined ? [] : [{ name, late: vitals.eventLoopDelay }],
        );
        if (known.length === 0)
          return unknown('No process says how late its event loop is.', 'createProcessReport(store, { metrics, … })');
        const late = known.filter((it) => it.late > LATE);
        return late.length === 0
          ? ok(`${known.length} are less than ${milliseconds(LATE)} late.`)
          : warning(
              `${listed(late.map((it) => `${it.name} is ${milliseconds(it.late)} late`))}.`,
              'something computes for long in one turn: node --cpu-prof',
            );
      }),
  },
  FEED_CHECK,
  {
    id: 'unused-indexes',
    title: 'Indexes of read models are used',
    runbook: 'performance',
    examine: (evidence) =>
      givenStore(evidence, ({ unusedIndexes }) => {
        const large = unusedIndexes.filter(({ bytes }) => bytes > LARGE_INDEX);
        return large.length === 0
          ? ok('No large index is without use.')
          : warning(
              `Not used since the statistics were reset: ${listed(large.map(({ name, bytes }) => `${name} (${megabytes(bytes)})`))}.`,
              'leave it out of the indexes of the projection, with a new version; those of mink stay',
            );
      }),
  },
  {
    id: 'missing-indexes',
    title: 'Large tables are read by an index',
    runbook: 'performance',
    examine: (evidence) =>
      givenStore(evidence, ({ tables }, { schema }) => {
        // Two scans may be a count and a verification.
        const scanned = tables.filter(
          ({ rows, scans, scannedRows }) => rows > LARGE_TABLE && scans > 10 && scannedRows / scans > rows / 2,
        );
        return scanned.length === 0
          ? ok('None is read as a whole again and again.')
          : warning(
              `Read as a whole: ${listed(scanned.map(({ name, rows, scans }) => `${name} (${rows} rows, ${scans} times)`))}.`,
              scanned.every(({ name }) => isOfMink(name, schema.name))
                ? 'look who does: mink categories, the longest streams and verifications do; SQL of yours need not'
                : 'add an index to the table of the projection, with a new version: docs/read-models.md',
            );
      }),
  },
  {
    id: 'bloat',
    title: 'Tables have few dead rows',
    runbook: 'performance',
    examine: (evidence) =>
      givenStore(evidence, ({ tables }) => {
        const bloated = tables.filter(({ rows, deadRows }) => deadRows > LARGE_TABLE && deadRows > DEAD_SHARE * rows);
        return bloated.length === 0
          ? ok(`${tables.length} tables of ${megabytes(tables.reduce((sum, { bytes }) => sum + bytes, 0))} have few.`)
          : failed(
              `Dead rows: ${listed(bloated.map(({ name, rows, deadRows }) => `${name} (${deadRows} beside ${rows})`))}.`,
              `vacuum (analyze) ${bloated[0]?.name}`,
            );
      }),
  },
];

/** Of the log and what is kept beside it; read models have a schema of their own. */
function isOfMink(table: string, schema: string): boolean {
  return [`${schema}.`, `"${schema}".`].some((prefix) => table.startsWith(prefix));
}
