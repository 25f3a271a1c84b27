import { expect, test } from 'vitest';
import {
  column,
  createProjectionEngine,
  createProjectionVersions,
  defineEvents,
  defineProjection,
  defineSqlProjection,
  defineSubscription,
  documents,
  payload,
  table,
  type Categories,
  type EventStore,
} from '../../src/index.ts';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { describePostgres, runSql } from '../support/databases.ts';

const events = defineEvents({ ItemAdded: payload<{ sku: string }>() });
const add = (sku: string) => events.ItemAdded({ sku });
const counting = (name = 'item-count') =>
  defineProjection({
    name,
    events: { Cart: events },
    readModel: documents<{ items: number }>(),
  }).on({ ItemAdded: (cart) => ({ items: (cart?.items ?? 0) + 1 }) });
const items = counting();
const quick = { leaseDuration: 300, tries: 2, backoff: 1 };

// Each test walks the way out that docs/projections.md gives under "When something is wrong".
describePostgres('what people do to projections', (databases) => {
  const open = (url: string) => createPostgresStore({ url, categories: { Cart: events } });
  const cart = (store: EventStore<{ Cart: typeof events }>) => store.projections.readModel(items).get('Cart-1');

  test('a table that was dropped faults it; a reset makes the table and its view again', async () => {
    const url = await databases.create();
    await using store = open(url);
    await using engine = createProjectionEngine(store, [items], quick);
    await engine.start();
    await store.append('Cart-1', [add('a')]).then((done) => engine.waitFor(done.globalPosition));
    await runSql(url, 'drop table mink_read.item_count_v1 cascade');
    await store.append('Cart-1', [add('b')]);
    await expect
      .poll(async () => (await engine.status())[0])
      .toMatchObject({ state: 'faulted', error: expect.stringContaining('item_count_v1') });
    await engine.reset(items);
    await engine.waitFor(2);
    expect(await cart(store)).toEqual({ items: 2 });
    expect(await runSql(url, 'select document from mink_read.item_count')).toEqual([{ document: { items: 2 } }]);
    expect(await engine.status()).toMatchObject([{ state: 'live', error: undefined }]);
  });

  test('a rebuild makes a table that was dropped, and its view, again', async () => {
    const url = await databases.create();
    await using store = open(url);
    await store.append('Cart-1', [add('a'), add('b')]);
    await using engine = createProjectionEngine(store, [items], quick);
    await engine.catchUp();
    await runSql(url, 'drop table mink_read.item_count_v1 cascade');
    await createProjectionVersions(store, [items], quick).rebuild(items);
    expect(await cart(store)).toEqual({ items: 2 });
    expect(await runSql(url, 'select document from mink_read.item_count')).toEqual([{ document: { items: 2 } }]);
    await store.append('Cart-1', [add('c')]).then((done) => engine.catchUp(done.token));
    expect(await cart(store)).toEqual({ items: 3 });
    expect(await store.projections.verify(items)).toMatchObject({ ok: true, pairs: 3 });
  });

  test('of several tables, a reset makes again what is missing, with its indexes, and empties the rest', async () => {
    const url = await databases.create();
    await using store = open(url);
    const columns = { cart: column.text(), sku: column.text() };
    const lines = defineSqlProjection({
      name: 'lines',
      events: { Cart: events },
      tables: { one: { columns, key: ['cart', 'sku'], indexes: [['sku']] }, two: { columns, key: ['cart', 'sku'] } },
      apply: async (batch, tx) => {
        for (const { streamName, data } of batch) {
          for (const name of [tx.tables.one, tx.tables.two])
            await tx.query(`insert into ${name} (cart, sku) values ($1, $2)`, [streamName, data.sku]);
        }
      },
    });
    await store.append('Cart-1', [add('a'), add('b')]);
    await using engine = createProjectionEngine(store, [lines], quick);
    await engine.start();
    await engine.waitFor(2);
    await runSql(url, 'drop view mink_read.lines_one; drop table mink_read.lines_v1_one');
    await engine.reset(lines);
    await engine.waitFor(2);
    const [row] = await runSql(
      url,
      `select (select count(*)::int from mink_read.lines_one) as one, (select count(*)::int from mink_read.lines_two) as two,
        (select count(*)::int from pg_indexes where tablename = 'lines_v1_one') as indexes`,
    );
    expect(row).toEqual({ one: 2, two: 2, indexes: 2 });
  });

  test('a table that was emptied stays so for what is past; a reset fills it', async () => {
    const url = await databases.create();
    await using store = open(url);
    await store.append('Cart-1', [add('a'), add('b')]);
    await using engine = createProjectionEngine(store, [items], quick);
    await engine.start();
    await engine.waitFor(2);
    await runSql(url, 'truncate mink_read.item_count_v1');
    await store.append('Cart-1', [add('c')]).then((done) => engine.waitFor(done.globalPosition));
    expect(await cart(store)).toEqual({ items: 1 });
    await engine.reset(items);
    await engine.waitFor(3);
    expect(await cart(store)).toEqual({ items: 3 });
  });

  test('a checkpoint that was deleted while it runs is made again, and the read model with it', async () => {
    const url = await databases.create();
    await using store = open(url);
    await using engine = createProjectionEngine(store, [items], quick);
    await engine.start();
    await store.append('Cart-1', [add('a'), add('b')]).then((done) => engine.waitFor(done.globalPosition));
    await runSql(url, 'delete from mink.projection_partitions');
    await store.append('Cart-1', [add('c')]);
    await expect.poll(() => cart(store).catch(() => undefined), { timeout: 10_000 }).toEqual({ items: 3 });
    await engine.waitFor(3);
    // All of it, as when somebody cleans up.
    await runSql(url, 'delete from mink.read_models; delete from mink.projections');
    await store.append('Cart-1', [add('d')]);
    await expect.poll(() => cart(store).catch(() => undefined), { timeout: 10_000 }).toEqual({ items: 4 });
    expect(await engine.status()).toMatchObject([{ state: 'live', isLive: true, events: 4 }]);
  });

  test('a checkpoint beyond the end of a log that was restored faults it; a reset builds it from that log', async () => {
    const url = await databases.create();
    await using store = open(url);
    await store.append('Cart-1', [add('a'), add('b')]);
    const delivered: string[] = [];
    const mails = defineSubscription({
      name: 'mails',
      events: { Cart: events },
      from: 'start',
      handle: async ({ data }) => {
        delivered.push(data.sku);
      },
    });
    const engine = createProjectionEngine(store, [items, mails], quick);
    await engine.start();
    await engine.waitFor(2);
    await engine.close();
    await runSql(url, 'update mink.projection_partitions set position = 900');
    await using again = createProjectionEngine(store, [items, mails], quick);
    await again.start();
    const beyond = { state: 'faulted', error: expect.stringContaining('after position 900: the log ends at 2') };
    await expect.poll(() => again.status()).toMatchObject([beyond, beyond]);
    await again.reset(items);
    await again.replay(mails, { from: 'end' });
    await store.append('Cart-1', [add('c')]).then((done) => again.waitFor(done.globalPosition));
    expect(await cart(store)).toEqual({ items: 3 });
    expect(delivered).toEqual(['a', 'b', 'c']);
  });

  test('names that are one name in SQL are refused at the start, also at the same moment', async () => {
    const url = await databases.create();
    await using store = open(url);
    const other = counting('item_count');
    const engines = [items, other].map((projection) => createProjectionEngine(store, [projection], quick));
    const results = await Promise.allSettled(engines.map((engine) => engine.start()));
    const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    expect(refused).toMatchObject([{ code: 'PROJECTION_NAME_TAKEN' }]);
    for (const engine of engines) await engine.close();
    await using both = createProjectionEngine(store, [items, other], quick);
    await expect(both.start()).rejects.toMatchObject({
      code: 'PROJECTION_NAME_TAKEN',
      message: expect.stringMatching(/"item.count" has the same name in SQL\. Give it another name/u),
    });
    // The view of a table of its own is another projection's name.
    const lines = defineSqlProjection({
      name: 'item',
      events: { Cart: events },
      tables: { count: { columns: { id: column.text() }, key: 'id' } },
      apply: async () => undefined,
    });
    await using third = createProjectionEngine(store, [lines], quick);
    await expect(third.start()).rejects.toMatchObject({ code: 'PROJECTION_NAME_TAKEN', projection: 'item' });
    expect((await store.projections.list()).length).toBe(1);
  });

  test('two codes that want other columns of one version: the second is refused, the first goes on', async () => {
    const url = await databases.create();
    await using store = open(url);
    const withColumns = (columns: Parameters<typeof table>[0]['columns']) =>
      defineProjection({
        name: 'item-count',
        events: { Cart: events },
        readModel: table({ key: 'id', columns: { id: column.text(), ...columns } }),
      }).on({ ItemAdded: (_, { streamName }) => ({ id: streamName }) });
    await using engine = createProjectionEngine(store, [withColumns({})], quick);
    await engine.start();
    await using other = createProjectionEngine(store, [withColumns({ more: column.nullable(column.integer()) })]);
    await expect(other.start()).rejects.toMatchObject({ code: 'READ_MODEL_CHANGED' });
    await store.append('Cart-1', [add('a')]).then((done) => engine.waitFor(done.globalPosition));
  });

  test('one that was renamed is another one; one that nobody runs any more is shown as stopped', async () => {
    const url = await databases.create();
    await using store = open(url);
    const engine = createProjectionEngine(store, [items], quick);
    await engine.start();
    await store.append('Cart-1', [add('a')]).then((done) => engine.waitFor(done.globalPosition));
    await engine.close();
    const renamed = counting('carts');
    await using again = createProjectionEngine(store, [renamed], quick);
    await again.start();
    await again.waitFor(1);
    expect(await store.projections.list()).toMatchObject([
      { name: 'carts', state: 'working', events: 1 },
      { name: 'item-count', state: 'stopped', events: 1 },
    ]);
  });
});

describePostgres('a role with too few rights', (databases) => {
  test('may not make tables: start says so; may not write them: it is faulted, and goes on once it may', async () => {
    const url = await databases.create();
    const role = `projector_${new URL(url).pathname.slice(1)}`;
    await using owner = createPostgresStore({ url, categories: { Cart: events } });
    await owner.append('Cart-1', [add('a')]);
    await runSql(
      url,
      `create role ${role} login;
      grant usage on schema mink, mink_read to ${role};
      grant select on all tables in schema mink to ${role};
      grant select on all sequences in schema mink to ${role};
      grant insert, update, delete on mink.projections, mink.read_models, mink.projection_partitions,
        mink.projection_workers, mink.projection_digests, mink.checkpoint_history, mink.parked_keys, mink.dead_letters,
        mink.discarded_letters to ${role}`,
    );
    const asRole = new URL(url);
    asRole.username = role;
    const categories = { Cart: events } satisfies Categories;
    await using store = createPostgresStore({ url: asRole.href, categories, migrate: 'never' });
    const refused = createProjectionEngine(store, [items], quick);
    await expect(refused.start()).rejects.toMatchObject({
      code: 'DATABASE_ERROR',
      sqlState: '42501',
      message: expect.stringContaining('permission denied for schema mink_read'),
    });
    await refused.close();
    const first = createProjectionEngine(owner, [items], quick);
    await first.start();
    await first.waitFor(1);
    await first.close();
    await owner.append('Cart-1', [add('b')]);
    await runSql(url, `grant select on mink_read.item_count_v1 to ${role}`);
    await using engine = createProjectionEngine(store, [items], quick);
    await engine.start();
    await expect
      .poll(async () => (await engine.status())[0])
      .toMatchObject({ state: 'faulted', error: expect.stringContaining('permission denied for table item_count_v1') });
    await runSql(url, `grant insert, update, delete on mink_read.item_count_v1 to ${role}`);
    await engine.resume(items);
    await engine.waitFor(2);
    await engine.close();
    await store.close();
    await runSql(url, `drop owned by ${role}; drop role ${role}`);
  });
});
