// mink as its guide shows it: one store, default options. Events have types and no schemas, as everybody's here.
import { readFileSync } from 'node:fs';
import { ConcurrencyConflictError, defineDecider, defineEvents, payload } from 'mink';
import { createPostgresStore } from 'mink/postgres';
import { Client } from 'pg';
import { z } from 'zod';
import { CATEGORY, emptyState, fold, makeEvent } from '../lib/payload.js';
import { inlineStore } from '../projectors/mink-inline.js';
import { minkProjector } from '../projectors/mink.js';

const manifest = JSON.parse(readFileSync(new URL('../../packages/mink/package.json', import.meta.url), 'utf8'));
// MINK_BENCH_SCHEMAS=zod adds checks, to see what they cost.
const checked = process.env['MINK_BENCH_SCHEMAS'] === 'zod';

export const settings = {
  version: manifest.version,
  driver: `pg ${manifest.dependencies.pg}`,
  append: 'store.append with expectedVersion "no_stream", group commit by default',
  schemas: checked ? 'zod, checked on every append and load' : 'none, as the others',
  connections: 'default (at most 10)',
  feed: 'store.subscribe, default options',
  projection: 'a table by createProjectionEngine, default options',
};

const orderEvents = defineEvents({
  ItemAdded: checked
    ? z.object({
        orderId: z.string(),
        sku: z.string(),
        quantity: z.int().positive(),
        price: z.number(),
        currency: z.string(),
        addedBy: z.string(),
        gift: z.boolean(),
      })
    : payload(),
});

const order = defineDecider({
  category: CATEGORY,
  events: orderEvents,
  initialState: emptyState,
  evolve: (state, event) => fold(state, event.data),
  decide: () => [],
});

export async function open({ url }) {
  const store = createPostgresStore({ url, categories: { Order: orderEvents } });
  const query = async (text) => {
    const client = new Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query(text);
    await client.end();
    return rows;
  };
  return {
    async setUp() {
      await store.readBound();
    },
    async append(streamId, events) {
      return store.append(`${CATEGORY}-${streamId}`, events, { expectedVersion: 'no_stream' });
    },
    async appendToEach(streamIds, expectedVersion) {
      await store.appendMany(
        streamIds.map((id) => ({ streamName: `${CATEGORY}-${id}`, events: [makeEvent(id)], expectedVersion })),
      );
    },
    async appendTo(streamId, events) {
      await store.append(`${CATEGORY}-${streamId}`, events);
    },
    /** As somebody else's open transaction would; the result releases it. */
    async hold(streamId) {
      const client = new Client({ connectionString: url });
      await client.connect();
      await client.query('begin');
      await client.query('select from mink.streams where stream_name = $1 for update', [`${CATEGORY}-${streamId}`]);
      return () => client.end();
    },
    async versionOf(streamId) {
      return (await store.streamInfo(`${CATEGORY}-${streamId}`))?.version ?? 0;
    },
    async appendAt(streamId, version, events) {
      try {
        await store.append(`${CATEGORY}-${streamId}`, events, { expectedVersion: version });
        return true;
      } catch (error) {
        if (error instanceof ConcurrencyConflictError) return false;
        throw error;
      }
    },
    async load(streamId) {
      return (await store.load(order, streamId)).streamVersion;
    },
    async follow({ onEvent }) {
      const stopping = new AbortController();
      const subscription = store.subscribe({ after: 0, signal: stopping.signal });
      const running = (async () => {
        for await (const event of subscription) onEvent(event.data.orderId);
      })();
      return {
        async stop() {
          stopping.abort();
          await running;
        },
      };
    },
    async countEvents() {
      const [{ count }] = await query('select count(*)::int as count from mink.events');
      return count;
    },
    projector: (options) => minkProjector({ store, events: orderEvents, query, ...options }),
    withInline: () => inlineStore({ url, events: orderEvents }),
    /** That the database has ended so far; a statement on its own is one. */
    async transactions() {
      const [{ count }] = await query(
        'select xact_commit + xact_rollback as count from pg_stat_database where datname = current_database()',
      );
      return Number(count);
    },
    close: () => store.close(),
  };
}
