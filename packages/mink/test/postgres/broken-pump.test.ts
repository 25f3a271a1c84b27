import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import { Pool, type QueryConfig } from 'pg';
import { expect, test } from 'vitest';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { describePostgres, openClient, runSql } from '../support/databases.ts';

const event = { type: 'Noted', data: { n: 1 } };

/** Holds the rows of streams until the function that it returns is called. */
async function hold(url: string, names: readonly string[]): Promise<() => Promise<void>> {
  const client = await openClient(url);
  await client.query('begin');
  await client.query('select 1 from mink.streams where stream_name = any($1) for update', [names]);
  return () => client.end();
}

/** Until as many appends wait for a lock, longer than a call does: they are in the slow lane. */
async function untilSlow(url: string, count: number): Promise<void> {
  const waiting = `select 1 from pg_stat_activity
    where wait_event_type = 'Lock' and datname = current_database() and query_start < clock_timestamp() - interval '100 ms'`;
  await expect.poll(() => runSql(url, waiting).then(({ length }) => length), { timeout: 5_000 }).toBe(count);
}

/** The pool, and how many statements the server has refused on it. */
function countingRefusals(pool: Pool): { readonly pool: Pool; readonly refused: () => number } {
  let count = 0;
  pool.on('connect', (client) => {
    const query = client.query.bind(client);
    Object.assign(client, {
      query: (config: QueryConfig) =>
        query(config).catch((error: unknown) => {
          count += 1;
          throw error;
        }),
    });
  });
  return { pool, refused: () => count };
}

describePostgres('appends that wait', (databases) => {
  test('whoever waits behind an append that is aborted goes on at once', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url });
    await store.append('Held-1', [event]);
    const release = await hold(url, ['Held-1']);
    const held = store.append('Held-1', [event]);
    await untilSlow(url, 1);
    const controller = new AbortController();
    const reason = new Error('enough');
    const both = [
      { streamName: 'Held-1', events: [event] },
      { streamName: 'Free-1', events: [event] },
    ];
    const aborted = store.appendMany(both, { signal: controller.signal });
    const behind = store.append('Free-1', [event]);
    await new Promise(setImmediate);
    controller.abort(reason);
    await rejects(aborted, reason);
    strictEqual((await behind).streamVersion, 1);
    await release();
    strictEqual((await held).streamVersion, 2);
  });

  test('an append that waits for the slow lane can be aborted, and its stream goes on', async () => {
    const url = await databases.create();
    const { pool, refused } = countingRefusals(new Pool({ connectionString: url, max: 3 }));
    const store = createPostgresStore({ pool });
    for (const name of ['Held-1', 'Held-2']) await store.append(name, [event]);
    const release = await hold(url, ['Held-1']);
    const releaseSecond = await hold(url, ['Held-2']);
    const held = store.append('Held-1', [event]);
    await expect.poll(refused).toBe(1);
    const controller = new AbortController();
    const reason = new Error('enough');
    const aborted = store.append('Held-2', [event], { signal: controller.signal });
    const outcome = rejects(aborted, reason);
    // The only slow lane is taken.
    await expect.poll(refused).toBe(2);
    controller.abort(reason);
    await outcome;
    await releaseSecond();
    strictEqual((await store.append('Held-2', [event])).streamVersion, 2);
    await release();
    await held;
    await store.close();
    await pool.end();
  });

  test('each append waits for a held stream at most lockTimeout, however many wait before it', async () => {
    const url = await databases.create();
    const lockTimeout = 1_000;
    await using store = createPostgresStore({ url, lockTimeout, maxConnections: 3 });
    const names = ['Held-1', 'Held-2', 'Held-3'];
    for (const name of names) await store.append(name, [event]);
    const release = await hold(url, names);
    const started = performance.now();
    const refused = [...names, ...names, ...names].map((name) =>
      rejects(store.append(name, [event]), { code: 'DATABASE_ERROR', sqlState: '55P03' }),
    );
    await Promise.all(refused);
    const took = performance.now() - started;
    ok(took < 3 * lockTimeout, `nine appends waited ${took} ms`);
    await release();
    strictEqual((await store.append('Held-1', [event])).streamVersion, 2);
  });

  test('an append whose stream is free again does not wait for streams that are held longer', async () => {
    const url = await databases.create();
    const { pool, refused } = countingRefusals(new Pool({ connectionString: url, max: 3 }));
    const store = createPostgresStore({ pool, lockTimeout: 10_000 });
    for (const name of ['Held-1', 'Held-2']) await store.append(name, [event]);
    const release = await hold(url, ['Held-1']);
    const releaseSecond = await hold(url, ['Held-2']);
    const first = store.append('Held-1', [event]);
    await expect.poll(refused).toBe(1);
    const second = store.append('Held-2', [event]);
    await expect.poll(refused).toBeGreaterThanOrEqual(2);
    await releaseSecond();
    strictEqual(await Promise.race([first.catch(() => 'first'), second.then(() => 'second')]), 'second');
    await release();
    strictEqual((await first).streamVersion, 2);
    await store.close();
    await pool.end();
  });

  test('held streams stop those that travel with them for a moment only', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url });
    const names = Array.from({ length: 200 }, (_, n) => `Note-${n}`);
    await Promise.all(names.map((name) => store.append(name, [event])));
    const held = names.filter((_, n) => n % 5 === 3);
    const appendFree = async (): Promise<number> => {
      const started = performance.now();
      await Promise.all(names.filter((name) => !held.includes(name)).map((name) => store.append(name, [event])));
      return performance.now() - started;
    };
    const alone = await appendFree();
    const release = await hold(url, held);
    const waiting = held.map((name) => store.append(name, [event]));
    const beside = await appendFree();
    // The moment is longer where the machine is busy with others.
    ok(beside < Math.max(3_000, 20 * alone), `160 free appends took ${alone} ms, and ${beside} ms beside 40 held ones`);
    await release();
    await Promise.all(waiting);
  });

  test('an append that waits behind one to a closed stream learns that it is closed', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url });
    await store.append('Note-1', [event, event]);
    await runSql(url, "update mink.streams set state = 'archived'");
    const results = await Promise.allSettled([
      store.append('Note-1', [event]),
      store.append('Note-1', [event], { expectedVersion: 1 }),
      store.append('Note-1', [event], { expectedVersion: 'no_stream' }),
    ]);
    const codes = results.map((result) => (result.status === 'rejected' ? result.reason.code : 'appended'));
    deepStrictEqual(codes, ['STREAM_CLOSED', 'STREAM_CLOSED', 'STREAM_CLOSED']);
  });

  test('many appends with one signal are no leak', async () => {
    await using store = createPostgresStore({ url: await databases.create() });
    const warnings: Error[] = [];
    const listen = (warning: Error): number => warnings.push(warning);
    process.on('warning', listen);
    const { signal } = new AbortController();
    await Promise.all(Array.from({ length: 30 }, (_, n) => store.append(`Note-${n}`, [event], { signal })));
    await new Promise(setImmediate);
    process.off('warning', listen);
    deepStrictEqual(warnings, []);
  });

  test('a connection whose prepared statements were discarded fails once, not for ever', async () => {
    const pool = new Pool({ connectionString: await databases.create(), max: 1 });
    await using store = createPostgresStore({ pool, prepare: 'named' });
    await store.append('Note-1', [event]);
    await pool.query('discard all');
    await rejects(store.append('Note-1', [event]), { code: 'DATABASE_ERROR', sqlState: '26000' });
    strictEqual((await store.append('Note-1', [event])).streamVersion, 2);
    await store.close();
    await pool.end();
  });

  test('without names asked for, an append does not notice that prepared statements were discarded', async () => {
    const pool = new Pool({ connectionString: await databases.create(), max: 1 });
    const store = createPostgresStore({ pool });
    await store.append('Note-1', [event]);
    await pool.query('discard all');
    strictEqual((await store.append('Note-1', [event])).streamVersion, 2);
    await store.close();
    await pool.end();
  });
});
