import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDatabase } from '../packages/mink/test/support/databases.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);

/** What every consumer does with the packed library: types and schemas, both stores, a decider, an error. */
const program = (load: string): string => `
${load}
async function main() {
  const orderEvents = defineEvents({ OrderCreated: z.object({ customerId: z.string() }) });
  const order = defineDecider({
    category: 'Order',
    events: orderEvents,
    initialState: () => ({ customer: '' }),
    evolve: (state, event) => ({ customer: event.data.customerId }),
    decide: (command) => orderEvents.OrderCreated({ customerId: command.customerId }),
  });
  given(order, []).when({ customerId: 'c-1' }).then([orderEvents.OrderCreated({ customerId: 'c-1' })]);
  const options = { categories: { Order: orderEvents } };
  const schema = 'consumer_' + process.argv[2];
  for (const store of [createMemoryStore(options), createPostgresStore({ ...options, url: process.env.DATABASE_URL, schema })]) {
    const { state } = await store.execute(order, '1', { customerId: 'c-1' });
    const error = await store.append('Order-1', [orderEvents.OrderCreated({ customerId: 'x' })], { expectedVersion: 9 }).catch((e) => e);
    if (!(error instanceof ConcurrencyConflictError)) throw error;
    console.log(state.customer, error.code, (await store.readAll().toArray()).length);
    await store.close();
  }
}
main();
`;
const names = { mink: 'ConcurrencyConflictError, defineDecider, defineEvents', 'mink/memory': 'createMemoryStore' };
const entries = {
  ...names,
  'mink/cache': 'createStateCache',
  'mink/http': 'writeToken',
  'mink/postgres': 'createPostgresStore',
  'mink/testing': 'given',
  zod: 'z',
};
const esm = program(
  Object.entries(entries)
    .map(([name, list]) => `import { ${list} } from '${name}';`)
    .join('\n'),
);
const cjs = program(
  Object.entries(entries)
    .map(([name, list]) => `const { ${list} } = require('${name}');`)
    .join('\n'),
);
const expected = 'c-1 CONCURRENCY_CONFLICT 1\nc-1 CONCURRENCY_CONFLICT 1\n';

describe('the packed library in a project of its own', () => {
  let project = '';
  const runtimes = join(root, 'node_modules', '.cache', 'mink-runtimes');
  let databaseUrl = '';

  beforeAll(async () => {
    databaseUrl = await createDatabase();
    project = await mkdtemp(join(tmpdir(), 'mink-consumer-'));
    const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', project], {
      cwd: join(root, 'packages', 'mink'),
    });
    const [packed] = JSON.parse(stdout) as readonly { readonly filename: string }[];
    await writeFile(join(project, 'package.json'), '{ "private": true }');
    await writeFile(join(project, 'esm.mjs'), esm);
    await writeFile(join(project, 'cjs.cjs'), cjs);
    await install(project, [`./${packed?.filename}`, 'zod@4.6.7']);
    await mkdir(runtimes, { recursive: true });
    if (!existsSync(join(runtimes, 'package.json')))
      await writeFile(join(runtimes, 'package.json'), '{ "private": true }');
    await install(runtimes, ['node@24', 'bun@1.4.5']);
  }, 300_000);

  afterAll(async () => {
    await rm(project, { recursive: true, force: true });
  });

  /** The programs of npm's packages, as their install scripts leave them. */
  const node24 = join(runtimes, 'node_modules', 'node', 'bin', 'node');
  const bun = join(runtimes, 'node_modules', 'bun', 'bin', 'bun.exe');

  test.each([
    ['this Node, ESM', process.execPath, 'esm.mjs'],
    ['this Node, CommonJS with require of ESM', process.execPath, 'cjs.cjs'],
    ['Node 24, ESM', node24, 'esm.mjs'],
    ['Node 24, CommonJS with require of ESM', node24, 'cjs.cjs'],
    ['Bun, ESM', bun, 'esm.mjs'],
    ['Bun, CommonJS', bun, 'cjs.cjs'],
  ])('works on %s', async (label, command, file) => {
    const { stdout } = await run(command, [file, label.replaceAll(/\W/gu, '_').toLowerCase()], {
      cwd: project,
      env: { ...process.env, NODE_OPTIONS: '', NODE_NO_WARNINGS: '1', DATABASE_URL: databaseUrl },
    });
    expect(stdout).toBe(expected);
  });

  test('the other runtimes are what they say', async () => {
    expect((await run(node24, ['--version'])).stdout).toMatch(/^v24\./u);
    expect((await run(bun, ['--version'])).stdout).toBe('1.4.5\n');
  });

  test('needs pg and lru-cache, and nothing else, and brings no tests', async () => {
    const installed = join(project, 'node_modules', 'mink');
    const { dependencies } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as {
      readonly dependencies: Readonly<Record<string, string>>;
    };
    expect(Object.keys(dependencies)).toEqual(['lru-cache', 'pg']);
    expect(existsSync(join(installed, 'LICENSE'))).toBe(true);
    expect(existsSync(join(installed, 'test'))).toBe(false);
    const files = await readdir(join(installed, 'dist'), { recursive: true });
    expect(files.filter((file) => file.includes('.test.'))).toEqual([]);
  });
});

async function install(directory: string, packages: readonly string[]): Promise<void> {
  await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...packages], { cwd: directory });
}
