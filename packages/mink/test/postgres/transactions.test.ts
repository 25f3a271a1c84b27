import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import { Pool, type PoolClient } from 'pg';
import { afterEach, expect, test } from 'vitest';
import { AppendOutcomeUnknownError, defineDecider, defineEvents, payload } from '../../src/index.ts';
import { createMemoryStore } from '../../src/memory/index.ts';
import { createPostgresStore, withTransaction } from '../../src/postgres/index.ts';
import { describePostgres, openClient, runSql } from '../support/databases.ts';

const event = { type: 'Noted', data: { n: 1 } };

const counterEvents = defineEvents({ Counted: payload<{ by: number }>() });
const counter = defineDecider({
  category: 'Counter',
  events: counterEvents,
  initialState: () => 0,
  evolve: (total, { data }) => total + data.by,
  decide: (by: number) => counterEvents.Counted({ by }),
});

describePostgres("appends in a transaction of the caller's", (databases) => {
  const pools: Pool[] = [];
  afterEach(async () => {
    await Promise.all(pools.splice(0).map((pool) => pool.end()));
  });

  async function open(): Promise<{ readonly url: string; readonly pool: Pool }> {
    const url = await databases.create();
    const pool = new Pool({ connectionString: url, max: 5 });
    pool.on('error', () => undefined);
    pools.push(pool);
    await pool.query('create table stock (sku text primary key, reserved int not null check (reserved >= 0))');
    await pool.query("insert into stock values ('a', 0)");
    return { url, pool };
  }

  test('events and rows are stored together, or not at all', async () => {
    const { url, pool } = await open();
    await using store = createPostgresStore({ url });
    const reserve = (by: number, fail: boolean): Promise<number> =>
      withTransaction(pool, async (tx) => {
        await tx.query('update stock set reserved = reserved + $1', [by]);
        const { streamVersion } = await store.append('Note-1', [event], { tx });
        await store.appendMany(
          [
            { streamName: 'Note-2', events: [event, event] },
            { streamName: 'Note-1', expectedVersion: streamVersion },
          ],
          { tx },
        );
        if (fail) throw new Error('changed my mind');
        return streamVersion;
      });
    await rejects(reserve(5, true), { message: 'changed my mind' });
    deepStrictEqual((await pool.query('select reserved from stock')).rows, [{ reserved: 0 }]);
    strictEqual((await store.readAll().toArray()).length, 0);
    strictEqual(await reserve(7, false), 1);
    deepStrictEqual((await pool.query('select reserved from stock')).rows, [{ reserved: 7 }]);
    strictEqual((await store.readAll().toArray()).length, 3);
  });

  test('what the transaction has appended is seen inside only, also by deciders', async () => {
    const { url, pool } = await open();
    await using store = createPostgresStore({ url, categories: { Counter: counterEvents } });
    await store.execute(counter, '1', 1);
    await withTransaction(pool, async (tx) => {
      strictEqual((await store.execute(counter, '1', 10, { tx })).state, 11);
      strictEqual((await store.execute(counter, '1', 100, { tx })).state, 111);
      strictEqual((await store.load(counter, '1', { tx })).state, 111);
      strictEqual((await store.readStream('Counter-1', { tx }).toArray()).length, 3);
      strictEqual((await store.load(counter, '1')).state, 1);
    });
    strictEqual((await store.load(counter, '1')).state, 111);
  });

  test('a conflict is an error like everywhere, and leaves the transaction usable', async () => {
    const { url, pool } = await open();
    await using store = createPostgresStore({ url });
    await store.append('Note-1', [event]);
    await withTransaction(pool, async (tx) => {
      const conflict = { code: 'CONCURRENCY_CONFLICT', actualVersion: 1 };
      await rejects(store.append('Note-1', [event], { tx, expectedVersion: 'no_stream' }), conflict);
      await rejects(store.append('Note-1', [event, event], { tx, expectedVersion: 7 }), conflict);
      await store.append('Note-1', [event], { tx, expectedVersion: 1 });
    });
    strictEqual((await store.streamInfo('Note-1'))?.version, 2);
  });

  test('a repeat of an append of the same transaction gets its first result', async () => {
    const { url, pool } = await open();
    await using store = createPostgresStore({ url });
    const withId = { ...event, id: '0190f0f0-0000-7000-8000-000000000001' };
    await withTransaction(pool, async (tx) => {
      const first = await store.append('Note-1', [withId], { tx });
      const again = await store.append('Note-1', [withId], { tx });
      deepStrictEqual([again.repeated, again.globalPosition], [true, first.globalPosition]);
    });
    strictEqual((await store.readAll().toArray()).length, 1);
  });

  test('an append that forgets its transaction is refused, during it only', async () => {
    const { url, pool } = await open();
    await using store = createPostgresStore({ url });
    await withTransaction(pool, async (tx) => {
      await store.append('Note-1', [event], { tx });
      await rejects(store.append('Note-1', [event]), { code: 'TRANSACTION_OPEN', streamNames: ['Note-1'] });
      await rejects(store.append('Note-2', [event]), { code: 'TRANSACTION_OPEN', message: /tx/u });
    });
    await store.append('Note-1', [event]);
    strictEqual((await store.readAll().toArray()).length, 2);
  });

  test('a subscription sees the events once the transaction is committed, however it was begun', async () => {
    const { url, pool } = await open();
    await using store = createPostgresStore({ url, pollInterval: 10 });
    const seen: number[] = [];
    const stop = new AbortController();
    const reading = (async () => {
      for await (const { globalPosition } of store.subscribe({ signal: stop.signal })) seen.push(globalPosition);
    })();
    await withTransaction(pool, async (tx) => {
      await store.append('Note-1', [event], { tx });
      strictEqual((await store.readBound()).position, 0);
    });
    await expect.poll(() => seen.length).toBe(1);
    const own = await pool.connect();
    await own.query('begin');
    await store.append('Note-1', [event], { tx: own });
    await own.query('commit');
    own.release();
    await expect.poll(() => seen.length).toBe(2);
    stop.abort();
    await reading;
  });

  test('a client without an open transaction, and anything else, is refused', async () => {
    const { url, pool } = await open();
    await using store = createPostgresStore({ url });
    const client = await pool.connect();
    await rejects(store.append('Note-1', [event], { tx: client }), { code: 'INVALID_ARGUMENT', argument: 'tx' });
    client.release();
    const wrong: unknown = {};
    await rejects(store.append('Note-1', [event], { tx: wrong as PoolClient }), { argument: 'tx' });
    strictEqual((await store.readAll().toArray()).length, 0);
    await using memory = createMemoryStore();
    await rejects(memory.append('Note-1', [event], { tx: client }), { code: 'INVALID_ARGUMENT', argument: 'tx' });
    await rejects(memory.readStream('Note-1', { tx: client }).toArray(), { argument: 'tx' });
  });

  test('another isolation level than READ COMMITTED is refused', async () => {
    const { url, pool } = await open();
    await using store = createPostgresStore({ url });
    const client = await pool.connect();
    await client.query('begin isolation level serializable');
    await rejects(store.append('Note-1', [event], { tx: client }), { sqlState: 'MK003', message: /read committed/u });
    await client.query('rollback');
    client.release();
  });

  test('a transaction whose statement failed is an error, though its commit would not be', async () => {
    const { url, pool } = await open();
    await using store = createPostgresStore({ url });
    const swallowing = withTransaction(pool, async (tx) => {
      await store.append('Note-1', [event], { tx });
      await tx.query('update stock set reserved = -1').catch(() => undefined);
    });
    await rejects(swallowing, { code: 'DATABASE_ERROR', sqlState: '25P02' });
    strictEqual((await store.readAll().toArray()).length, 0);
    strictEqual((await pool.query('select 1')).rows.length, 1);
  });

  test('a constraint that is checked at the commit rolls everything back', async () => {
    const { url, pool } = await open();
    await using store = createPostgresStore({ url });
    await pool.query('create table once (id int unique deferrable initially deferred)');
    const twice = withTransaction(pool, async (tx) => {
      await store.append('Note-1', [event], { tx });
      await tx.query('insert into once values (1), (1)');
    });
    await rejects(twice, { code: 'DATABASE_ERROR', sqlState: '23505' });
    strictEqual((await store.readAll().toArray()).length, 0);
  });

  test('a connection that breaks before the commit has stored nothing; during it, nobody knows', async () => {
    const { url, pool } = await open();
    await using store = createPostgresStore({ url });
    const broken = withTransaction(pool, async (tx) => {
      await store.append('Note-1', [event], { tx });
      const { rows } = await tx.query<{ pid: number }>('select pg_backend_pid() as pid');
      await runSql(url, 'select pg_terminate_backend($1)', [rows[0]?.pid]);
      await store.append('Note-1', [event], { tx });
    });
    await rejects(broken, { code: 'DATABASE_UNAVAILABLE' });
    strictEqual((await store.readAll().toArray()).length, 0);

    const losing = {
      connect: async (): Promise<PoolClient> => {
        const client = await pool.connect();
        const query = client.query.bind(client);
        return new Proxy(client, {
          get(target, key) {
            if (key === 'query') {
              return async (config: { readonly text: string }) => {
                const result = await query(config);
                if (config.text === 'commit') throw new Error('read ECONNRESET');
                return result;
              };
            }
            const value: unknown = Reflect.get(target, key);
            return typeof value === 'function' ? value.bind(target) : value;
          },
        });
      },
    };
    const error: unknown = await withTransaction(losing, async (tx) => {
      await store.append('Note-1', [event, event], { tx });
    }).catch((reason: unknown) => reason);
    ok(error instanceof AppendOutcomeUnknownError);
    deepStrictEqual([error.streamNames, error.eventIds.length], [['Note-1'], 2]);
    const again = await store.append(
      'Note-1',
      error.eventIds.map((id) => ({ ...event, id })),
    );
    strictEqual(again.repeated, true);
  });

  test('a transaction that is left idle after an append is ended by the server: it does not hold readers for ever', async () => {
    const { url } = await open();
    await using store = createPostgresStore({ url, holdTimeout: 50 });
    const client = await openClient(url);
    await client.query('begin');
    await store.append('Note-1', [event], { tx: client });
    const { globalPosition } = await store.append('Note-2', [event]);
    await expect.poll(async () => (await store.readBound()).position).toBe(globalPosition);
    deepStrictEqual(
      (await store.readAll().toArray()).map(({ streamName }) => streamName),
      ['Note-2'],
    );
    await client.end().catch(() => undefined);
  });

  test('a thousand appends in one transaction take one floor, not a thousand locks', async () => {
    const { url, pool } = await open();
    await using store = createPostgresStore({ url });
    await withTransaction(pool, async (tx) => {
      for (let n = 0; n < 1_000; n += 1) await store.append(`Note-${n % 10}`, [event], { tx });
      const { rows } = await tx.query("select 1 from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()");
      strictEqual(rows.length, 1);
    });
    strictEqual((await store.readAll().toArray()).length, 1_000);
  });
});
