import { expect, test } from 'vitest';
import {
  column,
  createProjectionEngine,
  createProjectionVersions,
  defineEvents,
  defineProjection,
  defineSqlProjection,
  documents,
  payload,
  table,
  type ProjectionEngine,
} from '../../src/index.ts';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { describePostgres, openClient, runSql } from '../support/databases.ts';

const events = defineEvents({ ItemAdded: payload<{ sku: string }>() });
const notes = defineEvents({ Noted: payload<null>() });
const add = (sku: string) => events.ItemAdded({ sku });
const items = defineProjection({
  name: 'item-count',
  events: { Cart: events },
  readModel: documents<{ items: number }>(),
}).on({ ItemAdded: (cart) => ({ items: (cart?.items ?? 0) + 1 }) });
const quick = { leaseDuration: 300, tries: 2, backoff: 1 };
const open = (url: string, more: object = {}) =>
  createPostgresStore({ url, categories: { Cart: events, Note: notes }, ...more });

async function parkedKeys(engine: ProjectionEngine): Promise<readonly string[]> {
  return (await engine.deadLetters.list().toArray()).map(({ key }) => key);
}

describePostgres('an inline projection', (databases) => {
  test('whose table was dropped gets no empty one from a reset that is refused; it comes back over the background', async () => {
    const url = await databases.create();
    await using store = open(url, { inline: [items] });
    await store.projections.activateInline();
    await store.append('Cart-1', [add('a')]);
    await runSql(url, 'drop table mink_read.item_count_v1 cascade');
    await expect(store.projections.reset(items)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(store.append('Cart-1', [add('b')])).rejects.toMatchObject({ code: 'DATABASE_ERROR' });
    await store.projections.deactivateInline([items]);
    await store.projections.reset(items);
    await store.projections.activateInline();
    await store.append('Cart-1', [add('b')]);
    expect(await store.projections.readModel(items).get('Cart-1')).toEqual({ items: 2 });
    expect(await runSql(url, 'select document from mink_read.item_count')).toEqual([{ document: { items: 2 } }]);
  });

  test.each(['delete from mink.projection_partitions', 'delete from mink.read_models; delete from mink.projections'])(
    'keeps its rows where an engine starts after: %s',
    async (damage) => {
      const url = await databases.create();
      await using store = open(url, { inline: [items] });
      await store.projections.activateInline();
      await store.append('Cart-1', [add('a')]);
      await runSql(url, damage);
      await using engine = createProjectionEngine(store, [items], quick);
      await engine.start();
      await store.append('Cart-1', [add('b')]);
      expect(await store.projections.readModel(items).get('Cart-1')).toEqual({ items: 2 });
      expect(await engine.status()).toMatchObject([{ state: 'inline' }]);
      await store.projections.deactivateInline([items]);
      await expect.poll(async () => (await engine.status())[0]?.state).toBe('live');
      expect(await store.projections.verify(items)).toMatchObject({ ok: true, inline: 2 });
      expect(await store.projections.readModel(items).get('Cart-1')).toEqual({ items: 2 });
    },
  );
});

describePostgres('a projection in several partitions', (databases) => {
  const carts = Array.from({ length: 20 }, (_, index): `Cart-${string}` => `Cart-${index}`);
  const total = async (store: ReturnType<typeof open>): Promise<number> => {
    const found = await store.projections.readModel(items).list().toArray();
    return found.reduce((sum, { model }) => sum + model.items, 0);
  };

  test('begins anew where the checkpoint of one of them was deleted', async () => {
    const url = await databases.create();
    await using store = open(url);
    await using engine = createProjectionEngine(store, [items], quick);
    await engine.start();
    await engine.partition(items, 4);
    for (const cart of carts) await store.append(cart, [add('a')]);
    await engine.waitFor(20);
    await runSql(url, 'delete from mink.projection_partitions where from_slot = 256');
    await expect(store.projections.partition(items, 2)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    for (const cart of carts) {
      await store.append(cart, [add('b')]).then((appended) => engine.waitFor(appended, { timeout: 5_000 }));
    }
    expect(await total(store)).toBe(40);
    expect(await engine.status()).toMatchObject([{ state: 'live', wantedPartitions: 4 }]);
    expect(await store.projections.verify(items)).toMatchObject({ ok: true, pairs: 40 });
  });

  test('is proven after it was inline for a while, and can be divided meanwhile', async () => {
    const url = await databases.create();
    await using store = open(url, { inline: [items], whenInlineInactive: 'skip' });
    await using engine = createProjectionEngine(store, [items], quick);
    await store.append('Cart-1', [add('a')]);
    await engine.catchUp();
    await store.projections.partition(items, 4);
    for (const cart of carts) await store.append(cart, [add('a')]);
    await store.projections.activateInline();
    for (const cart of carts) await store.append(cart, [add('b')]);
    await store.projections.partition(items, 3);
    await store.projections.deactivateInline([items]);
    for (const cart of carts) await store.append(cart, [add('c')]);
    await engine.catchUp();
    expect(await total(store)).toBe(61);
    expect(await store.projections.verify(items)).toMatchObject({ ok: true, pairs: 41, inline: 20 });
  });
});

describePostgres('a wait', (databases) => {
  test('for a position does not end while rows are missing that somebody else has cleared', async () => {
    const url = await databases.create();
    await using store = open(url);
    await using elsewhere = open(url);
    await using engine = createProjectionEngine(store, [items], { leaseDuration: 60_000 });
    await engine.start();
    await store.append('Cart-1', [add('a')]).then((appended) => engine.waitFor(appended));
    await elsewhere.projections.reset(items);
    const waiting = engine.waitFor(2, { timeout: 300 }).catch((error: unknown) => error);
    await store.append('Note-1', [notes.Noted(null)]);
    expect(await waiting).toMatchObject({ code: 'PROJECTION_BEHIND' });
  });

  test('does not take the word of a checkpoint that is beyond the end of a log that was restored', async () => {
    const url = await databases.create();
    await using store = open(url);
    await store.append('Cart-1', [add('a')]);
    await using engine = createProjectionEngine(store, [items], quick);
    await engine.catchUp();
    await runSql(url, 'update mink.projection_partitions set position = 900');
    await expect(engine.catchUp()).rejects.toMatchObject({ code: 'LOG_REWOUND', after: 900, head: 1 });
    const appended = await store.append('Cart-1', [add('b')]);
    await expect(engine.catchUp(appended)).rejects.toMatchObject({ code: 'LOG_REWOUND' });
    const waiting = store.projections.waitFor(appended, { projections: [items] });
    await expect(waiting).rejects.toMatchObject({ code: 'LOG_REWOUND' });
    await engine.start();
    await expect.poll(async () => (await engine.status())[0]?.state).toBe('faulted');
    await expect(engine.waitFor(appended)).rejects.toMatchObject({ code: 'LOG_REWOUND' });
    await engine.reset(items);
    await engine.waitFor(appended);
    expect(await store.projections.readModel(items).get('Cart-1')).toEqual({ items: 2 });
  });

  test('catches up in time, however long it may take', async () => {
    await using store = open(await databases.create());
    await store.append('Cart-1', [add('a')]);
    await using engine = createProjectionEngine(store, [items]);
    const signal = AbortSignal.timeout(3_000);
    await engine.catchUp(undefined, { timeout: Number.MAX_SAFE_INTEGER, signal });
    expect(await store.projections.readModel(items).get('Cart-1')).toEqual({ items: 1 });
  });
});

describePostgres('a version that was retired', (databases) => {
  const v2 = defineProjection({
    name: 'item-count',
    version: 2,
    events: { Cart: events },
    readModel: documents<{ items: number }>(),
  }).on({ ItemAdded: (cart) => ({ items: (cart?.items ?? 0) + 1 }) });

  test('is not waited for where it is one of several, and has no partitions any more', async () => {
    await using store = open(await databases.create());
    await store.append('Cart-1', [add('a')]);
    await using engine = createProjectionEngine(store, [items, v2], quick);
    await engine.catchUp();
    const versions = createProjectionVersions(store, [items, v2]);
    await versions.switchTo(v2);
    await versions.retire(items);
    const appended = await store.append('Cart-1', [add('b')]);
    await engine.catchUp(appended);
    await engine.waitFor(appended);
    await engine.waitFor(appended, { projections: [v2] });
    await using old = createProjectionEngine(store, [items], quick);
    await expect(old.waitFor(appended)).rejects.toMatchObject({ code: 'PROJECTION_RETIRED' });
    await expect(store.projections.partition(items, 2)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('or any other is known by its own schema, whatever that is called', async () => {
    await using store = open(await databases.create(), { schema: 'a:read_schema:schema' });
    await store.append('Cart-1', [add('a')]);
    await using engine = createProjectionEngine(store, [items], quick);
    await engine.catchUp();
    expect(await store.projections.readModel(items).get('Cart-1')).toEqual({ items: 1 });
  });
});

describePostgres('what fails', (databases) => {
  test('is parked where classify throws, too', async () => {
    await using store = open(await databases.create());
    await store.append('Cart-1', [add('bad')]);
    const broken = new Error('broken');
    const failing = defineProjection({ name: 'failing', events: { Cart: events }, readModel: documents() }).on({
      ItemAdded: () => {
        throw broken;
      },
    });
    const classify = () => {
      throw new Error('classify is broken, too');
    };
    await using engine = createProjectionEngine(store, [failing], { ...quick, classify });
    await engine.start();
    await expect.poll(() => parkedKeys(engine)).toEqual(['Cart-1']);
  });

  test('is parked with what it threw, whatever that is', async () => {
    await using store = open(await databases.create());
    const thrown: readonly unknown[] = [
      undefined,
      null,
      Object.assign(new Error(), { message: undefined }),
      new Error('x'.repeat(1_000_000)),
      'a\0b',
    ];
    const failing = defineProjection({ name: 'failing', events: { Cart: events }, readModel: documents() }).on({
      ItemAdded: (_, { data }) => {
        throw thrown[Number(data.sku)];
      },
    });
    for (const index of thrown.keys()) await store.append(`Cart-${index}`, [add(String(index))]);
    await using engine = createProjectionEngine(store, [failing], quick);
    await engine.start();
    await expect.poll(() => parkedKeys(engine)).toHaveLength(thrown.length);
    const errors = (await engine.deadLetters.list().toArray()).map(({ error }) => error);
    expect(errors.slice(0, 2)).toEqual(['undefined', 'null']);
    expect(errors[2]).toContain('Error');
    expect(errors[3]?.length).toBeLessThan(20_000);
    expect(errors[4]).toContain('b');
  });

  test('is parked where a handler that writes SQL throws before it gives back a promise', async () => {
    await using store = open(await databases.create());
    await store.append('Cart-1', [add('bad')]);
    await store.append('Cart-2', [add('good')]);
    const failing = defineSqlProjection({
      name: 'failing',
      events: { Cart: events },
      tables: { skus: { columns: { sku: column.text() }, key: 'sku' } },
      apply: (batch) => {
        if (batch.some(({ data }) => data.sku === 'bad')) throw new Error('bad');
        return Promise.resolve();
      },
    });
    await using engine = createProjectionEngine(store, [failing], quick);
    await engine.start();
    await expect.poll(() => parkedKeys(engine)).toEqual(['Cart-1']);
    await engine.waitFor(2);
  });

  test('is parked where text is too long for an index', async () => {
    await using store = open(await databases.create());
    const characters = Array.from({ length: 8_000 }, (_, index) =>
      String.fromCodePoint(0x4e00 + ((index * 7919) % 20_000)),
    );
    await store.append('Cart-1', [add(characters.join(''))]);
    await store.append('Cart-2', [add('short')]);
    const titles = defineProjection({
      name: 'titles',
      events: { Cart: events },
      readModel: table({ key: 'id', columns: { id: column.text(), title: column.text() }, indexes: [['title']] }),
    }).on({ ItemAdded: (_, { streamName, data }) => ({ id: streamName, title: data.sku }) });
    await using engine = createProjectionEngine(store, [titles], quick);
    await engine.start();
    await expect.poll(() => parkedKeys(engine)).toEqual(['Cart-1']);
    await engine.waitFor(2);
    expect(await store.projections.readModel(titles).get('Cart-2')).toEqual({ id: 'Cart-2', title: 'short' });
  });

  test('keeps others no longer, however many have failed before', async () => {
    await using store = open(await databases.create());
    const failing = defineProjection({
      name: 'failing',
      events: { Cart: events },
      readModel: documents<{ items: number }>(),
    }).on({
      ItemAdded: (cart, { data }) => {
        if (data.sku === 'bad') throw new Error('bad');
        return { items: (cart?.items ?? 0) + 1 };
      },
    });
    for (let cart = 1; cart <= 12; cart += 1) await store.append(`Cart-${cart}`, [add('bad')]);
    const { globalPosition } = await store.append('Cart-13', [add('good')]);
    await using engine = createProjectionEngine(store, [failing], { tries: 2, backoff: 100 });
    await engine.start();
    await engine.waitFor(globalPosition, { timeout: 8_000 });
    expect(await parkedKeys(engine)).toHaveLength(12);
    expect(await store.projections.readModel(failing).get('Cart-13')).toEqual({ items: 1 });
  });

  test('only because of how it was put into batches is applied event by event', async () => {
    await using store = open(await databases.create());
    await store.append('Cart-1', [add('a'), add('a'), add('b')]);
    const columns = { sku: column.text(), items: column.integer() };
    const counts = defineSqlProjection({
      name: 'counts',
      events: { Cart: events },
      tables: { skus: { columns, key: 'sku' } },
      apply: async (batch, tx) => {
        await tx.query(
          `insert into ${tx.tables.skus} as s (sku, items) select sku, 1 from unnest($1::text[]) sku
          on conflict (sku) do update set items = s.items + 1`,
          [batch.map(({ data }) => data.sku)],
        );
      },
    });
    await using engine = createProjectionEngine(store, [counts], quick);
    await engine.start();
    await expect
      .poll(async () => (await engine.status())[0])
      .toMatchObject({ state: 'live', position: 3, parkedKeys: 0 });
  });
});

describePostgres('a handler that writes SQL', (databases) => {
  test.each([true, false])('and ends the transaction of its batch faults at once (and throws: %s)', async (throws) => {
    const url = await databases.create();
    await using store = open(url);
    const columns = { sku: column.text(), items: column.integer() };
    const ending = defineSqlProjection({
      name: 'ending',
      events: { Cart: events },
      tables: { skus: { columns, key: 'sku' } },
      // As a transaction of a query builder does.
      apply: async (batch, tx) => {
        await tx.query('begin');
        const insert = `insert into ${tx.tables.skus} as s (sku, items) values ($1, 1) on conflict (sku) do update set items = s.items + 1`;
        for (const { data } of batch) await tx.query(insert, [data.sku]);
        await tx.query('commit');
        if (throws) throw new Error('broken');
      },
    });
    await store.append('Cart-1', [add('a')]);
    await using engine = createProjectionEngine(store, [ending], { ...quick, tries: 5 });
    await engine.start();
    const status = async () => (await engine.status())[0];
    await expect
      .poll(status)
      .toMatchObject({ state: 'faulted', error: expect.stringContaining('has ended the transaction') });
    expect(await runSql(url, 'select items::int from mink_read.ending_skus')).toEqual([{ items: 1 }]);
  });
});

describePostgres('a retry', (databases) => {
  test('needs one connection only', async () => {
    const url = await databases.create();
    await using store = open(url, { maxConnections: 1, connectTimeout: 1_000 });
    let isBroken = true;
    const healed = defineProjection({
      name: 'healed',
      events: { Cart: events },
      readModel: documents<{ items: number }>(),
    }).on({
      ItemAdded: (cart) => {
        if (isBroken) throw new Error('broken');
        return { items: (cart?.items ?? 0) + 1 };
      },
    });
    await store.append('Cart-1', [add('a'), add('b')]);
    await using engine = createProjectionEngine(store, [healed], { ...quick, leaseDuration: 15_000 });
    await engine.catchUp();
    isBroken = false;
    const of = { projection: healed, key: 'Cart-1' };
    expect(await engine.deadLetters.dryRun(of)).toMatchObject({ applied: 2, left: 0 });
    expect(await engine.deadLetters.retry(of)).toEqual({ applied: 2, left: 0, error: undefined });
    expect(await store.projections.readModel(healed).get('Cart-1')).toEqual({ items: 2 });
  });

  test.each(['promise', 'statement'])(
    'ends where a handler that writes SQL waits for a %s without end',
    async (what) => {
      const url = await databases.create();
      await using store = open(url);
      let late: (() => Promise<unknown>) | undefined;
      let isHanging = false;
      const hanging = defineSqlProjection({
        name: 'hanging',
        events: { Cart: events },
        tables: { skus: { columns: { sku: column.text() }, key: 'sku' } },
        apply: async (_batch, tx) => {
          if (!isHanging) throw new Error('broken');
          late = () => tx.query(`insert into ${tx.tables.skus} (sku) values ('late')`);
          await (what === 'promise' ? new Promise<never>(() => undefined) : tx.query('select pg_sleep(60)'));
        },
      });
      await store.append('Cart-1', [add('a')]);
      await using engine = createProjectionEngine(store, [hanging], { ...quick, handlerTimeout: 200 });
      await engine.catchUp();
      isHanging = true;
      const of = { projection: hanging, key: 'Cart-1' };
      expect(await engine.deadLetters.retry(of)).toMatchObject({
        applied: 0,
        left: 1,
        error: expect.stringContaining('200'),
      });
      await expect(late?.()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect(await runSql(url, 'select * from mink_read.hanging_skus')).toEqual([]);
    },
  );
});

describePostgres('a reset', (databases) => {
  test('waits for a batch that only parks events, and meets it nowhere', async () => {
    const url = await databases.create();
    await using store = open(url);
    const failing = defineProjection({ name: 'failing', events: { Cart: events }, readModel: documents() }).on({
      ItemAdded: () => {
        throw new Error('broken');
      },
    });
    await store.append('Cart-1', [add('a')]);
    await using engine = createProjectionEngine(store, [failing], quick);
    await engine.catchUp();
    // As the statement that stores a batch does.
    const batch = await openClient(url);
    await batch.query('begin');
    await batch.query('select from mink.parked_keys for share');
    const reset = store.projections.reset(failing);
    const waiting = `select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    await expect.poll(() => runSql(url, waiting)).toEqual([{ n: 1 }]);
    await batch.query('update mink.projection_partitions set position = position');
    await batch.query('commit');
    await batch.end();
    await reset;
    expect(await parkedKeys(engine)).toEqual([]);
  });

  test('makes the schema of the read models again where somebody has dropped it', async () => {
    const url = await databases.create();
    await using store = open(url);
    await store.append('Cart-1', [add('a')]);
    await using engine = createProjectionEngine(store, [items], quick);
    await engine.catchUp();
    await runSql(url, 'drop schema mink_read cascade');
    await engine.reset(items);
    await engine.catchUp();
    expect(await runSql(url, 'select document from mink_read.item_count')).toEqual([{ document: { items: 1 } }]);
  });
});

describePostgres('views', (databases) => {
  test('of another projection are not taken by a switch', async () => {
    const url = await databases.create();
    await using store = open(url);
    const columns = { sku: column.text() };
    const base = { name: 'sales', events: { Cart: events }, apply: async () => undefined } as const;
    const v1 = defineSqlProjection({ ...base, tables: { by_order: { columns, key: 'sku' } } });
    const v2 = defineSqlProjection({ ...base, version: 2, tables: { by_sku: { columns, key: 'sku' } } });
    const other = defineProjection({
      name: 'sales-by-sku',
      events: { Cart: events },
      readModel: documents<{ items: number }>(),
    }).on({ ItemAdded: (cart) => ({ items: (cart?.items ?? 0) + 1 }) });
    await store.append('Cart-1', [add('a')]);
    await using engine = createProjectionEngine(store, [v1, other], quick);
    await engine.catchUp();
    const versions = createProjectionVersions(store, [v1, v2]);
    await versions.build(v2);
    await expect(versions.switchTo(v2)).rejects.toMatchObject({ code: 'PROJECTION_NAME_TAKEN' });
    expect(await store.projections.liveVersion('sales')).toBe(1);
    expect(await runSql(url, 'select document from mink_read.sales_by_sku')).toEqual([{ document: { items: 1 } }]);
  });

  test('keep their rights, and the views that others have made of them, where a checkpoint was deleted', async () => {
    const url = await databases.create();
    await using store = open(url);
    await store.append('Cart-1', [add('a')]);
    await using engine = createProjectionEngine(store, [items], quick);
    await engine.catchUp();
    await runSql(
      url,
      'grant select on mink_read.item_count to public; create view public.mine as select key from mink_read.item_count',
    );
    await runSql(url, 'delete from mink.projection_partitions');
    await engine.catchUp();
    expect(await store.projections.readModel(items).get('Cart-1')).toEqual({ items: 1 });
    const rights = `select has_table_privilege('public', 'mink_read.item_count', 'select') as may, key from public.mine`;
    expect(await runSql(url, rights)).toEqual([{ may: true, key: 'Cart-1' }]);
  });
});
