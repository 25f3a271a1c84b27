// How long single calls take, one after another: the medians of a profile.
import { Client } from 'pg';
import { makeEvents, timeOrderedId } from '../lib/payload.js';
import { median, quantile } from '../lib/statistics.js';

/** Microseconds of one append to a new stream. */
export async function appendTime({ store, window }) {
  return timeCalls(window, async () => {
    const id = timeOrderedId();
    await store.append(id, makeEvents(1, id));
  });
}

/** Microseconds of the least that can be asked of the server. */
export async function roundTrip({ job, window }) {
  const client = new Client({ connectionString: job.url });
  await client.connect();
  try {
    return await timeCalls(window, () => client.query({ name: 'one', text: 'select 1', values: [] }));
  } finally {
    await client.end();
  }
}

async function timeCalls({ seconds, warmUpSeconds, onBegin, onEnd }, call) {
  await repeat(warmUpSeconds, call);
  onBegin();
  const times = await repeat(seconds, call);
  onEnd();
  return { median: median(times), p99: quantile(times, 0.99), steps: times.length };
}

async function repeat(seconds, call) {
  const times = [];
  const end = performance.now() + seconds * 1000;
  for (let started = performance.now(); started < end;) {
    await call();
    const now = performance.now();
    times.push((now - started) * 1000);
    started = now;
  }
  return times;
}
