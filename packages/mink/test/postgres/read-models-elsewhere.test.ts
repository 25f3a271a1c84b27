import { expect, test } from 'vitest';
import {
  column,
  createEventStore,
  createProcessReport,
  createProjectionEngine,
  createProjectionVersions,
  defineEvents,
  defineProjection,
  defineSqlProjection,
  documents,
  payload,
  type EventStorage,
} from '../../src/index.ts';
import { createMemoryStorage } from '../../src/memory/index.ts';
import { createPostgresStorage, verifyStore } from '../../src/postgres/index.ts';
import { describePostgres, lastServer, runSql } from '../support/databases.ts';
import { seedOf } from '../support/random.ts';

const events = defineEvents({ ItemAdded: payload<{ sku: string; quantity: number }>() });
const add = (sku: string, quantity = 1) => events.ItemAdded({ sku, quantity });

const version = (number: number) =>
  defineProjection({
    name: 'cart-summary',
    version: number,
    events: { Cart: events },
    readModel: documents<{ items: number; version: number }>(),
  }).on({
    ItemAdded: (cart, { data }) => {
      if (data.sku === 'bad') throw new Error('cannot count it');
      return { items: (cart?.items ?? 0) + data.quantity, version: number };
    },
  });
const [summary, newSummary] = [version(1), version(2)];
const lines = defineSqlProjection({
  name: 'cart-lines',
  events: { Cart: events },
  types: ['ItemAdded'],
  tables: { cart_lines: { columns: { position: column.integer() }, key: ['position'] } },
  apply: async (batch, tx) => {
    for (const { globalPosition } of batch) {
      await tx.query(`insert into ${tx.tables.cart_lines} (position) values ($1)`, [globalPosition]);
    }
  },
});

/** A store of one log, whose read models are elsewhere. */
function open(log: EventStorage, readModels: EventStorage) {
  return createEventStore(log, { categories: { Cart: events }, readModels });
}

describePostgres(
  'read models in another database',
  (databases) => {
    test('have their rows, checkpoints and dead letters there, and follow the log all the same', async () => {
      const [log, rows] = [await databases.create(), await databases.create()];
      await using store = open(createPostgresStorage({ url: log }), createPostgresStorage({ url: rows }));
      await using engine = createProjectionEngine(store, [summary, lines], { tries: 1, leaseDuration: 500 });
      await engine.start();
      await store.append('Cart-1', [add('a', 2), add('b')]);
      const bad = await store.append('Cart-2', [add('bad')]);
      const last = await store.append('Cart-3', [add('c')]);
      await engine.waitFor(last);

      expect(await store.projections.readModel(summary).get('Cart-1', { afterWrite: last.token })).toMatchObject({
        items: 3,
      });
      await expect(engine.waitFor(bad, { projections: [summary] })).rejects.toMatchObject({ code: 'KEY_PARKED' });
      expect(await engine.status()).toMatchObject([
        { name: 'cart-summary', state: 'live', lagEvents: 0, parkedKeys: 1 },
        { name: 'cart-lines', state: 'live', lagEvents: 0 },
      ]);
      expect(await engine.deadLetters.show({ projection: summary, key: 'Cart-2' }).toArray()).toMatchObject([
        { streamName: 'Cart-2', data: { sku: 'bad' } },
      ]);
      expect(await engine.deadLetters.dryRun({ projection: summary, key: 'Cart-2' })).toMatchObject({ left: 1 });
      await engine.deadLetters.discard({ projection: summary, key: 'Cart-2' }, { reason: 'bad' });
      expect(await store.projections.verify(lines)).toMatchObject({ ok: true, events: 4 });

      const count = (url: string, table: string) => runSql(url, `select count(*)::int as count from mink.${table}`);
      expect(await count(log, 'projections')).toEqual([{ count: 0 }]);
      expect(await count(rows, 'projections')).toEqual([{ count: 2 }]);
      expect(await count(log, 'events')).toEqual([{ count: 4 }]);
      expect(await count(rows, 'events')).toEqual([{ count: 0 }]);
    });

    test('have versions of their own: what is built, compared and switched in one database leaves the other as it is', async () => {
      const log = await databases.create();
      const [blue, green] = await Promise.all(
        [await databases.create(), await databases.create()].map(async (url) =>
          open(createPostgresStorage({ url: log }), createPostgresStorage({ url })),
        ),
      );
      if (blue === undefined || green === undefined) throw new Error('there are two');
      for (let n = 0; n < 30; n += 1) await blue.append(`Cart-${n % 5}`, [add('a', n)]);
      for (const store of [blue, green]) {
        const engine = createProjectionEngine(store, [summary]);
        await engine.start();
        await engine.waitFor((await store.readBound()).position);
        await engine.close();
      }
      const versions = createProjectionVersions(green, [summary, newSummary]);
      await versions.build(newSummary);
      const appended = await green.append('Cart-0', [add('a', 1_000)]);
      await using engine = createProjectionEngine(green, [summary]);
      expect(await engine.status()).toMatchObject([{ lagEvents: 1, state: 'stopped' }]);
      await engine.start();
      await engine.waitFor(appended);
      await engine.close();
      const compared = await versions.compare(newSummary);
      expect(compared).toMatchObject({ isSame: false, tables: [{ rowsBefore: 5, rowsAfter: 5, changed: 5 }] });
      // To the new version, which was not built any further, what lies between is applied.
      const changes = compared.tables.flatMap(({ samples }) => samples.flatMap((row) => row.changes));
      expect(new Set(changes.map(({ path }) => path))).toEqual(new Set(['version']));
      expect(await versions.switchTo(newSummary)).toMatchObject({ from: 1, to: 2 });
      expect(await versions.verifyRows(newSummary)).toMatchObject({ ok: true });
      await versions.rebuild(newSummary);
      expect([
        await blue.projections.liveVersion('cart-summary'),
        await green.projections.liveVersion('cart-summary'),
      ]).toEqual([1, 2]);
      expect(await green.projections.readModel(newSummary).get('Cart-0')).toMatchObject({ items: 1_075, version: 2 });
      expect(await blue.projections.readModel(summary).get('Cart-0')).toMatchObject({ items: 75, version: 1 });
      await blue.close();
      await green.close();
    });

    test('apply each event once, though connections to either database are cut in the middle', async () => {
      const { seed, random } = seedOf('read models elsewhere');
      const [log, rows] = [await databases.create(), await databases.create()];
      await using store = open(createPostgresStorage({ url: log }), createPostgresStorage({ url: rows }));
      await using engine = createProjectionEngine(store, [summary, lines], {
        batchSize: 20,
        backoff: 1,
        leaseDuration: 300,
      });
      await engine.start();
      const cut = (url: string) =>
        runSql(
          url,
          `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
        );
      let sum = 0;
      for (let n = 0; n < 200; n += 1) {
        const quantity = Math.floor(random() * 100);
        // An append whose answer was lost is sent again with the same id.
        const event = { ...add('a', quantity), id: crypto.randomUUID() };
        await expect
          .poll(() =>
            store.append(`Cart-${n % 7}`, [event]).then(
              () => true,
              () => false,
            ),
          )
          .toBe(true);
        sum += quantity;
        if (n % 20 === 10) await cut(random() < 0.5 ? log : rows);
      }
      const { position } = await store.readBound();
      await engine.waitFor(position, { timeout: 30_000 });
      const all = await store.projections.readModel(summary).list().toArray();
      expect(
        all.reduce((total, { model }) => total + model.items, 0),
        `seed ${seed}`,
      ).toBe(sum);
      expect(await store.projections.verify(lines), `seed ${seed}`).toMatchObject({ ok: true, events: 200 });
      expect(await store.projections.verify(summary), `seed ${seed}`).toMatchObject({ ok: true, events: 200 });
    });

    test('stop when their database is away, while appends go on, and go on when it is back', async () => {
      const [log, rows] = [await databases.create(), await databases.create()];
      await using store = open(createPostgresStorage({ url: log }), createPostgresStorage({ url: rows }));
      await using engine = createProjectionEngine(store, [summary], { backoff: 1, leaseDuration: 300 });
      await engine.start();
      await engine.waitFor(await store.append('Cart-1', [add('a')]));
      const name = new URL(rows).pathname.slice(1);
      const server = new URL('postgres', rows).href;
      await runSql(server, `alter database ${name} with allow_connections false`);
      await runSql(server, `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`);
      const appended = await store.append('Cart-1', [add('a', 2)]);
      await expect(store.projections.readModel(summary).get('Cart-1')).rejects.toMatchObject({
        code: 'DATABASE_UNAVAILABLE',
      });
      await runSql(server, `alter database ${name} with allow_connections true`);
      await engine.waitFor(appended);
      expect(await store.projections.readModel(summary).get('Cart-1')).toMatchObject({ items: 3 });
    });

    test('are in the report of their process, with the settings that are in effect there', async () => {
      const [log, rows] = [await databases.create(), await databases.create()];
      await using store = open(
        createPostgresStorage({ url: log }),
        createPostgresStorage({ url: rows, schema: 'orders', maxConnections: 3 }),
      );
      await using report = createProcessReport(store, { name: 'orders' });
      await report.start();
      const [shown] = await store.operations.processes();
      const configuration = shown?.configuration;
      expect(configuration).toContainEqual({ name: 'readModels.pool.maxConnections', value: 3, source: 'option' });
      expect(configuration).toContainEqual({ name: 'readModels.storage.schema', value: 'orders', source: 'option' });
      expect(configuration).toContainEqual({ name: 'storage.schema', value: 'mink', source: 'default' });
    });

    test('follow one log for good, be it their own', async () => {
      const [log, rows, mine] = [await databases.create(), await databases.create(), await databases.create()];
      for (const url of [rows, mine]) await runSql(url, 'update mink.meta set store_id = gen_random_uuid()');
      await using elsewhere = open(createPostgresStorage({ url: log }), createPostgresStorage({ url: rows }));
      await using engine = createProjectionEngine(elsewhere, [summary], { tries: 1 });
      await engine.start();
      await engine.waitFor(await elsewhere.append('Cart-1', [add('a'), add('bad')])).catch(() => undefined);
      await engine.close();
      // There is no event in its log, and nothing is wrong about that.
      expect(await verifyStore({ url: rows })).toMatchObject({ ok: true, findings: [] });
      // Somebody takes the database of the rows for one of a log: its events would be passed over.
      await using beside = createEventStore(createPostgresStorage({ url: rows }), { categories: { Cart: events } });
      await beside.append('Cart-2', [add('a'), add('b'), add('c')]);
      await using wrong = createProjectionEngine(beside, [newSummary]);
      await expect(wrong.start()).rejects.toMatchObject({ code: 'READ_MODELS_OF_ANOTHER_LOG' });

      // And a database with read models of its own log for one of rows.
      await using own = createEventStore(createPostgresStorage({ url: mine }), { categories: { Cart: events } });
      await using first = createProjectionEngine(own, [summary]);
      await first.start();
      await first.waitFor(await own.append('Cart-3', [add('a')]));
      await first.close();
      await using other = open(createPostgresStorage({ url: log }), createPostgresStorage({ url: mine }));
      await using second = createProjectionEngine(other, [newSummary]);
      await expect(second.start()).rejects.toMatchObject({ code: 'READ_MODELS_OF_ANOTHER_LOG' });
      await using again = createProjectionEngine(own, [summary, newSummary]);
      await again.start();
      await again.waitFor(1);
    });

    test('need no right to say whose log they follow, once that is said', async () => {
      const [log, rows] = [await databases.create(), await databases.create()];
      const role = `reporting_${new URL(rows).pathname.slice(1)}`;
      await using owner = open(createPostgresStorage({ url: log }), createPostgresStorage({ url: rows }));
      await using first = createProjectionEngine(owner, [summary]);
      await first.start();
      await first.close();
      const asRole = new URL(rows);
      asRole.username = role;
      await runSql(
        rows,
        `create role ${role} login; grant usage on schema mink to ${role}; grant select on all tables in schema mink to ${role};
        grant select on all sequences in schema mink to ${role}; grant insert, update, delete on all tables in schema mink to ${role};
        revoke update on mink.meta from ${role}; grant usage, create on schema mink_read to ${role};
        grant all on all tables in schema mink_read to ${role}`,
      );
      await using store = open(createPostgresStorage({ url: log }), createPostgresStorage({ url: asRole.href }));
      await using engine = createProjectionEngine(store, [summary, lines]);
      await engine.start();
      await engine.waitFor(await store.append('Cart-1', [add('a')]));
      await engine.close();
      await store.close();
      await runSql(rows, `drop owned by ${role} cascade; drop role ${role}`);
    });

    test('refuse the log of another store, and appends that would apply projections', async () => {
      const [log, other, rows] = [await databases.create(), await databases.create(), await databases.create()];
      const storage = () => createPostgresStorage({ url: rows });
      await using store = open(createPostgresStorage({ url: log }), storage());
      await runSql(other, 'update mink.meta set store_id = gen_random_uuid()');
      await using wrong = open(createPostgresStorage({ url: other }), storage());
      await using engine = createProjectionEngine(store, [summary]);
      await engine.start();
      await using late = createProjectionEngine(wrong, [summary]);
      await expect(late.start()).rejects.toMatchObject({ code: 'READ_MODELS_OF_ANOTHER_LOG' });
      await expect(store.projections.activateInline([summary])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      await expect(store.projections.deactivateInline([summary])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      const both = { categories: { Cart: events }, inline: [summary], readModels: createMemoryStorage() };
      expect(() => createEventStore(createMemoryStorage(), both)).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
      );
    });
  },
  lastServer(),
);

test('read models in memory follow the log of another storage, and of one only', async () => {
  const rows = createMemoryStorage();
  await using store = open(createMemoryStorage(), rows);
  await using engine = createProjectionEngine(store, [summary, newSummary]);
  await engine.start();
  await engine.waitFor(await store.append('Cart-1', [add('a', 2)]));
  expect(await store.projections.readModel(summary).get('Cart-1')).toMatchObject({ items: 2 });
  const versions = createProjectionVersions(store, [summary, newSummary]);
  expect(await versions.compare(newSummary)).toMatchObject({ tables: [{ changed: 1 }] });
  expect(() => open(createMemoryStorage(), rows)).toThrow(
    expect.objectContaining({ code: 'READ_MODELS_OF_ANOTHER_LOG' }),
  );
  const own = createEventStore(rows, { categories: { Cart: events } });
  await expect(createProjectionEngine(own, [summary]).start()).rejects.toMatchObject({
    code: 'READ_MODELS_OF_ANOTHER_LOG',
  });
});
