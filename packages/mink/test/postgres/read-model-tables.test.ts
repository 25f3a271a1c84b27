import { deepStrictEqual, rejects } from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import {
  column,
  createProjectionEngine,
  defineEvents,
  defineProjection,
  defineSqlProjection,
  documents,
  payload,
  table,
} from '../../src/index.ts';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { describePostgres, runSql } from '../support/databases.ts';

const events = defineEvents({
  OrderCreated: payload<{ customerId: string; at: string }>(),
  ItemAdded: payload<{ sku: string; cents: number }>(),
  OrderCancelled: payload<null>(),
});
const orders = defineProjection({
  name: 'order-list',
  events: { Order: events },
  readModel: table({
    key: 'orderId',
    columns: {
      orderId: column.text(),
      status: column.text<'open' | 'cancelled'>(),
      total: column.integer(),
      share: column.number(),
      isBig: column.boolean(),
      placedAt: column.timestamp(),
      skus: column.json<readonly string[]>(),
      note: column.nullable(column.text()),
    },
    indexes: [['status', 'placedAt']],
  }),
}).on({
  OrderCreated: (_, { streamName, data }) => ({
    orderId: streamName,
    status: 'open',
    total: 0,
    share: 0,
    isBig: false,
    placedAt: data.at,
    skus: [],
    note: null,
  }),
  ItemAdded: (order, { data }) => {
    if (order === null) throw new Error('no order');
    const total = order.total + data.cents;
    return { ...order, total, share: total / 3, isBig: total > 1000, skus: [...order.skus, data.sku] };
  },
  OrderCancelled: (order) => (order === null ? null : { ...order, status: 'cancelled', note: `a "note"` }),
});
const lines = defineSqlProjection({
  name: 'order-lines',
  events: { Order: events },
  types: ['ItemAdded'],
  tables: {
    lines: {
      columns: { order_id: column.text(), sku: column.text(), cents: column.integer() },
      key: ['order_id', 'sku'],
    },
    totals: { columns: { order_id: column.text(), cents: column.integer() }, key: 'order_id' },
  },
  apply: async (batch, tx) => {
    for (const { streamName, data } of batch) {
      const line = `insert into ${tx.tables.lines} (order_id, sku, cents) values ($1, $2, $3)`;
      await tx.query(line, [streamName, data.sku, data.cents]);
      const total = `insert into ${tx.tables.totals} as t (order_id, cents) values ($1, $2)
        on conflict (order_id) do update set cents = t.cents + excluded.cents`;
      await tx.query(total, [streamName, data.cents]);
    }
  },
});

describePostgres('a read model', (databases) => {
  const open = (url: string) => createPostgresStore({ url, categories: { Order: events } });
  const created = (at = '2026-01-02T03:04:05.678Z') => events.OrderCreated({ customerId: 'c', at });
  const item = (sku: string, cents = 100) => events.ItemAdded({ sku, cents });

  test('in a table has the columns that it declares, in every type, and a view of the live version', async () => {
    const url = await databases.create();
    await using store = open(url);
    await store.append('Order-1', [created('2026-01-02T03:04:05+02:00'), item('a', 500), item('b', 501)]);
    await store.append('Order-2', [created(), events.OrderCancelled(null)]);
    await using engine = createProjectionEngine(store, [orders]);
    await engine.start();
    await engine.waitFor(5);
    const first = {
      orderId: 'Order-1',
      status: 'open',
      total: 1001,
      share: 1001 / 3,
      isBig: true,
      placedAt: '2026-01-02T01:04:05.000Z',
      skus: ['a', 'b'],
      note: null,
    };
    deepStrictEqual(await store.projections.readModel(orders).get('Order-1'), first);
    const rows = await runSql(
      url,
      `select "orderId", total::int, note, "placedAt" from mink_read.order_list order by 1`,
    );
    deepStrictEqual(rows, [
      { orderId: 'Order-1', total: 1001, note: null, placedAt: new Date('2026-01-02T01:04:05.000Z') },
      { orderId: 'Order-2', total: 0, note: 'a "note"', placedAt: new Date('2026-01-02T03:04:05.678Z') },
    ]);
    const indexes = await runSql(url, `select indexdef from pg_indexes where tablename = 'order_list_v1'`);
    expect(JSON.stringify(indexes)).toContain('(status, \\"placedAt\\")');
  });

  test('keeps nulls beside values, in every type', async () => {
    const url = await databases.create();
    await using store = open(url);
    const values = {
      word: 'null',
      whole: 1,
      part: 0.5,
      flag: false,
      at: '2026-01-02T03:04:05.678Z',
      more: { a: null },
    };
    const nothing = { word: null, whole: null, part: null, flag: null, at: null, more: null };
    const nullables = defineProjection({
      name: 'nullables',
      events: { Order: events },
      readModel: table({
        key: 'orderId',
        columns: {
          orderId: column.text(),
          word: column.nullable(column.text()),
          whole: column.nullable(column.integer()),
          part: column.nullable(column.number()),
          flag: column.nullable(column.boolean()),
          at: column.nullable(column.timestamp()),
          more: column.nullable(column.json()),
        },
      }),
    }).on({
      OrderCreated: (_, { streamName }) => ({
        orderId: streamName,
        ...(streamName === 'Order-1' ? values : nothing),
      }),
    });
    for (const id of [1, 2]) await store.append(`Order-${id}`, [created()]);
    await using engine = createProjectionEngine(store, [nullables]);
    await engine.start();
    await engine.waitFor(2);
    const { items } = await store.projections.readModel(nullables).find();
    deepStrictEqual(
      items.map(({ model }) => model),
      [
        { orderId: 'Order-1', ...values },
        { orderId: 'Order-2', ...nothing },
      ],
    );
    const [row] = await runSql(
      url,
      `select num_nulls(word, whole, part, flag, at, more) as nulls from mink_read.nullables
      where "orderId" = 'Order-2'`,
    );
    expect(row).toEqual({ nulls: 6 });
  });

  test('refuses rows that do not fit: the key is parked, with the column', async () => {
    const url = await databases.create();
    await using store = open(url);
    await store.append('Order-1', [created('yesterday')]);
    await store.append('Order-2', [created(), item('a', 0.5)]);
    await store.append('Order-3', [created()]);
    await using engine = createProjectionEngine(store, [orders], { tries: 1 });
    await engine.start();
    await engine.waitFor(4);
    expect(await engine.deadLetters.list().toArray()).toMatchObject([
      { key: 'Order-1', error: expect.stringContaining('column "placedAt" is a timestamp') },
      { key: 'Order-2', error: 'column "total" is of type integer, and 0.5 is not' },
    ]);
    const all = await store.projections.readModel(orders).list().toArray();
    deepStrictEqual(
      all.map(({ key, isStale }) => [key, isStale]),
      [
        ['Order-2', true],
        ['Order-3', false],
      ],
    );
  });

  test('keeps its key, and its tables', async () => {
    const url = await databases.create();
    await using store = open(url);
    const moving = defineProjection({
      name: 'moving',
      events: { Order: events },
      readModel: table({ key: 'id', columns: { id: column.text() } }),
    }).on({ OrderCreated: () => ({ id: 'another' }) });
    await store.append('Order-1', [created()]);
    await using engine = createProjectionEngine(store, [moving], { tries: 1 });
    await engine.start();
    await engine.waitFor(1);
    const [parked] = await engine.deadLetters.list().toArray();
    expect(parked?.error).toContain('column "id" of the row for key "Order-1" is "another"');
    const changed = defineProjection({
      name: 'moving',
      events: { Order: events },
      readModel: table({ key: 'id', columns: { id: column.text(), more: column.integer() } }),
    }).on({ OrderCreated: (_, { streamName }) => ({ id: streamName, more: 1 }) });
    await using other = createProjectionEngine(store, [changed]);
    await rejects(other.start(), { code: 'READ_MODEL_CHANGED', projection: 'moving', version: 1 });
  });

  test('with a unique index parks what would break it, and stores everything else of the batch', async () => {
    const url = await databases.create();
    await using store = open(url);
    const byCustomer = defineProjection({
      name: 'by-sku',
      events: { Order: events },
      readModel: table({
        key: 'orderId',
        columns: { orderId: column.text(), sku: column.text() },
        indexes: [{ columns: ['sku'], isUnique: true }],
      }),
    }).on({ ItemAdded: (_, { streamName, data }) => ({ orderId: streamName, sku: data.sku }) });
    for (let n = 1; n <= 20; n += 1) await store.append(`Order-${n}`, [item(n === 13 ? '7' : String(n))]);
    await using engine = createProjectionEngine(store, [byCustomer], { tries: 2, backoff: 1 });
    await engine.start();
    await engine.waitFor(20);
    const parked = await engine.deadLetters.list().toArray();
    expect(parked).toMatchObject([{ key: 'Order-13', events: 1, attempts: 2 }]);
    expect(parked[0]?.error).toContain('duplicate key');
    deepStrictEqual((await store.projections.readModel(byCustomer).list().toArray()).length, 19);
  });

  test('of documents has columns for the fields that it names', async () => {
    const url = await databases.create();
    await using store = open(url);
    const summary = defineProjection({
      name: 'summary',
      events: { Order: events },
      readModel: documents<{ customerId: string; items: number }>({
        fields: { customerId: column.text(), items: column.integer() },
        indexes: [['customerId', 'items']],
      }),
    }).on({
      OrderCreated: (_, { data }) => ({ customerId: data.customerId, items: 0 }),
      ItemAdded: (order) => (order === null ? null : { ...order, items: order.items + 1 }),
    });
    await store.append('Order-1', [created(), item('a')]);
    await using engine = createProjectionEngine(store, [summary]);
    await engine.start();
    await engine.waitFor(2);
    const rows = await runSql(url, `select key, "customerId", items::int, document from mink_read.summary`);
    deepStrictEqual(rows, [{ key: 'Order-1', customerId: 'c', items: 1, document: { customerId: 'c', items: 1 } }]);
  });

  test('that writes SQL is stored with its checkpoint; one bad event costs none of the good ones', async () => {
    const url = await databases.create();
    await using store = open(url);
    for (let n = 1; n <= 20; n += 1) await store.append(`Order-${n}`, [item('a'), item(n === 7 ? 'a' : 'b', 50)]);
    await store.append('Order-7', [item('c', 1)]);
    await using engine = createProjectionEngine(store, [lines], { tries: 2, backoff: 1 });
    await engine.start();
    await engine.waitFor(41);
    const totals = await runSql(url, 'select order_id, cents::int from mink_read.order_lines_totals order by 1');
    deepStrictEqual(totals.length, 20);
    deepStrictEqual(
      totals.filter(({ cents }) => cents !== 150),
      [{ order_id: 'Order-7', cents: 100 }],
    );
    const parked = await engine.deadLetters.list().toArray();
    expect(parked).toMatchObject([{ key: 'Order-7', events: 2, error: expect.stringContaining('duplicate key') }]);
    const of = { projection: lines, key: 'Order-7' };
    expect(await engine.deadLetters.dryRun(of)).toMatchObject({ applied: 0, left: 2 });
    await runSql(url, `update mink_read.order_lines_v1_lines set sku = 'z' where order_id = 'Order-7'`);
    expect(await engine.deadLetters.dryRun(of)).toMatchObject({ applied: 2, left: 0 });
    expect(await engine.deadLetters.retry(of)).toEqual({ applied: 2, left: 0, error: undefined });
    const [seven] = await runSql(url, `select cents::int from mink_read.order_lines_totals where order_id = 'Order-7'`);
    deepStrictEqual(seven, { cents: 151 });
  });

  test('that writes SQL too slowly stores nothing, and what it sends later is refused', async () => {
    const url = await databases.create();
    await using store = open(url);
    let late: Promise<unknown> = Promise.resolve();
    const hanging = defineSqlProjection({
      name: 'hanging',
      events: { Order: events },
      tables: { rows: { columns: { id: column.text() }, key: 'id' } },
      apply: async (_batch, tx) => {
        await tx.query(`insert into ${tx.tables.rows} (id) values ('a')`);
        late = sleep(300).then(() => tx.query(`insert into ${tx.tables.rows} (id) values ('b')`));
        late.catch(() => undefined);
        await late;
      },
    });
    await store.append('Order-1', [created()]);
    await using engine = createProjectionEngine(store, [hanging], { tries: 1, handlerTimeout: 50 });
    await engine.start();
    await engine.waitFor(1);
    const [parked] = await engine.deadLetters.list().toArray();
    expect(parked?.error).toContain('took longer than 50 ms');
    await rejects(late, /is over/u);
    deepStrictEqual(await runSql(url, 'select * from mink_read.hanging_rows'), []);
  });

  test('that writes SQL is reset behind its batch: neither waits for the other for ever', async () => {
    const url = await databases.create();
    await using store = open(url);
    let batches = 0;
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const slow = defineSqlProjection({
      name: 'slow',
      events: { Order: events },
      tables: { rows: { columns: { id: column.text() }, key: 'id' } },
      apply: async (batch, tx) => {
        batches += 1;
        await released;
        for (const { id } of batch) await tx.query(`insert into ${tx.tables.rows} (id) values ($1)`, [id]);
      },
    });
    await store.append('Order-1', [created()]);
    await using engine = createProjectionEngine(store, [slow], { leaseDuration: 1_000 });
    await engine.start();
    await expect.poll(() => batches).toBe(1);
    const resetting = store.projections.reset(slow);
    const waiting = `select 1 from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock' and query like '%truncate%'`;
    await expect.poll(() => runSql(url, waiting)).toHaveLength(1);
    release();
    await resetting;
    await engine.waitFor(1);
    deepStrictEqual(await runSql(url, 'select count(*)::int from mink_read.slow_rows'), [{ count: 1 }]);
    // Once before the reset, and once after it: a batch in a deadlock would have been tried again.
    deepStrictEqual(batches, 2);
  });
});
