// Subscriptions: catching up, following writers, how long an event takes to arrive, and what waiting costs.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { makeEvent, makeEvents, timeOrderedId } from '../lib/payload.js';
import { quantile } from '../lib/statistics.js';

const SETTLE_TIMEOUT_MS = 10_000;
const WARM_UP_EVENTS = 20;

/** Reads a stored log from its beginning, as long as it takes; gives up after `longestSeconds`. */
export async function catchup({ store, parameters: { events }, window: { longestSeconds, onBegin, onEnd } }) {
  let seen = 0;
  let firstAt;
  const all = withResolvers();
  onBegin();
  const started = performance.now();
  const cpu = process.cpuUsage();
  const subscription = await store.follow({
    onEvent: () => {
      seen += 1;
      firstAt ??= performance.now();
      if (seen === events) all.resolve();
    },
  });
  await Promise.race([all.promise, delay(longestSeconds * 1000, undefined, { ref: false })]);
  const elapsed = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const delivered = seen;
  onEnd();
  await subscription.stop();
  return {
    rate: delivered / elapsed,
    steps: delivered,
    elapsed,
    clientCpuMs: (user + system) / 1000,
    remark:
      delivered < events
        ? `stopped after ${Math.round(elapsed)} s with ${delivered} of ${events} events delivered`
        : undefined,
    details: { firstEventMs: firstAt === undefined ? undefined : firstAt - started },
  };
}

/** A subscription follows while writers append; every acknowledged event must arrive, and once. */
export async function followWriters({ store, parameters: { writers }, window }) {
  const { seconds, onBegin, onEnd } = window;
  const delivered = new Map();
  const acknowledged = [];
  await warmFeed(store);
  const subscription = await store.follow({
    onEvent: (key) => delivered.set(key, (delivered.get(key) ?? 0) + 1),
  });
  onBegin();
  const started = performance.now();
  const cpu = process.cpuUsage();
  const deadline = started + seconds * 1000;
  await Promise.all(
    Array.from({ length: writers }, async () => {
      while (performance.now() < deadline) {
        const id = timeOrderedId();
        await store.append(id, makeEvents(1, id));
        store.announce?.().catch(() => undefined);
        acknowledged.push(id);
      }
    }),
  );
  const missingNow = () => acknowledged.filter((id) => !delivered.has(id)).length;
  // Until everything has arrived, or nothing has come for a while.
  let before = delivered.size;
  let lastProgress = performance.now();
  let finished = performance.now();
  while (missingNow() > 0 && performance.now() - lastProgress < SETTLE_TIMEOUT_MS / 2) {
    await delay(20);
    if (delivered.size === before) continue;
    before = delivered.size;
    lastProgress = performance.now();
    finished = lastProgress;
  }
  const { user, system } = process.cpuUsage(cpu);
  onEnd();
  await subscription.stop();
  const lost = missingNow();
  const repeated = [...delivered.values()].filter((times) => times > 1).length;
  const elapsed = (finished - started) / 1000;
  return {
    rate: (acknowledged.length - lost) / elapsed,
    steps: acknowledged.length,
    elapsed,
    clientCpuMs: (user + system) / 1000,
    checked: acknowledged.length,
    lost,
    repeated,
  };
}

/** From the return of an append to the call of the handler, in one process. */
export async function latency({ store, window }) {
  const arrived = new Map();
  await warmFeed(store);
  const subscription = await store.follow({ onEvent: (key) => arrived.set(key, now()) });
  const returned = await appendInIntervals({ store, arrived, window });
  await subscription.stop();
  return latencies(returned, arrived);
}

/** The same, with the subscription in a process of its own. */
export async function remoteLatency({ store, job, window }) {
  await warmFeed(store);
  const reader = fork(new URL('../child.js', import.meta.url), [], {
    env: { ...process.env, MINK_BENCH_JOB: JSON.stringify({ ...job, phase: 'reader' }) },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  try {
    await isReady(reader);
    const arrived = new Map();
    reader.on('message', (message) => {
      if (message !== 'ready') arrived.set(message[0], BigInt(message[1]));
    });
    const returned = await appendInIntervals({ store, arrived, window });
    const exited = once(reader, 'exit');
    reader.send('stop');
    await exited;
    return latencies(returned, arrived);
  } finally {
    reader.kill('SIGKILL');
  }
}

/** The reading side of `remoteLatency`: reports every event with the time of the machine's monotonic clock. */
export async function readRemotely({ store }) {
  let arrived = 0;
  const subscription = await store.follow({
    onEvent: (key) => {
      arrived += 1;
      // It follows when it has seen what was there before.
      if (arrived === WARM_UP_EVENTS) process.send('ready');
      else process.send([key, String(now())]);
    },
  });
  await once(process, 'message');
  await subscription.stop();
  process.disconnect();
}

/** A subscription waits for events that never come. */
export async function idle({ store, window: { seconds, onBegin, onEnd } }) {
  await warmFeed(store);
  const subscription = await store.follow({ onEvent: () => undefined });
  // Whatever starting costs is not counted, nor is the way to the slowest polling.
  await delay(3_000);
  onBegin();
  const started = performance.now();
  const cpu = process.cpuUsage();
  await delay(seconds * 1000);
  const { user, system } = process.cpuUsage(cpu);
  const elapsed = (performance.now() - started) / 1000;
  onEnd();
  await subscription.stop();
  return { rate: 0, steps: 0, elapsed, clientCpuMs: (user + system) / 1000 };
}

/** A few events, so that nobody measures his first connection. */
async function warmFeed(store) {
  const arrived = new Set();
  const subscription = await store.follow({ onEvent: (key) => arrived.add(key) });
  for (let index = 0; index < WARM_UP_EVENTS; index += 1)
    await store.append(timeOrderedId(), [makeEvent(timeOrderedId())]);
  await store.announce?.();
  const deadline = performance.now() + SETTLE_TIMEOUT_MS;
  while (arrived.size < WARM_UP_EVENTS && performance.now() < deadline) await delay(10);
  await subscription.stop();
}

async function appendInIntervals({ store, arrived, window: { seconds, onBegin, onEnd } }) {
  const returned = new Map();
  await delay(500);
  onBegin();
  const deadline = performance.now() + seconds * 1000;
  while (performance.now() < deadline) {
    const id = timeOrderedId();
    await store.append(id, [makeEvent(id)]);
    returned.set(id, now());
    store.announce?.().catch(() => undefined);
    // At irregular times: who polls must not be met at a fixed point of his interval.
    await delay(5 + Math.random() * 40);
  }
  onEnd();
  const settled = performance.now() + SETTLE_TIMEOUT_MS;
  const isMissing = () => [...returned.keys()].some((id) => !arrived.has(id));
  while (isMissing() && performance.now() < settled) await delay(20);
  return returned;
}

function latencies(returned, arrived) {
  const times = [];
  let lost = 0;
  for (const [id, at] of returned) {
    const arrival = arrived.get(id);
    if (arrival === undefined) lost += 1;
    // An event may arrive before its append returns.
    else times.push(Math.max(0, Number(arrival - at) / 1e6));
  }
  return {
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    steps: times.length,
    checked: returned.size,
    lost,
    repeated: 0,
  };
}

/** Of the machine, not of the process. */
function now() {
  return process.hrtime.bigint();
}

async function isReady(reader) {
  const { promise, resolve, reject } = withResolvers();
  reader.on('message', (message) => {
    if (message === 'ready') resolve();
  });
  reader.once('exit', () => reject(new Error('The reader ended before it was ready.')));
  return promise;
}

function withResolvers() {
  let resolve;
  let reject;
  const promise = new Promise((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
