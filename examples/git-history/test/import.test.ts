import { EventEmitter, once } from 'node:events';
import { AppendOutcomeUnknownError } from 'mink';
import { describe, expect, vi } from 'vitest';
import { test } from './support/git-program.ts';
import type { HistoryStore } from '../src/events.ts';
import { entityId, fileStream } from '../src/streams.ts';
import { checkpoint } from '../src/import/checkpoint.ts';
import { countTotals } from '../src/questions/totals.ts';
import { createRandom, newSeed } from './support/random.ts';
import { createRepository, randomPlans } from './support/repository.ts';
import { importAll, logOf, memoryStorage, memoryStore } from './support/stores.ts';

vi.setConfig({ testTimeout: 60_000 });

/** Small enough that a few commits make many batches, and that some commits need several. */
const SMALL = { maxCommits: 3, maxChanges: 2, maxPaths: 2 };

describe('an import', () => {
  test('appends the events of every commit, per file and per author, in order', async () => {
    const repository = await createRepository(
      { name: 'add', files: { a: '1\n2\n3\n4\n', b: 'b\n' } },
      { name: 'change', author: 'Bob <BOB@example.com>', files: { b: 'c\n' } },
      { name: 'move', author: 'Robert <bob@example.com>', files: { a: null, 'sub/a': '1\n2\n3\n4\n' } },
      { name: 'remove', files: { b: null } },
    );
    const store = memoryStore();
    const { id, status, appended } = await importAll(store, repository.path);
    expect(status).toBe('complete');
    expect(appended).toEqual({ commits: 4, changes: 5, events: 6 + 4 + 1 });

    const events = await store.readStream(fileStream(id, 'b')).toArray();
    expect(events.map(({ type, data }) => [type, data.author, data.commit])).toEqual([
      ['FileAdded', 'ann@example.com', await repository.hashOf('add')],
      ['FileModified', 'bob@example.com', await repository.hashOf('change')],
      ['FileDeleted', 'ann@example.com', await repository.hashOf('remove')],
    ]);
    expect(events[1]?.data.occurredAt).toEqual(new Date('2024-01-03T00:00:00Z'));
    expect((await store.readStream(fileStream(id, 'a')).toArray()).at(-1)).toMatchObject({
      type: 'FileRenamedTo',
      data: { path: 'a', to: 'sub/a' },
    });
    expect(await store.readStream(fileStream(id, 'sub/a')).first()).toMatchObject({
      type: 'FileRenamedFrom',
      data: { path: 'sub/a', from: 'a' },
    });
    const commits = await store.readStream(`Author-${entityId(id, 'bob@example.com')}`).toArray();
    expect(commits.map(({ data }) => data.paths)).toEqual([['b'], ['sub/a']]);
  });

  test('that is run again appends nothing', async () => {
    const repository = await createRepository(...randomPlans(createRandom(1), 30));
    const store = memoryStore();
    const first = await importAll(store, repository.path, { limits: SMALL });
    const log = await logOf(store);
    const again = await importAll(store, repository.path, { limits: SMALL });
    expect(again).toMatchObject({
      status: 'complete',
      total: 0,
      left: 0,
      appended: { commits: 0, changes: 0, events: 0 },
    });
    expect(again.before).toMatchObject(first.appended);
    expect(await logOf(store)).toEqual(log);
  });

  test('reports counts that are those of the log', async () => {
    const repository = await createRepository(...randomPlans(createRandom(2), 40));
    const store = memoryStore();
    const { id, appended } = await importAll(store, repository.path, { limits: SMALL });
    const log = await store.readAll().toArray();
    expect(appended.events).toBe(log.length);
    expect(appended.commits).toBe(Number(await repository.git('rev-list', '--count', 'HEAD')));
    expect(await countTotals(store, id)).toEqual({
      files: new Set(log.filter(({ category }) => category === 'File').map(({ streamName }) => streamName)).size,
      authors: new Set(log.filter(({ category }) => category === 'Author').map(({ streamName }) => streamName)).size,
      events: log.length,
    });
  });

  test('cuts a commit with many files into bounded batches', async () => {
    const files = Object.fromEntries(Array.from({ length: 1_001 }, (_, index) => [`file${index}`, 'x\n']));
    const repository = await createRepository({ name: 'many', files }, { name: 'after', files: { file7: 'y\n' } });
    const sizes: number[] = [];
    const storage = memoryStorage((append) => (command, options) => {
      sizes.push(command.entries.reduce((size, { events }) => size + events.length, 0));
      return append(command, options);
    });
    const store = memoryStore(storage);
    const { id, appended } = await importAll(store, repository.path, { limits: { maxChanges: 100, maxPaths: 30 } });
    expect(appended).toMatchObject({ commits: 2, changes: 1_002 });
    expect(Math.max(...sizes)).toBe(100 + Math.ceil(100 / 30) + 1);
    const authored = await store.readStream(`Author-${entityId(id, 'ann@example.com')}`).toArray();
    expect(authored.filter(({ type }) => type === 'CommitAuthored')).toHaveLength(2);
    expect(new Set(authored.flatMap(({ data }) => data.paths)).size).toBe(1_001);
  });

  test('keeps long and odd paths apart within the limits of stream names', async () => {
    const long = `${'folder/'.repeat(80)}𝒳`;
    const names = [`${long}a`, `${long}b`, 'a\nb', String.raw`a\nb`, '𝒳'.repeat(220), '__proto__', ' '];
    const rawFiles = names.map((name): [Buffer, string] => [Buffer.from(name), 'x\n']);
    const repository = await createRepository({ name: 'odd', rawFiles });
    const store = memoryStore();
    const { id } = await importAll(store, repository.path);
    expect(await countTotals(store, id)).toMatchObject({ files: names.length });
  });

  test('keeps several repositories in one store apart, and clones of one together', async () => {
    const one = await createRepository({ name: 'one', files: { a: '1' } });
    const two = await createRepository({ name: 'two', files: { a: '1' } });
    const store = memoryStore();
    const first = await importAll(store, one.path);
    const second = await importAll(store, two.path);
    expect(second.id).not.toBe(first.id);
    expect(second.appended.commits).toBe(1);
    await one.git('clone', '--quiet', one.path, `${two.path}/clone`);
    expect(await importAll(store, `${two.path}/clone`)).toMatchObject({ id: first.id, appended: { commits: 0 } });
    expect(await countTotals(store, first.id)).toMatchObject({ files: 1, authors: 1, events: 3 });
  });
});

describe('a later import', () => {
  test('appends new commits only, also those of older branches that were merged since', async () => {
    const repository = await createRepository({ name: 'root', files: { a: '1' } }, { name: 'main', files: { a: '2' } });
    const store = memoryStore();
    await importAll(store, repository.path);
    await repository.add(
      { name: 'side', parents: ['root'], day: 1, files: { b: '1' } },
      { name: 'merge', parents: ['main', 'side'], files: { a: '2', b: '1' } },
      { name: 'next', files: { a: '3' } },
    );
    const later = await importAll(store, repository.path);
    expect(later).toMatchObject({ total: 3, left: 0, appended: { commits: 3, changes: 2 } });
    expect(await importAll(store, repository.path)).toMatchObject({ appended: { events: 0 } });
  });

  test('keeps what was imported when the history is rewritten, and says so', async () => {
    const repository = await createRepository({ name: 'root', files: { a: '1' } }, { name: 'old', files: { a: '2' } });
    const store = memoryStore();
    const { id } = await importAll(store, repository.path);
    await repository.add({ name: 'new', parents: ['root'], files: { a: '3' } });
    expect(await importAll(store, repository.path)).toMatchObject({ total: 1, left: 1, appended: { commits: 1 } });
    expect((await store.load(checkpoint, id)).state).toMatchObject({ commits: 3 });
    await repository.add({ name: 'back', parents: ['old'], files: { b: '1' } });
    expect(await importAll(store, repository.path)).toMatchObject({ total: 1, left: 1, appended: { commits: 1 } });
  });

  test('appends nothing twice when git has forgotten commits that were imported', async () => {
    const repository = await createRepository(
      { name: 'root', files: { a: '1' } },
      { name: 'kept', files: { a: '2' } },
      { name: 'lost', files: { a: '3' } },
    );
    const store = memoryStore();
    await importAll(store, repository.path);
    await repository.add({ name: 'new', parents: ['kept'], files: { a: '4' } });
    await repository.git(
      'clone',
      '--quiet',
      '--single-branch',
      `file://${repository.path}`,
      `${repository.path}/clone`,
    );
    const clone = `${repository.path}/clone`;
    expect(await importAll(store, clone)).toMatchObject({ left: 1, appended: { commits: 1, changes: 1 } });
    expect(await importAll(store, clone)).toMatchObject({ left: 1, appended: { commits: 0, events: 0 } });
  });
});

// With the first seed `git rev-list HEAD ^frontier` names commits that are imported already: authors' clocks were wrong.
describe.each([1_904_904_207, newSeed()])('an interrupted import (seed %i)', (seed) => {
  test('that is resumed leaves the same log, whichever append the process died before or after', async () => {
    const repository = await createRepository(...randomPlans(createRandom(seed), 25));
    const whole = memoryStore();
    await importAll(whole, repository.path, { limits: SMALL });
    const expected = await logOf(whole);
    const batches = await whole.readAll({ categories: ['Repository'] }).toArray();

    for (let dieAt = 1; dieAt <= batches.length; dieAt += 1) {
      for (const isStored of [false, true]) {
        let appends = 0;
        const storage = memoryStorage((append) => async (command, options) => {
          appends += 1;
          if (appends === dieAt && !isStored) throw new Error('died');
          const outcome = await append(command, options);
          if (appends === dieAt) throw new Error('died');
          return outcome;
        });
        const store = memoryStore(storage);
        await expect(importAll(store, repository.path, { limits: SMALL })).rejects.toThrow('died');
        await importAll(store, repository.path, { limits: SMALL });
        expect(await logOf(store)).toEqual(expected);
      }
    }
  });

  test('finishes the batch under way, and is continued by the next one', async () => {
    const random = createRandom(seed);
    const repository = await createRepository(...randomPlans(random, 40));
    const whole = memoryStore();
    await importAll(whole, repository.path, { limits: SMALL });
    const store = memoryStore();
    let status = 'interrupted';
    for (let runs = 0; status === 'interrupted'; runs += 1) {
      expect(runs).toBeLessThan(1_000);
      const stopping = new AbortController();
      let left = 1 + Math.floor(random() * 3);
      const onProgress = (): void => {
        left -= 1;
        if (left < 0) stopping.abort();
      };
      ({ status } = await importAll(store, repository.path, { limits: SMALL, signal: stopping.signal, onProgress }));
    }
    expect(await logOf(store)).toEqual(await logOf(whole));
  });

  test('may go on when new commits have come meanwhile', async () => {
    const random = createRandom(seed);
    const repository = await createRepository(...randomPlans(random, 20));
    const store = memoryStore();
    const stopping = new AbortController();
    let batches = 0;
    const onProgress = (): void => {
      batches += 1;
      if (batches === 4) stopping.abort();
    };
    const stopped = await importAll(store, repository.path, { limits: SMALL, signal: stopping.signal, onProgress });
    expect(stopped.status).toBe('interrupted');
    await repository.add(
      { name: 'more', parents: ['c0'], files: Object.fromEntries([1, 2, 3, 4, 5].map((n) => [`new${n}`, 'x\n'])) },
      { name: 'merge', parents: ['head', 'more'] },
    );
    await importAll(store, repository.path, { limits: SMALL });
    const commits = await store.readAll({ types: ['CommitAuthored'] }).toArray();
    const hashes = commits.map(({ data }) => data.commit);
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(hashes.toSorted()).toEqual((await repository.git('rev-list', 'HEAD')).split('\n').toSorted());
  });
});

test('an append whose outcome is unknown is sent again and stored once', async () => {
  const repository = await createRepository(...randomPlans(createRandom(3), 20));
  const whole = memoryStore();
  await importAll(whole, repository.path, { limits: SMALL });
  let calls = 0;
  const storage = memoryStorage((append) => async (command, options) => {
    calls += 1;
    // Of three calls one is lost on the way there, and one on the way back.
    if (calls % 3 === 1) throw new AppendOutcomeUnknownError([], [], new Error('lost before'));
    const outcome = await append(command, options);
    if (calls % 3 === 2) throw new AppendOutcomeUnknownError([], [], new Error('lost after'));
    return outcome;
  });
  const store = memoryStore(storage);
  await importAll(store, repository.path, { limits: SMALL });
  expect(await logOf(store)).toEqual(await logOf(whole));
});

test.each([SMALL.maxCommits, 2])(
  'of two imports at once one is told so, and nothing is stored twice, also in batches of %i commits',
  async (maxCommits) => {
    const seed = newSeed();
    const repository = await createRepository(...randomPlans(createRandom(seed), 30));
    const whole = memoryStore();
    await importAll(whole, repository.path, { limits: SMALL });
    // Both have read the checkpoint before one of them moves it.
    const appending = new EventEmitter();
    const bothAppend = once(appending, 'both');
    let calls = 0;
    const storage = memoryStorage((append) => async (command, options) => {
      calls += 1;
      if (calls === 2) appending.emit('both');
      await bothAppend;
      return append(command, options);
    });
    const store = memoryStore(storage);
    const both = await Promise.allSettled([
      importAll(store, repository.path, { limits: SMALL }),
      importAll(store, repository.path, { limits: { ...SMALL, maxCommits } }),
    ]);
    const lost = both.filter((one) => one.status === 'rejected').map(({ reason }) => reason);
    expect(lost, `seed ${seed}`).toEqual([expect.objectContaining({ code: 'ANOTHER_IMPORT' })]);
    await importAll(store, repository.path, { limits: SMALL });
    expect(await historyIds(store), `seed ${seed}`).toEqual(await historyIds(whole));
  },
);

async function historyIds(store: HistoryStore): Promise<readonly string[]> {
  const events = await store.readAll({ categories: ['File', 'Author'] }).toArray();
  return events.map(({ id }) => id).toSorted();
}
