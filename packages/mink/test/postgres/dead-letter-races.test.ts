import { deepStrictEqual } from 'node:assert';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { createProjectionEngine, defineEvents, defineProjection, documents, payload } from '../../src/index.ts';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { describePostgres, runSql } from '../support/databases.ts';

const events = defineEvents({ ItemAdded: payload<{ sku: string }>() });
const bad = new Set<string>();
const fragile = defineProjection({
  name: 'fragile',
  events: { Cart: events },
  readModel: documents<{ skus: string }>(),
}).on({
  ItemAdded: (cart, event) => {
    if (bad.has(event.data.sku)) throw new Error(`cannot take ${event.data.sku}`);
    return { skus: (cart?.skus ?? '') + event.data.sku };
  },
});
const add = (sku: string) => events.ItemAdded({ sku });
const cart1 = { projection: fragile, key: 'Cart-1' };

/** Somebody else's transaction. */
async function begin(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query('begin');
  return client;
}

/** Until so many statements of the library wait for somebody's lock. */
async function untilWaiting(url: string): Promise<void> {
  const waiting = `
    select 1
    from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`;
  await expect.poll(async () => (await runSql(url, waiting)).length).toBe(1);
}

describePostgres('dead letters', (databases) => {
  const open = (url: string) => createPostgresStore({ url, categories: { Cart: events } });

  test.each([
    ['are given up with it: nothing is lost between the two', undefined, [1, 2, 3]],
    ['keep it from being given up, where somebody has agreed to fewer', 2, []],
  ] as const)('that come while their key is given up %s', async (_rule, agreed, positions) => {
    const url = await databases.create();
    await using store = open(url);
    await using engine = createProjectionEngine(store, [fragile], { tries: 1 });
    bad.clear();
    bad.add('x');
    await store.append('Cart-1', [add('x'), add('a')]);
    await engine.start();
    await engine.waitFor(2);
    await engine.close();
    const { globalPosition } = await store.append('Cart-1', [add('b')]);
    // A worker, in the middle of adding one: it holds the key in share.
    const worker = await begin(url);
    await worker.query('select 1 from mink.parked_keys for share');
    const discarding = engine.deadLetters.discard(cart1, { reason: 'never existed', events: agreed });
    await untilWaiting(url);
    await worker.query(
      `insert into mink.dead_letters (name, version, key, position) values ('fragile', 1, 'Cart-1', ${globalPosition})`,
    );
    await worker.query('commit');
    await worker.end();
    expect(await discarding).toBe(positions.length);
    const kept = await runSql(url, 'select position::int as position from mink.discarded_letters order by position');
    deepStrictEqual(
      kept.map(({ position }) => position),
      positions,
    );
    const [parked] = await engine.deadLetters.list().toArray();
    expect(parked?.events).toBe(agreed === undefined ? undefined : 3);
  });

  test('are retried beside a reset: one of the two waits for the other', async () => {
    const url = await databases.create();
    await using store = open(url);
    await using engine = createProjectionEngine(store, [fragile], { tries: 1 });
    bad.clear();
    bad.add('x');
    await store.append('Cart-1', [add('a'), add('x')]);
    await engine.start();
    await engine.waitFor(2);
    await engine.close();
    // A reset, in the middle.
    const reset = await begin(url);
    await reset.query('truncate mink_read.fragile_v1');
    const retrying = engine.deadLetters.retry(cart1);
    await untilWaiting(url);
    await reset.query('delete from mink.parked_keys');
    await reset.query('commit');
    await reset.end();
    expect(await retrying).toEqual({ applied: 0, left: 0, error: undefined });
  });

  test('that were given up are missing for good: their model says so, until a reset', async () => {
    const url = await databases.create();
    await using store = open(url);
    await using engine = createProjectionEngine(store, [fragile], { tries: 1, leaseDuration: 300 });
    const isStale = async () => {
      const { position } = await store.readBound();
      await engine.waitFor(position);
      const list = await store.projections.readModel(fragile).list().toArray();
      return list.map(({ model, isStale: stale }) => [model.skus, stale]);
    };
    bad.clear();
    bad.add('x').add('y');
    // There is no model yet when the first one is given up.
    await store.append('Cart-1', [add('x')]);
    await engine.start();
    await engine.waitFor(1);
    expect(await engine.deadLetters.discard(cart1, { reason: 'never existed' })).toBe(1);
    await store.append('Cart-1', [add('a')]);
    deepStrictEqual(await isStale(), [['a', true]]);
    await store.append('Cart-1', [add('y'), add('b')]);
    deepStrictEqual(await isStale(), [['a', true]]);
    bad.delete('y');
    expect(await engine.deadLetters.retry(cart1)).toMatchObject({ applied: 2, left: 0 });
    deepStrictEqual(await isStale(), [['ayb', true]]);
    // From the beginning: it fails again, and can be given up again.
    await engine.reset(fragile);
    await expect.poll(async () => (await engine.deadLetters.list().toArray()).length).toBe(1);
    await isStale();
    expect(await engine.deadLetters.discard(cart1, { reason: 'still does not' })).toBe(4);
    bad.clear();
    await engine.reset(fragile);
    await expect.poll(isStale).toEqual([['xayb', false]]);
  });
});

describePostgres('a projection that stands still', (databases) => {
  const open = (url: string) => createPostgresStore({ url, categories: { Cart: events } });
  const options = { tries: 1, maxParkedKeys: 0, leaseDuration: 300 };

  test.each(['resume', 'reset'] as const)('goes on after a %s that comes from elsewhere', async (verb) => {
    const url = await databases.create();
    await using store = open(url);
    await using engine = createProjectionEngine(store, [fragile], options);
    bad.clear();
    bad.add('x');
    await store.append('Cart-1', [add('a'), add('x')]);
    await engine.start();
    await expect.poll(async () => (await engine.status())[0]?.state).toBe('faulted');
    bad.clear();
    await using elsewhere = open(url);
    await elsewhere.projections[verb](fragile);
    await engine.waitFor(2, { timeout: 20_000 });
    expect((await engine.status())[0]).toMatchObject({ state: 'live', error: undefined, attempts: 0 });
    deepStrictEqual(await store.projections.readModel(fragile).get('Cart-1'), { skus: 'ax' });
  });

  test('says that it is live as soon as a batch is stored', async () => {
    const url = await databases.create();
    await using store = open(url);
    let failures = 2;
    const moody = defineProjection({
      name: 'moody',
      events: { Cart: events },
      readModel: documents<{ count: number }>(),
    }).on({
      ItemAdded: (cart) => {
        failures -= 1;
        if (failures >= 0) throw new Error('not now');
        return { count: (cart?.count ?? 0) + 1 };
      },
    });
    await store.append('Cart-1', [add('a')]);
    await using engine = createProjectionEngine(store, [moody], { backoff: 1 });
    await engine.start();
    await engine.waitFor(1);
    // In the statement that has stored it: there is nothing in between that could get lost.
    expect((await engine.status())[0]).toMatchObject({ state: 'live', error: undefined, attempts: 0 });
  });
});
