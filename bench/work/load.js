// Loads of stored streams, alone and beside appends.
import { makeEvents, timeOrderedId } from '../lib/payload.js';
import { measureRate } from './measure.js';

// More are not needed to keep loads from hitting the same page again and again.
const MOST_IDS = 1_000;

/** Stores the streams of a dataset; returns their ids. */
export async function prepare({ store, dataset: { streams, length } }) {
  const ids = [];
  const workers = 32;
  const appendSize = 100;
  const fillOne = async () => {
    const id = timeOrderedId();
    ids.push(id);
    await store.append(id, makeEvents(Math.min(appendSize, length), id));
    for (let version = appendSize; version < length; version += appendSize) {
      const won = await store.appendAt(id, version, makeEvents(Math.min(appendSize, length - version), id));
      if (!won) throw new Error(`Filling stream ${id} at version ${version} met a conflict, but nobody else writes.`);
    }
  };
  let started = 0;
  await Promise.all(
    Array.from({ length: workers }, async () => {
      while (started < streams) {
        started += 1;
        await fillOne();
      }
    }),
  );
  return { ids: ids.slice(0, MOST_IDS), events: await store.countEvents() };
}

/** Loads and folds one stream after another. */
export async function load({ store, ids, parameters: { length }, window }) {
  let next = 0;
  const measured = await measureRate({
    ...window,
    workers: 1,
    step: async () => {
      next += 1;
      const events = await store.load(ids[next % ids.length]);
      if (events !== length) throw new Error(`A load gave ${events} events instead of ${length}.`);
      return events;
    },
  });
  return measured;
}

/** Four loads of a short stream for each append to a new one. */
export async function mixed({ store, ids, parameters: { workers }, window }) {
  let turn = 0;
  return measureRate({
    ...window,
    workers,
    step: async () => {
      turn += 1;
      if (turn % 5 === 0) {
        const id = timeOrderedId();
        await store.append(id, makeEvents(1, id));
      } else {
        await store.load(ids[(turn * 7) % ids.length]);
      }
      return 1;
    },
  });
}
