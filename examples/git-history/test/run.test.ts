import { PassThrough } from 'node:stream';
import { expect } from 'vitest';
import { test } from './support/git-program.ts';
import type { HistoryStore } from '../src/events.ts';
import { createProgress, type Progress } from '../src/output/progress.ts';
import { run, type Outcome } from '../src/run.ts';
import { createRepository, temporaryFolder, type TestRepository } from './support/repository.ts';
import { importAll, memoryStorage, memoryStore } from './support/stores.ts';

interface Ended {
  readonly outcome: Outcome;
  readonly printed: string;
  readonly errors: string;
}

async function start(
  args: readonly string[],
  {
    store = memoryStore(),
    stopping = new AbortController(),
    show = () => undefined,
  }: { store?: HistoryStore; stopping?: AbortController; show?: (progress: Progress) => void } = {},
): Promise<Ended> {
  let printed = '';
  let errors = '';
  const outcome = await run(args, {
    openStore: async () => ({ store, [Symbol.asyncDispose]: async () => undefined }),
    print: (text) => void (printed += text),
    printError: (text) => void (errors += text),
    progress: { show, stop: () => undefined },
    signal: stopping.signal,
    now: () => performance.now(),
  });
  return { outcome, printed, errors };
}

function example(): Promise<TestRepository> {
  return createRepository(
    { name: 'one', files: { 'a.txt': '1\n' } },
    { name: 'two', author: 'Bob <bob@example.com>', files: { 'a.txt': '2\n', 'b.txt': '1\n' } },
  );
}

test('prints what was appended, and the second time that it was there already', async () => {
  const { path } = await example();
  const store = memoryStore();
  const first = await start([path], { store });
  expect(first.outcome).toBe('done');
  expect(first.printed).toMatch(/2 files and 2 authors/u);
  expect(first.printed).toMatch(/appended now +2 +6\n +already there +0 +0\n +in the store +2 +6/u);
  expect(first.printed).toMatch(/Ann +ann@example\.com +1/u);
  const { printed } = await start([path], { store });
  expect(printed).toMatch(/appended now +0 +0\n +already there +2 +6\n +in the store +2 +6/u);
});

test('prints the summary as JSON', async () => {
  const { path } = await example();
  const { printed } = await start([path, '--json']);
  expect(JSON.parse(printed)).toMatchObject({
    commits: 2,
    files: 2,
    authors: 2,
    events: 6,
    appended: { commits: 2, events: 6 },
    alreadyThere: { commits: 0, events: 0 },
    left: 0,
  });
});

test('answers questions from what was imported, and imports nothing for them', async () => {
  const repository = await example();
  const store = memoryStore();
  const { path } = repository;
  expect(await start([path, '--top', '3'], { store })).toMatchObject({
    outcome: 'failed',
    errors: expect.stringMatching(/is not imported yet/u),
  });
  await start([path], { store });
  await repository.add({ name: 'three', files: { 'a.txt': '3\n' } });
  expect((await start([path, '--file', 'a.txt'], { store })).printed).toMatch(
    /^a\.txt: exists, 2 changes by 2 authors/u,
  );
  const early = await start([path, '--file', 'a.txt', '--at', '2024-01-02'], { store });
  expect(early.printed).toMatch(/^a\.txt: exists at 2024-01-02T23:59:59\.999Z, 1 change by 1 author/u);
  const author = await start([path, '--author', 'bob@example.com', '--json'], { store });
  expect(JSON.parse(author.printed)).toMatchObject({ name: 'Bob', changes: 1, files: [{}, {}] });
  expect((await start([path, '--top', '1'], { store })).printed).toMatch(/a\.txt +2 +2/u);
  const missing = await start([path, '--file', 'a.txt', '--at', '2023-01-01'], { store });
  expect(missing).toMatchObject({
    outcome: 'failed',
    errors: expect.stringMatching(/^.*no file "a\.txt" until.*\n$/u),
  });
});

test.each([
  [[]],
  [['one', 'two']],
  [['.', '--nope']],
  [['.', '--file', 'a', '--author', 'b']],
  [['.', '--at', '2024-01-01']],
  [['.', '--activity', '--top', '3']],
  [['.', '--file', 'a', '--under', 'src']],
  [['.', '--from-log']],
  [['.', '--rebuild', '--top', '3']],
  [['.', '--verify', '--at', '2024-01-01']],
  [['.', '--file', 'a', '--at', 'yesterday']],
  [['.', '--file', 'a', '--at', '2024-02-30']],
  [['.', '--top', '0']],
  [['/nowhere/at all']],
])('refuses %j in one line without a stack trace', async (args) => {
  const { outcome, errors } = await start(args);
  expect(outcome).toBe('failed');
  expect(errors).toMatch(/^[^\n]+\n$/u);
});

test('explains itself', async () => {
  expect(await start(['--help'])).toMatchObject({ outcome: 'done', printed: expect.stringMatching(/--author EMAIL/u) });
});

test('answers what was imported and not yet applied to the read models', async () => {
  const repository = await example();
  const store = memoryStore();
  await start([repository.path], { store });
  await repository.add({ name: 'three', files: { 'a.txt': '3\n', 'sub/c.txt': '1\n' } });
  await importAll(store, repository.path);
  const answer = await start([repository.path, '--file', 'a.txt', '--json'], { store });
  expect(JSON.parse(answer.printed)).toMatchObject({ changes: 3 });
  expect((await start([repository.path, '--activity'], { store })).printed).toMatch(/2024-01 +3 +3 /u);
  const below = await start([repository.path, '--top', '5', '--under', 'sub'], { store });
  expect(below.printed).toMatch(/^Files that changed most often\n.*\n +sub\/c\.txt +1 .*\n$/u);
});

test('rebuilds the read models and proves them, in a table or as JSON', async () => {
  const { path } = await example();
  const store = memoryStore();
  expect(await start([path, '--rebuild'], { store })).toMatchObject({
    outcome: 'failed',
    errors: expect.stringMatching(/not imported/u),
  });
  await start([path], { store });
  const { outcome, printed } = await start([path, '--rebuild', '--verify'], { store });
  expect(outcome).toBe('done');
  expect(printed).toMatch(/files +3 +2 .*\n +author-files +2 +3 .*\n +authors +2 +2 .*\n +activity +2 +3 /u);
  expect(printed).toMatch(/files +3 +3 +yes\n +author-files +2 +3 +yes\n +authors +2 +2 +yes\n +activity +2 +4 +yes/u);
  const json = JSON.parse((await start([path, '--verify', '--json'], { store })).printed);
  expect(json.verified).toMatchObject(Array.from({ length: 4 }, () => ({ ok: true })));
});

test('a rebuild that is stopped says how to go on', async () => {
  const { path } = await example();
  const store = memoryStore();
  await start([path], { store });
  const stopping = new AbortController();
  const show = (): void => stopping.abort();
  const stopped = await start([path, '--rebuild'], { store, stopping, show });
  expect(stopped).toMatchObject({ outcome: 'interrupted', errors: expect.stringMatching(/same command again/u) });
  const again = await start([path, '--rebuild', '--verify', '--json'], { store });
  expect(again.outcome).toBe('done');
});

test('takes a path that looks like an option after --', async () => {
  const { outcome, errors } = await start(['--', '--not-there']);
  expect(outcome).toBe('failed');
  expect(errors).toMatch(/no folder ".*--not-there"/u);
});

test('says in one line that a folder is no repository', async () => {
  const { outcome, errors } = await start([await temporaryFolder()]);
  expect(outcome).toBe('failed');
  expect(errors).toMatch(/^[^\n]*is not a Git repository[^\n]*\n$/u);
});

test('shows a bug with its stack', async () => {
  const { path } = await example();
  const storage = memoryStorage(() => () => {
    throw new TypeError('a bug');
  });
  const { outcome, errors } = await start([path], { store: memoryStore(storage) });
  expect(outcome).toBe('failed');
  expect(errors).toMatch(/TypeError: a bug\n +at /u);
});

test('says how far it came when it is stopped', async () => {
  const { path } = await example();
  const stopping = new AbortController();
  const storage = memoryStorage((append) => async (command, options) => {
    stopping.abort();
    return append(command, options);
  });
  const store = memoryStore(storage);
  const { outcome, errors } = await start([path], { store, stopping });
  expect(outcome).toBe('interrupted');
  expect(errors).toMatch(/^Stopped after 2 of 2 commits/u);
});

test('never lets names from a repository steer the terminal', async () => {
  const { path } = await createRepository({
    name: 'evil',
    author: 'Evil \u001B[31m\u009B2J\u202E <evil@example.com>',
    files: { 'evil\u001B[31m': 'x\n', 'bidi\u202Etxt.exe': 'x\n' },
  });
  const { printed } = await start([path]);
  expect(printed).toMatch(/Evil/u);
  expect(printed).not.toMatch(/[^\P{Cc}\n]|\p{Bidi_Control}/u);
});

test('prints about ten lines of progress where there is no terminal', () => {
  const output = new PassThrough({ encoding: 'utf8' });
  const progress = createProgress(output);
  const steps = Array.from({ length: 1_001 }, (_, done): Progress => {
    return { work: 'Imported', done, total: 1_000, unit: 'commits', note: `, ${done} events` };
  });
  for (const step of steps) progress.show(step);
  progress.stop();
  const lines = String(output.read()).trimEnd().split('\n');
  expect(lines).toHaveLength(10);
  expect(lines.at(-1)).toBe('Imported 1,000 of 1,000 commits, 1000 events');
});
