import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import { Readable } from 'node:stream';
import { Pool } from 'pg';
import { expect, test } from 'vitest';
import { AppendOutcomeUnknownError, type StoredEvent } from '../../src/index.ts';
import { createBackup, createPostgresStore, restoreBackup, sealStore, verifyStore } from '../../src/postgres/index.ts';
import { describePostgres, openClient, runSql } from '../support/databases.ts';
import { startProxy } from '../support/proxy.ts';

const event = { type: 'Noted', data: { n: 1 } };

describePostgres('failures of the connection', (databases) => {
  test('an append whose connection breaks has an unknown outcome, and its ids make a retry safe', async () => {
    for (const arrives of [true, false]) {
      const url = await databases.create();
      const proxy = await startProxy(url);
      await using store = createPostgresStore({ url: proxy.url });
      await store.append('Note-1', [event]);
      const holder = await openClient(url);
      await holder.query('begin; select * from mink.streams for update');
      const pending = store.append('Note-1', [event, event]);
      pending.catch(() => undefined);
      await untilBlocked(url);
      proxy.cut();
      const error = await pending.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      ok(error instanceof AppendOutcomeUnknownError, String(error));
      deepStrictEqual([error.streamNames, error.eventIds.length], [['Note-1'], 2]);
      // The server may finish what it was sent, or be stopped before.
      if (!arrives) {
        await runSql(
          url,
          "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        );
      }
      await holder.query('commit');
      await holder.end();
      const retried = error.eventIds.map((id) => ({ ...event, id }));
      const result = await store.append('Note-1', retried);
      strictEqual(result.streamVersion, 3);
      strictEqual((await store.readStream('Note-1').toArray()).length, 3);
      if (!arrives) strictEqual(result.repeated, false);
      await proxy.close();
    }
  });

  test('a backend that is terminated in the middle of an append is an unknown outcome, too', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url });
    await store.append('Note-1', [event]);
    const holder = await openClient(url);
    await holder.query('begin; select * from mink.streams for update');
    const pending = store.append('Note-1', [event]);
    pending.catch(() => undefined);
    await untilBlocked(url);
    await holder.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    await rejects(pending, { code: 'APPEND_OUTCOME_UNKNOWN' });
    await holder.end();
    strictEqual((await store.append('Note-1', [event])).streamVersion, 2);
  });

  test('reads say that the database is away, and work again without a restart when it is back', async () => {
    const proxy = await startProxy(await databases.create());
    await using store = createPostgresStore({ url: proxy.url, connectTimeout: 2_000 });
    await store.append('Note-1', [event]);
    proxy.refuse(true);
    proxy.cut();
    await rejects(store.readStream('Note-1').toArray(), { code: 'DATABASE_UNAVAILABLE' });
    await rejects(store.append('Note-1', [event]), { code: 'DATABASE_UNAVAILABLE' });
    proxy.refuse(false);
    strictEqual((await store.readStream('Note-1').toArray()).length, 1);
    await store.append('Note-1', [event]);
    await store.close();
    await proxy.close();
  });

  test('a backup, a restore, a seal or an examination whose connection breaks says that the database is away', async () => {
    const [url, empty] = [await databases.create(), await databases.create()];
    await using store = createPostgresStore({ url });
    await using other = createPostgresStore({ url: empty });
    await store.append('Note-1', [event]);
    await other.streamInfo('Note-1');
    const read = async (options: { readonly url: string }): Promise<readonly string[]> => {
      const lines: string[] = [];
      for await (const line of createBackup(options)) lines.push(line);
      return lines;
    };
    const lines = await read({ url });
    const restore = (options: { readonly url: string }): Promise<unknown> =>
      restoreBackup(options, Readable.from(lines));
    const works = [
      { of: url, work: read },
      { of: url, work: sealStore },
      { of: url, work: verifyStore },
      { of: empty, work: restore },
    ];
    for (const { of, work } of works) {
      const proxy = await startProxy(of);
      const holder = await openClient(of);
      await holder.query('begin; lock table mink.events, mink.seals in access exclusive mode');
      const pending = work({ url: proxy.url });
      pending.catch(() => undefined);
      await untilBlocked(of);
      proxy.cut();
      proxy.refuse(true);
      await rejects(pending, { name: 'DatabaseUnavailableError', code: 'DATABASE_UNAVAILABLE' });
      await holder.end();
      await proxy.close();
    }
  });

  test('a subscription outlives lost connections and misses nothing', async () => {
    const url = await databases.create();
    const proxy = await startProxy(url);
    await using reader = createPostgresStore({ url: proxy.url, pollInterval: 5 });
    await using writer = createPostgresStore({ url });
    const seen: StoredEvent[] = [];
    const stop = new AbortController();
    const reading = (async () => {
      for await (const item of reader.subscribe({ signal: stop.signal })) seen.push(item);
    })();
    // A database that is away at the beginning is an error; from here on it is survived.
    await writer.append('Note-0', [event]);
    await expect.poll(() => seen.length).toBe(1);
    for (let round = 1; round <= 5; round += 1) {
      await writer.append('Note-1', [event, event]);
      proxy.cut();
      await writer.append('Note-2', [event]);
      await expect.poll(() => seen.length, { timeout: 20_000 }).toBe(1 + round * 3);
    }
    stop.abort();
    await reading;
    const log = await writer.readAll().toArray();
    deepStrictEqual(
      seen.map(({ id }) => id),
      log.map(({ id }) => id),
    );
    await reader.close();
    await proxy.close();
  });

  test('wrong URLs, hosts, ports, passwords and databases are typed errors that say what to do', async () => {
    const url = new URL(await databases.create());
    const wrong = (change: (copy: URL) => void): string => {
      const copy = new URL(url);
      change(copy);
      return copy.href;
    };
    for (const bad of ['', 'not a url', 'mysql://localhost/x', 'postgres//localhost']) {
      expect(() => createPostgresStore({ url: bad })).toThrow(/postgres:\/\//u);
    }
    const unreachable = [
      wrong((copy) => {
        copy.port = '1';
      }),
      wrong((copy) => {
        copy.pathname = '/missing';
      }),
      wrong((copy) => {
        copy.username = 'nobody';
      }),
    ];
    for (const bad of unreachable) {
      await using store = createPostgresStore({ url: bad, connectTimeout: 5_000 });
      await rejects(store.append('Note-1', [event]), { code: 'DATABASE_UNAVAILABLE' });
      await rejects(store.readAll().toArray(), { code: 'DATABASE_UNAVAILABLE' });
    }
  });

  test('options of the pool that make no sense are refused', async () => {
    const url = await databases.create();
    for (const options of [
      { maxConnections: 0 },
      { minConnections: -1 },
      { maxConnections: 2, minConnections: 3 },
      { maxIdleTime: 0.5 },
      { pollInterval: 0 },
      { schema: '' },
      { schema: 'a"; drop schema mink; --\0' },
      { schema: 'pg_mink' },
      { schema: 'x'.repeat(64) },
    ]) {
      expect(() => createPostgresStore({ url, ...options })).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
      );
    }
  });

  test('a pool of your own is used, and stays open when the store is closed', async () => {
    const pool = new Pool({ connectionString: await databases.create(), max: 2 });
    const store = createPostgresStore({ pool });
    await Promise.all(Array.from({ length: 10 }, () => store.append('Note-1', [event])));
    strictEqual(pool.totalCount <= 2, true);
    await store.close();
    await rejects(store.append('Note-1', [event]), { code: 'STORE_CLOSED' });
    const { rows } = await pool.query('select count(*)::int as count from mink.events');
    deepStrictEqual(rows, [{ count: 10 }]);
    await pool.end();
  });

  test('type parsers of the application do not change what the store reads', async () => {
    const pool = new Pool({
      connectionString: await databases.create(),
      types: { getTypeParser: () => () => 'parsed by somebody else' },
    });
    const store = createPostgresStore({ pool });
    await store.append('Note-1', [event]);
    const [read] = await store.readAll().toArray();
    deepStrictEqual([read?.data, read?.streamVersion], [{ n: 1 }, 1]);
    await pool.end();
  });

  test('without named statements everything works the same', async () => {
    await using store = createPostgresStore({ url: await databases.create(), prepare: 'unnamed' });
    await store.append('Note-1', [event]);
    strictEqual((await store.readAll({ categories: ['Note'] }).toArray()).length, 1);
    strictEqual((await store.listStreams().toArray()).length, 1);
  });

  test('minConnections stay open when idle, others are closed after maxIdleTime', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url, maxConnections: 5, minConnections: 1, maxIdleTime: 50 });
    await Promise.all(Array.from({ length: 20 }, (_, n) => store.append(`Note-${n}`, [event])));
    const watcher = await openClient(url);
    const count = async (): Promise<number> => {
      const { rows } = await watcher.query<{ count: number }>(
        'select count(*)::int as count from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      );
      return rows[0]?.count ?? 0;
    };
    await expect.poll(count, { timeout: 10_000 }).toBe(1);
    await watcher.end();
  });

  test('a role without rights gets an error that names the right', async () => {
    const url = await databases.create();
    const role = `reader_${Date.now()}_${Math.floor(Math.random() * 1e6)}`;
    await runSql(url, `create role ${role} login`);
    const asRole = new URL(url);
    asRole.username = role;
    await using store = createPostgresStore({ url: asRole.href });
    await rejects(store.append('Note-1', [event]), { code: 'DATABASE_ERROR', sqlState: '42501' });
    await runSql(url, `grant usage on schema mink to ${role}; grant select on all tables in schema mink to ${role}`);
    deepStrictEqual(await store.readStream('Note-1').toArray(), []);
    await rejects(store.append('Note-1', [event]), { code: 'DATABASE_ERROR', sqlState: '42501' });
    await runSql(url, `drop owned by ${role}; drop role ${role}`);
  });

  test('a read-only transaction is an error that says to use the primary', async () => {
    const url = await databases.create();
    await runSql(url, `alter database ${new URL(url).pathname.slice(1)} set default_transaction_read_only to on`);
    await using store = createPostgresStore({ url });
    await rejects(store.append('Note-1', [event]), { sqlState: '25006', message: /primary/u });
  });
});

async function untilBlocked(url: string): Promise<void> {
  await expect
    .poll(
      () =>
        runSql(
          url,
          "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        ).then((rows) => rows.length),
      { timeout: 10_000 },
    )
    .toBeGreaterThan(0);
}
