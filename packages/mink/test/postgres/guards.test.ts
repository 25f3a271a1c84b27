import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import { test } from 'vitest';
import { partitionKey } from '../../src/index.ts';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { describePostgres, openClient, runSql } from '../support/databases.ts';

const event = { type: 'Noted', data: { n: 1 } };

describePostgres('the database guards the log', (databases) => {
  test('update, delete and truncate of events are refused, also for a superuser in replica mode', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url });
    await store.append('Note-1', [event]);
    for (const sql of [
      "update mink.events set data = '{}'",
      'delete from mink.events',
      'truncate mink.events',
      'set session_replication_role = replica; delete from mink.events',
    ]) {
      await rejects(runSql(url, sql), { code: 'MK001' });
    }
    strictEqual((await store.readAll().toArray()).length, 1);
  });

  test('events are inserted by the append function only, and positions are never given by hand', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url });
    await store.append('Note-1', [event]);
    const insert = (position: string, overriding: string): string => `
      insert into mink.events (
        ${position === '' ? '' : 'global_position,'} stream_name, stream_version, category, partition_key, event_id, type,
        schema_version, data, metadata, recorded_at, commit_id, commit_index, commit_size
      ) ${overriding}
      values (${position} 'Note-2', 1, 'Note', 0, gen_random_uuid(), 'X', 1, '{}', '{}', now(), 1, 0, 1)`;
    await rejects(runSql(url, insert('', '')), { code: 'MK002' });
    await rejects(runSql(url, insert('99,', 'overriding system value')), { code: 'MK002' });
    await rejects(runSql(url, insert('99,', '')), { code: '428C9' });
  });

  test('an append in another isolation level than READ COMMITTED is refused', async () => {
    const url = await databases.create();
    const client = await openClient(url);
    await client.query('begin isolation level repeatable read');
    await rejects(client.query('select * from mink.feed_bound_v1()'), { code: 'MK003' });
    await client.query('rollback');
    await client.end();
    await runSql(
      url,
      `alter database ${new URL(url).pathname.slice(1)} set default_transaction_isolation to serializable`,
    );
    await using store = createPostgresStore({ url });
    await rejects(store.append('Note-1', [event]), { code: 'DATABASE_ERROR', sqlState: 'MK003' });
  });

  test('the partition of a stream is the same in SQL and in TypeScript', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url });
    const golden: readonly (readonly [string, number])[] = [
      ['Order-42', 0],
      ['Order-ä', 0],
      ['订单-😀', 0],
    ];
    for (const [name] of golden) await store.append(name, [event]);
    const rows = await runSql(
      url,
      `select stream_name, partition_key,
        (get_byte(sha256(convert_to(stream_name, 'UTF8')), 0) * 256
          + get_byte(sha256(convert_to(stream_name, 'UTF8')), 1)) % 1024 as expected
      from mink.events`,
    );
    for (const row of rows) {
      strictEqual(row['partition_key'], row['expected']);
      strictEqual(row['partition_key'], partitionKey(String(row['stream_name'])));
    }
    strictEqual(rows.length, golden.length);
  });

  test('recorded time never falls in a stream, though the clock goes back', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url });
    await store.append('Note-1', [event]);
    await runSql(url, "update mink.streams set last_recorded_at = now() + interval '1 hour'");
    const { events } = await store.append('Note-1', [event]);
    const again = await store.append('Note-1', [event]);
    ok((events[0]?.recordedAt.getTime() ?? 0) > Date.now() + 3_500_000);
    deepStrictEqual(again.events[0]?.recordedAt, events[0]?.recordedAt);
    const other = await store.append('Note-2', [event]);
    ok((other.events[0]?.recordedAt.getTime() ?? Infinity) < Date.now() + 60_000);
  });

  test('"until a time" over the whole log ends before the first later event, whatever the clock did', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url });
    await store.append(
      'Note-1',
      Array.from({ length: 200 }, () => event),
    );
    // The one way to write odd times: take the guard off, as nobody but a test should.
    await runSql(url, 'alter table mink.events disable trigger refuse_change');
    for (const spread of [0, 1, 5, 50, 400]) {
      await runSql(
        url,
        `update mink.events
        set recorded_at = date_trunc('second', now()) + interval '1 second' * (global_position + floor(random() * $1))`,
        [spread],
      );
      const log = await store.readAll().toArray();
      const times = log.map(({ recordedAt }) => recordedAt.getTime());
      for (const time of [0, Date.now() * 2, ...times.filter((_, index) => index % 13 === 0)]) {
        const end = times.findIndex((candidate) => candidate > time);
        const expected = end === -1 ? log.length : end;
        const read = await store.readAll({ until: { time: new Date(time) } }).toArray();
        strictEqual(read.length, expected, `spread ${spread}, time ${time}`);
      }
    }
  });

  test('versions and positions beyond 2^32 are read and counted right', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url });
    await store.append('Note-1', [event]);
    await runSql(url, "select setval('mink.global_position', 9007199254740000)");
    await rejects(store.append('Note-2', [event]), { sqlState: 'MK004' });
    await runSql(url, "select setval('mink.global_position', 281474976000000)");
    await runSql(url, 'update mink.streams set version = 8589934592');
    const { events, streamVersion } = await store.append('Note-1', [event]);
    deepStrictEqual([streamVersion, events[0]?.globalPosition], [8_589_934_593, 281_474_976_000_001]);
    deepStrictEqual(await store.readStream('Note-1', { fromVersion: 2 }).toArray(), events);
    deepStrictEqual(await store.readAll({ after: 281_474_976_000_000 }).toArray(), events);
  });

  test('an archived stream takes no events, and can still be read and checked', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url });
    await store.append('Note-1', [event]);
    for (const state of ['archived', 'tombstoned']) {
      await runSql(url, 'update mink.streams set state = $1', [state]);
      await rejects(store.append('Note-1', [event]), { code: 'STREAM_CLOSED', streamName: 'Note-1', state });
      strictEqual((await store.streamInfo('Note-1'))?.state, state);
    }
    await store.appendMany([
      { streamName: 'Note-2', events: [event] },
      { streamName: 'Note-1', expectedVersion: 1 },
    ]);
    strictEqual((await store.readStream('Note-1').toArray()).length, 1);
  });

  test('lost appends leave no rows behind', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url });
    await Promise.allSettled(
      Array.from({ length: 50 }, (_, index) =>
        index % 2 === 0
          ? store.append(`Note-${index % 5}`, [event], { expectedVersion: 'stream_exists' })
          : store.appendMany([
              { streamName: 'Note-kept', events: [event] },
              { streamName: `Note-${index % 5}`, expectedVersion: 'no_stream' },
            ]),
      ),
    );
    deepStrictEqual(await runSql(url, 'select stream_name from mink.streams'), [{ stream_name: 'Note-kept' }]);
    strictEqual((await store.streamInfo('Note-kept'))?.version, 25);
  });

  test('a commit keeps its events together: first position, index and size', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url });
    await store.append('Note-1', [event]);
    const { streams } = await store.appendMany([
      { streamName: 'Note-2', events: [event, event] },
      { streamName: 'Note-1', events: [event] },
    ]);
    const first = String(streams[0]?.events[0]?.globalPosition);
    const rows = await runSql(
      url,
      'select commit_id, commit_index, commit_size from mink.events where commit_size > 1 order by global_position',
    );
    deepStrictEqual(
      rows,
      [0, 1, 2].map((commit_index) => ({ commit_id: first, commit_index, commit_size: 3 })),
    );
  });

  test('the tenant of the metadata stands in its own column', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url });
    await store.append('Note-1', [event], { metadata: { tenantId: 'acme' } });
    await store.append('Note-1', [event], { metadata: { tenantId: 'odd \u0000 tenant' } });
    deepStrictEqual(await runSql(url, 'select tenant_id from mink.events order by 1'), [
      { tenant_id: 'acme' },
      { tenant_id: null },
    ]);
    strictEqual((await store.readStream('Note-1').toArray())[1]?.metadata.tenantId, 'odd \u0000 tenant');
  });
});
