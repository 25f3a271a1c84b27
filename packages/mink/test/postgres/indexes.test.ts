import { ok } from 'node:assert';
import { beforeAll, expect, test } from 'vitest';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { readResultsQuery } from '../../src/postgres/queries/idempotency.ts';
import { readLogQuery } from '../../src/postgres/queries/read-log.ts';
import { readStreamQuery } from '../../src/postgres/queries/read-stream.ts';
import { listStreamsQuery, streamInfoQuery } from '../../src/postgres/queries/streams.ts';
import { schemaName } from '../../src/postgres/schema-name.ts';
import type { Statement } from '../../src/postgres/connection.ts';
import { describePostgres, openClient, runSql } from '../support/databases.ts';

const schema = schemaName();
const noFilter = { types: undefined, categories: undefined, streamNames: undefined, streamPrefixes: undefined };
const wholeStream = { fromVersion: 1, untilVersion: undefined, untilPosition: undefined, untilTime: undefined };

describePostgres('every default index serves the query it is for', (databases) => {
  let url = '';
  let emptyUrl = '';

  beforeAll(async () => {
    emptyUrl = await databases.create();
    url = await databases.create();
    await using store = createPostgresStore({ url });
    for (let category = 0; category < 20; category += 1) {
      await store.appendMany(
        Array.from({ length: 100 }, (_, stream) => ({
          streamName: `Category${category}-${stream}`,
          events: Array.from({ length: 10 }, (_, n) => ({ type: n === 0 ? 'Opened' : 'Changed', data: { n } })),
        })),
      );
    }
    await runSql(url, 'analyze mink.events; analyze mink.streams');
  });

  /** The plan that every later execution uses: generic, as prepared. */
  async function plan({ text, values }: Statement, database = url): Promise<string> {
    const client = await openClient(database);
    try {
      await client.query('set plan_cache_mode = force_generic_plan');
      await client.query(`prepare probe as ${text}`);
      const literals = values.map((value) =>
        Array.isArray(value) ? `array['${value.join("','")}']` : `'${String(value)}'`,
      );
      const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain execute probe(${literals.join(', ')})`);
      return rows.map((row) => row['QUERY PLAN']).join('\n');
    } finally {
      await client.end();
    }
  }

  test('a stream is read by (stream, version), in both directions, without a sort', async () => {
    for (const direction of ['forwards', 'backwards'] as const) {
      const query = { streamName: 'Category1-1', ...wholeStream, types: undefined, direction, limit: 1000 };
      const text = await plan(readStreamQuery(schema, query));
      expect(text).toContain('events_stream_version');
      ok(!/Seq Scan|Sort/u.test(text), text);
    }
  });

  test('the log is read by position, also where a type filter matches nothing', async () => {
    for (const types of [undefined, ['Never']]) {
      const query = {
        after: 100,
        upTo: 20_000,
        filter: { ...noFilter, types },
        direction: 'forwards' as const,
        limit: 100,
      };
      const text = await plan(readLogQuery(schema, query));
      expect(text).toContain('events_pkey');
      ok(!/Seq Scan|Sort/u.test(text), text);
    }
  });

  test('results of commands are looked up by their keys, in a plan that was made while there were none', async () => {
    for (const database of [url, emptyUrl]) {
      const text = await plan(readResultsQuery(schema, ['a', 'b']), database);
      expect(text).toContain('idempotency_pkey');
      ok(!/Seq Scan/u.test(text), text);
    }
  });

  test('a category, given or seen in a stream name, is read by (category, position)', async () => {
    for (const filter of [
      { ...noFilter, categories: ['Category3'] },
      { ...noFilter, categories: ['Category3', 'Category4'] },
      { ...noFilter, streamNames: ['Category3-7'] },
      { ...noFilter, streamPrefixes: ['Category3-7'] },
    ]) {
      const query = { after: 0, upTo: 20_000, filter, direction: 'forwards' as const, limit: 100 };
      const text = await plan(readLogQuery(schema, query));
      expect(text).toContain('events_category');
      ok(!/Seq Scan/u.test(text), text);
    }
  });

  test('streams are listed by name', async () => {
    const text = await plan(
      listStreamsQuery(schema, { category: 'Category3', prefix: undefined, afterStreamName: 'Category3-7', limit: 50 }),
    );
    expect(text).toContain('streams_pkey');
    ok(!/Seq Scan|Sort/u.test(text), text);
  });

  test('an earlier event that was recorded later is found by the block range index', async () => {
    const client = await openClient(url);
    try {
      await client.query("select brin_summarize_new_values('mink.events_recorded_at')");
      await client.query('set enable_seqscan = off; set enable_indexscan = off; set enable_indexonlyscan = off');
      const { rows } = await client.query<{ 'QUERY PLAN': string }>(
        'explain select min(global_position) from mink.events where recorded_at > now() and global_position < 10000',
      );
      expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('events_recorded_at');
    } finally {
      await client.end();
    }
  });

  test('plans that were made while the log was empty suit a large one, too', async () => {
    const filters = [noFilter, { ...noFilter, categories: ['A', 'B'] }, { ...noFilter, types: ['T'] }];
    const statements = [
      readStreamQuery(schema, {
        streamName: 'A-1',
        ...wholeStream,
        types: undefined,
        direction: 'forwards',
        limit: 1000,
      }),
      ...filters.map((filter) =>
        readLogQuery(schema, { after: 0, upTo: 20_000, filter, direction: 'forwards' as const, limit: 1000 }),
      ),
      streamInfoQuery(schema, 'A-1'),
    ];
    for (const statement of statements) {
      const text = await plan(statement, emptyUrl);
      ok(!/Seq Scan/u.test(text), text);
    }
    await using store = createPostgresStore({ url: emptyUrl, maxConnections: 1 });
    for (let n = 0; n < 100; n += 1) await store.append(`New-${n}`, [{ type: 'Opened', data: {} }]);
    for (let n = 0; n < 100; n += 1)
      await store.appendMany([{ streamName: `New-${n}`, events: [{ type: 'Changed', data: {} }] }]);
    await store.close();
    await expect
      .poll(async () => {
        const [row] = await runSql(
          emptyUrl,
          "select n_tup_ins::int as inserted, seq_scan::int as scans from pg_stat_user_tables where schemaname = 'mink' and relname = 'streams'",
        );
        return row;
      })
      .toMatchObject({ inserted: 100, scans: expect.any(Number) });
    const [row] = await runSql(
      emptyUrl,
      "select seq_tup_read::int as read from pg_stat_user_tables where relname = 'streams'",
    );
    ok(Number(row?.['read']) < 200, `${String(row?.['read'])} rows of streams were read one by one`);
  });

  test('ids are looked up by (stream, event id), and appending uses no other access path', async () => {
    const client = await openClient(url);
    try {
      await client.query('set enable_seqscan = on');
      const { rows } = await client.query<{ 'QUERY PLAN': string }>(
        "explain select global_position from mink.events where stream_name = 'Category3-7' and event_id = gen_random_uuid()",
      );
      expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toMatch(/events_stream_(?:event_id|version)/u);
      await runSql(url, 'select pg_stat_reset()');
      await using store = createPostgresStore({ url });
      const id = '0190f0f0-0000-7000-8000-000000000001';
      await store.append('Category3-7', [{ id, type: 'Changed', data: {} }]);
      await store.append('Category3-7', [{ id, type: 'Changed', data: {} }]);
      await store.close();
      await expect
        .poll(async () => {
          const [usage] = await runSql(
            url,
            "select seq_scan::int as seq, idx_scan::int as idx from pg_stat_user_tables where schemaname = 'mink' and relname = 'events'",
          );
          return usage;
        })
        .toMatchObject({ seq: 0, idx: expect.any(Number) });
    } finally {
      await client.end();
    }
  });
});
