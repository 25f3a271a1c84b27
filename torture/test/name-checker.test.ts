import { expect, test } from 'vitest';
import { checkName, readUpTo, type NameSnapshot } from '../src/check/check-name.ts';
import { TALLY_RULES, type ProjectedFact } from '../src/projections/tally-projections.ts';
import { addTo, type Tally } from '../src/projections/tally.ts';

const fact = (position: number, type = 'Counted'): ProjectedFact => ({
  position,
  streamName: 'Thing-1',
  type,
  data: { amount: position, tags: [] },
});

/** The document of version 2 after the events at these positions. */
function documentOf(positions: readonly number[], code = 2): NameSnapshot['documents'] {
  let tally: Tally | null = null;
  for (const position of positions) tally = addTo(tally, { position, amount: position });
  return new Map(tally === null ? [] : [['Thing-1', { ...tally, code }]]);
}

const snapshot = (changed: Partial<NameSnapshot>): NameSnapshot => ({
  name: 'by-stream',
  rule: TALLY_RULES['by-stream'],
  version: 2,
  from: 3,
  to: 5,
  log: [fact(1), fact(2, 'Noise'), fact(3), fact(4), fact(5), fact(6)],
  documents: documentOf([1, 3, 4]),
  waiting: new Map(),
  discarded: new Map(),
  ...changed,
});
const read = new Map([['Thing-1', 4]]);
const letters = (...positions: readonly number[]) => new Map([['Thing-1', new Set(positions)]]);

test.each([
  ['anywhere between the partitions', {}],
  ['where the first of them is', { documents: documentOf([1, 3]), from: 3, to: 4 }],
  ['at the end', { documents: documentOf([1, 3, 4, 5]) }],
  ['with events that wait', { documents: documentOf([1]), waiting: letters(3, 4, 5) }],
  ['without events that were given up', { documents: documentOf([1, 4]), discarded: letters(3) }],
  ['before the first event', { documents: documentOf([]), from: 0, to: 0 }],
  ['after the last one', { rule: TALLY_RULES.open, log: [fact(1), fact(3, 'Closed')], documents: documentOf([]) }],
])('finds nothing in a name that says what the log says, %s', (_where, changed) => {
  expect(checkName(snapshot(changed), new Map())).toEqual([]);
});

test('knows how far a name was read', () => {
  expect(readUpTo(snapshot({}))).toEqual(read);
  expect(checkName(snapshot({}), read)).toEqual([]);
});

test.each([
  ['an event that is missing', 'lost', { documents: documentOf([1, 4]) }],
  ['one that comes before where all partitions are', 'lost', { documents: documentOf([1]) }],
  ['one that is in it twice', 'repeated', { documents: documentOf([1, 3, 3, 4, 5]) }],
  ['one that no partition has come to', 'repeated', { documents: documentOf([1, 3, 4, 5, 6]) }],
  ['a document that is missing', 'lost', { documents: documentOf([]) }],
  ['a document of another version', 'answer', { documents: documentOf([1, 3, 4], 1) }],
  ['a document that has gone back', 'lost', { documents: documentOf([1, 3]) }],
  ['a version that is behind what was read', 'order', { documents: documentOf([1, 3]), to: 3 }],
] as const)('finds %s', (_what, kind, changed) => {
  expect(checkName(snapshot(changed), read).map((finding) => finding.kind)).toEqual([kind]);
});
