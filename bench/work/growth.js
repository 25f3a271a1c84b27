// Appends and loads in a log of a given size. The streams of the log are numbered: every process knows their names.
import { CATEGORY, makeEvent, makeEvents, numberedId, randomId, timeOrderedId } from '../lib/payload.js';
import { measureRate } from './measure.js';

// The first 100,000 events: streams that are only loaded, and the hot set, which is appended to.
const LOADED = 1_000;
const HOT = 10_000;
const HOT_LENGTH = 9;
const LENGTH = 10;
const SMALLEST = LOADED * LENGTH + HOT * HOT_LENGTH;

/** How many numbered streams a log of that many events has. */
function streamsIn(events) {
  return LOADED + HOT + Math.max(0, Math.floor((events - SMALLEST) / LENGTH));
}

const lengthOf = (number) => (number >= LOADED && number < LOADED + HOT ? HOT_LENGTH : LENGTH);

/** Stores the numbered streams that a log of `to` events has and one of `from` events has not. */
export async function growLog({ store, parameters: { from, to, writers } }) {
  let next = from === 0 ? 0 : streamsIn(from);
  const end = streamsIn(to);
  await Promise.all(
    Array.from({ length: writers }, async () => {
      while (next < end) {
        const number = next;
        next += 1;
        const id = numberedId(number);
        await store.append(id, makeEvents(lengthOf(number), id));
      }
    }),
  );
  return { events: await store.countEvents() };
}

/** The names between which the hot streams are, first and last; nothing else is. */
export function hotNames() {
  return [numberedId(LOADED), numberedId(LOADED + HOT - 1)].map((id) => `${CATEGORY}-${id}`);
}

/**
 * One event to one of the hot streams, by writers that share them out among themselves.
 *
 * `versions` are those of the hot streams, in the order of their names.
 */
export async function growExisting({ store, parameters: { writers, versions }, window }) {
  const own = Array.from({ length: writers }, (_, writer) =>
    Array.from({ length: Math.floor(HOT / writers) }, (_, index) => ({
      id: numberedId(LOADED + index * writers + writer),
      version: versions[index * writers + writer],
    })),
  );
  const turns = Array.from({ length: writers }, () => Math.floor(Math.random() * HOT));
  return measureRate({
    ...window,
    workers: writers,
    step: async (writer) => {
      turns[writer] += 1;
      const stream = own[writer][turns[writer] % own[writer].length];
      if (!(await store.appendAt(stream.id, stream.version, [makeEvent(stream.id)]))) {
        throw new Error(`Stream ${stream.id} was not at version ${stream.version}, but nobody else writes.`);
      }
      stream.version += 1;
      return 1;
    },
  });
}

/** One event to a new stream, with ids that rise with time or are in no order. */
export async function growNew({ store, parameters: { writers, ids }, window }) {
  const makeId = ids === 'random' ? randomId : timeOrderedId;
  return measureRate({
    ...window,
    workers: writers,
    step: async () => {
      const id = makeId();
      await store.append(id, [makeEvent(id)]);
      return 1;
    },
  });
}

/** Loads of any stream of the log that has 10 events, one after another. */
export async function growLoad({ store, parameters: { events }, window }) {
  const cold = streamsIn(events) - HOT;
  return measureRate({
    ...window,
    workers: 1,
    step: async () => {
      const number = Math.floor(Math.random() * cold);
      return store.load(numberedId(number < LOADED ? number : number + HOT));
    },
  });
}
