// The raw floor: what `pg` and PostgreSQL do when nothing is in between. The table is a copy of mink's `events`, with the
// same columns and indexes, but without its triggers and streams; a read cursor without a bound, which loses events.
import { createHash, randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { createMigrator } from 'mink/postgres';
import { Client, Pool } from 'pg';
import { CATEGORY, emptyState, fold, makeEvent } from '../lib/payload.js';
import { floorProjector } from '../projectors/floor.js';

const COLUMNS =
  'stream_name, stream_version, category, partition_key, event_id, type, schema_version, data, metadata, ' +
  'recorded_at, commit_id, commit_index, commit_size';
const PER_EVENT = 13;
const PAGE = 1_000;
const UNIQUE_VIOLATION = '23505';

export const settings = {
  driver: `pg ${createRequire(import.meta.url)('pg/package.json').version}`,
  append: 'one prepared insert (multi-row for several events), autocommit',
  connections: 'as many as writers, at most 64; 1 for one after another',
  feed: 'pages of 1,000 after the last position (no bound: loses events), LISTEN/NOTIFY',
  projection: 'pages of 500, one upsert and the checkpoint in one transaction, sums added up in SQL',
};

export function connectionsFor(workers) {
  return Math.min(workers, 64);
}

/** The columns of new events, one row after another. */
function valuesOf(streamId, version, events) {
  const streamName = `${CATEGORY}-${streamId}`;
  const partition = createHash('sha256').update(streamName).digest().readUInt16BE() % 1024;
  const now = new Date();
  return events.flatMap((event, index) => [
    streamName,
    version + index + 1,
    CATEGORY,
    partition,
    randomUUID(),
    event.type,
    1,
    JSON.stringify(event.data),
    JSON.stringify(event.metadata),
    now,
    0,
    index,
    events.length,
  ]);
}

export async function open({ url, workers }) {
  const pool = new Pool({ connectionString: url, max: connectionsFor(workers) });
  const inserts = new Map();

  function insertStatement(count) {
    const known = inserts.get(count);
    if (known !== undefined) return known;
    const rows = Array.from({ length: count }, (_, row) => {
      const parameters = Array.from({ length: PER_EVENT }, (_, column) => `$${row * PER_EVENT + column + 1}`);
      return `(${parameters.join(', ')})`;
    });
    const text = `insert into floor.events (${COLUMNS}) values ${rows.join(', ')} returning global_position`;
    const statement = { name: `insert_${count}`, text };
    inserts.set(count, statement);
    return statement;
  }

  /** The last position. */
  async function insert(streamId, version, events) {
    const values = valuesOf(streamId, version, events);
    const { rows } = await pool.query({ ...insertStatement(events.length), values });
    return Number(rows.at(-1).global_position);
  }

  return {
    async setUp() {
      // The columns and indexes are mink's own, whatever they are by now.
      const migrator = createMigrator({ url, schema: 'mink' });
      await migrator.up();
      await migrator.close();
      await pool.query('create schema if not exists floor');
      await pool.query('create table if not exists floor.events (like mink.events including all)');
    },
    append: (streamId, events) => insert(streamId, 0, events),
    async appendToEach(streamIds, version) {
      const values = streamIds.flatMap((id) => valuesOf(id, version, [makeEvent(id)]));
      await pool.query({ ...insertStatement(streamIds.length), values });
    },
    async versionOf(streamId) {
      const { rows } = await pool.query({
        name: 'version',
        text: 'select max(stream_version)::int as version from floor.events where stream_name = $1',
        values: [`${CATEGORY}-${streamId}`],
      });
      return rows[0].version ?? 0;
    },
    async appendAt(streamId, version, events) {
      try {
        await insert(streamId, version, events);
        return true;
      } catch (error) {
        if (error.code === UNIQUE_VIOLATION) return false;
        throw error;
      }
    },
    async load(streamId) {
      const { rows } = await pool.query({
        name: 'load',
        text:
          'select global_position, stream_version, event_id, type, schema_version, data, metadata, recorded_at ' +
          'from floor.events where stream_name = $1 order by stream_version',
        values: [`${CATEGORY}-${streamId}`],
      });
      let state = emptyState();
      for (const { data } of rows) state = fold(state, data);
      return rows.length;
    },
    async follow({ onEvent }) {
      const client = new Client({ connectionString: url });
      await client.connect();
      let after = 0;
      const state = { notified: false, stopped: false, wake: () => undefined };
      client.on('notification', () => {
        state.notified = true;
        state.wake();
      });
      await client.query('listen floor_events');
      const running = (async () => {
        while (!state.stopped) {
          state.notified = false;
          const { rows: page } = await client.query({
            name: 'page',
            text:
              'select global_position, stream_name, stream_version, event_id, type, schema_version, data, metadata, ' +
              `recorded_at from floor.events where global_position > $1 order by global_position limit ${PAGE}`,
            values: [after],
          });
          for (const event of page) onEvent(event.data.orderId);
          after = page.at(-1)?.global_position ?? after;
          if (page.length === PAGE || state.notified || state.stopped) continue;
          await new Promise((resolve) => {
            state.wake = resolve;
            setTimeout(resolve, 100);
          });
        }
      })();
      return {
        async stop() {
          state.stopped = true;
          state.wake();
          await running;
          await client.end();
        },
      };
    },
    projector: () => floorProjector({ url, pool }),
    /** Tells followers, outside the insert: a notification in it would serialise all commits. */
    async announce() {
      await pool.query({ name: 'announce', text: "select pg_notify('floor_events', '')" });
    },
    async countEvents() {
      const { rows } = await pool.query('select count(*)::int as count from floor.events');
      return rows[0].count;
    },
    close: () => pool.end(),
  };
}
