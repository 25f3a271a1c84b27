// What a projection costs that is in the append's transaction: the same appends with and without it, in turns.
import { makeEvents, timeOrderedId } from '../lib/payload.js';

const TURNS = 4;

/** How many times as long an append takes with an inline projection. */
export async function inlineOverhead({ store, parameters: { writers }, window }) {
  const { seconds, warmUpSeconds, onBegin, onEnd } = window;
  const inline = store.withInline();
  const plain = (id) => store.append(id, makeEvents(1, id));
  const both = (id) => inline.append(id, makeEvents(1, id));
  for (const append of [plain, both]) await appendsPerSecond(append, writers, warmUpSeconds / 2);
  const rates = { plain: [], both: [] };
  onBegin();
  for (let turn = 0; turn < TURNS; turn += 1) {
    const order = turn % 2 === 0 ? ['plain', 'both'] : ['both', 'plain'];
    for (const name of order) {
      rates[name].push(await appendsPerSecond(name === 'plain' ? plain : both, writers, (2 * seconds) / TURNS));
    }
  }
  onEnd();
  const checked = await inline.close();
  return { ...checked, steps: TURNS, ratio: sum(rates.plain) / sum(rates.both) };
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

async function appendsPerSecond(append, writers, seconds) {
  let done = 0;
  const started = performance.now();
  const deadline = started + seconds * 1000;
  await Promise.all(
    Array.from({ length: writers }, async () => {
      while (performance.now() < deadline) {
        await append(timeOrderedId());
        done += 1;
      }
    }),
  );
  return (1000 * done) / (performance.now() - started);
}
