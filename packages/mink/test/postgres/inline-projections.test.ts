import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Pool, type PoolConfig, type QueryConfig } from 'pg';
import { afterEach, describe, expect, test } from 'vitest';
import {
  AppendOutcomeUnknownError,
  ConcurrencyConflictError,
  DatabaseUnavailableError,
  InlineProjectionError,
  InlineSetChangedError,
} from '../../src/index.ts';
import { createPostgresStore, withTransaction, type PostgresStorageOptions } from '../../src/postgres/index.ts';
import { describePostgres, openClient, runSql } from '../support/databases.ts';
import { added, bySku, cartEvents, cartSummary, folded, kept, type CartStoreOptions } from '../support/inline-carts.ts';
import { seedOf } from '../support/random.ts';

const both = [cartSummary, bySku];
const program = fileURLToPath(new URL('../support/append-inline.js', import.meta.url));

const openStore = (options: CartStoreOptions & PostgresStorageOptions) =>
  createPostgresStore({ categories: { Cart: cartEvents }, ...options });
type CartStore = ReturnType<typeof openStore>;

const checkFold = async (store: CartStore): Promise<void> => deepStrictEqual(await kept(store), await folded(store));

const pools: Pool[] = [];
afterEach(() => Promise.all(pools.splice(0).map((pool) => pool.end())));

/** A pool of the caller's, ended after the test. */
function poolOf(url: string, config: PoolConfig = {}): Pool {
  const pool = new Pool({ connectionString: url, max: 4, ...config });
  pool.on('error', () => undefined);
  pools.push(pool);
  return pool;
}

/** A pool on which something is done before rows are written, whether alone or with the commit in one message. */
function poolWith(url: string, act: () => Promise<void>): Pool {
  const pool = poolOf(url);
  pool.on('connect', (client) => {
    const query = client.query.bind(client);
    Object.assign(client, {
      query: async (config: QueryConfig) => {
        const isBundle = 'submit' in config && client.getTransactionStatus() === 'T';
        if (isBundle || config.name?.includes('write_inline') === true) await act();
        return query(config);
      },
    });
  });
  return pool;
}

const cutAppends = `
  select pg_terminate_backend(pid)
  from pg_stat_activity
  where datname = current_database() and state = 'idle in transaction'`;

describePostgres('inline projections on PostgreSQL', (databases) => {
  describe('in concurrent appends', () => {
    test('of several stores, keep what the log says', { timeout: 60_000 }, async () => {
      const { random } = seedOf('inline projections of several stores');
      const pick = (most: number): number => Math.floor(random() * most);
      const url = await databases.create();
      const stores = Array.from({ length: 3 }, () => openStore({ url, inline: both }));
      const [store] = stores;
      ok(store !== undefined);
      await store.append('Cart-0', [added('sku-0')]);
      const done = { appended: 0, lost: 0, failed: 0 };
      const writer = async (own: CartStore): Promise<void> => {
        for (let n = 0; n < 40; n += 1) {
          const cart = `Cart-${pick(6)}` as const;
          const other = `Cart-other-${pick(6)}` as const;
          const events = [added(`sku-${pick(4)}`), ...(pick(9) === 0 ? [cartEvents.Cleared(null)] : [])];
          const bad = pick(12) === 0 ? [cartEvents.Broken(null)] : [];
          const append =
            pick(3) === 0
              ? own.appendMany([
                  { streamName: cart, events: [...events, ...bad] },
                  { streamName: other, events },
                ])
              : own.append(cart, [...events, ...bad], { expectedVersion: pick(4) === 0 ? pick(30) : 'any' });
          await append.then(
            () => (done.appended += 1),
            (error: unknown) => {
              if (error instanceof ConcurrencyConflictError) done.lost += 1;
              else if (error instanceof InlineProjectionError) done.failed += 1;
              else throw error;
            },
          );
        }
      };
      await Promise.all(stores.flatMap((own) => Array.from({ length: 8 }, () => writer(own))));
      ok(done.appended > 0 && done.lost > 0 && done.failed > 0, JSON.stringify(done));
      await checkFold(store);
      await Promise.all(stores.map((own) => own.close()));
    });

    test('send one statement after the other where a connection takes no bundles', async () => {
      const url = await databases.create();
      const pool = poolOf(url, { pipeline: true });
      await using store = openStore({ pool, inline: both });
      await Promise.all(Array.from({ length: 60 }, (_, n) => store.append(`Cart-${n % 7}`, [added(`sku-${n % 3}`)])));
      await checkFold(store);
    });

    test('with more rows than can be locked one by one, lock the read model as a whole', async () => {
      const url = await databases.create();
      const stores = [openStore({ url, inline: both }), openStore({ url, inline: both })];
      const [store] = stores;
      ok(store !== undefined);
      const many = Array.from({ length: 1_000 }, (_, n) => added(`sku-${n}`));
      await Promise.all([
        ...stores.map((own, n) => own.append(`Cart-many-${n}`, many)),
        ...stores.flatMap((own) => Array.from({ length: 20 }, (_, n) => own.append(`Cart-${n}`, [added(`sku-${n}`)]))),
      ]);
      await checkFold(store);
      await Promise.all(stores.map((own) => own.close()));
    });

    test('of which each may take its time do not add up to more than one may take', async () => {
      const url = await databases.create();
      await using store = openStore({ url, inline: both, inlineTimeout: 400 });
      await store.append('Cart-0', [added('a')]);
      const slow = Array.from({ length: 8 }, (_, n) =>
        store.append(`Cart-${n}`, [cartEvents.Slow({ milliseconds: 150 })]),
      );
      await Promise.all(slow);
      // One transaction holds no more of them than it takes to pass the limit.
      const sizes = await runSql(
        url,
        'select count(*)::int as size from mink.events group by xmin::text order by 1 desc',
      );
      ok(Number(sizes[0]?.['size']) <= 3, JSON.stringify(sizes));
      await checkFold(store);
    });
  });

  describe('in a transaction of the caller', () => {
    test('are stored with it, or rolled back with it', async () => {
      const url = await databases.create();
      const pool = poolOf(url);
      await using store = openStore({ pool, inline: both });
      await store.append('Cart-1', [added('a')]);
      await withTransaction(pool, async (tx) => {
        await store.append('Cart-1', [added('b')], { tx });
        await store.append('Cart-1', [added('c')], { tx });
      });
      await rejects(
        withTransaction(pool, async (tx) => {
          await store.append('Cart-1', [added('d')], { tx });
          throw new Error('never mind');
        }),
        /never mind/u,
      );
      strictEqual((await store.readStream('Cart-1').toArray()).length, 3);
      await checkFold(store);
    });

    test('take back an append that a handler fails on, and nothing else', async () => {
      const url = await databases.create();
      const pool = poolOf(url);
      await using store = openStore({ pool, inline: both });
      await store.append('Cart-1', [added('a')]);
      await withTransaction(pool, async (tx) => {
        await store.append('Cart-1', [added('b')], { tx });
        await rejects(store.append('Cart-1', [cartEvents.Broken(null)], { tx }), InlineProjectionError);
        await store.append('Cart-1', [added('c')], { tx });
      });
      const log = await store.readStream('Cart-1').toArray();
      deepStrictEqual(
        log.map(({ type, streamVersion }) => [type, streamVersion]),
        [1, 2, 3].map((version) => ['ItemAdded', version]),
      );
      await checkFold(store);
    });

    test('are refused where others are active', async () => {
      const url = await databases.create();
      const pool = poolOf(url);
      await using store = openStore({ url, inline: both });
      await using other = openStore({ pool });
      await store.append('Cart-1', [added('a')]);
      await rejects(
        withTransaction(pool, (tx) => other.append('Cart-1', [added('b')], { tx })),
        (error) => error instanceof InlineSetChangedError && error.cause !== undefined,
      );
      await checkFold(store);
    });

    test('are looked at anew by the next transaction, where they have changed', async () => {
      const url = await databases.create();
      const pool = poolOf(url);
      await using store = openStore({ pool, inline: both });
      await using other = openStore({ url, inline: both });
      const append = (sku: string) => withTransaction(pool, (tx) => store.append('Cart-1', [added(sku)], { tx }));
      await store.projections.activateInline(both);
      await append('a');
      for (const sku of ['b', 'c']) {
        await other.projections.deactivateInline(both);
        await other.projections.activateInline(both);
        await rejects(append(sku), InlineSetChangedError);
        await append(sku);
      }
      await checkFold(store);
    });
  });

  describe('when something breaks', () => {
    test('a connection lost before the commit leaves neither event nor row', async () => {
      const url = await databases.create();
      let isArmed = false;
      let cuts = 0;
      const pool = poolWith(url, async () => {
        if (!isArmed) return;
        cuts += 1;
        await runSql(url, cutAppends);
      });
      await using store = openStore({ pool, inline: both });
      for (let round = 0; round < 3; round += 1) {
        // Twice: the second one goes over a connection that knows the statements.
        for (const sku of ['a', 'b']) await store.append('Cart-1', [added(sku)]);
        isArmed = true;
        await rejects(
          store.append('Cart-1', [added('c')]),
          (error) => error instanceof DatabaseUnavailableError || error instanceof AppendOutcomeUnknownError,
        );
        isArmed = false;
      }
      strictEqual(cuts, 3);
      strictEqual((await store.readStream('Cart-1').toArray()).length, 6);
      await checkFold(store);
    });

    test('a statement that the server refuses fails its own append', async () => {
      const url = await databases.create();
      await using store = openStore({ url, inline: both });
      await store.append('Cart-1', [added('a')]);
      await runSql(url, `alter table mink_read.cart_summary_v1 add check ((document ->> 'items')::int < 5)`);
      const results = await Promise.allSettled(
        Array.from({ length: 8 }, (_, n) => store.append(`Cart-${n}`, [added('a', n === 3 ? 7 : 1)])),
      );
      deepStrictEqual(
        results.map(({ status }) => status),
        Array.from({ length: 8 }, (_, n) => (n === 3 ? 'rejected' : 'fulfilled')),
      );
      await checkFold(store);
    });

    test('processes that are killed leave what the log says', { timeout: 60_000 }, async () => {
      const url = await databases.create();
      await using store = createPostgresStore({ url });
      for (let round = 0; round < 4; round += 1) {
        const child = spawn(process.execPath, [program, url, `${round * 100_000}`], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        let appended = 0;
        child.stdout.on('data', (data: Buffer) => (appended += data.length));
        await expect.poll(() => appended, { timeout: 20_000 }).toBeGreaterThan(50 * (round + 1));
        const ended = once(child, 'exit');
        child.kill('SIGKILL');
        await ended;
      }
      const numbers = new Map<string, unknown[]>();
      for await (const { streamName, data } of store.readAll()) {
        numbers.set(streamName, [...(numbers.get(streamName) ?? []), Object(data).n]);
      }
      const rows = await runSql(url, 'select key, document from mink_read.numbers order by key');
      deepStrictEqual(
        rows.map(({ key, document }) => [key, Object(document).numbers]),
        [...numbers].toSorted(([left], [right]) => (left < right ? -1 : 1)),
      );
    });

    test('a stream that is held does not keep others from a row that its append is about', async () => {
      const url = await databases.create();
      await using store = openStore({ url, inline: both });
      await store.append('Cart-held', [added('hot')]);
      const holder = await openClient(url);
      await holder.query('begin');
      await holder.query(`select 1 from mink.streams where stream_name = 'Cart-held' for update`);
      const held = store.append('Cart-held', [added('hot')]);
      const waiting = `select
          (
            select count(*)::int
            from pg_locks l
            where l.pid = a.pid and l.locktype = 'advisory' and l.granted
          ) as held
        from pg_stat_activity a
        where wait_event_type = 'Lock' and datname = current_database() and query_start < clock_timestamp() - interval '60 ms'`;
      await expect.poll(() => runSql(url, waiting), { timeout: 5_000 }).toEqual([{ held: 0 }]);
      const others = Array.from({ length: 20 }, (_, n) => store.append(`Cart-${n}`, [added('hot')]));
      await Promise.all(others);
      await holder.end();
      await held;
      await checkFold(store);
    });
  });

  describe('the active set', () => {
    test('is switched on and off under load without losing a row', { timeout: 60_000 }, async () => {
      const url = await databases.create();
      await using store = openStore({ url, inline: both, whenInlineInactive: 'skip' });
      await using other = openStore({ url });
      const stop = new AbortController();
      let appended = 0;
      const writer = async (n: number): Promise<void> => {
        for (let i = 0; !stop.signal.aborted; i += 1) {
          await store.append(`Cart-${(n + i) % 10}`, [added(`sku-${i % 3}`)]);
          appended += 1;
        }
      };
      const writers = Array.from({ length: 8 }, (_, n) => writer(n));
      const more = async (count: number): Promise<void> => {
        const until = appended + count;
        await expect.poll(() => appended, { timeout: 30_000 }).toBeGreaterThan(until);
      };
      for (let round = 0; round < 3; round += 1) {
        await more(100);
        await other.projections.activateInline(both);
        await more(100);
        if (round < 2) await other.projections.deactivateInline(both);
      }
      stop.abort();
      await Promise.all(writers);
      await checkFold(store);
    });

    test('refuses code that knows no inline projections at all', async () => {
      const url = await databases.create();
      await using store = openStore({ url, inline: both });
      await store.append('Cart-1', [added('a')]);
      const append = `select mink.append_one_v1('Cart-1', 'Cart', 0::smallint, -1, gen_random_uuid(), 'ItemAdded', 1, '', '{}', '{}', 0, 0)`;
      await rejects(runSql(url, append), /does not apply the inline projections that are active.*cart-summary/u);
      await store.projections.deactivateInline(both);
      await runSql(url, append);
      // What was told of a set that is over is wrong, though none is active.
      const stale = `begin; select set_config('mink.inline_' || mink.floor_namespace(), '1', true); ${append}; commit`;
      await rejects(runSql(url, stale), /does not apply/u);
    });

    test('costs a log without inline projections not even a look', async () => {
      const url = await databases.create();
      await using store = openStore({ url });
      await store.append('Cart-1', [added('a')]);
      deepStrictEqual(await runSql(url, `select tgname from pg_trigger where tgname = 'require_inline'`), []);
    });

    test('is begun once by stores that start at once', async () => {
      const url = await databases.create();
      const stores = Array.from({ length: 5 }, () => openStore({ url, inline: both }));
      await Promise.all(stores.map((own, n) => own.append(`Cart-${n}`, [added('a')])));
      const [row] = await runSql(url, 'select inline_epoch::int as epoch from mink.meta');
      deepStrictEqual(row, { epoch: 1 });
      for (const own of stores) {
        await checkFold(own);
        await own.close();
      }
    });
  });
});
