import { Client } from 'pg';
import { describe, expect, test, vi } from 'vitest';
import { useDatabase } from './support/database.ts';
import { project } from './support/project.ts';
import { jsonLines, runMink } from './support/run-mink.ts';

vi.setConfig({ testTimeout: 60_000 });
const database = useDatabase();

/** What the config file of a test has code for; the factor says by how much an item counts. */
interface Code {
  readonly versions: readonly { readonly version: number; readonly factor: number; readonly failing?: string }[];
}

/** Carts with a projection that was run over them, in its first version. */
async function carts() {
  const schema = database.newSchema();
  const config = ({ versions }: Code): string => `
    import { defineEvents, defineProjection, defineSqlProjection, documents, payload } from 'mink';
    import { column } from 'mink';
    import { createPostgresStore } from 'mink/postgres';
    const url = ${JSON.stringify(database.url())}, schema = ${JSON.stringify(schema)};
    const events = defineEvents({ ItemAdded: payload() });
    export const store = createPostgresStore({ url, schema, categories: { Cart: events } });
    const lines = defineSqlProjection({
      name: 'lines',
      events: { Cart: events },
      tables: { skus: { columns: { sku: column.text(), count: column.integer() }, key: 'sku' } },
      apply: async (batch, tx) => {
        for (const { data } of batch) {
          const text = \`insert into \${tx.tables.skus} as s (sku, count) values ($1, 1)
            on conflict (sku) do update set count = s.count + 1\`;
          await tx.query(text, [data.sku]);
        }
      },
    });
    const items = ${JSON.stringify(versions)}.map(({ version, factor, failing }) => defineProjection({
      name: 'item-count',
      version,
      events: { Cart: events },
      readModel: documents(),
    }).on({
      ItemAdded: (cart, { data }) => {
        if (data.sku === failing) throw new Error('cannot count it');
        return { items: (cart?.items ?? 0) + (data.sku === 'b' ? factor : 1) };
      },
    }));
    export const projections = [...items, lines];`;
  const run = (args: readonly string[], code: Code = both) =>
    runMink(args, { cwd: project({ 'mink.config.mjs': config(code) }) });
  const { createPostgresStore } = await import('mink/postgres');
  await using store = createPostgresStore({ url: database.url(), schema });
  for (const sku of ['a', 'b', 'c']) await store.append('Cart-1', [{ type: 'ItemAdded', data: { sku } }]);
  await store.append('Cart-2', [{ type: 'ItemAdded', data: { sku: 'd' } }]);
  expect(await run(['projections', 'build', 'item-count'], first)).toMatchObject({ exitCode: 0 });
  expect(await run(['projections', 'build', 'lines'], first)).toMatchObject({ exitCode: 0 });
  return { run, schema };
}

const first: Code = { versions: [{ version: 1, factor: 1 }] };
const both: Code = {
  versions: [
    { version: 1, factor: 1 },
    { version: 2, factor: 10 },
  ],
};

describe('a version', () => {
  test('is planned, built, compared, switched to and back, and retired', async () => {
    const { run } = await carts();
    const plan = await run(['projections', 'plan', 'item-count']);
    expect(plan.stdout).toMatch(
      /^item-count version 2: 4 events to apply, about \d+ s at [\d,]+\/s\nlive: version 1, \d+ kB, 0 keys parked\n$/u,
    );
    const missing = await run(['projections', 'compare', 'item-count']);
    expect([missing.exitCode, missing.stderr]).toEqual([1, expect.stringContaining('Build it first')]);
    const build = await run(['projections', 'build', 'item-count']);
    expect(build.stdout).toMatch(/^item-count version 2: built, 4 events in \d+\.\d s, [\d,]+\/s\n$/u);
    expect(build.stderr).toMatch(/^item-count \[[#-]{20}\] +\d+% +\d of 4 events, [\d,]+\/s.*\n$/u);
    const compare = await run(['projections', 'compare', 'item-count']);
    expect(compare.exitCode).toBe(1);
    expect(compare.stdout).toBe(
      [
        'item-count version 2 against version 1, at position 4: different',
        '  rows: 2 -> 2, 0 added, 0 removed, 1 changed',
        '  Cart-1: changed',
        '    items: 3 -> 12',
        '    since ItemAdded at position 2, version 2 of Cart-1',
        '',
      ].join('\n'),
    );
    // It was built by a command, and runs nowhere.
    expect(await run(['projections', 'switch', 'item-count'])).toMatchObject({
      stdout: 'item-count: version 2 is live, instead of 1\n',
      stderr: expect.stringContaining('No process works on item-count version 2'),
    });
    const [one, two] = jsonLines((await run(['projections', 'list', '--json'], first)).stdout);
    expect(one).toMatchObject({ version: 1, isLive: false, hasCode: true });
    expect(two).toMatchObject({ version: 2, isLive: true, hasCode: false });
    expect((await run(['projections', 'list'], first)).stdout).toMatch(/item-count +2 +live .* no\n/u);
    const back = await run(['projections', 'rollback', 'item-count', '--json']);
    expect(jsonLines(back.stdout)).toMatchObject([
      { name: 'item-count', from: 2, to: 1, lagEvents: 0, isWorkedOn: false },
    ]);
    const live = await run(['projections', 'retire', 'item-count', '--of', '1']);
    expect([live.exitCode, live.stderr]).toEqual([1, expect.stringContaining('switch to another one before')]);
    expect((await run(['projections', 'retire', 'item-count', '--of', '2'])).stdout).toBe(
      'item-count version 2: retired\n',
    );
    const again = await run(['projections', 'build', 'item-count', '--json']);
    expect([again.exitCode, JSON.parse(again.stderr)]).toEqual([
      1,
      { error: expect.objectContaining({ code: 'PROJECTION_RETIRED', version: 2 }) },
    ]);
    const status = await run(['projections', 'status', '--json']);
    expect(jsonLines(status.stdout)).toMatchObject([{ state: 'stopped' }, { version: 2, state: 'retired' }, {}]);
  });

  test('is asked for where there are several, by every command on one, and none is done to another', async () => {
    const { run, schema } = await carts();
    expect(await run(['projections', 'build', 'item-count'])).toMatchObject({ exitCode: 0 });
    const without = ['projections', 'switch', 'item-count', '--url', database.url(), '--schema', schema];
    expect(await runMink(without, { cwd: project() })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('Say which one: --to 1'),
    });
    const commands = [
      ['pause', 'item-count'],
      ['resume', 'item-count'],
      ['reset', 'item-count', '--yes'],
      ['partition', 'item-count', '2'],
      ['verify', 'item-count'],
      ['history', 'item-count'],
      ['inline', 'item-count'],
    ];
    for (const command of commands) {
      const which = await run(['projections', ...command]);
      expect([command, which.exitCode, which.stderr]).toEqual([
        command,
        2,
        expect.stringMatching(/"item-count" has .*versions.*Say which one: --of [12]/u),
      ]);
      const none = await run(['projections', ...command, '--of', '3']);
      expect([command, none.exitCode, none.stderr]).toEqual([
        command,
        2,
        expect.stringMatching(/There is no such projection, only: item-count version 1|has no "item-count"/u),
      ]);
    }
    const states = async (): Promise<unknown> =>
      jsonLines((await run(['projections', 'list', '--json'])).stdout).map((it) => [it['version'], it['state']]);
    expect(await states()).toEqual([
      [1, 'stopped'],
      [2, 'stopped'],
      [1, 'stopped'],
    ]);
    expect((await run(['projections', 'pause', 'item-count', '--of', '2'])).exitCode).toBe(0);
    expect(await states()).toEqual([
      [1, 'stopped'],
      [2, 'paused'],
      [1, 'stopped'],
    ]);
    expect((await run(['projections', 'verify', 'item-count', '--of', '1'])).exitCode).toBe(0);
  });

  test('that fails at some events is built, and says so', async () => {
    const { run } = await carts();
    const failing: Code = { versions: [{ version: 2, factor: 1, failing: 'd' }] };
    const build = await run(
      ['projections', 'build', 'item-count', '--json', '--rate', '1000', '--batch', '2'],
      failing,
    );
    expect(build.exitCode).toBe(1);
    expect(jsonLines(build.stdout)).toMatchObject([{ name: 'item-count', version: 2, parkedKeys: 1 }]);
    const told = jsonLines(build.stderr);
    expect(told[0]).toMatchObject({ progress: { name: 'item-count', version: 2, left: expect.any(Number) } });
    expect(told.at(-1)).toMatchObject({ error: { code: 'KEYS_PARKED', parkedKeys: 1 } });
    const compare = await run(['projections', 'compare', 'item-count'], failing);
    expect(compare.stdout).toContain('  fails: Cart-2 at position 4: cannot count it\n');
    const refused = await run(['projections', 'switch', 'item-count'], failing);
    expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining('1 key of version 2')]);
    const forced = await run(['projections', 'switch', 'item-count', '--force'], failing);
    expect(forced.exitCode).toBe(0);
  });

  test('that is not there, or cannot be meant, is told', async () => {
    const { run, schema } = await carts();
    expect(await run(['projections', 'build', 'nosuch'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('no code for "nosuch", only for: item-count version 1, item-count version 2'),
    });
    const plan = ['projections', 'plan', 'item-count'];
    for (const command of [plan, ['rebuild-all-projections']]) {
      expect(await run([...command, '--url', database.url(), '--schema', schema])).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining('--schema name another store'),
      });
    }
    expect(await runMink(plan, { cwd: project(), url: database.url() })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('There is no config file in this directory'),
    });
    expect(await run(['projections', 'retire'])).toMatchObject({ exitCode: 2 });
    expect(await run(['projections', 'rollback', 'item-count'])).toMatchObject({ exitCode: 1 });
    // Without code: by what is in the database.
    const args = ['projections', 'switch', 'item-count', '--url', database.url(), '--schema', schema];
    expect(await runMink(args, { cwd: project() })).toMatchObject({
      exitCode: 0,
      stdout: 'item-count: version 1 is live already\n',
    });
    const help = await run(['projections', '--help']);
    for (const verb of ['plan', 'build', 'compare', 'what-if', 'switch', 'rollback', 'retire', 'rebuild']) {
      expect(help.stdout).toContain(`  ${verb} `);
    }
  });
});

describe('code that has changed', () => {
  const changed: Code = { versions: [{ version: 1, factor: 10 }] };

  test('is tried against the whole log, and changes nothing', async () => {
    const { run } = await carts();
    const same = await run(['projections', 'what-if', 'item-count'], first);
    expect(same.stdout).toBe(
      'item-count version 1 against version 1, at position 4: no difference\n  rows: 2 -> 2, 0 added, 0 removed, 0 changed\n',
    );
    expect(same.exitCode).toBe(0);
    const other = await run(['projections', 'what-if', 'item-count', '--json'], changed);
    expect(other.exitCode).toBe(1);
    expect(jsonLines(other.stdout)).toMatchObject([
      { isSame: false, tables: [{ changed: 1, samples: [{ key: 'Cart-1', lastPosition: 3 }] }] },
    ]);
    expect((await run(['projections', 'what-if', 'item-count'], changed)).stderr).toContain(
      'If that is what you want, make them anew with "mink projections rebuild item-count".',
    );
    expect((await run(['projections', 'what-if', 'lines'], first)).stdout).toContain('rows of skus: 4 -> 4, 0 added');
    expect((await run(['projections', 'list'], first)).stdout.split('\n')).toHaveLength(4);
  });

  test('is found by the proof of the rows, as are rows that were changed by hand; and nothing else is', async () => {
    const { run, schema } = await carts();
    const verify = ['projections', 'verify', 'item-count', '--deep'];
    const right = await run(verify, first);
    expect(right.stdout).toBe(
      'item-count version 1, at position 4: the rows are what its code makes of the log\n  rows: 2 -> 2, 0 missing, 0 too many, 0 wrong\n',
    );
    expect([right.exitCode, right.stderr]).toEqual([
      0,
      expect.stringMatching(/^item-count \[[#-]{20}\] .* of 4 events/u),
    ]);
    const other = await run([...verify, '--json'], changed);
    expect(other.exitCode).toBe(1);
    expect(jsonLines(other.stdout)).toMatchObject([
      { name: 'item-count', version: 1, ok: false, position: 4, keysApart: 0, tables: [{ changed: 1 }] },
    ]);
    expect(jsonLines(other.stderr).at(-1)).toMatchObject({ error: { code: 'ROWS_WRONG', projection: 'item-count' } });
    const client = new Client({ connectionString: database.url() });
    await client.connect();
    await client.query(`update ${schema}_read.item_count_v1 set document = '{"items":2}' where key = 'Cart-1'`);
    await client.query(`delete from ${schema}_read.lines_v1_skus where sku = 'd'`);
    await client.end();
    const wrong = await run(verify, first);
    expect(wrong).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('mink projections rebuild item-count'),
    });
    expect(wrong.stdout).toBe(
      [
        'item-count version 1, at position 4: the rows are not what its code makes of the log',
        '  rows: 2 -> 2, 0 missing, 0 too many, 1 wrong',
        '  Cart-1: wrong',
        '    items: 2 -> 3',
        '    since ItemAdded at position 3, version 3 of Cart-1',
        '',
      ].join('\n'),
    );
    const lines = await run(['projections', 'verify', 'lines', '--deep'], first);
    expect(lines.stdout).toContain('  rows of skus: 3 -> 4, 1 missing, 0 too many, 0 wrong\n  d: missing\n');
    const part = await run(['projections', 'verify', 'lines', '--deep', '--sample', '1000', '--seed', '1'], first);
    expect(part.stdout).toContain('  only one key in 1,000 was compared, --seed 1\n  rows of skus: 0 -> 0');
    const some = ['projections', 'what-if', 'item-count', '--sample', '1000', '--json'];
    expect(jsonLines((await run(some, first)).stdout)).toMatchObject([{ sample: { oneIn: 1_000 } }]);
    // What was applied is as it was.
    expect((await run(['projections', 'verify', 'item-count'], first)).exitCode).toBe(0);
    expect((await run(['projections', 'list'], first)).stdout.split('\n')).toHaveLength(4);
    expect(await run(['projections', 'verify', 'nosuch', '--deep'], first)).toMatchObject({ exitCode: 2 });
  });

  test('of an inline projection can only be found so', async () => {
    const { run } = await carts();
    expect(await run(['projections', 'inline', 'item-count'], first)).toMatchObject({ exitCode: 0 });
    const shallow = await run(['projections', 'verify', 'item-count'], first);
    expect(shallow).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('can only be proven with --deep') });
    const [json] = jsonLines((await run(['projections', 'verify', 'item-count', '--json'], first)).stdout);
    expect(json).toMatchObject({ ok: true, isInline: true });
    expect((await run(['projections', 'verify', 'item-count', '--deep'], first)).exitCode).toBe(0);
    expect((await run(['projections', 'verify', 'item-count', '--deep'], changed)).exitCode).toBe(1);
    expect((await run(['projections', 'what-if', 'item-count'], changed)).stdout).toContain('1 changed');
  });

  test('is applied to the whole log again', async () => {
    const { run } = await carts();
    const rebuild = await run(['projections', 'rebuild', 'item-count'], changed);
    expect(rebuild.stdout).toMatch(/^item-count version 1: rebuilt, 4 events/u);
    expect((await run(['projections', 'what-if', 'item-count'], changed)).exitCode).toBe(0);
    expect((await run(['projections', 'what-if', 'item-count'], first)).exitCode).toBe(1);
  });

  test('of a version that is retired keeps nobody from learning what is wrong, though its code is there yet', async () => {
    const { run } = await carts();
    await run(['projections', 'build', 'item-count', '--of', '2']);
    expect((await run(['projections', 'retire', 'item-count', '--of', '2', '--yes'])).exitCode).toBe(0);
    expect(await run(['incident', 'Cart-1'])).toMatchObject({ exitCode: 0, stderr: '' });
    expect((await run(['why', '1'])).stdout).not.toContain('item-count 2');
    expect((await run(['doctor'])).stdout).not.toContain('Never started');
  });

  test('of all projections goes on with nothing, where versions are retired', async () => {
    const { run } = await carts();
    const both: Code = { versions: [...first.versions, { version: 2, factor: 1 }] };
    await run(['projections', 'build', 'item-count', '--of', '2'], both);
    expect((await run(['projections', 'retire', 'item-count', '--of', '2', '--yes'], both)).exitCode).toBe(0);
    const all = await run(['rebuild-all-projections'], both);
    expect(all).toMatchObject({ exitCode: 0 });
    expect(all.stderr).not.toContain('Going on');
  });

  test('of all projections is applied again, where it can be', async () => {
    const { run } = await carts();
    const trial = { exitCode: 0, stdout: 'Would rebuild item-count version 1, lines version 1.\n' };
    expect(await run(['rebuild-all-projections', '--dry-run'], changed)).toMatchObject(trial);
    expect((await run(['projections', 'what-if', 'item-count'], changed)).exitCode).toBe(1);
    const all = await run(['rebuild-all-projections', '--parallel', '2'], changed);
    expect(all).toMatchObject({ exitCode: 0 });
    expect(all.stdout.split('\n').toSorted()).toEqual([
      '',
      expect.stringMatching(/^item-count version 1: rebuilt, 4 events/u),
      expect.stringMatching(/^lines version 1: rebuilt, 4 events/u),
    ]);
    expect((await run(['projections', 'what-if', 'item-count'], changed)).exitCode).toBe(0);
    const failing: Code = { versions: [{ version: 1, factor: 1, failing: 'd' }] };
    const some = await run(['projections', 'rebuild-all-projections', '--json'], failing);
    expect(some.exitCode).toBe(1);
    expect(jsonLines(some.stdout)).toMatchObject([
      { name: 'item-count', error: expect.stringContaining('cannot count it') },
      { name: 'lines', events: 4 },
    ]);
    expect(jsonLines(some.stderr).at(-1)).toMatchObject({
      error: { code: 'REBUILDS_FAILED', projections: ['item-count'] },
    });
    const left = await run(['rebuild-all-projections', '--dry-run', '--json'], failing);
    expect(jsonLines(left.stdout)).toEqual([{ todo: [{ name: 'item-count', version: 1 }], done: 1 }]);
    // Mended: the next run goes on with what is left.
    const rest = await run(['rebuild-all-projections', '--force'], failing);
    expect(rest.stderr).toContain('Going on with 1 of 2: --fresh rebuilds all.\n');
    expect(rest.stdout).toMatch(/^item-count version 1: rebuilt/u);
    expect((await run(['projections', 'retire', '--shadows'])).stdout).toBe('0 shadows dropped\n');
  });
});
