// npm run bench:profile: where the microseconds of one append go, in the client and in the server.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { summarizeProfile } from './lib/cpu-profile.js';
import { describeMachine } from './lib/machine.js';
import { parseProfileArguments, PROFILE_USAGE } from './lib/profile-arguments.js';
import { renderProfile } from './lib/profile-table.js';
import { runProgram } from './lib/program.js';
import { runJob } from './lib/run-job.js';
import { startServer } from './lib/server.js';
import { prepareSubjects } from './lib/subjects.js';

const RESULTS = fileURLToPath(new URL('results/', import.meta.url));
const DATABASE = 'bench_profile';
const PLANS = 'profile-plans.txt';
const NO_WAIT = '?options=-c%20synchronous_commit%3Doff';

async function run({ writers, seconds }, { log, signal }) {
  await mkdir(RESULTS, { recursive: true });
  const machine = await describeMachine();
  await prepareSubjects(['mink', 'floor'], log);
  const server = await startServer({
    shared_preload_libraries: 'pg_stat_statements',
    'pg_stat_statements.track': 'none',
  });
  const start = (subject, job) =>
    runJob(
      { subject, work: 'profile', seconds, warmUpSeconds: Math.min(2, seconds / 2), ...job },
      { server, signal, timeoutSeconds: seconds * 4 + 60 },
    );
  try {
    await server.createDatabase(DATABASE);
    await server.query(DATABASE, 'create extension pg_stat_statements');
    const url = server.urlOf(DATABASE);
    log('Single calls, one after another …');
    const calls = [];
    for (const [name, subject, kind, target] of [
      ['select 1', 'floor', 'roundTrip', url],
      ['floor: insert, not waiting for the disk', 'floor', 'appendTime', url + NO_WAIT],
      ['floor: insert', 'floor', 'appendTime', url],
      ['mink: append, not waiting for the disk', 'mink', 'appendTime', url + NO_WAIT],
      ['mink: append', 'mink', 'appendTime', url],
    ]) {
      const { median, p99 } = await start(subject, { kind, url: target, parameters: {} });
      calls.push({ name, median, p99 });
    }
    const profiles = [];
    for (const count of writers) {
      log(`The client with ${count === 1 ? 'one writer' : `${count} writers`} …`);
      const client = await profileClient({ count, url, start });
      log('The server …');
      const statements = await profileServer({ count, url, start, server });
      profiles.push({ writers: count, ...client, statements });
    }
    log('The plans …');
    await writePlans({ url, start, server });
    const results = {
      machine,
      versions: { node: process.versions.node, postgresql: server.settings.server_version },
      settings: { measuredAt: new Date().toISOString(), seconds, server: server.settings },
      calls,
      profiles,
    };
    await writeFile(join(RESULTS, 'profile.json'), `${JSON.stringify(results, undefined, 2)}\n`);
    console.log(renderProfile(results));
    log(`Written to ${RESULTS}: profile.json, profile-c*.cpuprofile, ${PLANS}`);
  } finally {
    await server.stop();
  }
}

async function profileClient({ count, url, start }) {
  const profileFile = join(RESULTS, `profile-c${count}.cpuprofile`);
  const { rate, steps, serverCpuMs, walBytesTotal } = await start('mink', {
    kind: 'append',
    url,
    parameters: { writers: count, events: 1 },
    profileFile,
  });
  const groups = summarizeProfile(JSON.parse(await readFile(profileFile, 'utf8')));
  return {
    rate,
    serverCpuUs: serverCpuMs === undefined ? undefined : (serverCpuMs * 1000) / steps,
    walBytes: walBytesTotal / steps,
    client: groups.map(([group, microseconds]) => ({ group, us: microseconds / steps })),
  };
}

/** What the server did for an append, by statement, those inside functions included. */
async function profileServer({ count, url, start, server }) {
  await server.query(DATABASE, `alter database ${DATABASE} set pg_stat_statements.track = 'all'`);
  await server.query(DATABASE, `alter database ${DATABASE} set pg_stat_statements.track_planning = 'on'`);
  await server.query(DATABASE, 'select pg_stat_statements_reset()');
  await start('mink', { kind: 'append', url, parameters: { writers: count, events: 1 } });
  await server.query(DATABASE, `alter database ${DATABASE} reset pg_stat_statements.track`);
  await server.query(DATABASE, `alter database ${DATABASE} reset pg_stat_statements.track_planning`);
  const rows = await server.query(
    DATABASE,
    `select s.toplevel, s.query, s.calls::float8 as calls, s.total_exec_time * 1000 as us, s.total_plan_time * 1000 as plan_us,
       (s.shared_blks_hit + s.shared_blks_read)::float8 as blocks, s.wal_bytes::float8 as wal
     from pg_stat_statements s join pg_database d on d.oid = s.dbid
     where d.datname = current_database() and s.query not ilike '%pg_stat_statements%' and s.query not ilike 'select count(*)%'
     order by s.total_exec_time desc`,
  );
  const [{ appended }] = await server.query(
    DATABASE,
    `select coalesce(sum(rows), 0)::float8 as appended from pg_stat_statements where query ilike 'insert into%events%'`,
  );
  return rows
    .filter(({ us }) => us / appended >= 0.05)
    .slice(0, 14)
    .map(({ toplevel, query, calls, us, plan_us, blocks, wal }) => ({
      inside: !toplevel,
      statement: query.replaceAll(/\s+/g, ' ').trim(),
      callsPerAppend: calls / appended,
      us: us / appended,
      planUs: plan_us / appended,
      blocks: blocks / appended,
      walBytes: wal / appended,
    }));
}

/** `explain (analyze, buffers)` of every statement that appends run, the inner ones included, from the server's log. */
async function writePlans({ url, start, server }) {
  const settings = {
    session_preload_libraries: 'auto_explain',
    'auto_explain.log_min_duration': '0',
    'auto_explain.log_analyze': 'on',
    'auto_explain.log_buffers': 'on',
    'auto_explain.log_wal': 'on',
    'auto_explain.log_nested_statements': 'on',
  };
  // Only sessions that begin from now on, so only the next job.
  await server.query(DATABASE, "load 'auto_explain'");
  for (const [name, value] of Object.entries(settings)) {
    await server.query(DATABASE, `load 'auto_explain'; alter database ${DATABASE} set ${name} = '${value}'`);
  }
  const before = (await readFile(server.log, 'utf8')).length;
  await start('mink', { kind: 'append', url, parameters: { writers: 1, events: 1 }, seconds: 0.2, warmUpSeconds: 0.2 });
  for (const name of Object.keys(settings))
    await server.query(DATABASE, `load 'auto_explain'; alter database ${DATABASE} reset ${name}`);
  const text = (await readFile(server.log, 'utf8')).slice(before);
  await writeFile(join(RESULTS, PLANS), lastAppend(text));
}

/** The plans of the last append in the log, when they are warm. Inner statements are logged before the call they are in. */
function lastAppend(text) {
  const entries = text.split(/^(?=\d{4}-\d\d-\d\d )/m);
  // The log says of an inner statement, in the entry after it, which function it is in.
  const calls = entries.flatMap((entry, index) =>
    /append\w*\(/.test(entry) &&
    /^\S+ \S+ \S+ \[\d+\] \w+ LOG:/.test(entry) &&
    !/ CONTEXT:/.test(entries[index + 1] ?? '')
      ? [index]
      : [],
  );
  const [before = -1, last = entries.length - 1] = calls.slice(-2);
  return entries.slice(before + 1, last + 1).join('');
}

await runProgram({ usage: PROFILE_USAGE, parse: parseProfileArguments, run });
