import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Pool, type Client } from 'pg';
import { createPostgresStore, withTransaction, type PostgresStorageOptions } from '../../src/postgres/index.ts';
import type { EventStore, UntypedCategories } from '../../src/index.ts';
import { findPgBouncer, startPgBouncer } from '../support/pgbouncer.ts';
import { describePostgres, openClient, runSql } from '../support/databases.ts';

const event = { type: 'Noted', data: null };
/** So long that nothing arrives by polling while a test runs. */
const NEVER = 3_600_000;

describePostgres('waking up', (databases) => {
  const opened: { close(): Promise<void> }[] = [];
  let url: string;

  beforeEach(async () => {
    url = await databases.create();
  });
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
  });

  function open(options: Partial<PostgresStorageOptions> = {}): EventStore<UntypedCategories> {
    const store = createPostgresStore({ url, pollInterval: NEVER, ...options });
    opened.push(store);
    return store;
  }

  /** Follows the log, and waits until it hears of others. */
  async function follow(store: EventStore<UntypedCategories>, wakeUp = 'notified'): Promise<readonly number[]> {
    const seen: number[] = [];
    void (async () => {
      for await (const { globalPosition } of store.subscribe()) seen.push(globalPosition);
    })();
    await expect.poll(async () => (await store.feedStatus()).wakeUp, { timeout: 10_000 }).toBe(wakeUp);
    return seen;
  }

  /** The server's processes whose clients show that they listen, whatever they have asked since. */
  const listeners = () =>
    runSql(
      url,
      `select l.pid
       from pg_locks l
         join pg_database d on d.oid = l.database
       where d.datname = current_database() and l.locktype = 'advisory' and l.mode = 'ShareLock' and l.granted`,
    );

  test('an append of another store is seen without polling', async () => {
    const [reader, writer] = [open(), open()];
    const seen = await follow(reader);
    for (let round = 1; round <= 20; round += 1) {
      await writer.append('A-1', [event]);
      await expect.poll(() => seen.length, { interval: 1, timeout: 10_000 }).toBe(round);
    }
  });

  test('the last append of a process that ends at once is told, too', async () => {
    const seen = await follow(open());
    const program = fileURLToPath(new URL('../support/append-and-end.js', import.meta.url));
    const child = spawn(process.execPath, [program, url, '40'], { stdio: 'inherit' });
    await once(child, 'exit');
    await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(40);
  });

  test('an append in a transaction is told when it is committed', async () => {
    const pool = new Pool({ connectionString: url });
    const writer = createPostgresStore({ pool });
    const seen = await follow(open());
    await withTransaction(pool, async (tx) => {
      await writer.append('A-1', [event], { tx });
      await writer.append('A-2', [event], { tx });
    });
    await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(2);
    await writer.close();
    await pool.end();
  });

  test('a transaction of somebody’s own is seen when it ends, although nobody tells of that', async () => {
    const [reader, writer] = [open({ pollInterval: 50 }), open()];
    const seen = await follow(reader);
    const tx = await openClient(url);
    await tx.query('begin');
    await writer.append('A-1', [event], { tx });
    await writer.append('A-2', [event]);
    await expect.poll(async () => (await reader.feedStatus()).heldBy.length).toBe(1);
    strictEqual(seen.length, 0);
    await tx.query('commit');
    await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(2);
    await tx.end();
  });

  test('a store that lost its listening connection listens again, and sees what was appended meanwhile', async () => {
    // Polling is on: a writer that looked for listeners just then tells nobody for a second.
    const [reader, writer] = [open({ pollInterval: 100 }), open()];
    const seen = await follow(reader);
    for (let round = 1; round <= 5; round += 1) {
      const [listener] = await listeners();
      ok(listener !== undefined);
      await Promise.all([
        runSql(url, 'select pg_terminate_backend($1)', [listener['pid']]),
        writer.append('A-1', [event]),
      ]);
      await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(round);
      await expect.poll(async () => (await listeners()).map(({ pid }) => pid)).not.toContain(listener['pid']);
      await expect.poll(async () => (await listeners()).length, { timeout: 10_000 }).toBe(1);
    }
  });

  test('an append that nobody tells of is found by polling', async () => {
    const seen = await follow(open({ pollInterval: 20 }));
    await open({ wakeUp: 'poll' }).append('A-1', [event]);
    await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(1);
  });

  test('told to poll, a store neither listens nor notifies', async () => {
    const outsider: Client = await openClient(url);
    const heard: string[] = [];
    outsider.on('notification', ({ channel }) => heard.push(channel));
    const writer = open({ wakeUp: 'poll', pollInterval: 5 });
    const seen = await follow(writer, 'polling');
    deepStrictEqual(await listeners(), []);
    const [row] = await runSql(url, "select 'mink_' || left(encode(sha256('mink'), 'hex'), 16) as channel");
    await outsider.query(`listen ${String(row?.['channel'])}`);
    await writer.append('A-1', [event]);
    await expect.poll(() => seen.length).toBe(1);
    await outsider.query('select 1');
    deepStrictEqual(heard, []);
    // The control: the same channel hears of a store that notifies, once somebody has asked for it.
    await follow(open());
    await open().append('A-1', [event]);
    await expect.poll(() => heard.length).toBeGreaterThan(0);
    await outsider.end();
  });

  test('where nobody listens, nobody is told, and a new listener is told soon', async () => {
    const outsider: Client = await openClient(url);
    const heard: string[] = [];
    outsider.on('notification', ({ payload = '' }) => heard.push(payload));
    const [row] = await runSql(url, "select 'mink_' || left(encode(sha256('mink'), 'hex'), 16) as channel");
    await outsider.query(`listen ${String(row?.['channel'])}`);
    const writer = open();
    // Its own listener is not somebody.
    await follow(writer);
    for (let n = 0; n < 20; n += 1) await writer.append('A-1', [event]);
    await outsider.query('select 1');
    deepStrictEqual(heard, []);
    const reader = open();
    await follow(reader);
    await expect
      .poll(
        async () => {
          await writer.append('A-1', [event]);
          return heard.length;
        },
        { timeout: 10_000 },
      )
      .toBeGreaterThan(0);
    await outsider.end();
  });

  test('a store that nobody follows keeps no connection to listen on, and a closed one neither', async () => {
    const store = open();
    await store.append('A-1', [event]);
    strictEqual((await listeners()).length, 0);
    await follow(store);
    strictEqual((await listeners()).length, 1);
    await store.close();
    await expect.poll(async () => (await listeners()).length).toBe(0);
  });

  test('on a pool of the caller’s it listens on one of three connections, and not where there are two', async () => {
    for (const [max, wakeUp] of [
      [3, 'notified'],
      [2, 'polling'],
    ] as const) {
      const pool = new Pool({ connectionString: url, max });
      const store = createPostgresStore({ pool, pollInterval: 20 });
      const seen = await follow(store, wakeUp);
      const before = seen.length;
      await Promise.all(Array.from({ length: 20 }, (_, n) => store.append(`A-${n}`, [event])));
      await expect.poll(() => seen.length - before, { timeout: 10_000 }).toBeGreaterThanOrEqual(20);
      await store.close();
      await expect.poll(() => pool.idleCount === pool.totalCount).toBe(true);
      await pool.end();
    }
  });

  test('behind a pooler it polls, and leaves no LISTEN on connections of others; past it, it listens', async (context) => {
    const binary = await findPgBouncer();
    if (binary === undefined) return context.skip('PgBouncer is not installed (apt-get install pgbouncer)');
    const bouncer = await startPgBouncer(binary, { url, poolSize: 5 });
    const pooled = bouncer.through(url);
    const polling = open({ url: pooled, pollInterval: 20 });
    const seen = await follow(polling, 'polling');
    await open({ url: pooled }).append('A-1', [event]);
    await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(1);
    strictEqual((await polling.feedStatus()).wakeUp, 'polling');
    deepStrictEqual(await runSql(url, "select from pg_locks where locktype = 'advisory' and objsubid = 2"), []);
    const direct = await follow(open({ url: pooled, listenUrl: url }));
    await open({ url: pooled }).append('A-1', [event]);
    await expect.poll(() => direct.length, { timeout: 10_000 }).toBe(2);
    for (const store of opened.splice(0)) await store.close();
    await bouncer.stop();
  });
});
