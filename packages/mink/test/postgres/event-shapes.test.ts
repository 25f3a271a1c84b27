import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { beforeEach, test } from 'vitest';
import { Pool } from 'pg';
import { createPostgresStore, withTransaction } from '../../src/postgres/index.ts';
import { describePostgres, openClient, runSql } from '../support/databases.ts';

const added = (data: unknown): { readonly type: string; readonly data: unknown } => ({ type: 'Added', data });

describePostgres('shapes of payloads', (databases) => {
  let url: string;

  beforeEach(async () => {
    url = await databases.create();
  });

  const recorded = async (): Promise<readonly string[]> => {
    const rows = await runSql(url, 'select shape::text as shape from mink.event_shapes order by 1');
    return rows.map(({ shape }) => String(shape));
  };

  test('of a transaction are recorded with it, whatever the pool has left', async () => {
    const pool = new Pool({ connectionString: url, max: 1 });
    await using store = createPostgresStore({ pool });
    await withTransaction(pool, async (tx) => {
      await store.append('Cart-1', [added('text')], { tx });
      await store.append('Cart-1', [added('more')], { tx });
      const { rows } = await tx.query('select shape::text as shape from mink.event_shapes');
      deepStrictEqual(rows, [{ shape: '{"type":["string"]}' }]);
    });
    await withTransaction(pool, (tx) => store.append('Cart-1', [added('text')], { tx }));
    await store.append('Cart-1', [added('text')]);
    deepStrictEqual(await recorded(), ['{"type":["string"]}']);
    await store.close();
    await pool.end();
  });

  test('recorded after a savepoint that is rolled back are recorded again', async () => {
    await using store = createPostgresStore({ url });
    const tx = await openClient(url);
    await tx.query('begin');
    await tx.query('savepoint one');
    await store.append('Cart-1', [added('text')], { tx });
    await tx.query('rollback to savepoint one');
    await store.append('Cart-1', [added('text')], { tx });
    await tx.query('commit');
    await tx.end();
    ok((await recorded()).length >= 1);
  });

  test('of an open transaction keep nobody waiting', async () => {
    await using store = createPostgresStore({ url });
    const tx = await openClient(url);
    await tx.query('begin');
    await store.append('Cart-1', [added({ sku: 'a' })], { tx });
    await store.append('Cart-2', [added({ sku: 'b' })]);
    await tx.query('commit');
    await tx.end();
    // Both recorded it, which does no harm.
    strictEqual(new Set(await recorded()).size, 1);
  });

  test('are recorded before the event is committed, by many processes at once, and no more than there is room for', async () => {
    const stores = Array.from({ length: 4 }, () => createPostgresStore({ url }));
    await runSql(
      url,
      `create function mink.check_shape() returns trigger language plpgsql as $$
       declare seen int;
       begin
         select count(*) into seen from mink.event_shapes s
         where s.type = new.type and s.shape::text like '%"' || (select json_object_keys(new.data) limit 1) || '"%' or s.hash = 'rest';
         if seen = 0 then raise exception 'no shape of %', new.data; end if;
         return new;
       end $$;
       create trigger check_shape before insert on mink.events for each row execute function mink.check_shape()`,
    );
    const work = stores.map(async (store, index) => {
      for (let n = 0; n < 100; n += 1) await store.append(`Cart-${index}`, [added({ [`field${index}of${n}x`]: n })]);
    });
    await Promise.all(work);
    const shapes = await recorded();
    // A few more than 256 where several are the last one at once.
    ok(shapes.length >= 257 && shapes.length <= 260, `there are ${shapes.length}`);
    for (const store of stores) await store.close();
  });
});
