import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import { Client, Pool } from 'pg';
import { expect, test } from 'vitest';
import { createEventStore, type StoredEvent } from '../../src/index.ts';
import { createPostgresStorage, createPostgresStore, type PoolClientLike } from '../../src/postgres/index.ts';
import { describePostgres, openClient, runSql } from '../support/databases.ts';
import { storageWith } from '../support/storage-with.ts';

const event = { type: 'Noted', data: { n: 1 } };

/** A direct call of the append function, with one argument replaced. */
function appendCall(change: Partial<Record<'names' | 'expected' | 'counts' | 'streams' | 'ids', string>>): string {
  const { names = "array['A-1']", expected = 'array[-1]', counts = 'array[1]', streams = 'array[1]' } = change;
  const ids = change.ids ?? 'array[gen_random_uuid()]';
  return `select mink.append_v1(
    array[1], ${names}, array['A'], array[0]::smallint[], ${expected}::bigint[], ${counts}::int[], array[false],
    ${streams}::int[], ${ids}::uuid[], array['T'], array[1], array[''], array['{}']::json[], array['{}']::json[], 0, 0)`;
}

describePostgres('what a hostile review found', (databases) => {
  test('arrays that do not fit together are refused instead of stored', async () => {
    const url = await databases.create();
    for (const change of [
      { names: "array['A-1', 'A-2']" },
      { expected: 'array[null]' },
      { counts: 'array[2]' },
      { counts: 'array[null]' },
      { counts: 'array[0]' },
      { streams: 'array[2]' },
      { streams: 'array[null]' },
      { ids: 'array[gen_random_uuid(), gen_random_uuid()]' },
    ]) {
      await rejects(runSql(url, appendCall(change)), { code: 'MK006' }, JSON.stringify(change));
    }
    const none = `array[]::int[], array[]::text[], array[]::text[], array[]::smallint[], array[]::bigint[], array[]::int[],
      array[]::boolean[], array[]::int[], array[]::uuid[], array[]::text[], array[]::int[], array[]::text[], array[]::json[],
      array[]::json[], 0, 0`;
    await rejects(runSql(url, `set statement_timeout = 5000; select mink.append_v1(${none})`), { code: 'MK006' });
    await runSql(url, appendCall({}));
  });

  test('an array with holes is refused', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url });
    // oxlint-disable-next-line unicorn/no-new-array
    const holes = new Array<typeof event>(3);
    holes[0] = event;
    await rejects(store.append('A-1', holes), { code: 'INVALID_ARGUMENT' });
    await rejects(store.appendMany([{ streamName: 'A-1', events: holes }]), { code: 'INVALID_ARGUMENT' });
    strictEqual(await store.streamInfo('A-1'), undefined);
  });

  test('functions in a schema of the search path are never run', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url });
    await store.append('A-1', [event]);
    const body = "language plpgsql as $$ begin raise exception 'hijacked'; end $$";
    await runSql(
      url,
      `create function public.array_fill(timestamptz, int[]) returns timestamptz[] ${body};
      create function public.array_to_string(int[], text) returns text ${body};
      create function public.unnest(text[]) returns setof text ${body};
      create function public.date_part(text, timestamptz) returns double precision ${body};
      create function public.date_trunc(text, timestamptz) returns timestamptz ${body}`,
    );
    await runSql(url, `alter database ${new URL(url).pathname.slice(1)} set search_path = public, pg_catalog`);
    await using attacked = createPostgresStore({ url });
    await attacked.append('A-1', [event]);
    strictEqual((await attacked.readAll({ categories: ['A'], streamPrefixes: ['A-'] }).toArray()).length, 2);
    strictEqual((await attacked.readAll({ until: { time: new Date() } }).toArray()).length, 2);
    strictEqual((await attacked.listStreams({ category: 'A' }).toArray()).length, 1);
  });

  test('a hand-written insert is refused in a transaction that has appended, too', async () => {
    const url = await databases.create();
    const client = await openClient(url);
    await client.query('begin');
    await client.query(appendCall({}));
    await rejects(
      client.query(`insert into mink.events (
          stream_name, stream_version, category, partition_key, event_id, type, schema_version, data, metadata, recorded_at,
          commit_id, commit_index, commit_size
        ) values ('A-1', 9, 'A', 0, gen_random_uuid(), 'X', 1, '{}', '{}', now(), 1, 0, 1)`),
      { code: 'MK002' },
    );
    await client.query('rollback');
    await client.end();
  });

  test('the row of a stream cannot be deleted, truncated or set back', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url });
    await store.append('A-1', [event, event]);
    for (const sql of [
      'delete from mink.streams',
      'truncate mink.streams',
      'update mink.streams set version = 1',
      "update mink.streams set stream_name = 'A-2'",
    ]) {
      await rejects(runSql(url, sql), { code: 'MK001' });
    }
    strictEqual((await store.append('A-1', [event])).streamVersion, 3);
  });

  test('closing the store answers whoever waits for a connection', async () => {
    const url = await databases.create();
    const store = createPostgresStore({ url, maxConnections: 1, connectTimeout: 0 });
    await store.append('A-1', [event]);
    const holder = await openClient(url);
    await holder.query('begin; select * from mink.streams for update');
    const sent = store.append('A-1', [event]);
    // Longer than a call waits: it is in the slow lane, and has the only connection.
    const waiting = `select 1 from pg_stat_activity
      where wait_event_type = 'Lock' and datname = current_database() and query_start < clock_timestamp() - interval '200 ms'`;
    await expect.poll(() => runSql(url, waiting).then(({ length }) => length)).toBe(1);
    const queued = [store.readBound(), store.append('A-2', [event]), store.readStream('A-1').toArray()];
    const outcomes = Promise.allSettled(queued);
    const closing = store.close();
    for (const outcome of await outcomes) {
      strictEqual(outcome.status === 'rejected' && outcome.reason.code, 'STORE_CLOSED');
    }
    await holder.query('commit');
    strictEqual((await sent).streamVersion, 2);
    await closing;
    await holder.end();
  });

  test('a connection that is handed out in the middle of a transaction is refused: nothing on it would be durable', async () => {
    const pool = new Pool({ connectionString: await databases.create(), max: 1 });
    const client = await pool.connect();
    await client.query('begin');
    client.release();
    const store = createPostgresStore({ pool, migrate: 'never' });
    await rejects(store.append('A-1', [event]), { code: 'INVALID_ARGUMENT', argument: 'pool' });
    strictEqual((await store.append('A-1', [event])).streamVersion, 1);
    await pool.end();
  });

  test('a repeat whose answer is lost has an unknown outcome: it is stored', async () => {
    const url = await databases.create();
    const id = '0190f0f0-0000-7000-8000-000000000001';
    await using first = createPostgresStore({ url });
    await first.append('A-1', [{ ...event, id }]);
    let breakReads = false;
    const client = new Client({ connectionString: url });
    await client.connect();
    const broken: PoolClientLike = {
      query: (query) => {
        if (breakReads && query.text.includes('p.position')) throw new Error('read ECONNRESET');
        return client.query(query);
      },
      release: () => undefined,
      on: () => undefined,
      off: () => undefined,
    };
    const store = createPostgresStore({ pool: { connect: async () => broken } });
    await store.readBound();
    breakReads = true;
    await rejects(store.append('A-1', [{ ...event, id }]), { code: 'APPEND_OUTCOME_UNKNOWN', eventIds: [id] });
    breakReads = false;
    strictEqual((await store.append('A-1', [{ ...event, id }])).repeated, true);
    await client.end();
  });

  test('an append that is made while the bound is being read is seen at once', async () => {
    const url = await databases.create();
    const storage = createPostgresStorage({ url, pollInterval: 60_000 });
    await using store = createEventStore(storage);
    const seen: StoredEvent[] = [];
    const stop = new AbortController();
    const reading = (async () => {
      for await (const item of store.subscribe({ signal: stop.signal })) seen.push(item);
    })();
    for (let round = 1; round <= 200; round += 1) {
      await store.append('A-1', [event]);
      await expect.poll(() => seen.length, { timeout: 5_000, interval: 1 }).toBe(round);
    }
    stop.abort();
    await reading;
  });

  test('a subscription whose pages fail asks with growing pauses', async () => {
    const url = await databases.create();
    const storage = createPostgresStorage({ url, pollInterval: 1 });
    let asked = 0;
    const failing = storageWith(storage, {
      readLogPage: async () => {
        asked += 1;
        throw new (await import('../../src/index.ts')).DatabaseUnavailableError('Query read timeout');
      },
    });
    await using store = createEventStore(failing);
    await store.append('A-1', [event]);
    const stop = new AbortController();
    const started = performance.now();
    const reading = store.subscribe({ signal: stop.signal }).toArray();
    await expect.poll(() => asked).toBeGreaterThanOrEqual(5);
    ok(performance.now() - started >= 10 + 20 + 40 + 80, 'five questions took four pauses');
    stop.abort();
    deepStrictEqual(await reading, []);
  });

  test('times beyond four-digit years stand for ever and never', async () => {
    await using store = createPostgresStore({ url: await databases.create() });
    await store.append('A-1', [event]);
    for (const [time, count] of [
      [8.64e15, 1],
      [-8.64e15, 0],
    ] as const) {
      const until = { time: new Date(time) };
      strictEqual((await store.readStream('A-1', { until }).toArray()).length, count);
      strictEqual((await store.readAll({ until }).toArray()).length, count);
    }
  });

  test('many subscriptions on one store are no leak', async () => {
    await using store = createPostgresStore({ url: await databases.create(), pollInterval: 5 });
    const warnings: Error[] = [];
    const listen = (warning: Error): number => warnings.push(warning);
    process.on('warning', listen);
    const stop = new AbortController();
    const readers = Array.from({ length: 30 }, () => store.subscribe({ signal: stop.signal }).toArray());
    await store.append('A-1', [event]);
    stop.abort();
    await Promise.all(readers);
    await new Promise(setImmediate);
    process.off('warning', listen);
    deepStrictEqual(warnings, []);
  });
});
