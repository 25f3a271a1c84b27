import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import {
  createLiveProjection,
  createProjectionEngine,
  defineEvents,
  defineProjection,
  documents,
  partitionKey,
  payload,
} from '../../src/core/index.ts';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { describePostgres, openClient, runSql } from '../support/databases.ts';

const events = defineEvents({ Numbered: payload<{ n: number }>() });
/** The same as that of `support/carts.js`, which other processes run. */
const numbers = defineProjection({
  name: 'numbers',
  events: { Cart: events },
  readModel: documents<{ numbers: readonly number[] }>(),
}).on({
  Numbered: (cart, { data }) => {
    if (data.n < 0) throw new Error('is negative');
    return { numbers: [...(cart?.numbers ?? []), data.n] };
  },
});
const numbered = (n: number) => events.Numbered({ n });
const open = (url: string) => createPostgresStore({ url, categories: { Cart: events } });
const program = (name: string) => fileURLToPath(new URL(`../support/${name}.js`, import.meta.url));

describePostgres('reading what was just written', (databases) => {
  test('works where another process applies it, and leaves that its lease', async () => {
    const url = await databases.create();
    await using store = open(url);
    await store.readBound();
    const child = spawn(process.execPath, [program('run-projections'), url, '60000', '10'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await once(child.stdout, 'data');
      const engine = createProjectionEngine(store, [numbers]);
      const carts = store.projections.readModel(numbers);
      const [{ epoch } = { epoch: 0 }] = await store.projections.list();
      for (let n = 1; n <= 30; n += 3) {
        const first = await store.append('Cart-1', [numbered(n)]);
        await store.projections.waitFor(first, { projections: [numbers] });
        const { token } = await store.append('Cart-1', [numbered(n + 1)]);
        strictEqual((await carts.get('Cart-1', { afterWrite: token }))?.numbers.length, n + 1);
        await engine.catchUp(await store.append('Cart-1', [numbered(n + 2)]));
      }
      const [stored] = await store.projections.list();
      expect(stored).toMatchObject({ epoch, events: 30, state: 'working' });
      ok(stored?.owner?.includes(`/${child.pid}/`));
    } finally {
      child.kill('SIGKILL');
    }
  });

  test('is done in the call itself, by a process that ends when it has', { timeout: 60_000 }, async () => {
    const url = await databases.create();
    await using store = open(url);
    for (let n = 1; n <= 20; n += 1) await store.append(`Cart-${n % 3}`, [numbered(n)]);
    const children = [0, 1, 2].map(() => spawn(process.execPath, [program('catch-up'), url], { stdio: 'inherit' }));
    deepStrictEqual(await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0])), [0, 0, 0]);
    const [stored] = await store.projections.list();
    expect(stored).toMatchObject({ events: 20, position: 20, state: 'stopped', owner: undefined });
  });

  test('says who is behind where nobody works', async () => {
    const url = await databases.create();
    await using store = open(url);
    const appended = await store.append('Cart-1', [numbered(1), numbered(2)]);
    const wait = store.projections.waitFor(appended, { projections: [numbers], timeout: 20 });
    await expect(wait).rejects.toMatchObject({
      code: 'PROJECTION_BEHIND',
      projection: 'numbers',
      position: 0,
      wanted: 2,
      lagEvents: 2,
      state: 'stopped',
      heldBy: undefined,
    });
  });

  test('says that its key is parked', async () => {
    const url = await databases.create();
    await using store = open(url);
    const engine = createProjectionEngine(store, [numbers], { tries: 1 });
    await engine.catchUp(await store.append('Cart-1', [numbered(1)]));
    const failed = await store.append('Cart-1', [numbered(-1)]);
    const behind = await store.append('Cart-1', [numbered(2)]);
    const other = await store.append('Cart-2', [numbered(3)]);
    const parked = { code: 'KEY_PARKED', projection: 'numbers', version: 1, key: 'Cart-1' };
    await expect(engine.catchUp(failed)).rejects.toMatchObject({ ...parked, position: 2 });
    await expect(engine.catchUp(behind)).rejects.toMatchObject({ ...parked, position: 3 });
    await engine.catchUp(other);
    const both = await store.appendMany([
      { streamName: 'Cart-3', events: [numbered(4)] },
      { streamName: 'Cart-1', events: [numbered(5)] },
    ]);
    await expect(engine.catchUp(both)).rejects.toMatchObject({ ...parked, position: both.globalPosition });
  });

  test('names the transaction that holds readers back, and goes on when it has ended', async () => {
    const url = await databases.create();
    await using store = open(url);
    await using engine = createProjectionEngine(store, [numbers]);
    await engine.start();
    const holder = await openClient(url);
    await holder.query('begin');
    const held = await store.append('Cart-1', [numbered(1)], { tx: holder });
    const after = await store.append('Cart-2', [numbered(2)]);
    const { rows } = await holder.query<{ pid: number }>('select pg_backend_pid() as pid');
    for (const write of [held, after]) {
      await expect(engine.waitFor(write, { timeout: 20 })).rejects.toMatchObject({
        code: 'PROJECTION_BEHIND',
        heldBy: rows[0]?.pid,
      });
    }
    const waiting = engine.waitFor(held);
    await holder.query('commit');
    await waiting;
    await engine.waitFor(after);
    await holder.end();
  });

  test('says that a write was rolled back', async () => {
    const url = await databases.create();
    await using store = open(url);
    await using engine = createProjectionEngine(store, [numbers]);
    await engine.start();
    const client = await openClient(url);
    await client.query('begin');
    const undone = await store.append('Cart-1', [numbered(1)], { tx: client });
    const waiting = engine.waitFor(undone).catch((error: unknown) => error);
    await client.query('rollback');
    expect(await waiting).toMatchObject({ code: 'LOG_REWOUND', after: 1 });
    await client.end();
  });

  test('notices a log that was restored, and the token of another store', async () => {
    const [url, restored] = [await databases.create(), await databases.create()];
    await using store = open(url);
    const { token: first } = await store.append('Cart-1', [numbered(1)]);
    const { token: second } = await store.append('Cart-1', [numbered(2)]);
    const wait = async (token: string) => {
      await using other = open(restored);
      await other.append('Cart-1', [numbered(9)]);
      await createProjectionEngine(other, [numbers]).catchUp(token, { timeout: 20_000 });
    };
    await runSql(restored, 'update mink.meta set store_id = gen_random_uuid()');
    await expect(wait(first)).rejects.toMatchObject({ code: 'INVALID_TOKEN' });
    const [meta] = await runSql(url, 'select store_id from mink.meta');
    await runSql(restored, 'update mink.meta set store_id = $1', [meta?.['store_id']]);
    await expect(wait(first)).rejects.toMatchObject({ code: 'LOG_REWOUND', after: 1, head: 2 });
    await runSql(restored, `select setval('mink.global_position', 100)`);
    await expect(wait(second)).rejects.toMatchObject({ code: 'LOG_REWOUND', after: 2 });
  });

  test('waits for the partition of the write alone', async () => {
    const url = await databases.create();
    await using store = open(url);
    const engine = createProjectionEngine(store, [numbers]);
    await engine.catchUp(await store.append('Cart-1', [numbered(1)]));
    await runSql(url, 'update mink.projection_partitions set to_slot = 512');
    await runSql(
      url,
      `insert into mink.projection_partitions (name, version, from_slot, to_slot, owner, expires_at)
      values ('numbers', 1, 512, 1024, 'somebody', 'infinity')`,
    );
    const ids = Array.from({ length: 20 }, (_, id) => `Cart-${id}` as const);
    const low = ids.find((name) => partitionKey(name) < 512) ?? 'Cart-1';
    const high = ids.find((name) => partitionKey(name) >= 512) ?? 'Cart-1';
    const there = await store.append(low, [numbered(2)]);
    const held = await store.append(high, [numbered(3)]);
    await engine.catchUp(there);
    await expect(engine.catchUp(held, { timeout: 50 })).rejects.toMatchObject({ code: 'PROJECTION_BEHIND' });
    await engine.catchUp(await store.append(low, [numbered(4)]));
    deepStrictEqual(await runSql(url, 'select 1 from mink.projection_workers'), []);
    await runSql(url, `update mink.projection_partitions set owner = null where from_slot = 512`);
    await engine.catchUp(held);
    expect((await store.projections.readModel(numbers).get(high))?.numbers).toContain(3);
  });
});

describePostgres('a read model in memory', (databases) => {
  test('follows what other stores append, and what it was can be told', async () => {
    const url = await databases.create();
    await using store = open(url);
    await using other = open(url);
    await other.append('Cart-1', [numbered(1)]);
    await using live = createLiveProjection(store, numbers, { from: 'start' });
    await live.ready();
    const changes = live.changes();
    await other.append('Cart-1', [numbered(2)]);
    const change = { key: 'Cart-1', model: { numbers: [1, 2] }, error: undefined };
    deepStrictEqual((await changes.next()).value, change);
    const [recorded] = await runSql(url, 'select recorded_at from mink.events where global_position = 1');
    const then = await store.projections.projectUntil(numbers, { time: recorded?.['recorded_at'] as Date });
    deepStrictEqual([...then.models], [['Cart-1', { numbers: [1] }]]);
    strictEqual((await runSql(url, 'select 1 from mink.projections')).length, 0);
  });
});
