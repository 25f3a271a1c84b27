import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { useDatabase } from './support/database.ts';
import { project } from './support/project.ts';
import { runMink } from './support/run-mink.ts';
import { build, spawnMink } from './support/spawn-mink.ts';

vi.setConfig({ testTimeout: 60_000 });
const database = useDatabase();
const installed = fileURLToPath(new URL('../../../node_modules', import.meta.url));

const V1 = 'ItemAdded: payload()';
const V2 = 'ItemAdded: upcastFrom(payload()).to(2, (data) => ({ ...data, quantity: 1 })).now(payload())';
/** A file that defines the events. */
const eventsFile = (defined: string): string => `
  import { defineEvents, payload, upcastFrom } from 'mink';
  export const events = defineEvents({ ${defined} });`;
/** A config file that has them from there. */
const configFile = (schema: string, from = './events.mjs'): string => `
  import { createPostgresStore } from 'mink/postgres';
  import { events } from ${JSON.stringify(from)};
  const url = ${JSON.stringify(database.url())}, schema = ${JSON.stringify(schema)};
  export const store = createPostgresStore({ url, schema, categories: { Order: events } });`;

/** The schema of a store with one order. */
async function oneOrder(): Promise<string> {
  const schema = database.newSchema();
  const { createPostgresStore } = await import('mink/postgres');
  await using store = createPostgresStore({ url: database.url(), schema });
  await store.readBound();
  await store.append('Order-1', [{ type: 'ItemAdded', data: { sku: 'a' } }]);
  return schema;
}

function write(directory: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
}

function gitIn(cwd: string) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_')));
  return (...args: string[]): string =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { cwd, env })
      .toString()
      .trim();
}

/** An empty directory that goes when the test ends. */
function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'mink-schema-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }));
  return directory;
}

/** A repository whose commit has version 1 and whose files have version 2: `--against HEAD` has to find that. */
async function repository() {
  const schema = await oneOrder();
  const here = project({ '.gitignore': 'node_modules\n' });
  write(here, { 'mink.config.mjs': configFile(schema), 'events.mjs': eventsFile(V1) });
  const git = gitIn(here);
  git('init', '--quiet');
  git('add', '.');
  git('commit', '--quiet', '-m', 'first');
  write(here, { 'events.mjs': eventsFile(V2) });
  return { here, git, schema };
}

const AGAINST = ['schema', 'check', '--against', 'HEAD'];

beforeAll(build, 300_000);

describe('schema check --against', () => {
  test('leaves worktrees of the user alone that are elsewhere at the moment', async () => {
    const { here, git } = await repository();
    const away = temporary();
    git('worktree', 'add', '--quiet', '--detach', join(away, 'other'));
    renameSync(join(away, 'other'), join(away, 'unplugged'));
    await spawnMink(AGAINST, { cwd: here }).done;
    renameSync(join(away, 'unplugged'), join(away, 'other'));
    expect(git('worktree', 'list').split('\n')).toHaveLength(2);
    expect(gitIn(join(away, 'other'))('status', '--short')).toBe('');
  });

  test('leaves the index alone when it runs in a hook of git', async () => {
    const { here, git } = await repository();
    const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
    write(here, {
      '.git/hooks/pre-commit': `#!/bin/sh\n"${process.execPath}" "${main}" schema check --against HEAD >hook.txt 2>&1\nexit 0\n`,
    });
    execFileSync('chmod', ['+x', join(here, '.git/hooks/pre-commit')]);
    write(here, { 'note.txt': 'one\n' });
    git('add', 'note.txt');
    write(here, { 'events.mjs': `${eventsFile(V2)}\n// changed\n` });
    try {
      git('commit', '--quiet', '-a', '-m', 'second');
    } catch {
      /* told below */
    }
    const output = readFileSync(join(here, 'hook.txt'), 'utf8');
    expect({
      files: git('ls-tree', '--name-only', 'HEAD').split('\n'),
      compared: output.includes('The code of HEAD'),
    }).toEqual({
      files: ['.gitignore', 'events.mjs', 'mink.config.mjs', 'note.txt'],
      compared: true,
    });
  });

  test('works in a folder of a repository that has its own node_modules', async () => {
    const schema = await oneOrder();
    const root = temporary();
    write(root, {
      '.gitignore': 'node_modules\n',
      'backend/mink.config.mjs': configFile(schema),
      'backend/events.mjs': eventsFile(V1),
    });
    symlinkSync(installed, join(root, 'backend/node_modules'));
    const git = gitIn(root);
    git('init', '--quiet');
    git('add', '.');
    git('commit', '--quiet', '-m', 'first');
    write(root, { 'backend/events.mjs': eventsFile(V2) });
    const { stdout, stderr } = await spawnMink(AGAINST, { cwd: join(root, 'backend') }).done;
    expect(`${stdout}${stderr}`).toContain('The code of HEAD, beside this one, was tried on 1 payload: 1 would break');
  });

  // node_modules links to packages of the workspace, which are old code, too.
  test('takes packages of a workspace from the old code', async () => {
    const schema = await oneOrder();
    const root = temporary();
    write(root, {
      '.gitignore': 'node_modules\n',
      'package.json': '{ "private": true, "workspaces": ["packages/*"] }',
      'packages/events/package.json': '{ "name": "@shop/events", "type": "module", "exports": "./events.mjs" }',
      'packages/events/events.mjs': eventsFile(V1),
      'mink.config.mjs': configFile(schema, '@shop/events'),
    });
    mkdirSync(join(root, 'node_modules/@shop'), { recursive: true });
    symlinkSync('../../packages/events', join(root, 'node_modules/@shop/events'));
    for (const name of readdirSync(installed)) {
      if (!name.startsWith('.') && name !== '@shop')
        symlinkSync(join(installed, name), join(root, 'node_modules', name));
    }
    const git = gitIn(root);
    git('init', '--quiet');
    git('add', '.');
    git('commit', '--quiet', '-m', 'first');
    write(root, { 'packages/events/events.mjs': eventsFile(V2) });
    const { exitCode, stdout } = await spawnMink(AGAINST, { cwd: root }).done;
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: expect.stringContaining('payload: 1 would break') });
  });

  test('takes the old config file, with an absolute --config, too', async () => {
    const { here } = await repository();
    const { exitCode, stdout } = await spawnMink(['--config', join(here, 'mink.config.mjs'), ...AGAINST], { cwd: here })
      .done;
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: expect.stringContaining('payload: 1 would break') });
  });

  test('can be interrupted, and leaves nothing behind', async () => {
    const { here, git } = await repository();
    const text = readFileSync(join(here, 'mink.config.mjs'), 'utf8');
    write(here, {
      'events.mjs': eventsFile(V1),
      'mink.config.mjs': `${text}\nawait new Promise((go) => setTimeout(go, import.meta.url.includes('mink-against') ? 20000 : 0));\n`,
    });
    git('commit', '--quiet', '-am', 'slow');
    const before = new Set(readdirSync(tmpdir()));
    const mink = spawnMink(AGAINST, { cwd: here });
    await mink.untilPrinted('This code was tried');
    await sleep(1_500);
    const interrupted = performance.now();
    mink.child.kill('SIGINT');
    const { exitCode } = await mink.done;
    const took = performance.now() - interrupted;
    const left = readdirSync(tmpdir()).filter((name) => name.startsWith('mink-against-') && !before.has(name));
    expect({ exitCode, soon: took < 15_000, left, worktrees: git('worktree', 'list').split('\n').length }).toEqual({
      exitCode: 130,
      soon: true,
      left: [],
      worktrees: 1,
    });
  });

  test('passes over payloads that the code of now can read but not write', async () => {
    const { here } = await repository();
    const transform = `
      import { defineEvents } from 'mink';
      import { z } from 'zod';
      export const events = defineEvents({ ItemAdded: z.object({ sku: z.string().transform((text) => text.length) }) });`;
    write(here, { 'events.mjs': transform });
    const { exitCode, stdout, stderr } = await spawnMink(AGAINST, { cwd: here }).done;
    expect({ exitCode, stdout, stderr }).toMatchObject({ exitCode: 0 });
  });
});

describe('schema fixtures', () => {
  async function fixturesOf(appends: readonly (readonly [string, string, unknown])[]) {
    const schema = database.newSchema();
    const { createPostgresStore } = await import('mink/postgres');
    await using store = createPostgresStore({ url: database.url(), schema });
    await store.readBound();
    for (const [streamName, type, data] of appends) await store.append(streamName, [{ type, data }]);
    const cwd = project();
    const run = () =>
      runMink(['--url', database.url(), '--schema', schema, 'schema', 'fixtures', 'deep/golden'], { cwd });
    return { cwd, run, schema };
  }

  test('of a category with an odd name stay in their directory', async () => {
    const { cwd, run } = await fixturesOf([['..-1', 'ItemAdded', { sku: 'a' }]]);
    const { stdout, stderr } = await run();
    expect([stdout, stderr]).toEqual(['1 fixture written to deep/golden, 0 already there\n', '']);
    expect(readdirSync(join(cwd, 'deep'))).toEqual(['golden']);
  });

  test('of a type with a long name can be written', async () => {
    const { run } = await fixturesOf([
      ['Order-1', '商品がカートに追加されました通知済み完了確認待ち受付中', { sku: 'a' }],
    ]);
    expect(await run()).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test('of types whose names differ in case only have files that do so otherwise, too', async () => {
    const { cwd, run } = await fixturesOf([
      ['Order-1', 'itemAdded', { sku: 'a' }],
      ['Order-1', 'ItemAdded', { sku: 'a' }],
    ]);
    await run();
    const names = readdirSync(join(cwd, 'deep/golden/Order')).map((name) => name.toLowerCase());
    expect(new Set(names).size).toBe(2);
  });

  test('of the rest tell what has come since', async () => {
    const many = Array.from({ length: 257 }, (_, n) => ['Order-1', 'ItemAdded', { [`name${n}x`]: n }] as const);
    const { cwd, run, schema } = await fixturesOf(many);
    await run();
    const { createPostgresStore } = await import('mink/postgres');
    await using store = createPostgresStore({ url: database.url(), schema });
    await store.append('Order-1', [{ type: 'ItemAdded', data: 'a text' }]);
    await run();
    const folder = join(cwd, 'deep/golden/Order');
    const all = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
    expect(all.some((text) => JSON.parse(text).payloads.includes('text'))).toBe(true);
    expect(existsSync(folder)).toBe(true);
  });
});
