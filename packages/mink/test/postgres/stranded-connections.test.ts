import { strictEqual } from 'node:assert';
import { expect, test } from 'vitest';
import {
  column,
  createProjectionEngine,
  defineEvents,
  defineProjection,
  defineSqlProjection,
  documents,
  payload,
} from '../../src/index.ts';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { describePostgres, lastServer } from '../support/databases.ts';
import { startProxy } from '../support/proxy.ts';

const events = defineEvents({ Added: payload<null>() });
const categories = { Cart: events };
const counts = defineProjection({ name: 'counts', events: { Cart: events }, readModel: documents<number>() }).on({
  Added: (count) => (count ?? 0) + 1,
});
const lines = defineSqlProjection({
  name: 'lines',
  events: { Cart: events },
  tables: { lines: { columns: { position: column.integer() }, key: ['position'] } },
  apply: async (batch, tx) => {
    for (const { globalPosition } of batch) {
      await tx.query(`insert into ${tx.tables.lines} (position) values ($1)`, [globalPosition]);
    }
  },
});
/** Milliseconds. A connection is given up after a minute; TCP would take a quarter of an hour, and a machine may be busy. */
const GIVEN_UP = 150_000;

describePostgres(
  'connections whose server is gone without a word, where another one has taken its address',
  (databases) => {
    test('are given up, by engines and by appends, which go on by themselves', { timeout: 200_000 }, async () => {
      const url = await databases.create();
      const proxy = await startProxy(url);
      const store = createPostgresStore({ url: proxy.url, categories });
      const other = createPostgresStore({ url, categories });
      const engine = createProjectionEngine(store, [counts, lines], { leaseDuration: 1_000 });
      await store.append('Cart-1', [events.Added(null)]);
      await engine.start();
      await engine.waitFor(1);
      proxy.strand();
      // The connection that was used last is used next.
      const told = store.append('Cart-1', [events.Added(null)]).catch((error: unknown) => Object(error).code);
      const { globalPosition } = await other.append('Cart-2', [events.Added(null)]);
      const applied = async () => (await other.projections.list()).map(({ position }) => position);
      await expect.poll(applied, { timeout: GIVEN_UP }).toEqual([globalPosition, globalPosition]);
      strictEqual(await told, 'APPEND_OUTCOME_UNKNOWN');
      await store.append('Cart-3', [events.Added(null)]);
      await engine.close();
      await store.close();
      await other.close();
      await proxy.close();
    });
  },
  lastServer(),
);
