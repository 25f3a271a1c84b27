// Emmett on PostgreSQL. Feeds go through a processor that only counts: its own reactor stores a checkpoint after each
// message, which is slower.
import { readFileSync } from 'node:fs';
import { isExpectedVersionConflictError, STREAM_DOES_NOT_EXIST } from '@event-driven-io/emmett';
import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql';
import { Pool } from 'pg';
import { CATEGORY, emptyState, fold, makeEvent } from '../lib/payload.js';
import { emmettProjector } from '../projectors/emmett.js';

function installedVersion(name) {
  return JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8')).version;
}

export const settings = {
  version: installedVersion('@event-driven-io/emmett-postgresql'),
  driver: `pg ${installedVersion('pg')}`,
  append: 'appendToStream with expectedStreamVersion STREAM_DOES_NOT_EXIST',
  connections: 'a pg.Pool of as many as writers, at most 64',
  feed: 'store.consumer, batches of 1,000, pullingFrequencyInMs 1, no checkpoints',
  projection: 'store.consumer with its projector, postgreSQLRawSQLProjection, batches of 1,000, pullingFrequencyInMs 1',
};

export async function open({ url, workers }) {
  const pool = new Pool({ connectionString: url, max: Math.min(Math.max(workers, 4), 64) });
  const store = getPostgreSQLEventStore(url, { connectionOptions: { pool } });

  async function appendAt(streamId, version, events) {
    try {
      await store.appendToStream(`${CATEGORY}-${streamId}`, events, {
        expectedStreamVersion: version === 0 ? STREAM_DOES_NOT_EXIST : BigInt(version),
      });
      return true;
    } catch (error) {
      if (isExpectedVersionConflictError(error) || error.code === '23505') return false;
      throw error;
    }
  }

  return {
    async setUp() {
      await store.schema.migrate();
    },
    async append(streamId, events) {
      await store.appendToStream(`${CATEGORY}-${streamId}`, events, { expectedStreamVersion: STREAM_DOES_NOT_EXIST });
    },
    // What a writer remembers is not read again.
    async versionOf(streamId, known) {
      const { currentStreamVersion, streamExists } = await store.readStream(`${CATEGORY}-${streamId}`, {
        from: BigInt(known),
      });
      return streamExists ? Number(currentStreamVersion) : known;
    },
    appendAt,
    async appendToEach(streamIds, version) {
      await Promise.all(streamIds.map((id) => appendAt(id, version, [makeEvent(id)])));
    },
    projector: () => emmettProjector({ store, pool }),
    async load(streamId) {
      const { currentStreamVersion } = await store.aggregateStream(`${CATEGORY}-${streamId}`, {
        evolve: (state, event) => fold(state, event.data),
        initialState: emptyState,
      });
      return Number(currentStreamVersion);
    },
    async follow({ onEvent }) {
      let active = false;
      const processor = {
        id: 'bench',
        instanceId: 'bench',
        type: 'reactor',
        init: async () => undefined,
        start: async () => {
          active = true;
          return 'BEGINNING';
        },
        close: async () => {
          active = false;
        },
        get isActive() {
          return active;
        },
        handle: async (messages) => {
          for (const { data } of messages) onEvent(data.orderId);
        },
      };
      const consumer = store.consumer({
        processors: [processor],
        pulling: { batchSize: 1_000, pullingFrequencyInMs: 1 },
      });
      const running = consumer.start();
      return {
        async stop() {
          await consumer.stop();
          await running;
        },
      };
    },
    async countEvents() {
      const { rows } = await pool.query('select count(*)::int as count from emt_messages');
      return rows[0].count;
    },
    async close() {
      await store.close();
      await pool.end().catch(() => undefined);
    },
  };
}
