import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { useDatabase } from './support/database.ts';
import { project } from './support/project.ts';
import { jsonLines, runMink } from './support/run-mink.ts';

vi.setConfig({ testTimeout: 30_000 });
const database = useDatabase();

/** Orders of code without types, and a config file that has them. */
async function orders(
  payloads: readonly (readonly [string, unknown])[],
  { events = 'ItemAdded: payload(), OrderCreated: payload()', recordShapes = true } = {},
) {
  const schema = database.newSchema();
  const { createPostgresStore } = await import('mink/postgres');
  await using store = createPostgresStore({ url: database.url(), schema, recordShapes });
  await store.readBound();
  for (const [type, data] of payloads) await store.append('Order-1', [{ type, data }]);
  const config = (defined: string) => `
    import { defineDecider, defineEvents, payload, upcastFrom } from 'mink';
    import { createPostgresStore } from 'mink/postgres';
    const url = ${JSON.stringify(database.url())}, schema = ${JSON.stringify(schema)};
    const events = defineEvents({ ${defined} });
    export const store = createPostgresStore({ url, schema, categories: { Order: events } });
    export const deciders = [
      defineDecider({
        category: 'Order',
        events,
        initialState: () => ({ skus: [] }),
        evolve: (state, { type, data }) => (type === 'ItemAdded' ? { skus: [...state.skus, data.sku.trim()] } : state),
        decide: () => [],
      }),
    ];`;
  // A process of its own has a store of its own; here each call takes a new file.
  const cwd = (defined = events) => project({ 'mink.config.mjs': config(defined) });
  return { config, cwd, mink: (...args: string[]) => runMink(['schema', ...args], { cwd: cwd() }) };
}

describe('schema check', () => {
  test('says that nothing would break, and ends with 0', async () => {
    const { mink } = await orders([
      ['OrderCreated', { customer: 'Ada' }],
      ['ItemAdded', { sku: 'a' }],
    ]);
    expect(await mink('check')).toEqual({
      exitCode: 0,
      stdout: 'This code was tried on 2 shapes: 0 would break\n',
      stderr: '',
    });
  });

  test('says what would break, and ends with 1', async () => {
    const { mink } = await orders([
      ['OrderCancelled', { why: 'x' }],
      ['ItemAdded', { sku: 12 }],
    ]);
    const { exitCode, stdout, stderr } = await mink('check');
    expect(exitCode).toBe(1);
    expect(stdout).toContain('This code was tried on 2 shapes: 2 would break\n');
    expect(stdout).toContain('Order OrderCancelled version 1 { why: string }\n  decode: ');
    expect(stdout).toContain('  Order-1 version 1 (position 1)\n');
    expect(stderr).toContain('2 shapes would break.');
    const json = await mink('check', '--json');
    const [report] = jsonLines(json.stdout);
    expect(report).toMatchObject({ shapes: 2, generated: 0, streams: 1 });
    expect(report.broken[0]).toMatchObject({ type: 'OrderCancelled', step: 'decode', code: 'UNKNOWN_EVENT_TYPE' });
    expect(jsonLines(json.stderr)[0].error.code).toBe('SCHEMA_BROKEN');
  });

  test('refuses to pass where there are events and no shapes, until they were scanned', async () => {
    const { mink } = await orders([['ItemAdded', { sku: 'a' }]], { recordShapes: false });
    const refused = await mink('check');
    expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining('Run "mink schema scan"')]);
    expect((await mink('scan')).stdout).toBe('1 event scanned, 1 shape was not recorded\n');
    expect((await mink('check')).exitCode).toBe(0);
    expect(jsonLines((await mink('scan', '--rebuild', '--json')).stdout)[0]).toMatchObject({ events: 1, found: 0 });
    expect((await mink('shapes')).stdout).toBe(
      'CATEGORY  TYPE       VERSION  EVENTS  SHAPE\nOrder     ItemAdded        1       1  { sku: string }\n',
    );
    expect(jsonLines((await mink('shapes', '--type', 'ItemAdded', '--json')).stdout)).toMatchObject([
      { eventCount: 1 },
    ]);
    expect((await mink('shapes', '--type', 'Other')).stderr).toBe('No shapes are recorded.\n');
  });

  test('of an empty log has nothing to say', async () => {
    const { mink } = await orders([]);
    expect((await mink('check')).stdout).toBe('This code was tried on 0 shapes: 0 would break\n');
  });
});

describe('schema fixtures', () => {
  test('are written once, and can be checked without a database', async () => {
    const { cwd } = await orders([
      ['OrderCreated', { customer: 'Ada' }],
      ['ItemAdded', { sku: 'a' }],
    ]);
    const here = cwd();
    const run = (...args: string[]) => runMink(['schema', ...args], { cwd: here });
    expect((await run('fixtures', 'golden')).stdout).toBe('2 fixtures written to golden, 0 already there\n');
    const file = readdirSync(join(here, 'golden/Order')).find((name) => name.startsWith('ItemAdded')) ?? '';
    const fixture = JSON.parse(readFileSync(join(here, 'golden/Order', file), 'utf8'));
    expect(fixture).toEqual({
      category: 'Order',
      type: 'ItemAdded',
      schemaVersion: 1,
      shape: '{ sku: string }',
      payloads: [{ sku: 'text' }],
    });
    writeFileSync(join(here, 'golden/Order', file), JSON.stringify({ ...fixture, payloads: [{ sku: 7 }] }));
    const again = cwd();
    const checked = await runMink(['schema', 'check', '--fixtures', join(here, 'golden')], { cwd: again });
    expect(checked.exitCode).toBe(1);
    expect(checked.stdout).toContain('  made-up value {"sku":7}\n');
    const kept = await runMink(['schema', 'fixtures', join(here, 'golden')], { cwd: cwd() });
    expect(kept.stdout).toContain('0 fixtures written');
    expect(JSON.parse(readFileSync(join(here, 'golden/Order', file), 'utf8')).payloads).toEqual([{ sku: 7 }]);
  });

  test.each([
    ['nothing', {}, 1, 'There are no fixtures in "golden"'],
    ['no fixture', { 'golden.json': '{}' }, 2, '"golden.json" is no fixture'],
    ['no JSON', { 'golden.json': '{' }, 2, '"golden.json" is not JSON'],
  ])('that are %s are an error', async (_, files, code, message) => {
    const { cwd } = await orders([]);
    const directory = Object.keys(files).length === 0 ? 'golden' : project(files);
    const { exitCode, stderr } = await runMink(['schema', 'check', '--fixtures', directory], { cwd: cwd() });
    expect(exitCode).toBe(code);
    expect(stderr).toContain(message);
  });

  test('need shapes', async () => {
    const { mink } = await orders([]);
    expect(await mink('fixtures', 'golden')).toMatchObject({ exitCode: 1, stdout: '' });
  });
});

describe('schema check --against', () => {
  /** A repository with one commit, and other code in the directory. */
  async function changed(now: string) {
    const { cwd, config } = await orders([['ItemAdded', { sku: 'a' }]]);
    const here = cwd();
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { cwd: here });
    git('init', '--quiet');
    git('add', 'mink.config.mjs');
    git('commit', '--quiet', '-m', 'first');
    writeFileSync(join(here, 'mink.config.mjs'), config(now));
    return { here, git };
  }

  test('says whether old code can read what new code writes', async () => {
    const { here, git } = await changed(
      'ItemAdded: upcastFrom(payload()).to(2, (data) => ({ ...data, quantity: 1 })).now(payload()), OrderCreated: payload()',
    );
    const { exitCode, stdout, stderr } = await runMink(['schema', 'check', '--against', 'HEAD'], { cwd: here });
    expect(exitCode).toBe(1);
    expect(stdout).toContain('This code was tried on 1 shape: 0 would break\n');
    expect(stdout).toContain('The code of HEAD, beside this one, was tried on 1 payload: 1 would break\n');
    expect(stdout).toContain('Order ItemAdded version 2 { quantity: integer; sku: string }\n  decode: ');
    expect(stderr).toContain('Not tried: Order OrderCreated version 1, of which no payload is known.\n');
    expect(git('worktree', 'list').toString().trim().split('\n')).toHaveLength(1);
  });

  test('is content with code that writes the same', async () => {
    const { here } = await changed('ItemAdded: payload(), OrderCreated: payload(), Added: payload()');
    const { exitCode } = await runMink(['schema', 'check', '--against', 'HEAD', '--json'], { cwd: here });
    expect(exitCode).toBe(0);
  });

  test.each(['nosuch', '--all'])('refuses "%s", which is no commit', async (ref) => {
    const { here } = await changed('ItemAdded: payload()');
    const { exitCode, stderr } = await runMink(['schema', 'check', `--against=${ref}`], { cwd: here });
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining(`The code of "${ref}" cannot be tried`)]);
  });

  test('needs a repository', async () => {
    const { mink } = await orders([['ItemAdded', { sku: 'a' }]]);
    expect((await mink('check', '--against', 'HEAD')).stderr).toContain('cannot be tried');
  });
});

describe('schema changelog', () => {
  test('is Markdown', async () => {
    const { mink } = await orders([['ItemAdded', { sku: 'a' }]]);
    await mink('scan');
    const { stdout } = await mink('changelog');
    expect(stdout.replace(/\d{4}-\d\d-\d\d/u, 'DAY')).toBe(
      [
        '# Changes of events',
        '',
        '## Order',
        '',
        '### ItemAdded',
        '',
        'Written today, as version 1.',
        '',
        '- **Version 1** since DAY, 1 event: `{ sku: string }`',
        '',
        '### OrderCreated',
        '',
        'Written today, as version 1.',
        '',
        '',
      ].join('\n'),
    );
    expect(jsonLines((await mink('changelog', '--json')).stdout)).toMatchObject([{ type: 'ItemAdded' }, {}]);
  });
});
