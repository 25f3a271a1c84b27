import { describe, expect, vi } from 'vitest';
import { test } from './support/git-program.ts';
import type { HistoryStore } from '../src/events.ts';
import { answersFromLog } from '../src/questions/answers-from-log.ts';
import type { Answers } from '../src/questions/answers.ts';
import { answersFromReadModels } from '../src/read-models/answers-from-read-models.ts';
import { catchUp } from '../src/read-models/catch-up.ts';
import { readModels } from '../src/read-models/read-models.ts';
import { rebuild } from '../src/read-models/rebuild.ts';
import { verify } from '../src/read-models/verify.ts';
import { createRandom, newSeed } from './support/random.ts';
import { createRepository, randomPlans } from './support/repository.ts';
import { importAll, memoryStore } from './support/stores.ts';

vi.setConfig({ testTimeout: 60_000 });

/** Some commits need several batches, and several events for their paths. */
const SMALL = { maxCommits: 3, maxChanges: 2, maxPaths: 2 };

/** Every answer there is. */
async function allAnswers(store: HistoryStore, answers: Answers): Promise<ReadonlyMap<string, unknown>> {
  const all = new Map<string, unknown>([
    ['authors', await answers.topAuthors({ limit: 100 })],
    ['files', await answers.topFiles({ limit: 100 })],
    ['two of them', [await answers.topAuthors({ limit: 2 }), await answers.topFiles({ limit: 2 })]],
    ['below', await answers.topFiles({ limit: 5, under: 'folder1' })],
    ['activity', await answers.activity()],
    ['nobody', [await answers.file('never'), await answers.author('nobody')]],
  ]);
  for (const { data } of await store.readAll({ categories: ['File'] }).toArray()) {
    all.set(`file ${data.path}`, await answers.file(data.path));
    all.set(`author ${data.author}`, await answers.author(data.author));
  }
  return all;
}

describe.each([newSeed(), newSeed() + 1])('of a random history (seed %i)', (seed) => {
  test('the read models answer as the log does, however they were caught up, and also when they are rebuilt', async () => {
    const random = createRandom(seed);
    const repository = await createRepository(...randomPlans(random, 60));
    const other = await createRepository({ name: 'other', files: { 'folder1/file1': 'x\n' } });
    const store = memoryStore();
    let status = 'interrupted';
    while (status === 'interrupted') {
      const stopping = new AbortController();
      let left = Math.floor(random() * 20);
      const onProgress = (): void => {
        left -= 1;
        if (left < 0) stopping.abort();
      };
      ({ status } = await importAll(store, repository.path, { limits: SMALL, signal: stopping.signal, onProgress }));
      await catchUp(store);
    }
    const { id } = await importAll(store, repository.path);
    await importAll(store, other.path);
    await catchUp(store);
    const expected = await allAnswers(store, answersFromLog(store, id));
    expect(expected.size).toBeGreaterThan(20);
    expect(await allAnswers(store, answersFromReadModels(store, id))).toEqual(expected);
    expect(await verify(store, {})).toMatchObject(readModels.map(({ name }) => ({ name, ok: true, parked: 0 })));

    await rebuild(store, {});
    expect(await allAnswers(store, answersFromReadModels(store, id))).toEqual(expected);
    expect(await verify(store, {})).toMatchObject(readModels.map(({ name }) => ({ name, ok: true, parked: 0 })));
  });
});

test('a commit of more files than an event may name is told in the rows of its author whole', async () => {
  const long = `${'folder/'.repeat(80)}file`;
  const files = Object.fromEntries(
    [...Array.from({ length: 1_001 }, (_, n) => `file${n}`), long].map((it) => [it, 'x\n']),
  );
  const repository = await createRepository({ name: 'many', files }, { name: 'after', files: { file7: 'y\n' } });
  const store = memoryStore();
  const { id } = await importAll(store, repository.path);
  await catchUp(store);
  const author = await answersFromReadModels(store, id).author('ann@example.com');
  expect(author).toEqual(await answersFromLog(store, id).author('ann@example.com'));
  expect(author?.files).toHaveLength(1_002);
  expect(author?.files.map(({ path }) => path)).toContain(long);
});

test('authors and files whose names could be taken for one another are kept apart', async () => {
  const repository = await createRepository(
    { name: 'one', author: 'x <>', files: { 'y in z': '1', 'y IN z': '1' } },
    { name: 'two', author: 'x in y <>', files: { z: '1' } },
    { name: 'three', author: 'X IN Y <>', files: { z: '2', ' IN z': '1' } },
    { name: 'four', author: '__proto__ <>', files: { z: '3', __proto__: '1' } },
  );
  const store = memoryStore();
  const { id } = await importAll(store, repository.path);
  await catchUp(store);
  const answers = answersFromReadModels(store, id);
  expect(await allAnswers(store, answers)).toEqual(await allAnswers(store, answersFromLog(store, id)));
  expect(await answers.author('x in y')).toMatchObject({ changes: 2, files: [{ path: 'z', commits: 2 }, {}] });
});
