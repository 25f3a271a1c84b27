import { expect } from 'vitest';
import { test } from './support/git-program.ts';
import { authorHistory } from '../src/questions/author-history.ts';
import { fileHistory } from '../src/questions/file-history.ts';
import { topAuthors, topFiles } from '../src/questions/ranking.ts';
import { createRandom, newSeed } from './support/random.ts';
import { createRepository, randomPlans } from './support/repository.ts';
import { importAll, memoryStore } from './support/stores.ts';

const CONTENT = '1\n2\n3\n4\n';

async function imported() {
  const repository = await createRepository(
    { name: 'add', day: 0, files: { 'a.txt': CONTENT, 'b.txt': 'b\n' } },
    { name: 'change', day: 10, author: 'Bob <bob@example.com>', files: { 'a.txt': `${CONTENT}5\n` } },
    // Made before, merged after: its own time counts.
    { name: 'early', day: 5, author: 'Bob <bob@example.com>', files: { 'a.txt': `${CONTENT}5\n6\n` } },
    { name: 'move', day: 20, files: { 'a.txt': null, 'c.txt': `${CONTENT}5\n6\n` } },
    { name: 'remove', day: 30, author: 'Bob B. <bob@example.com>', files: { 'b.txt': null } },
  );
  const store = memoryStore();
  const { id } = await importAll(store, repository.path);
  return { store, id, repository };
}

test('a file tells who changed it, how often and when', async () => {
  const { store, id, repository } = await imported();
  expect(await fileHistory(store, { repository: id, path: 'a.txt' })).toEqual({
    path: 'a.txt',
    exists: false,
    changes: 4,
    first: new Date('2024-01-01'),
    last: new Date('2024-01-21'),
    lastCommit: await repository.hashOf('move'),
    renamedFrom: undefined,
    renamedTo: 'c.txt',
    authors: new Map([
      [
        'ann@example.com',
        { name: 'Ann', changes: 2, added: 4, removed: 0, first: new Date('2024-01-01'), last: new Date('2024-01-21') },
      ],
      [
        'bob@example.com',
        { name: 'Bob', changes: 2, added: 2, removed: 0, first: new Date('2024-01-06'), last: new Date('2024-01-11') },
      ],
    ]),
  });
  expect(await fileHistory(store, { repository: id, path: 'c.txt' })).toMatchObject({
    exists: true,
    renamedFrom: 'a.txt',
  });
  expect(await fileHistory(store, { repository: id, path: 'never' })).toBeUndefined();
});

test('a file at a date is what the commits made until then say, inclusive, whenever they were imported', async () => {
  const { store, id } = await imported();
  const at = (date: string) => fileHistory(store, { repository: id, path: 'a.txt', at: new Date(date) });
  expect(await at('2023-12-31T23:59:59Z')).toBeUndefined();
  expect(await at('2024-01-01T00:00:00Z')).toMatchObject({ exists: true, changes: 1 });
  expect(await at('2024-01-07T00:00:00Z')).toMatchObject({ exists: true, changes: 2, renamedTo: undefined });
  expect(await at('2024-01-11T00:00:00Z')).toMatchObject({ exists: true, changes: 3 });
  expect(await at('2024-01-21T00:00:00Z')).toMatchObject({ exists: false, changes: 4, renamedTo: 'c.txt' });
});

test('an author tells commits, files and activity, now and at a date', async () => {
  const { store, id } = await imported();
  expect(await authorHistory(store, { repository: id, author: ' BOB@example.com ' })).toEqual({
    author: 'bob@example.com',
    name: 'Bob B.',
    changes: 3,
    merges: 0,
    activeDays: 3,
    added: 2,
    removed: 1,
    first: new Date('2024-01-06'),
    last: new Date('2024-01-31'),
    files: [
      { path: 'a.txt', commits: 2 },
      { path: 'b.txt', commits: 1 },
    ],
  });
  const early = await authorHistory(store, {
    repository: id,
    author: 'bob@example.com',
    at: new Date('2024-01-06T00:00:00Z'),
  });
  expect(early).toMatchObject({ changes: 1, files: [{ path: 'a.txt', commits: 1 }] });
  expect(await authorHistory(store, { repository: id, author: 'nobody' })).toBeUndefined();
});

test('authors without an address are known by their name, and authors without both are one', async () => {
  const repository = await createRepository(
    { name: 'one', author: 'Only Name <>', files: { a: '1' } },
    { name: 'two', author: ' <>', files: { a: '2' } },
  );
  const store = memoryStore();
  const { id } = await importAll(store, repository.path);
  expect(await authorHistory(store, { repository: id, author: 'Only Name' })).toMatchObject({ changes: 1 });
  expect(await authorHistory(store, { repository: id, author: 'unknown' })).toMatchObject({ changes: 1 });
});

test('authors joined by .mailmap are one', async () => {
  const repository = await createRepository(
    { name: 'old', author: 'A. Nn <ann@old.example>' },
    { name: 'new', files: { '.mailmap': 'Ann <ann@example.com> <ann@old.example>\n' } },
  );
  await repository.git('checkout', '--quiet', 'main', '--', '.mailmap');
  const store = memoryStore();
  const { id } = await importAll(store, repository.path);
  expect(await authorHistory(store, { repository: id, author: 'ann@example.com' })).toMatchObject({ changes: 2 });
});

test('the rankings name the busiest authors and files', async () => {
  const { store, id } = await imported();
  const authors = await topAuthors(store, { repository: id, limit: 1 });
  expect(authors).toMatchObject([{ author: 'bob@example.com', changes: 3 }]);
  const files = await topFiles(store, { repository: id, limit: 2 });
  expect(files).toMatchObject([
    { path: 'a.txt', changes: 4 },
    { path: 'b.txt', changes: 2 },
  ]);
});

test('the answers agree with git itself', async () => {
  const seed = newSeed();
  const plans = randomPlans(createRandom(seed), 60).map(({ name, author, files = {} }) => ({
    name,
    files,
    ...(author === undefined ? {} : { author }),
  }));
  const repository = await createRepository(...plans);
  const store = memoryStore();
  const { id } = await importAll(store, repository.path);
  const authors = (await repository.git('log', '--format=%aE')).split('\n');
  for (const author of new Set(authors)) {
    const { changes } = (await authorHistory(store, { repository: id, author })) ?? {};
    expect(changes, `${author}, seed ${seed}`).toBe(authors.filter((other) => other === author).length);
  }
  const present = (await repository.git('ls-tree', '-r', '--name-only', 'HEAD')).split('\n');
  const ever = (await repository.git('log', '--name-only', '--no-renames', '--format=')).split('\n');
  for (const path of new Set(ever.filter((line) => line !== ''))) {
    const file = await fileHistory(store, { repository: id, path });
    expect(file?.exists, `${path}, seed ${seed}`).toBe(present.includes(path));
  }
});

test('a name that git would quote is found as it is and as git shows it', async () => {
  const store = memoryStore();
  const repository = await createRepository({
    name: 'odd',
    rawFiles: [
      [Buffer.from('new\nline'), 'x\n'],
      [Buffer.from([0x66, 0xff]), 'x\n'],
    ],
  });
  const { id } = await importAll(store, repository.path);
  expect(await fileHistory(store, { repository: id, path: 'new\nline' })).toMatchObject({ changes: 1 });
  expect(await fileHistory(store, { repository: id, path: String.raw`"new\nline"` })).toMatchObject({ changes: 1 });
  expect(await fileHistory(store, { repository: id, path: String.raw`"f\377"` })).toMatchObject({ changes: 1 });
});
