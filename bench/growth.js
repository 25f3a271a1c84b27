// npm run bench:growth: does an append or a load become slower as the log grows? mink next to the raw floor with the same
// indexes, at each size. Both are in one database and hold the same events.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseGrowthArguments, GROWTH_USAGE } from './lib/growth-arguments.js';
import { growthResults, renderGrowthTable } from './lib/growth-table.js';
import { describeMachine } from './lib/machine.js';
import { runProgram } from './lib/program.js';
import { runJob } from './lib/run-job.js';
import { startServer } from './lib/server.js';
import { rotate } from './lib/statistics.js';
import { prepareSubjects } from './lib/subjects.js';
import { hotNames } from './work/growth.js';

const DEFAULT_OUTPUT = fileURLToPath(new URL('results/growth.json', import.meta.url));
const DATABASE = 'bench_growth';
const FILL_WRITERS = 400;
const FILL_TIMEOUT_SECONDS = 7_200;

const writers = 32;
const works = [
  { name: 'append-existing', kind: 'growExisting', parameters: { writers }, unit: 'appends/s' },
  { name: 'append-new-time-ordered', kind: 'growNew', parameters: { writers, ids: 'time-ordered' }, unit: 'appends/s' },
  { name: 'append-new-random', kind: 'growNew', parameters: { writers, ids: 'random' }, unit: 'appends/s' },
  { name: 'load-10', kind: 'growLoad', parameters: {}, unit: 'events/s' },
];

async function run({ levels, rounds, seconds, settings, output = DEFAULT_OUTPUT }, { log, signal }) {
  const machine = await describeMachine();
  const subjects = await prepareSubjects(['mink', 'floor'], log);
  const server = await startServer(settings);
  const url = server.urlOf(DATABASE);
  const start = (subject, job, timeoutSeconds) =>
    runJob(
      { subject, url, seconds, warmUpSeconds: Math.min(1, seconds / 2), ...job },
      { server, signal, timeoutSeconds },
    );
  const measured = [];
  try {
    const { shared_buffers, max_wal_size, wal_compression, server_version } = server.settings;
    log(
      `PostgreSQL ${server_version}: shared_buffers ${shared_buffers}, max_wal_size ${max_wal_size}, wal_compression ${wal_compression}`,
    );
    await server.createDatabase(DATABASE);
    let stored = 0;
    for (const level of levels) {
      await fill({ from: stored, to: level, start, server, log });
      stored = level;
      for (let round = 0; round < rounds; round += 1) {
        for (const { name, kind, parameters, unit } of works) {
          for (const subject of rotate([...subjects.keys()], round)) {
            const versions = kind === 'growExisting' ? await hotVersions(server, subject) : undefined;
            const job = { kind, work: name, parameters: { ...parameters, events: level, versions } };
            const { rate, steps, walBytesTotal } = await start(subject, job, seconds * 4 + 60);
            const walBytes = name.startsWith('append') && steps > 0 ? walBytesTotal / steps : undefined;
            measured.push({ work: name, subject, level, unit, rate, walBytes });
            const wal = walBytes === undefined ? '' : `, ${Math.round(walBytes)} bytes of WAL each`;
            log(`    ${level} events  ${name.padEnd(24)} ${subject.padEnd(6)} ${Math.round(rate)} ${unit}${wal}`);
          }
        }
      }
    }
    await checkInvariants(server, log);
    const versions = { node: process.versions.node, postgresql: server_version };
    const results = growthResults({ machine, versions, server: server.settings, rounds, seconds, levels, measured });
    const file = resolve(output);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, `${JSON.stringify(results, undefined, 2)}\n`);
    console.log(renderGrowthTable(results));
    log(`Written to ${file}`);
  } finally {
    await server.stop();
  }
}

/** Through mink's own append, so that nothing in the log is different from one that has grown; the floor gets a copy. */
async function fill({ from, to, start, server, log }) {
  const started = performance.now();
  const before = from === 0 ? 0 : await query(server, 'select max(global_position) as value from mink.events');
  await start(
    'mink',
    { kind: 'growLog', work: 'fill', parameters: { from, to, writers: FILL_WRITERS } },
    FILL_TIMEOUT_SECONDS,
  );
  const filled = performance.now();
  log(`    filled mink to ${to} events in ${seconds(started, filled)} s`);
  // Makes the floor's table when it is not there.
  await start(
    'floor',
    { kind: 'growLog', work: 'fill', parameters: { from: to, to, writers: 1 } },
    FILL_TIMEOUT_SECONDS,
  );
  const columns = await query(
    server,
    `select string_agg(quote_ident(column_name), ', ') as value from information_schema.columns
     where table_schema = 'floor' and table_name = 'events' and column_name <> 'global_position'`,
  );
  await query(
    server,
    `insert into floor.events (${columns})
     select ${columns} from mink.events where global_position > ${before} order by global_position`,
  );
  log(`    copied them to the floor in ${seconds(filled, performance.now())} s`);
  await server.vacuum(DATABASE);
  await server.settle();
  const size = await query(server, 'select pg_size_pretty(pg_database_size(current_database())) as value');
  log(`    ${to} events: the database has ${size}`);
}

/** The versions of the streams that are appended to, in the order of their names. */
async function hotVersions(server, subject) {
  const [first, last] = hotNames();
  const rows = await server.query(
    DATABASE,
    `select max(stream_version)::int as version from ${subject}.events
     where stream_name between '${first}' and '${last}' group by stream_name order by stream_name`,
  );
  return rows.map(({ version }) => version);
}

/** What must hold of a log however it came to be. */
async function checkInvariants(server, log) {
  const broken = await query(
    server,
    `select concat_ws(', ',
       case when (select sum(version) from mink.streams) <> (select count(*) from mink.events)
         then 'the versions of the streams do not add up to the events' end,
       case when (select max(global_position) from mink.events) > (select last_value from mink.global_position)
         then 'the sequence is behind the log' end,
       case when exists (select from mink.streams where version = 0) then 'empty streams were left behind' end) as value`,
  );
  if (broken !== '') throw new Error(`The log is damaged: ${broken}.`);
  log('    the log is sound: versions, positions and sequence agree');
}

async function query(server, text) {
  const rows = await server.query(DATABASE, text);
  return rows[0]?.value;
}

function seconds(from, to) {
  return ((to - from) / 1000).toFixed(0);
}

await runProgram({ usage: GROWTH_USAGE, parse: parseGrowthArguments, run });
