// Projections: catching up, how long an append takes to be seen in a read model, and what waiting costs.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { makeEvents, timeOrderedId } from '../lib/payload.js';
import { quantile } from '../lib/statistics.js';

/** Streams that get an event at once while a log is filled. */
const FILLED_AT_ONCE = 200;
const WARM_UP_APPENDS = 200;
/** What is not seen by then is lost. */
const LONGEST_LOOK_MS = 10_000;

/** Stores streams that grow side by side, one event each in turn: what a read model meets in life. */
export async function prepareInterleaved({ store, dataset: { streams, length } }) {
  const ids = Array.from({ length: streams }, () => timeOrderedId());
  for (let version = 0; version < length; version += 1) {
    for (let from = 0; from < streams; from += FILLED_AT_ONCE) {
      await store.appendToEach(ids.slice(from, from + FILLED_AT_ONCE), version);
    }
  }
  return { ids: [], events: await store.countEvents() };
}

/** Applies a stored log to an empty read model, as long as it takes; gives up after `longestSeconds`. */
export async function project({ store, job, parameters, dataset, window: { onBegin, onEnd } }) {
  const expected = dataset.streams * dataset.length;
  const projector = await store.projector();
  await projector.reset();
  onBegin();
  const measured = await catchUp(projector, parameters.longestSeconds);
  onEnd();
  await projector.stop();
  return { ...measured, ...outcome(measured, { expected, isSmaller: job.isSmaller }) };
}

function outcome({ steps: applied, isOver, elapsed }, { expected, isSmaller }) {
  const counts = isOver
    ? { checked: expected, lost: Math.max(0, expected - applied), repeated: Math.max(0, applied - expected) }
    : {};
  const remarks = [
    ...(isSmaller ? [`a log of ${expected} events`] : []),
    ...(isOver ? [] : [`stopped after ${Math.round(elapsed)} s, with ${applied} of ${expected} events applied`]),
  ];
  return { ...counts, remark: remarks.length === 0 ? undefined : remarks.join(', ') };
}

/** Starts a projector and waits until it has applied everything; what counts is what is in the read model. */
async function catchUp(projector, longestSeconds) {
  const started = performance.now();
  const cpu = process.cpuUsage();
  await projector.start();
  const isOver = await Promise.race([
    projector.caughtUp(longestSeconds * 2_000).then(() => true),
    delay(longestSeconds * 1000, false, { ref: false }),
  ]);
  const applied = await projector.applied();
  const elapsed = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { rate: applied / elapsed, steps: applied, elapsed, isOver, clientCpuMs: (user + system) / 1000 };
}

/** From the time an append was due, to the time its row can be read, in the process that also projects. */
export async function visible({ store, parameters, window }) {
  const projector = await store.projector();
  await projector.reset();
  await projector.start();
  const result = await appendAndLook({ store, projector, parameters, window });
  await projector.stop();
  return result;
}

/** The same, with the projection in a process of its own. */
export async function visibleRemote({ store, job, parameters, window }) {
  const projector = await store.projector();
  await projector.reset();
  const child = fork(new URL('../child.js', import.meta.url), [], {
    env: { ...process.env, MINK_BENCH_JOB: JSON.stringify({ ...job, phase: 'reader' }) },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  try {
    await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => Promise.reject(new Error('The projecting process ended before it was ready.'))),
    ]);
    const result = await appendAndLook({ store, projector, parameters, window });
    const exited = once(child, 'exit');
    child.send('stop');
    await exited;
    return result;
  } finally {
    child.kill('SIGKILL');
  }
}

/** The projecting side of `visibleRemote`. */
export async function projectRemotely({ store }) {
  const projector = await store.projector();
  await projector.start();
  process.send('ready');
  await once(process, 'message');
  await projector.stop();
  process.disconnect();
}

async function appendAndLook({ store, projector, parameters: { perSecond }, window: { seconds, onBegin, onEnd } }) {
  // Whoever is slow from the beginning shows it in the window, too.
  await openLoop({ store, projector, perSecond, appends: WARM_UP_APPENDS });
  onBegin();
  const cpu = process.cpuUsage();
  const { times, failures } = await openLoop({ store, projector, perSecond, appends: Math.ceil(perSecond * seconds) });
  const { user, system } = process.cpuUsage(cpu);
  onEnd();
  return {
    clientCpuMs: (user + system) / 1000,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    steps: times.length,
    checked: times.length + failures,
    lost: failures,
    repeated: 0,
  };
}

/** Appends at their times, whether or not earlier ones have been seen; the milliseconds from then until each is. */
async function openLoop({ store, projector, perSecond, appends }) {
  const times = [];
  const looks = [];
  let failures = 0;
  const started = performance.now();
  for (let index = 0; index < appends; index += 1) {
    const due = started + (index * 1000) / perSecond;
    const early = due - performance.now();
    if (early > 0) await delay(early);
    const id = timeOrderedId();
    const look = async () => {
      const position = await store.append(id, makeEvents(1, id));
      const isSeen = await Promise.race([projector.look(id, position), delay(LONGEST_LOOK_MS, false, { ref: false })]);
      if (isSeen) times.push(performance.now() - due);
      else failures += 1;
    };
    looks.push(look());
  }
  await Promise.all(looks);
  return { times, failures };
}

/** Many projections wait for events that never come. */
export async function idleProjections({ store, parameters: { projections }, window: { seconds, onBegin, onEnd } }) {
  const projector = await store.projector({ copies: projections });
  await projector.start();
  await store.append(timeOrderedId(), makeEvents(1, timeOrderedId()));
  await projector.caughtUp(60_000);
  // Whatever starting costs is not counted. A connection may tell the server's statistics of it 10 s later.
  await delay(Math.min(12, 3 * seconds) * 1000);
  onBegin();
  const before = await store.transactions();
  const started = performance.now();
  const cpu = process.cpuUsage();
  await delay(seconds * 2_000);
  const { user, system } = process.cpuUsage(cpu);
  const elapsed = (performance.now() - started) / 1000;
  onEnd();
  const queries = (await store.transactions()) - before;
  await projector.stop();
  const clientCpuMs = (user + system) / 1000;
  return { queries: queries / elapsed, clientShare: clientCpuMs / 10 / elapsed, steps: 0, elapsed, clientCpuMs };
}
