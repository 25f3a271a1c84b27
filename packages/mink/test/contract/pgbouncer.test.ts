import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPostgresStorage, createPostgresStore } from '../../src/postgres/index.ts';
import { storageContract } from '../../src/testing/index.ts';
import { describePostgres, lastServer, openClient, runSql } from '../support/databases.ts';
import { added, bySku, cartEvents, cartSummary, folded, kept } from '../support/inline-carts.ts';
import { findPgBouncer, startPgBouncer, type RunningPgBouncer } from '../support/pgbouncer.ts';

const binary = await findPgBouncer();
const POOL_SIZE = 5;
const event = { type: 'Noted', data: { n: 1 } };

describePostgres(
  'behind PgBouncer in transaction mode',
  (databases) => {
    let bouncer: RunningPgBouncer;
    const testBehind = (name: string, run: () => Promise<void>): void => {
      test(name, async (context) => {
        if (binary === undefined) return context.skip('PgBouncer is not installed (apt-get install pgbouncer)');
        return run();
      });
    };

    beforeAll(async () => {
      if (binary === undefined) return;
      bouncer = await startPgBouncer(binary, { url: await databases.createEmpty(), poolSize: POOL_SIZE });
    });
    afterAll(() => bouncer?.stop());

    const createStorage = async () =>
      createPostgresStorage({ url: bouncer.through(await databases.create()), pollInterval: 20 });
    for (const { name, run } of storageContract(createStorage)) testBehind(name, run);

    testBehind('instances that start at once make the schema once', async () => {
      const direct = await databases.createEmpty();
      const url = bouncer.through(direct);
      const stores = Array.from({ length: 8 }, () => createPostgresStore({ url }));
      await Promise.all(stores.map((store, n) => store.append(`Note-${n}`, [event])));
      await Promise.all(stores.map((store) => store.close()));
      const [row] = await runSql(direct, 'select count(*)::int as events from mink.events');
      deepStrictEqual(row, { events: 8 });
    });

    testBehind('more connections than the pool has lose and double nothing, and a reader misses nothing', async () => {
      const url = bouncer.through(await databases.create());
      await using left = createPostgresStore({ url, maxConnections: 20 });
      await using right = createPostgresStore({ url, maxConnections: 20 });
      const stop = new AbortController();
      const seen: number[] = [];
      await left.append('Hot-1', [event]);
      const reading = (async () => {
        for await (const { globalPosition } of right.subscribe({ signal: stop.signal, pageSize: 7 })) {
          seen.push(globalPosition);
        }
      })();
      const results = await Promise.all(
        Array.from({ length: 400 }, (_, n) =>
          (n % 2 === 0 ? left : right).append(n % 3 === 0 ? 'Hot-1' : `Note-${n % 20}`, [event, event]),
        ),
      );
      const acknowledged = results.flatMap(({ events }) => events.map(({ globalPosition }) => globalPosition));
      await expect.poll(() => seen.length).toBe(801);
      stop.abort();
      await reading;
      const log = await left.readAll().toArray();
      deepStrictEqual(
        seen,
        log.map(({ globalPosition }) => globalPosition),
      );
      ok(acknowledged.every((position) => seen.includes(position)));
      const hot = await left.readStream('Hot-1').toArray();
      deepStrictEqual(
        hot.map(({ streamVersion }) => streamVersion),
        hot.map((_, index) => index + 1),
      );
    });

    testBehind('inline projections keep what the log says', async () => {
      const url = bouncer.through(await databases.create());
      const stores = (['auto', 'unnamed'] as const).map((prepare) =>
        createPostgresStore({ url, prepare, categories: { Cart: cartEvents }, inline: [cartSummary, bySku] }),
      );
      await Promise.all(
        stores.flatMap((store, at) =>
          Array.from({ length: 40 }, (_, n) => store.append(`Cart-${(n + at) % 6}`, [added(`sku-${n % 3}`)])),
        ),
      );
      for (const store of stores) {
        deepStrictEqual(await kept(store), await folded(store));
        await store.close();
      }
    });

    testBehind('of many that race for a version one wins', async () => {
      const url = bouncer.through(await databases.create());
      await using left = createPostgresStore({ url, prepare: 'unnamed' });
      await using right = createPostgresStore({ url, prepare: 'unnamed' });
      for (let round = 0; round < 20; round += 1) {
        const race = [left, right, left, right].map((store) =>
          store.append('Race-1', [event], { expectedVersion: round }),
        );
        const codes = (await Promise.allSettled(race)).map((result) =>
          result.status === 'rejected' ? String(result.reason.code) : 'won',
        );
        deepStrictEqual(codes.toSorted(), [...Array(3).fill('CONCURRENCY_CONFLICT'), 'won']);
      }
    });

    testBehind('an append leaves no setting behind on the connections of the pool', async () => {
      const url = bouncer.through(await databases.create());
      await using store = createPostgresStore({ url, prepare: 'unnamed' });
      const settings = `select
      current_setting('lock_timeout') as lock, current_setting('idle_in_transaction_session_timeout') as idle,
      current_setting('enable_seqscan') as seqscan, current_setting('search_path') as path`;
      const before = await runSql(url, settings);
      await Promise.all(Array.from({ length: 40 }, (_, n) => store.append(`Note-${n}`, [event])));
      const clients = await Promise.all(Array.from({ length: POOL_SIZE }, () => openClient(url)));
      // Transactions at the same time are on different connections: together they see all of the pool.
      for (const client of clients) await client.query('begin');
      for (const client of clients) deepStrictEqual((await client.query(settings)).rows, before);
      for (const client of clients) await client.end();
    });

    testBehind('held streams leave room for others while they are fewer than the pool has connections', async () => {
      const direct = await databases.create();
      await using store = createPostgresStore({ url: bouncer.through(direct), prepare: 'unnamed', maxConnections: 4 });
      const names = ['Held-1', 'Held-2', 'Held-3'];
      for (const name of names) await store.append(name, [event]);
      const holder = await openClient(direct);
      await holder.query('begin; select 1 from mink.streams for update');
      const held = Promise.all(names.map((name) => store.append(name, [event])));
      for (let round = 0; round < 10; round += 1) await store.append('Free-1', [event]);
      strictEqual((await store.readStream('Free-1').toArray()).length, 10);
      await holder.query('commit');
      await holder.end();
      strictEqual((await held).length, 3);
    });

    testBehind('named statements fail there, as a typed error before anything is written', async () => {
      if (binary === undefined) return;
      const direct = await databases.create();
      const narrow = await startPgBouncer(binary, { url: direct, poolSize: 1 });
      await using first = createPostgresStore({ url: narrow.through(direct), prepare: 'named' });
      await using second = createPostgresStore({ url: narrow.through(direct), prepare: 'named' });
      await first.append('Note-1', [event]);
      // Another client, the same connection behind: the name is taken.
      await rejects(second.append('Note-2', [event]), { code: 'DATABASE_ERROR', sqlState: /^(?:42P05|26000)$/u });
      const [row] = await runSql(direct, 'select count(*)::int as events from mink.events');
      deepStrictEqual(row, { events: 1 });
      await first.close();
      await second.close();
      await narrow.stop();
    });

    testBehind('a pooler that is killed is a typed error, and everything works again when it is back', async () => {
      if (binary === undefined) return;
      const direct = await databases.create();
      const mortal = await startPgBouncer(binary, { url: direct, poolSize: POOL_SIZE });
      await using store = createPostgresStore({
        url: mortal.through(direct),
        prepare: 'unnamed',
        connectTimeout: 5_000,
      });
      const acknowledged: string[] = [];
      const unknown: string[][] = [];
      const writer = async (n: number): Promise<void> => {
        for (;;) {
          try {
            const { events } = await store.append(`Note-${n}`, [event]);
            acknowledged.push(...events.map(({ id }) => id));
          } catch (error) {
            const { code, eventIds } = error as { code?: string; eventIds?: string[] };
            ok(code === 'APPEND_OUTCOME_UNKNOWN' || code === 'DATABASE_UNAVAILABLE', String(error));
            if (eventIds !== undefined) unknown.push(eventIds);
            return;
          }
        }
      };
      const writing = Promise.all(Array.from({ length: 4 }, (_, n) => writer(n)));
      await expect.poll(() => acknowledged.length).toBeGreaterThan(50);
      await mortal.kill();
      await writing;
      await mortal.restart();
      const ids = (await store.readAll().toArray()).map(({ id }) => id);
      strictEqual(new Set(ids).size, ids.length);
      ok(acknowledged.every((id) => ids.includes(id)));
      // Whatever is there and was not acknowledged is among those whose outcome was said to be unknown.
      const unexplained = ids.filter((id) => !acknowledged.includes(id) && !unknown.flat().includes(id));
      deepStrictEqual(unexplained, []);
      await store.append('Note-1', [event]);
      await store.close();
      await mortal.stop();
    });
  },
  lastServer(),
);
