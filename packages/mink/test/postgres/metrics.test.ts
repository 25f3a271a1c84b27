import { Pool } from 'pg';
import { expect, test } from 'vitest';
import {
  createMetrics,
  createProjectionEngine,
  defineEvents,
  defineProjection,
  documents,
  payload,
} from '../../src/index.ts';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { prometheusText } from '../../src/prometheus/index.ts';
import { describePostgres, lastServer, runSql } from '../support/databases.ts';

const carts = defineProjection({
  name: 'carts',
  events: { Cart: defineEvents({ ItemAdded: payload<null>() }) },
  readModel: documents<{ items: number }>(),
}).on({ ItemAdded: (cart) => ({ items: (cart?.items ?? 0) + 1 }) });
const seriesOf = (text: string): readonly string[] =>
  text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

describePostgres(
  'metrics',
  (databases) => {
    test('are given in time when nobody gets a connection, with those of the pool', async () => {
      const problems: unknown[] = [];
      const metrics = createMetrics({ gaugeInterval: 0, gaugeTimeout: 100, onError: (it) => problems.push(it) });
      const observer = metrics.observer;
      const pool = new Pool({ connectionString: await databases.create(), max: 1 });
      const store = createPostgresStore({ pool, observer });
      metrics.watch({ store });
      await store.append('Cart-1', [{ type: 'ItemAdded', data: null }]);
      const busy = await pool.connect();
      let text = '';
      for (let scrape = 0; scrape < 7; scrape += 1) text = await prometheusText(metrics);
      expect(text).toContain('mink_events_appended_total 1');
      expect(text).toContain('mink_pool_connections{state="busy"} 1');
      expect(text).not.toContain('mink_feed_position');
      expect(problems[0]).toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
      // Of each of the four looks, two wait at most, however often somebody asks.
      const waiting = Number(
        /^mink_pool_connections\{state="waiting"\} (?<calls>\d+)$/mu.exec(text)?.groups?.['calls'],
      );
      expect(waiting).toBeLessThanOrEqual(8);
      busy.release();
      await expect.poll(() => prometheusText(metrics)).toContain('mink_feed_position 1');
      await store.close();
      await pool.end();
    });

    test('do not count themselves among the calls that wait for a connection', async () => {
      const metrics = createMetrics({ gaugeInterval: 0 });
      const store = createPostgresStore({ url: await databases.create(), observer: metrics.observer });
      metrics.watch({ store });
      await store.append('Cart-1', [{ type: 'ItemAdded', data: null }]);
      // What an append leaves to be done may still get its connection.
      await expect.poll(() => prometheusText(metrics)).toContain('mink_pool_connections{state="waiting"} 0');
      await store.close();
    });

    test('have what can be read where a part cannot', async () => {
      const url = await databases.create();
      const store = createPostgresStore({ url });
      const problems: unknown[] = [];
      const metrics = createMetrics({
        onError: (error) => {
          problems.push(error);
          throw new Error('not told');
        },
      });
      metrics.watch({ store });
      await store.append('Cart-1', [{ type: 'ItemAdded', data: null }]);
      await runSql(url, 'alter table mink.meta rename column inline_set to gone');
      const text = await prometheusText(metrics);
      expect(problems).toMatchObject([{ code: 'DATABASE_ERROR' }]);
      expect(text).toContain('mink_feed_position 1');
      expect(text).toContain('mink_storage_bytes{part="events"}');
      await store.close();
    });

    test('have each series once, where engines share a store', async () => {
      const store = createPostgresStore({ url: await databases.create() });
      const metrics = createMetrics();
      for (let n = 0; n < 2; n += 1) metrics.watch({ store, engine: createProjectionEngine(store, [carts]) });
      const names = seriesOf(await prometheusText(metrics)).map((line) => line.slice(0, line.lastIndexOf(' ')));
      expect(names).toContain('mink_feed_position');
      expect(names).toEqual([...new Set(names)]);
      await store.close();
    });
  },
  lastServer(),
);
