import { beforeAll, expect, test, vi } from 'vitest';
import type { Statement } from '../../src/postgres/connection.ts';
import { createProjectionEngine } from '../../src/index.ts';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { countAuditQuery, listAuditQuery, pruneAuditQuery } from '../../src/postgres/queries/audit-log.ts';
import { readCheckpointHistoryQuery } from '../../src/postgres/queries/checkpoint-history.ts';
import {
  longestStreamsQuery,
  readCorrelatedQuery,
  recentStreamsQuery,
} from '../../src/postgres/queries/top-streams.ts';
import { leaseProjectionsQuery } from '../../src/postgres/queries/projection-leases.ts';
import { schemaName } from '../../src/postgres/schema-name.ts';
import { describePostgres, lastServer, openClient, runSql } from '../support/databases.ts';
import { added, byCart, categories } from '../support/listed-carts.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const schema = schemaName();
const EVENTS = 200_000;
const anyLine = {
  kinds: undefined,
  type: undefined,
  userId: undefined,
  status: undefined,
  streamName: undefined,
  correlationId: undefined,
  before: undefined,
  limit: 50,
};

describePostgres(
  'what operators look at',
  (databases) => {
    let url = '';

    beforeAll(async () => {
      url = await databases.create();
      // As appends leave them, but made by the server: 200,000 events in 20,100 streams, and as many lines of the audit log.
      await runSql(
        url,
        `alter table mink.events disable trigger user;
         insert into mink.streams (stream_name, category, partition_key, version, created_at, last_recorded_at)
         select case when n <= 20000 then 'Order-' || n else 'Rare-' || n end, case when n <= 20000 then 'Order' else 'Rare' end, 0,
           case when n <= 20000 then 9 + n % 3 else 1 end, now(), now()
         from generate_series(1, 20100) n;
         insert into mink.events (stream_version, recorded_at, commit_id, commit_index, commit_size, schema_version, partition_key,
           event_id, stream_name, category, type, data, metadata)
         select 1 + n / 20000, now(), n, 0, 1, 1, 0, gen_random_uuid(),
           case when n % 2000 = 0 then 'Rare-' else 'Order-' end || case when n % 2000 = 0 then 20000 + n / 2000 else 1 + n % 20000 end,
           case when n % 2000 = 0 then 'Rare' else 'Order' end, 'T', '{}',
           json_build_object('correlationId', 'c-' || n / 10, 'causationId', 'm-' || n)
         from generate_series(1, ${EVENTS}) n;
         alter table mink.events enable always trigger refuse_change; alter table mink.events enable always trigger require_append;
         insert into mink.audit_log (at, log_position, kind, type, message_id, user_id, correlation_id, status, stream_name)
         select now() - make_interval(secs => ${EVENTS} - n), n, 'command', 'Place', 'm-' || n, 'user-' || n % 5000, 'c-' || n / 10,
           'succeeded', 'Order-' || n % 20000
         from generate_series(1, ${EVENTS}) n;
         insert into mink.checkpoint_history
         select 'p-' || n % 50, 1, now() - make_interval(mins => n / 50), n, n from generate_series(1, 100000) n;
         analyze mink.events; analyze mink.streams; analyze mink.audit_log; analyze mink.checkpoint_history`,
      );
      await runSql(url, 'vacuum mink.audit_log');
    });

    /** The plan of the statement as it is sent, with the tables that it reads and how many rows it has met there. */
    async function explained({ text, values }: Statement): Promise<string> {
      const client = await openClient(url);
      try {
        const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain (analyze, costs off) ${text}`, [
          ...values,
        ]);
        return rows.map((row) => row['QUERY PLAN']).join('\n');
      } finally {
        await client.end();
      }
    }

    /** The most rows that a scan of a table has given or thrown away. */
    function mostRows(plan: string, table: string): number {
      const lines = plan.split('\n');
      const met = lines.flatMap((line, index) => {
        if (!line.includes(`Scan`) || !line.includes(` on ${table}`)) return [];
        const given = Number(/actual time=\S+ rows=(\d+)/u.exec(line)?.[1] ?? 0);
        const removed = lines
          .slice(index, index + 4)
          .map((next) => Number(/Rows Removed by Filter: (\d+)/u.exec(next)?.[1] ?? 0));
        return [given + Math.max(...removed)];
      });
      return Math.max(0, ...met);
    }

    test('recent streams are found at the end of an index, of the log and of a category', async () => {
      for (const category of [undefined, 'Order', 'Rare', 'None']) {
        const plan = await explained(recentStreamsQuery(schema, { category, limit: 20 }));
        expect(plan).not.toMatch(/Seq Scan on (?:events|streams)/u);
        expect(mostRows(plan, 'events')).toBeLessThanOrEqual(10_000);
        expect(mostRows(plan, 'streams')).toBeLessThanOrEqual(20);
      }
    });

    test('the longest streams are found without any event, and those of a category in its range of names', async () => {
      const all = await explained(longestStreamsQuery(schema, { category: undefined, limit: 20 }));
      expect(all).not.toContain(' on events');
      const rare = await explained(longestStreamsQuery(schema, { category: 'Rare', limit: 20 }));
      expect(rare).not.toContain(' on events');
      expect(mostRows(rare, 'streams')).toBe(100);
    });

    test('events that belong together are searched for in a part of the log', async () => {
      const plan = await explained(
        readCorrelatedQuery(schema, { correlationId: 'c-150', after: 1_000, upTo: 11_000, limit: 100 }),
      );
      expect(plan).toContain('events_pkey');
      expect(mostRows(plan, 'events')).toBe(10_000);
      await using store = createPostgresStore({ url });
      const begun = performance.now();
      const found = await store.operations.correlated({ correlationId: 'c-150' });
      console.log(`${EVENTS} events searched in ${Math.round(performance.now() - begun)} ms`);
      expect([found.events.length, found.isComplete]).toEqual([10, true]);
      await store.close();
    });

    test('lines of the audit log are found by user, stream, correlation and age, and the newest at once', async () => {
      const at = new Date(Date.now() - (EVENTS - 5_000) * 1_000);
      const queries: readonly (readonly [Statement, number])[] = [
        [listAuditQuery(schema, anyLine), 50],
        [listAuditQuery(schema, { ...anyLine, before: 1_000 }), 50],
        [listAuditQuery(schema, { ...anyLine, userId: 'user-7' }), 50],
        [listAuditQuery(schema, { ...anyLine, streamName: 'Order-7' }), 50],
        [listAuditQuery(schema, { ...anyLine, correlationId: 'c-7', status: 'failed' }), 50],
        [countAuditQuery(schema, at), 20_000],
        [pruneAuditQuery(schema, at, 10_000), 20_000],
      ];
      for (const [query, most] of queries) {
        const plan = await explained(query);
        expect(plan).not.toContain('Seq Scan on audit_log');
        expect(mostRows(plan, 'audit_log')).toBeLessThanOrEqual(most);
      }
    });

    test('a renewal of leases reads of the history the last samples of what has moved, and what is too old', async () => {
      await using store = createPostgresStore({ url, categories });
      await using engine = createProjectionEngine(store, [byCart]);
      await engine.start();
      await engine.waitFor(await store.append('Cart-1', [added('a')]));
      await engine.close();
      await runSql(
        url,
        `update mink.projection_partitions set owner = 'me', expires_at = now() + interval '1 hour';
         insert into mink.checkpoint_history values ('old', 1, now() - interval '8 days', 1, 1);
         insert into mink.checkpoint_history
         select 'by-cart', 1, date_trunc('minute', now()) - make_interval(mins => n), n, n from generate_series(2, 5000) n;
         analyze mink.checkpoint_history`,
      );
      const request = { owner: 'me', duration: 1_000, projections: [{ name: 'by-cart', version: 1 }], held: [] };
      const plan = await explained(leaseProjectionsQuery(schema, request));
      expect(plan).not.toContain('Seq Scan on checkpoint_history');
      expect(mostRows(plan, 'checkpoint_history')).toBeLessThanOrEqual(1);
      expect(await runSql(url, `select 1 from mink.checkpoint_history where name = 'old'`)).toEqual([]);
      expect(await store.projections.checkpointHistory(byCart)).toHaveLength(5_000);
      await store.close();
    });

    test('the history of a checkpoint is read by its index', async () => {
      const plan = await explained(
        readCheckpointHistoryQuery(schema, { name: 'p-7', version: 1 }, '2026-01-01T00:00:00Z'),
      );
      expect(plan).not.toContain('Seq Scan');
      expect(mostRows(plan, 'checkpoint_history')).toBe(2_000);
    });
  },
  lastServer(),
);
