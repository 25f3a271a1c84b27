// Appends: new streams by a number of writers, and one stream that everybody wants.
import { makeEvents, timeOrderedId } from '../lib/payload.js';
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
    note: await missing(store, acknowledged),
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
    note: await missing(store, acknowledged),
    details: { conflictsPerAppend: conflicts / Math.max(1, acknowledged) },
  };
}

/** What was acknowledged must be there, once. */
export async function missing(store, acknowledged) {
  const stored = await store.countEvents();
  if (stored === acknowledged) return undefined;
  return stored < acknowledged
    ? `LOST ${acknowledged - stored} of ${acknowledged} acknowledged events`
    : `stored ${stored - acknowledged} events more than were acknowledged`;
}
