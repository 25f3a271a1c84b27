import { expect, test } from 'vitest';
import { Resumptions } from '../src/projections/resumptions.ts';
import type { BuilderLine, VersionJob } from '../src/projections/version-job.ts';

const job = (verb: VersionJob['verb']): VersionJob => ({
  name: 'rare',
  verb,
  version: 2,
  rate: 1,
  batchSize: 1,
  isForced: false,
});
const progress = (position: number, { version = 2, left = 100 } = {}): BuilderLine => ({
  line: 'progress',
  version,
  position,
  left,
});

/** What is found when another one says this after a first one was interrupted. */
function foundAfter(verb: VersionJob['verb'], before: readonly BuilderLine[], after: readonly BuilderLine[]) {
  const resumptions = new Resumptions();
  resumptions.note(job(verb), resumptions.begin(job(verb)), before);
  const begun = resumptions.begin(job(verb));
  const found = resumptions.note(job(verb), begun, after);
  // It is looked at once, however often it is asked.
  expect(resumptions.note(job(verb), begun, after)).toEqual([]);
  return { kinds: found.map(({ kind }) => kind), resumed: resumptions.resumed };
}

test('finds nothing where a build goes on where another one was', () => {
  expect(foundAfter('build', [progress(5), progress(9)], [progress(9)])).toEqual({ kinds: [], resumed: 1 });
  expect(foundAfter('build', [], [progress(9)])).toEqual({ kinds: [], resumed: 0 });
  expect(foundAfter('rebuild', [progress(9, { version: -1 })], [progress(10, { version: -1 })]).kinds).toEqual([]);
});

test('finds a build that goes on behind that, and a rebuild that begins with another shadow', () => {
  expect(foundAfter('build', [progress(5), progress(9)], [progress(8), progress(20)]).kinds).toEqual(['order']);
  expect(foundAfter('rebuild', [progress(9, { version: -1 })], [progress(9, { version: -2 })]).kinds).toEqual([
    'order',
  ]);
});

test('knows that a rebuild may have been done before it was killed', () => {
  const done = [progress(9, { version: -1, left: 3 })];
  expect(foundAfter('rebuild', done, [progress(0, { version: -2 })]).kinds).toEqual([]);
  const told: readonly BuilderLine[] = [progress(9, { version: -1 }), { line: 'done' }];
  expect(foundAfter('rebuild', told, [progress(0, { version: -2 })])).toEqual({ kinds: [], resumed: 0 });
});

test('knows what another one has done while one was frozen, whatever that one says when it wakes', () => {
  const resumptions = new Resumptions();
  const what = job('rebuild');
  const shadow = (position: number, version: number): BuilderLine => progress(position, { version });
  const frozen = resumptions.begin(what);
  resumptions.note(what, frozen, [shadow(9, -1)]);
  const another = resumptions.begin(what);
  expect(resumptions.note(what, another, [shadow(9, -1), shadow(50, -1), { line: 'done' }])).toEqual([]);
  // It woke before the other was done, and looked later.
  resumptions.note(what, frozen, [shadow(9, -1), shadow(60, -1)]);
  const next = resumptions.begin(what);
  expect(resumptions.note(what, next, [shadow(30, -2)])).toEqual([]);
  // Nor does it make anybody forget how far the next shadow is.
  resumptions.note(what, frozen, [shadow(9, -1)]);
  const last = resumptions.begin(what);
  expect(resumptions.note(what, last, [shadow(20, -2)]).map(({ kind }) => kind)).toEqual(['order']);
});
