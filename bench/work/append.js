// Appends: new streams by a number of writers, and one stream that everybody wants.
import { makeEvents, timeOrderedId } from '../lib/payload.js';
import { quantile } from '../lib/statistics.js';
import { measureRate } from './measure.js';

/** Writers append to new streams, each one append after another. */
export async function append({ store, parameters: { writers, events }, window }) {
  let acknowledged = 0;
  const measured = await measureRate({
    ...window,
    workers: writers,
    step: async () => {
      const id = timeOrderedId();
      await store.append(id, makeEvents(events, id));
      acknowledged += events;
      return 1;
    },
  });
  return {
    ...measured,
    rate: measured.rate * events,
    ...(await countAgain(store, acknowledged)),
  };
}

/** All writers append to the same stream, at the version they read; what wins counts. */
export async function hot({ store, parameters: { writers }, window }) {
  const streamId = timeOrderedId();
  await store.append(streamId, makeEvents(1, streamId));
  let acknowledged = 1;
  let conflicts = 0;
  const known = Array.from({ length: writers }, () => 1);
  const measured = await measureRate({
    ...window,
    workers: writers,
    step: async (worker) => {
      for (;;) {
        const version = await store.versionOf(streamId, known[worker]);
        known[worker] = version;
        if (await store.appendAt(streamId, version, makeEvents(1, streamId))) break;
        conflicts += 1;
      }
      acknowledged += 1;
      known[worker] += 1;
      return 1;
    },
  });
  return {
    ...measured,
    ...(await countAgain(store, acknowledged)),
    details: { conflictsPerAppend: conflicts / Math.max(1, acknowledged) },
  };
}

/**
 * Writers append to streams of their own; then a transaction holds the stream of one of them, and the others go on. How long
 * their appends take, before and meanwhile.
 */
export async function held({ store, parameters: { writers, holdSeconds }, window: { onBegin, onEnd } }) {
  const streams = Array.from({ length: writers }, () => timeOrderedId());
  for (const id of streams) await store.append(id, makeEvents(1, id));
  const [victim, ...others] = streams;
  await appendFor(2, others, store);
  const before = await appendFor(holdSeconds, streams, store);
  const release = await store.hold(victim);
  const waiting = store.appendTo(victim, makeEvents(1, victim));
  onBegin();
  const meanwhile = await appendFor(holdSeconds, others, store);
  onEnd();
  await release();
  await waiting;
  return {
    beforeP50: quantile(before, 0.5),
    beforeP99: quantile(before, 0.99),
    heldP50: quantile(meanwhile, 0.5),
    heldP99: quantile(meanwhile, 0.99),
    steps: meanwhile.length,
  };
}

/** Each stream one append after another, for so long; the milliseconds that each took. */
async function appendFor(seconds, streams, store) {
  const times = [];
  const deadline = performance.now() + seconds * 1000;
  await Promise.all(
    streams.map(async (id) => {
      while (performance.now() < deadline) {
        const started = performance.now();
        await store.appendTo(id, makeEvents(1, id));
        times.push(performance.now() - started);
      }
    }),
  );
  return times;
}

/** What was acknowledged must be there, once. */
async function countAgain(store, acknowledged) {
  const stored = await store.countEvents();
  return {
    checked: acknowledged,
    lost: Math.max(0, acknowledged - stored),
    repeated: Math.max(0, stored - acknowledged),
  };
}
