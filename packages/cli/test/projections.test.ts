import { Client } from 'pg';
import { describe, expect, test, vi } from 'vitest';
import { useDatabase } from './support/database.ts';
import { project } from './support/project.ts';
import { jsonLines, runMink } from './support/run-mink.ts';

vi.setConfig({ testTimeout: 30_000 });
const database = useDatabase();

/** Carts, of which one has an item that cannot be counted, and a projection that was run over them. */
async function carts() {
  const schema = database.newSchema();
  const mink = await import('mink');
  const { createPostgresStore } = await import('mink/postgres');
  const events = mink.defineEvents({ ItemAdded: mink.payload<{ sku: string }>() });
  const counting = mink
    .defineProjection({
      name: 'item-count',
      events: { Cart: events },
      readModel: mink.documents<{ items: number }>(),
    })
    .on({
      ItemAdded: (cart, event) => {
        if (event.data.sku === 'bad') throw new Error('cannot count it');
        return { items: (cart?.items ?? 0) + 1 };
      },
    });
  const store = createPostgresStore({ url: database.url(), schema, categories: { Cart: events } });
  for (const sku of ['a', 'bad', 'b']) await store.append('Cart-1', [events.ItemAdded({ sku })]);
  await store.append('Cart-2', [events.ItemAdded({ sku: 'c' })]);
  const engine = mink.createProjectionEngine(store, [counting], { tries: 1 });
  await engine.start();
  await engine.waitFor(4);
  await engine.close();
  await store.append('Cart-2', [events.ItemAdded({ sku: 'd' })]);
  await store.close();
  const config = (mended: boolean) => `
    import { defineEvents, defineProjection, documents, payload } from 'mink';
    import { createPostgresStore } from 'mink/postgres';
    const url = ${JSON.stringify(database.url())}, schema = ${JSON.stringify(schema)};
    const events = defineEvents({ ItemAdded: payload() });
    export const store = createPostgresStore({ url, schema, categories: { Cart: events } });
    export const projections = [
      defineProjection({
        name: 'item-count',
        events: { Cart: events },
        readModel: documents(),
      }).on({
        ItemAdded: (cart, { data }) => {
          if (data.sku === 'bad' && ${!mended}) throw new Error('cannot count it');
          return { items: (cart?.items ?? 0) + 1 };
        },
      }),
    ];`;
  // A process of its own has a store of its own; here each call takes a new file.
  const run = (args: readonly string[], { mended = false } = {}) =>
    runMink(args, { cwd: project({ 'mink.config.mjs': config(mended) }) });
  return { run, schema };
}

describe('projections', () => {
  test('are listed, with what keeps them, and how far they are behind', async () => {
    const { run, schema } = await carts();
    const list = await run(['projections', 'list']);
    expect(list.stdout).toMatch(
      /^NAME +VERSION +LIVE +STATE +POSITION +EVENTS +PARKED +CODE +OWNER +ERROR\nitem-count +1 +live +stopped +4 +4 +1 +yes\n$/u,
    );
    const status = await run(['projections', 'status']);
    expect(status.stdout).toMatch(/^NAME.*\nitem-count +1 +stopped +1 +\d+\.\d +1\n$/u);
    const [json] = jsonLines((await run(['projections', 'status', '--json'])).stdout);
    expect(json).toMatchObject({ name: 'item-count', lagEvents: 1, parkedKeys: 1, position: 4 });
    const args = ['projections', 'list', '--json', '--url', database.url(), '--schema', schema];
    expect(jsonLines((await runMink(args, { cwd: project() })).stdout)).toMatchObject([
      { name: 'item-count', events: 4 },
    ]);
  });

  test('are not said to be live, and no more, while a transaction holds the log', async () => {
    const { run, schema } = await carts();
    const { createPostgresStore } = await import('mink/postgres');
    await using store = createPostgresStore({ url: database.url(), schema });
    const holder = new Client({ connectionString: database.url() });
    await holder.connect();
    await holder.query('begin');
    await store.append('Cart-1', [{ type: 'ItemAdded', data: { sku: 'e' } }], { tx: holder });
    await expect
      .poll(async () => (await run(['projections', 'status'])).stderr, { timeout: 20_000 })
      .toBe(
        'The log can be read to position 5 of 6 only, and what comes behind is not counted here: see "mink feed".\n',
      );
    expect((await run(['projections', 'status', '--json'])).stderr).toBe('');
    await holder.end();
  });

  test('are paused, resumed and reset', async () => {
    const { run } = await carts();
    expect((await run(['projections', 'pause', 'item-count'])).stdout).toBe('item-count version 1: paused\n');
    expect(jsonLines((await run(['projections', 'list', '--json'])).stdout)[0]).toMatchObject({ state: 'paused' });
    expect((await run(['projections', 'resume', 'item-count', '--of', '1'])).stdout).toBe(
      'item-count version 1: resumed\n',
    );
    const [reset] = jsonLines((await run(['projections', 'reset', 'item-count', '--json'])).stdout);
    expect(reset).toEqual({ name: 'item-count', version: 1, done: 'reset' });
    const [listed] = jsonLines((await run(['projections', 'list', '--json'])).stdout);
    expect(listed).toMatchObject({ position: 0, events: 0, parkedKeys: 0 });
  });

  test('say where they were, minute by minute, and how fast', async () => {
    const { run, schema } = await carts();
    const client = new Client({ connectionString: database.url() });
    await client.connect();
    await client.query(
      `insert into ${schema}.checkpoint_history (name, version, at, position, events)
       values ('item-count', 1, '2026-01-31T09:58:00Z', 700, 600),
              ('item-count', 1, '2026-01-31T10:00:00Z', 2000, 1800),
              ('item-count', 1, '2026-01-31T10:01:00Z', 300, 240)`,
    );
    await client.end();
    const since = ['--since', '2026-01-31T00:00:00Z'];
    // It was reset in the last minute, so that there is no rate; what the engine itself has sampled comes behind.
    expect((await run(['projections', 'history', 'item-count', ...since])).stdout).toMatch(
      /^AT +POSITION +EVENTS +EVENTS\/S\n\S+09:58:00\.000Z +700 +600 *\n\S+10:00:00\.000Z +2000 +1800 +10\.0\n\S+10:01:00\.000Z +300 +240 *\n/u,
    );
    const late = ['projections', 'history', 'item-count', '--json', '--since', '2026-01-31T09:59:00Z'];
    expect(jsonLines((await run(late)).stdout)[0]).toEqual({
      at: '2026-01-31T10:00:00.000Z',
      position: 2000,
      events: 1800,
      rate: null,
    });
    expect(await run(['projections', 'history', 'item-count', '--since', '2099-01-01T00:00:00Z'])).toMatchObject({
      exitCode: 0,
      stderr: 'It has not moved.\n',
    });
    expect(await run(['projections', 'history', 'unknown'])).toMatchObject({ exitCode: 2 });
    expect(await run(['projections', 'history', 'item-count', '--since', 'yesterday'])).toMatchObject({ exitCode: 2 });
  });

  test('are shown, now and as they were', async () => {
    const { run } = await carts();
    expect((await run(['projections', 'show', 'item-count'])).stdout).toBe(
      'KEY     STALE  MODEL\nCart-1  yes    {"items":1}\nCart-2         {"items":1}\n',
    );
    const one = await run(['projections', 'show', 'item-count', 'Cart-2', '--json']);
    expect(jsonLines(one.stdout)).toEqual([{ key: 'Cart-2', model: { items: 1 } }]);
    const then = await run(['projections', 'show', 'item-count', '--at-position', '5']);
    expect(then.stderr).toBe('Made of 5 events, up to position 5.\n');
    expect(then.stdout).toMatch(
      /^KEY     MODEL        ERROR\nCart-1  \{"items":1\}  Projection .*cannot count it\nCart-2  \{"items":2\}\n$/u,
    );
    const mended = await run(['projections', 'show', 'item-count', 'Cart-1', '--at-position', '3', '--json'], {
      mended: true,
    });
    expect(jsonLines(mended.stdout)).toEqual([{ key: 'Cart-1', model: { items: 3 } }]);
    const before = ['projections', 'show', 'item-count', '--at-time', '2020-01-01T00:00:00Z'];
    expect(await run(before)).toMatchObject({ exitCode: 0, stdout: '', stderr: expect.stringContaining('0 events') });
    expect((await run(['projections', 'show', 'item-count', 'Cart-9'])).stderr).toBe('Nothing found.\n');
    expect(await run([...before, '--at-position', '1'])).toMatchObject({ exitCode: 2 });
    expect(await run(['projections', 'show', 'nosuch'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('only: item-count version 1'),
    });
  });

  test('are worked on in as many partitions as are wanted', async () => {
    const { run } = await carts();
    const four = await run(['projections', 'partition', 'item-count', '4']);
    expect(four.stdout).toBe('item-count version 1: 4 partitions\n');
    const [listed] = jsonLines((await run(['projections', 'list', '--json'])).stdout);
    expect(listed).toMatchObject({
      wantedPartitions: 4,
      partitions: Array.from({ length: 4 }, () => ({ position: 4 })),
    });
    const [one] = jsonLines((await run(['projections', 'partition', 'item-count', '1', '--json'])).stdout);
    expect(one).toEqual({ name: 'item-count', version: 1, partitions: 1, wanted: 1 });
    expect(await run(['projections', 'partition', 'item-count', '65'])).toMatchObject({ exitCode: 2 });
  });

  test('are verified, with the first event that was not applied once', async () => {
    const { run, schema } = await carts();
    const right = await run(['projections', 'verify', 'item-count']);
    expect(right).toMatchObject({
      exitCode: 0,
      stdout: 'item-count version 1: 4 events, applied 2 times as they should, 2 parked, 0 discarded\n',
    });
    const client = new Client({ connectionString: database.url() });
    await client.connect();
    await client.query(`update ${schema}.projection_partitions set position = 5`);
    await client.end();
    const wrong = await run(['projections', 'verify', 'item-count']);
    expect(wrong.stdout).toBe('item-count version 1: 1 missing, the first at position 5\n');
    expect([wrong.exitCode, wrong.stderr]).toEqual([1, expect.stringContaining('mink projections reset item-count')]);
    const [json] = jsonLines((await run(['projections', 'verify', 'item-count', '--json'])).stdout);
    expect(json).toMatchObject({ name: 'item-count', ok: false, parked: 2, first: { kind: 'missing', position: 5 } });
  });

  test('are made inline, and async again', async () => {
    const { run } = await carts();
    const inline = ['projections', 'inline', 'item-count'];
    expect(await run(inline)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('parked keys (1)') });
    await run(['deadletters', 'retry', 'item-count', '--all'], { mended: true });
    expect((await run(inline, { mended: true })).stdout).toBe('item-count version 1: inline\n');
    expect((await run(['projections', 'status'])).stdout).toMatch(/\nitem-count +1 +inline +0 +0\.0 +0\n$/u);
    expect(await run(['projections', 'pause', 'item-count'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('every append applies'),
    });
    expect((await run(['projections', 'async', 'item-count'])).stdout).toBe('item-count version 1: async\n');
    expect((await run(['projections', 'status'])).stdout).toMatch(/\nitem-count +1 +stopped +0 /u);
    expect(await run(['projections', 'inline', 'nosuch'])).toMatchObject({ exitCode: 2 });
  });

  test('that are not there are a usage error', async () => {
    const { run } = await carts();
    const unknown = await run(['projections', 'pause', 'nosuch']);
    expect([unknown.exitCode, unknown.stderr]).toEqual([2, expect.stringContaining('only: item-count version 1')]);
    const noConfig = await runMink(['projections', 'status'], { cwd: project() });
    expect([noConfig.exitCode, noConfig.stderr]).toEqual([
      2,
      expect.stringContaining('There is no config file in this directory'),
    ]);
    const empty = database.newSchema();
    const { createPostgresStore } = await import('mink/postgres');
    await using store = createPostgresStore({ url: database.url(), schema: empty });
    await store.readBound();
    const none = await runMink(['projections', 'list', '--url', database.url(), '--schema', empty], { cwd: project() });
    expect(none).toEqual({ exitCode: 0, stdout: '', stderr: 'No projections.\n' });
  });
});

describe('dead letters', () => {
  test('are listed, shown, tried and retried', async () => {
    const { run } = await carts();
    const list = await run(['deadletters', 'list']);
    expect(list.stdout).toMatch(/\nitem-count +1 +Cart-1 +2 +1 +\S+ +cannot count it\n$/u);
    const show = await run(['deadletters', 'show', 'item-count', 'Cart-1']);
    expect(show.stdout).toBe(
      'POSITION  STREAM    TYPE       DATA\n       2  Cart-1@2  ItemAdded  {"sku":"bad"}\n       3  Cart-1@3  ItemAdded  {"sku":"b"}\n',
    );
    const dryRun = ['deadletters', 'dry-run', 'item-count', 'Cart-1'];
    expect((await run(dryRun)).stdout).toBe('Cart-1: 0 would be applied, 2 left, the first fails: cannot count it\n');
    expect((await run(dryRun, { mended: true })).stdout).toBe(
      'Cart-1: 2 would be applied, none is left\n  items: 1 -> 3\n',
    );
    const trial = await run(['deadletters', 'retry', 'item-count', '--all', '--dry-run'], { mended: true });
    expect(trial.stdout).toBe('Cart-1: 2 would be applied, none is left\n  items: 1 -> 3\n');
    const failing = await run(['deadletters', 'retry', 'item-count', 'Cart-1']);
    expect([failing.exitCode, failing.stderr]).toEqual([
      1,
      expect.stringContaining('2 events of "item-count" are left'),
    ]);
    const retried = await run(['deadletters', 'retry', 'item-count', '--all'], { mended: true });
    expect(retried).toEqual({ exitCode: 0, stdout: 'Cart-1: 2 applied, none is left\n', stderr: '' });
    expect((await run(['deadletters', 'list'])).stderr).toBe('No dead letters.\n');
    expect((await run(['deadletters', 'show', 'item-count', 'Cart-1'])).stderr).toBe('Not parked.\n');
  });

  test('are discarded with a reason only', async () => {
    const { run } = await carts();
    const discard = ['deadletters', 'discard', 'item-count', 'Cart-1'];
    expect(await run(discard)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--reason') });
    const done = await run([...discard, '--reason', 'never bought', '--json']);
    expect(jsonLines(done.stdout)).toEqual([{ key: 'Cart-1', discarded: 2 }]);
    expect(jsonLines((await run(['deadletters', 'list', '--json'])).stdout)).toEqual([]);
  });

  test('want to know which', async () => {
    const { run } = await carts();
    expect(await run(['deadletters', 'retry', 'item-count'])).toMatchObject({ exitCode: 2 });
    expect(await run(['deadletters', 'retry', 'nosuch', '--all'])).toMatchObject({ exitCode: 2 });
  });
});
