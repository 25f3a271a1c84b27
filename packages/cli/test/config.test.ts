import { describe, expect, test } from 'vitest';
import { useDatabase } from './support/database.ts';
import { project } from './support/project.ts';
import { runMink } from './support/run-mink.ts';

const database = useDatabase();

async function aStore(streamName = 'Order-1') {
  const { schema, store } = database.openStore();
  await store.append(streamName, [{ type: 'OrderCreated', data: {} }]);
  await store.close();
  return schema;
}

const quoted = (text: string): string => JSON.stringify(text);

describe('the config file names the database', () => {
  test.each([
    [
      'mink.config.ts',
      (url: string, schema: string) => `export const url: string = ${url}; export const schema = ${schema};`,
    ],
    ['mink.config.ts', (url: string, schema: string) => `export default { url: ${url}, schema: ${schema} as const };`],
    [
      'mink.config.mjs',
      (url: string, schema: string) => `export const url = await ${url}; export const schema = ${schema};`,
    ],
    ['mink.config.js', (url: string, schema: string) => `module.exports = { url: ${url}, schema: ${schema} };`],
    [
      'mink.config.js',
      (url: string, schema: string) => `export default { url: 'x' }; export const url = ${url}, schema = ${schema};`,
    ],
  ])('as %s, form %#', async (name, text) => {
    const schema = await aStore();
    const cwd = project({ [name]: text(quoted(database.url()), quoted(schema)) });
    const { exitCode, stdout, stderr } = await runMink(['streams'], { cwd });
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toContain('Order-1');
  });

  test('and may import TypeScript of the project', async () => {
    const schema = await aStore();
    const cwd = project({
      'settings.ts': `export const schema: string = ${quoted(schema)};`,
      'mink.config.ts': `export { schema } from './settings.ts'; export const url = ${quoted(database.url())};`,
    });
    expect((await runMink(['streams'], { cwd })).stdout).toContain('Order-1');
  });

  test('with --config from anywhere', async () => {
    const schema = await aStore();
    const cwd = project({
      'other.ts': `export default { url: ${quoted(database.url())}, schema: ${quoted(schema)} };`,
    });
    expect((await runMink(['streams', '--config', 'other.ts'], { cwd })).stdout).toContain('Order-1');
    expect((await runMink(['streams', '--config', `${cwd}/other.ts`])).stdout).toContain('Order-1');
  });

  test('below --url, --schema and DATABASE_URL', async () => {
    const [inConfig, asked] = [await aStore('Order-1'), await aStore('Order-2')];
    const cwd = project({
      'mink.config.ts': `export default { url: 'postgres://127.0.0.1:1/nowhere', schema: ${quoted(inConfig)} };`,
    });
    const url = database.url();
    expect((await runMink(['streams'], { cwd })).stderr).toContain('cannot be reached');
    expect((await runMink(['streams'], { cwd, url })).stdout).toContain('Order-1');
    expect((await runMink(['streams', '--url', url], { cwd })).stdout).toContain('Order-1');
    expect((await runMink(['streams', '--schema', asked], { cwd, url })).stdout).toContain('Order-2');
    const other = { cwd, url: 'postgres://127.0.0.1:1/nowhere' };
    expect((await runMink(['streams', '--url', url, '--schema', asked], other)).stdout).toContain('Order-2');
  });

  test('above DATABASE_URL where it exports its store, for every command', async () => {
    const schema = await aStore();
    const cwd = project({
      'mink.config.ts': `
        import { createPostgresStore } from 'mink/postgres';
        export const url = ${quoted(database.url())};
        export const schema = ${quoted(schema)};
        export const store = createPostgresStore({ url, schema, categories: {} });`,
    });
    const other = { cwd, url: 'postgres://127.0.0.1:1/nowhere' };
    expect((await runMink(['streams'], other)).stdout).toContain('Order-1');
    expect((await runMink(['migrate', 'status'], other)).stdout).toContain(schema);
    expect((await runMink(['streams', '--url', other.url], other)).stderr).toContain('cannot be reached');
  });

  test('an empty url counts as none', async () => {
    const cwd = project({ 'mink.config.ts': "export const url = process.env.NOT_SET ?? '';" });
    const { exitCode, stderr } = await runMink(['streams'], { cwd });
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('"mink.config.ts" exports no "url"')]);
  });
});

describe('a config file that cannot be used is one line', () => {
  test.each([
    [
      'throws',
      "throw new Error('DATABASE_URL is not set\\nsecond line');",
      'cannot be loaded: DATABASE_URL is not set',
    ],
    [
      'has a password in its error',
      "throw new Error('bad postgres://app:s3cret@db/x');",
      'bad postgres://app:***@db/x',
    ],
    ['is not TypeScript', 'export const = ;', 'Unexpected token at mink.config.ts:1:13'],
    [
      'imports what is not there',
      "import './nowhere.ts'; export const url = 'x';",
      'cannot be loaded: Cannot find module',
    ],
    [
      'exports nothing',
      "const url = 'x';",
      'exports nothing. Export url, schema, store, deciders, aggregates or projections.',
    ],
    ['has a number for a URL', 'export const url = 5432;', 'exports a "url" that is number, not text.'],
    [
      'has a URL for a schema',
      "export default { schema: new URL('x:y') };",
      'exports a "schema" that is object, not text.',
    ],
    [
      'has a default export that is a function',
      'export default () => ({});',
      'has a default export that is no object.',
    ],
    ['has a store that is none', 'export const store = { append() {} };', 'exports a "store" that is no event store.'],
  ])('when it %s', async (_what, text, message) => {
    const cwd = project({ 'mink.config.ts': text });
    const { exitCode, stdout, stderr } = await runMink(['streams'], { cwd, url: database.url() });
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^error: Config file "mink\.config\.ts" [^\n]*\n$/u);

    const json = await runMink(['streams', '--json'], { cwd, url: database.url() });
    expect(JSON.parse(json.stderr).error).toMatchObject({ code: 'CONFIG_INVALID', path: 'mink.config.ts' });
  });

  test('when the file given does not exist', async () => {
    const cwd = project();
    const { exitCode, stderr } = await runMink(['streams', '--config', 'nope.ts', '--json'], { cwd });
    expect(exitCode).toBe(1);
    expect(JSON.parse(stderr).error).toMatchObject({ code: 'CONFIG_NOT_FOUND', path: 'nope.ts' });
  });

  test('but is not looked at when both --url and --schema are given', async () => {
    const schema = await aStore();
    const cwd = project({ 'mink.config.ts': "throw new Error('broken');" });
    const { stdout } = await runMink(['streams', '--url', database.url(), '--schema', schema], { cwd });
    expect(stdout).toContain('Order-1');
  });
});
