import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  column,
  createProjectionEngine,
  createProjectionVersions,
  defineEvents,
  defineProjection,
  defineSqlProjection,
  documents,
  payload,
} from '../../src/index.ts';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { describePostgres, lastServer, runSql } from '../support/databases.ts';
import { findPgBouncer, startPgBouncer, type RunningPgBouncer } from '../support/pgbouncer.ts';

const binary = await findPgBouncer();
const events = defineEvents({ ItemAdded: payload<{ sku: string }>() });
const counting = (version: number, isBroken = () => false) =>
  defineProjection({ name: 'counts', version, events: { Cart: events }, readModel: documents<{ items: number }>() }).on(
    {
      ItemAdded: (cart, { data }) => {
        if (data.sku === 'bad' && isBroken()) throw new Error('bad');
        return { items: (cart?.items ?? 0) + 1 };
      },
    },
  );

describePostgres(
  'projections behind PgBouncer in transaction mode',
  (databases) => {
    let bouncer: RunningPgBouncer | undefined;
    beforeAll(async () => {
      if (binary !== undefined)
        bouncer = await startPgBouncer(binary, { url: await databases.createEmpty(), poolSize: 3 });
    });
    afterAll(() => bouncer?.stop());

    test('are applied once, split, parked, retried, reset, switched and rebuilt as without it', async (context) => {
      if (bouncer === undefined) return context.skip('PgBouncer is not installed (apt-get install pgbouncer)');
      const direct = await databases.create();
      const url = bouncer.through(direct);
      let isBroken = true;
      const [v1, v2] = [counting(1, () => isBroken), counting(2)];
      const skus = defineSqlProjection({
        name: 'skus',
        events: { Cart: events },
        tables: { counts: { columns: { sku: column.text(), items: column.integer() }, key: 'sku' } },
        apply: async (batch, tx) => {
          const insert = `insert into ${tx.tables.counts} as c (sku, items) values ($1, 1) on conflict (sku) do update set items = c.items + 1`;
          for (const { data } of batch) await tx.query(insert, [data.sku]);
        },
      });
      const open = () => createPostgresStore({ url, categories: { Cart: events }, pollInterval: 20 });
      await using store = open();
      await using other = open();
      const quick = { leaseDuration: 1_000, tries: 1, backoff: 1, batchSize: 7 };
      await using engine = createProjectionEngine(store, [v1, v2, skus], quick);
      await using beside = createProjectionEngine(other, [v1, v2, skus], quick);
      await Promise.all([engine.start(), beside.start()]);
      const append = async (from: number, to: number) => {
        for (let n = from; n < to; n += 1)
          await store.append(`Cart-${n % 10}`, [events.ItemAdded({ sku: n === 3 ? 'bad' : `s${n % 5}` })]);
      };
      await append(0, 50);
      await engine.partition(v1, 4);
      await append(50, 100);
      await engine.waitFor(100);
      isBroken = false;
      expect(await engine.deadLetters.retry({ projection: v1, key: 'Cart-3' })).toMatchObject({ applied: 10, left: 0 });
      expect(await store.projections.verify(v1)).toMatchObject({ ok: true, pairs: 100 });
      await engine.reset(v1);
      await beside.reset(skus);
      await append(100, 120);
      await engine.waitFor(120);
      const versions = createProjectionVersions(store, [v1, v2]);
      await versions.switchTo(v2);
      await versions.rebuild(v2);
      const sums = `select
        (select sum((document ->> 'items')::int)::int from mink_read.counts) as counts,
        (select sum(items)::int from mink_read.skus_counts) as skus`;
      expect(await runSql(direct, sums)).toEqual([{ counts: 120, skus: 120 }]);
      for (const projection of [v1, v2, skus]) {
        expect(await store.projections.verify(projection)).toMatchObject({ ok: true, pairs: 120, parked: 0 });
      }
    }, 60_000);
  },
  lastServer(),
);
