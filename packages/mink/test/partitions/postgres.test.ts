import { deepStrictEqual, strictEqual } from 'node:assert';
import { expect, test } from 'vitest';
import { column, createProjectionEngine, defineSqlProjection } from '../../src/index.ts';
import { createPostgresStorage } from '../../src/postgres/index.ts';
import { describePostgres, openClient, runSql } from '../support/databases.ts';
import { added, bad, byCart, categories, openCarts, type CartStore } from '../support/listed-carts.ts';
import { partitionRules } from './partition-rules.ts';
import { verifyRules } from './verify-rules.ts';

describePostgres('partitions and verifications', (databases) => {
  const open = async () => createPostgresStorage({ url: await databases.create() });
  partitionRules(open);
  verifyRules(open);

  const openAt = async (): Promise<{ readonly url: string; readonly store: CartStore }> => {
    const url = await databases.create();
    return { url, store: openCarts(createPostgresStorage({ url })) };
  };
  const run = async (store: CartStore): Promise<void> => {
    await using engine = createProjectionEngine(store, [byCart], { batchSize: 4 });
    await engine.start();
    const { position } = await store.readBound();
    await engine.waitFor(position);
  };
  const fill = async (store: CartStore, count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) await store.append(`Cart-${n % 5}`, [added(`s${n}`)]);
  };

  test('a checkpoint that was put back by hand applies events twice, and the first of them is named', async () => {
    const { url, store } = await openAt();
    await fill(store, 20);
    await run(store);
    await runSql(url, 'update mink.projection_partitions set position = 12');
    await run(store);
    expect(await store.projections.verify(byCart)).toMatchObject({
      first: { kind: 'repeated', position: 13, pairs: 8 },
    });
    await store.close();
  });

  test('one that was put forward skips events, and the first of them is named', async () => {
    const { url, store } = await openAt();
    await fill(store, 20);
    await run(store);
    await fill(store, 6);
    await runSql(url, 'update mink.projection_partitions set position = 23');
    await run(store);
    expect(await store.projections.verify(byCart)).toMatchObject({
      first: { kind: 'missing', position: 21, pairs: 3 },
    });
    await store.close();
  });

  test('what was applied and is known no more is missing', async () => {
    const { url, store } = await openAt();
    await fill(store, 20);
    await run(store);
    await runSql(url, 'delete from mink.projection_digests');
    expect(await store.projections.verify(byCart)).toMatchObject({
      first: { kind: 'missing', position: 1, pairs: 20 },
    });
    await store.close();
  });

  test(
    'a verification sees one moment, while the projection runs, splits and merges',
    { timeout: 60_000 },
    async () => {
      const { store } = await openAt();
      await using engine = createProjectionEngine(store, [byCart], { batchSize: 2, leaseDuration: 300, tries: 1 });
      await engine.start();
      bad.add('s17');
      const writing = fill(store, 300);
      const written = writing.then(() => true);
      let verified = 0;
      for (let isOver = false; !isOver; verified += 1) {
        await engine.partition(byCart, 1 + (verified % 4));
        const { ok, first } = await store.projections.verify(byCart);
        deepStrictEqual({ ok, first }, { ok: true, first: undefined });
        isOver = await Promise.race([written, Promise.resolve(false)]);
      }
      bad.clear();
      await engine.waitFor(300);
      const found = await store.projections.verify(byCart);
      strictEqual(found.pairs + found.parked, 300);
      await engine.close();
      await store.close();
    },
  );

  test('a change waits for the batch under way, and what comes after it is refused', async () => {
    const { url, store } = await openAt();
    await fill(store, 10);
    await using engine = createProjectionEngine(store, [byCart], { leaseDuration: 300 });
    await engine.start();
    await engine.waitFor(10);
    const batch = await openClient(url);
    await batch.query('begin; update mink.projection_partitions set events = 99');
    const change = store.projections.partition(byCart, 4);
    const waiting = `select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
    await expect.poll(async () => (await runSql(url, waiting)).length).toBeGreaterThan(0);
    await batch.query('commit');
    deepStrictEqual(await change, { partitions: 4, wanted: 4 });
    await batch.end();
    deepStrictEqual((await store.projections.list())[0]?.events, 99);
    await fill(store, 10);
    await engine.waitFor(20);
    expect(await store.projections.verify(byCart)).toMatchObject({ ok: true, pairs: 20 });
    await engine.close();
    await store.close();
  });

  test('an event that comes after a long silence is not called a stall', async () => {
    const { url, store } = await openAt();
    await using engine = createProjectionEngine(store, [byCart], { stalledAfter: 60_000, leaseDuration: 60_000 });
    await fill(store, 1);
    await engine.start();
    await engine.waitFor(1);
    await runSql(url, `update mink.projection_partitions set moved_at = now() - interval '1 hour'`);
    deepStrictEqual((await engine.status())[0]?.state, 'live');
    const batch = await openClient(url);
    await batch.query('begin; select from mink.projection_partitions for update');
    await fill(store, 1);
    deepStrictEqual((await engine.status())[0]?.state, 'catching_up');
    await batch.query('commit');
    await batch.end();
    await engine.close();
    await store.close();
  });

  test('a handler that writes SQL works in partitions, too', async () => {
    const { url, store } = await openAt();
    const counts = defineSqlProjection({
      name: 'counts',
      events: categories,
      types: ['Added'],
      tables: { of: { columns: { sku: column.text(), count: column.integer() }, key: 'sku' } },
      key: (event) => (event.type === 'Added' ? event.data.sku : null),
      partitions: 3,
      apply: async (events, tx) => {
        for (const { data } of events) {
          const sql = `insert into ${tx.tables.of} as t (sku, count) values ($1, 1)
            on conflict (sku) do update set count = t.count + 1`;
          await tx.query(sql, [data.sku]);
        }
      },
    });
    await using engine = createProjectionEngine(store, [counts], { batchSize: 5, leaseDuration: 300 });
    await engine.start();
    for (let n = 0; n < 60; n += 1) await store.append(`Cart-${n % 7}`, [added(`s${n % 12}`)]);
    await engine.partition(counts, 5);
    await fill(store, 30);
    await engine.partition(counts, 2);
    await engine.waitFor(90);
    const [row] = await runSql(url, 'select sum(count)::int as sum, count(*)::int as rows from mink_read.counts_of');
    deepStrictEqual(row, { sum: 90, rows: 30 });
    expect(await store.projections.verify(counts)).toMatchObject({ ok: true, pairs: 90 });
    await engine.close();
    await store.close();
  });
});
