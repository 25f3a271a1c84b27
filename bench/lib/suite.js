// The suite: every work, every round, every subject in turn, one at a time.
import { cpus } from 'node:os';
import { noteOf } from './notes.js';
import { runJob } from './run-job.js';
import { median, rotate } from './statistics.js';

const LONGEST_CATCHUP_SECONDS = 120;

/**
 * Runs the works and returns the rows of one run.
 *
 * @param subjects what prepareSubjects returned
 * @param datasets a map that keeps what was filled, for later works and runs with the same server
 * @param log takes a line of progress
 */
export async function runSuite({ works, ...context }) {
  const rows = [];
  for (const [index, work] of works.entries()) {
    context.log(`[${index + 1}/${works.length}] ${work.name}: ${work.title}`);
    rows.push(...(await runWork({ work, ...context })));
  }
  return rows;
}

async function runWork({ work, subjects, datasets, rounds, seconds, shrink, server, log, signal }) {
  const states = [...subjects].map(([name, subject]) => ({
    name,
    subject,
    absent: subject.absent ?? (work.feed ? subject.lacksFeed : undefined) ?? absenceFrom(work, name),
    wanted: wantedFor(work, name, shrink),
    dataset: undefined,
    results: [],
    failures: [],
  }));
  const there = states.filter(({ absent }) => absent === undefined);
  const run = (state, job) =>
    runJob(
      {
        subject: state.name,
        work: work.name,
        kind: work.kind,
        parameters: work.parameters,
        dataset: state.wanted,
        isSmaller: isSmaller(work, state.name),
        ...job,
      },
      { server, program: state.subject.program, signal, timeoutSeconds: timeoutFor(job, seconds) },
    );

  if (work.dataset !== undefined) {
    for (const state of there) await prepareDataset({ state, datasets, run, server, log });
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const state of rotate(there, round)) {
      if (state.failures.length > 0) continue;
      await runRound({ state, work, round, rounds, seconds, run, server, log });
    }
  }
  return work.rows.flatMap((row) => states.map((state) => toRow(row, state)));
}

/** Why a work is not for this subject, if it is for another one alone. */
function absenceFrom({ only }, name) {
  return only === undefined || only.subjects.includes(name) ? undefined : only.why;
}

/** What is to be stored before: less for who cannot do more in time, and for a quick look. */
function wantedFor(work, name, shrink) {
  const dataset = isSmaller(work, name) ? work.smaller.dataset : work.dataset;
  return dataset === undefined ? undefined : { ...dataset, streams: Math.ceil(dataset.streams / shrink) };
}

function isSmaller({ smaller }, name) {
  return smaller?.subjects.includes(name) ?? false;
}

/** Fills what the work reads, unless another work or run has done so before. */
async function prepareDataset({ state, datasets, run, server, log }) {
  const database = databaseOf(state, state.wanted.name);
  state.dataset = datasets.get(database);
  if (state.dataset !== undefined) return;
  const started = performance.now();
  await server.dropDatabase(database);
  await server.createDatabase(database);
  try {
    const { ids, events } = await run(state, { phase: 'prepare', url: server.urlOf(database) });
    const expected = state.wanted.streams * state.wanted.length;
    if (events !== expected) state.failures.push(`stored ${events} of ${expected} events while filling`);
    await server.vacuum(database);
    state.dataset = { database, ids };
    datasets.set(database, state.dataset);
    log(
      `    ${state.name.padEnd(8)} filled ${events} events in ${((performance.now() - started) / 1000).toFixed(1)} s`,
    );
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    state.failures.push(error.message);
    log(`    ${state.name.padEnd(8)} could not be filled: ${error.message}`);
    await server.dropDatabase(database);
  }
}

async function runRound({ state, work, round, rounds, seconds, run, server, log }) {
  const database = state.dataset?.database ?? databaseOf(state, 'round');
  if (state.dataset === undefined) {
    await server.dropDatabase(database);
    await server.createDatabase(database);
  }
  await server.settle();
  const label = `    ${state.name.padEnd(8)} round ${round + 1}/${rounds}`;
  try {
    const result = await run(state, {
      phase: 'measure',
      url: server.urlOf(database),
      ids: state.dataset?.ids,
      seconds,
      warmUpSeconds: Math.min(work.warmUp, seconds * 4),
      longestSeconds: LONGEST_CATCHUP_SECONDS,
    });
    const numbers = withCosts(result);
    state.results.push(numbers);
    const { note } = noteOf([result], result.remark === undefined ? [] : [result.remark]);
    log(
      `${label}   ${work.rows.map(({ key, unit }) => `${show(numbers[key])} ${unit}`).join(', ')}${note === undefined ? '' : `   ${note}`}`,
    );
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    state.failures.push(error.message);
    log(`${label}   ${error.message}`);
  } finally {
    if (state.dataset === undefined) await server.dropDatabase(database);
  }
}

/** The rate as it is, and what it cost, per 1,000 appends; CPU also in ms a second, and in percent of a core and of all. */
function withCosts(result) {
  const thousands = result.steps / 1000;
  const cpu = share(sum(result.clientCpuMs, result.serverCpuMs), result.elapsed);
  return {
    ...result,
    clientCpu: share(result.clientCpuMs, thousands),
    serverCpu: share(result.serverCpuMs, thousands),
    walBytes: share(result.walBytesTotal, result.steps),
    peakRss: result.peakRssMb,
    cpu,
    cpuShare: share(cpu, 10),
    busy: share(cpu, 10 * cpus().length),
  };
}

function sum(left, right) {
  return left === undefined || right === undefined ? undefined : left + right;
}

function share(amount, count) {
  return amount === undefined || !(count > 0) ? undefined : amount / count;
}

function show(value) {
  return value === undefined ? '–' : value >= 100 ? String(Math.round(value)) : value.toFixed(2);
}

function toRow({ key, name, unit, better }, { name: subject, absent, results, failures }) {
  const rounds = results.map((result) => result[key]).filter((value) => value !== undefined);
  const remarks = [absent, ...failures, ...results.map(({ remark }) => remark)].filter(
    (remark) => remark !== undefined,
  );
  if (rounds.length === 0 && remarks.length === 0) remarks.push('not measured on this platform');
  return {
    work: name,
    subject,
    unit,
    better,
    rounds: rounds.map((value) => Number(value.toPrecision(6))),
    median: rounds.length === 0 ? null : Number(median(rounds).toPrecision(6)),
    ...noteOf(results, remarks),
  };
}

function timeoutFor({ phase }, seconds) {
  return phase === 'prepare' ? 1_800 : LONGEST_CATCHUP_SECONDS + seconds * 4 + 60;
}

function databaseOf({ name }, purpose) {
  return `bench_${name.replaceAll('-', '_')}_${purpose}`;
}
