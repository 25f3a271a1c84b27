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

/** What was acknowledged must be there, once. */
async function countAgain(store, acknowledged) {
  const stored = await store.countEvents();
  return {
    checked: acknowledged,
    lost: Math.max(0, acknowledged - stored),
    repeated: Math.max(0, stored - acknowledged),
  };
}
