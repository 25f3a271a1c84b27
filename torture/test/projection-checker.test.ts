import { expect, test } from 'vitest';
import { checkTallies, type FoundTallies } from '../src/check/check-projections.ts';
import { addTo, type Tally } from '../src/projections/tally.ts';
import { TALLY_RULES, type ProjectedFact } from '../src/projections/tally-projections.ts';

const fact = (position: number, type = 'Counted'): ProjectedFact => ({
  position,
  streamName: 'Thing-1',
  type,
  data: { amount: position, tags: ['red'] },
});
const log = [fact(1), fact(2, 'Noise'), fact(3), fact(4), fact(5)];

/** The document after the events at these positions. */
function tallyOf(...positions: readonly number[]): Tally {
  let tally: Tally | null = null;
  for (const position of positions) tally = addTo(tally, { position, amount: position });
  return tally ?? addTo(null, { position: 0, amount: 0 });
}

const found = (changed: Partial<FoundTallies>): FoundTallies => ({
  name: 'by-stream',
  rule: TALLY_RULES['by-stream'],
  log,
  models: [{ key: 'Thing-1', model: tallyOf(1, 3, 4, 5), isStale: false }],
  waiting: new Map(),
  discarded: new Map(),
  ...changed,
});
const kept = (tally: Tally, isStale = false): Pick<FoundTallies, 'models'> => ({
  models: [{ key: 'Thing-1', model: tally, isStale }],
});

test('finds nothing in a read model that is what the log says', () => {
  expect(checkTallies(found({}))).toEqual([]);
  const waiting = new Map([['Thing-1', [4, 5]]]);
  expect(checkTallies(found({ ...kept(tallyOf(1, 3), true), waiting }))).toEqual([]);
  const discarded = new Map([['Thing-1', new Set([3])]]);
  expect(checkTallies(found({ ...kept(tallyOf(1, 4, 5), true), discarded }))).toEqual([]);
  const closed = [...log, fact(6, 'Closed')];
  expect(checkTallies(found({ name: 'open', rule: TALLY_RULES.open, log: closed, models: [] }))).toEqual([]);
});

test.each([
  ['an event that is missing', 'lost', kept(tallyOf(1, 3, 5))],
  ['an event that is in it twice', 'repeated', kept(tallyOf(1, 3, 3, 4, 5))],
  ['another order', 'order', kept(tallyOf(1, 4, 3, 5))],
  ['a document that is missing', 'lost', { models: [] }],
  ['a document of no event', 'repeated', { log: [] }],
  ['one that is called stale', 'answer', kept(tallyOf(1, 3, 4, 5), true)],
  [
    'one that waits and is not called stale',
    'answer',
    { ...kept(tallyOf(1, 3, 4)), waiting: new Map([['Thing-1', [5]]]) },
  ],
  [
    'an event that was applied though one before it waits',
    'lost',
    { ...kept(tallyOf(1, 3, 5), true), waiting: new Map([['Thing-1', [4]]]) },
  ],
  ['a letter of no event', 'phantom', { ...kept(tallyOf(1, 3, 4), true), waiting: new Map([['Thing-1', [5, 6]]]) }],
  ['letters in another order', 'order', { ...kept(tallyOf(1, 3), true), waiting: new Map([['Thing-1', [4, 5, 4]]]) }],
  [
    'an event that was given up and applied',
    'repeated',
    { ...kept(tallyOf(1, 3, 4, 5), true), discarded: new Map([['Thing-1', new Set([3])]]) },
  ],
] as const)('finds %s', (_what, kind, changed) => {
  expect(checkTallies(found(changed)).map((finding) => finding.kind)).toContain(kind);
});
