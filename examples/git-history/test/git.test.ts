import { expect } from 'vitest';
import { test } from './support/git-program.ts';
import type { Commit } from '../src/git/commit.ts';
import { CommitList } from '../src/git/commit-list.ts';
import { parseLog } from '../src/git/parse-log.ts';
import { quotePath } from '../src/git/quote-path.ts';
import { openRepository, readCommits, walkCommits } from '../src/git/repository.ts';
import { createRepository, temporaryFolder, type TestRepository } from './support/repository.ts';

async function collect<Item>(items: AsyncIterable<Item>): Promise<readonly Item[]> {
  const collected: Item[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

async function commitsOf({ path }: TestRepository): Promise<readonly Commit[]> {
  const git = await openRepository(path);
  const hashes = (await collect(walkCommits(git, [git.head]))).map(({ hash }) => `${hash}\n`);
  return collect(readCommits(git, hashes.toReversed()));
}

test('tells additions, changes, deletions, renames and binary files with their lines', async () => {
  const repository = await createRepository(
    { name: 'add', files: { 'a.txt': 'one\ntwo\nthree\nfour\n', b: 'b\n', 'pixels.bin': Buffer.from([0, 1, 2]) } },
    { name: 'change', files: { 'a.txt': 'one\ntwo\nthree\nfour\nfive\n' } },
    { name: 'rename', files: { 'a.txt': null, 'c.txt': 'one\ntwo\nthree\nfour\n5\n', b: null } },
  );
  const commits = await commitsOf(repository);
  expect(commits.map(({ changes }) => changes)).toEqual([
    [
      { status: 'added', path: 'a.txt', lines: { added: 4, removed: 0 } },
      { status: 'added', path: 'b', lines: { added: 1, removed: 0 } },
      { status: 'added', path: 'pixels.bin', lines: null },
    ],
    [{ status: 'modified', path: 'a.txt', lines: { added: 1, removed: 0 } }],
    [
      { status: 'deleted', path: 'b', lines: { added: 0, removed: 1 } },
      { status: 'renamed', path: 'c.txt', from: 'a.txt', lines: { added: 1, removed: 1 } },
    ],
  ]);
});

test('tells parents before their children, and merges and empty commits without changes', async () => {
  const repository = await createRepository(
    { name: 'root', files: { a: '1' } },
    { name: 'left', files: { a: '2' } },
    { name: 'right', parents: ['root'], files: { b: '1' } },
    { name: 'merge', parents: ['left', 'right'], files: { a: '2', b: '1' } },
    { name: 'empty' },
  );
  const commits = await commitsOf(repository);
  const seen = new Set<string>();
  for (const { hash, parents } of commits) {
    for (const parent of parents) expect(seen).toContain(parent);
    seen.add(hash);
  }
  expect(commits).toHaveLength(5);
  expect(commits.at(-2)).toMatchObject({ subject: 'merge', changes: [] });
  expect(commits.at(-2)?.parents).toHaveLength(2);
  expect(commits.at(-1)).toMatchObject({ subject: 'empty', changes: [], parents: [commits.at(-2)?.hash] });
});

test('tells authors and times as they are, and survives those that are missing', async () => {
  const repository = await createRepository(
    { name: 'plain', author: 'Zoë Ångström <zoe@example.com>', day: 0, subject: 'Erste Änderung\n\nbody' },
    { name: 'nameless', author: '<nobody@example.com>' },
    { name: 'homeless', author: 'Only Name <>' },
    { name: 'silent', subject: '' },
  );
  const [plain, nameless, homeless, silent] = await commitsOf(repository);
  expect(plain).toMatchObject({
    authorName: 'Zoë Ångström',
    authorEmail: 'zoe@example.com',
    authoredAt: new Date('2024-01-01T00:00:00Z'),
    subject: 'Erste Änderung',
  });
  expect(nameless).toMatchObject({ authorName: '', authorEmail: 'nobody@example.com' });
  expect(homeless).toMatchObject({ authorName: 'Only Name', authorEmail: '' });
  expect(silent).toMatchObject({ subject: '' });
});

test('keeps every file name apart, whatever bytes it is made of', async () => {
  const names = [
    Buffer.from('two\nlines'),
    Buffer.from('tab\there'),
    Buffer.from('"quoted" \\ name'),
    Buffer.from(':colon'),
    Buffer.from('commit 0123'),
    Buffer.from('1\t2\tlooks like a count'),
    Buffer.from('--option'),
    Buffer.from(' spaces '),
    Buffer.from('日本語/✨.txt'),
    Buffer.from([0x66, 0xff, 0xfe]),
    Buffer.from([0x66, 0xff, 0xfd]),
    Buffer.from([0xef, 0xbb, 0xbf, 0x66]),
    Buffer.from('f'),
  ];
  const repository = await createRepository({ name: 'odd', rawFiles: names.map((name) => [name, 'x\n']) });
  const [commit] = await commitsOf(repository);
  const paths = commit?.changes.map(({ path }) => path);
  expect(paths?.toSorted()).toEqual(names.map((name) => quotePath(name)).toSorted());
  expect(new Set(paths).size).toBe(names.length);
  expect(commit?.changes.every(({ lines }) => lines?.added === 1)).toBe(true);
});

test('spells odd file names as git does', () => {
  expect(quotePath(Buffer.from('plain/name é.txt'))).toBe('plain/name é.txt');
  expect(quotePath(Buffer.from('a\n"b"\\\u0001'))).toBe(String.raw`"a\n\"b\"\\\001"`);
  expect(quotePath(Buffer.from([0x63, 0xff]))).toBe(String.raw`"c\377"`);
});

test('is not changed by the configuration of the user', async () => {
  const repository = await createRepository(
    { name: 'add', files: { 'b.txt': 'one\ntwo\nthree\n' } },
    { name: 'rename', files: { 'b.txt': null, 'a.txt': 'one\ntwo\nthree\n' } },
  );
  const plain = await commitsOf(repository);
  for (const [name, value] of [
    ['log.showRoot', 'false'],
    ['log.showSignature', 'true'],
    ['diff.renames', 'false'],
    ['diff.noprefix', 'true'],
    ['color.ui', 'always'],
    ['core.quotePath', 'true'],
    ['log.decorate', 'full'],
  ] as const) {
    await repository.git('config', name, value);
  }
  expect(await commitsOf(repository)).toEqual(plain);
});

test('refuses output that ends in the middle of a commit', async () => {
  async function* output(): AsyncGenerator<Buffer> {
    yield Buffer.from('commit 0123\0parent\0na');
    yield Buffer.from('me\0');
  }
  await expect(collect(parseLog(output()))).rejects.toMatchObject({ code: 'GIT_FAILED' });
});

test('refuses what is no repository, has no commits, or lacks a part of its history', async () => {
  const folder = await temporaryFolder();
  await expect(openRepository(`${folder}/nowhere`)).rejects.toMatchObject({ code: 'NOT_A_REPOSITORY' });
  await expect(openRepository(folder)).rejects.toMatchObject({ code: 'NOT_A_REPOSITORY' });
  await expect(openRepository((await createRepository()).path)).rejects.toMatchObject({ code: 'EMPTY_REPOSITORY' });
  const full = await createRepository({ name: 'one' }, { name: 'two' });
  await full.git('clone', '--quiet', '--depth=1', `file://${full.path}`, `${folder}/shallow`);
  await expect(openRepository(`${folder}/shallow`)).rejects.toMatchObject({ code: 'SHALLOW_REPOSITORY' });
});

test('says that git is missing', async () => {
  const { path } = await createRepository({ name: 'one' });
  const before = process.env['PATH'];
  process.env['PATH'] = '/nowhere';
  try {
    await expect(openRepository(path)).rejects.toMatchObject({ code: 'GIT_NOT_FOUND' });
  } finally {
    process.env['PATH'] = before;
  }
});

test('ends git when the reading is stopped early or aborted', async () => {
  const repository = await createRepository(...Array.from({ length: 50 }, (_, index) => ({ name: `c${index}` })));
  const git = await openRepository(repository.path);
  for await (const { hash } of walkCommits(git, [git.head])) {
    expect(hash).toBe(git.head);
    break;
  }
  const stopping = new AbortController();
  const reading = readCommits(git, [`${git.head}\n`], stopping.signal);
  stopping.abort();
  await expect(reading.next()).rejects.toBe(stopping.signal.reason);
});

test('keeps a list of many commits in order', () => {
  const list = new CommitList();
  const hashes = Array.from({ length: 2_500 }, (_, index) => `hash${index}`);
  for (const hash of hashes) list.add(hash);
  expect(list.size).toBe(2_500);
  expect([...list.reversed()].join('').trim().split('\n')).toEqual(hashes.toReversed());
  expect([...new CommitList().reversed()]).toEqual([]);
});
