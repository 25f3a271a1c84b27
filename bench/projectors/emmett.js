// Emmett's async projector with a projection in SQL. It stores its checkpoint after each event, in the transaction of a batch.
import { sql } from '@event-driven-io/dumbo';
import { postgreSQLRawSQLProjection } from '@event-driven-io/emmett-postgresql';
import { setTimeout as delay } from 'node:timers/promises';
import { CATEGORY, EVENT_TYPE } from '../lib/payload.js';

const LOOK_EVERY_MS = 5;

const totals = postgreSQLRawSQLProjection({
  name: 'totals',
  canHandle: [EVENT_TYPE],
  init: () =>
    sql(
      'create table if not exists totals (stream text primary key, events bigint not null, items bigint not null, ' +
        'total double precision not null)',
    ),
  evolve: ({ data: { quantity, price }, metadata: { streamName } }) =>
    sql(
      'insert into totals as t (stream, events, items, total) values (%L, 1, %s, %s) on conflict (stream) do update ' +
        'set events = t.events + 1, items = t.items + excluded.items, total = t.total + excluded.total',
      streamName,
      quantity,
      quantity * price,
    ),
});

export async function emmettProjector({ store, pool }) {
  const consumer = store.consumer({ pulling: { batchSize: 1_000, pullingFrequencyInMs: 1 } });
  consumer.projector({ projection: totals, processorId: 'totals' });
  const asked = new Map();
  const stopping = new AbortController();
  let running = Promise.resolve();
  let looking = Promise.resolve();

  /** It tells nobody how far it is: one look for all who wait, again and again. */
  async function lookForAll() {
    while (!stopping.signal.aborted) {
      if (asked.size > 0) {
        const { rows } = await pool.query({
          name: 'look',
          text: 'select stream from totals where stream = any ($1)',
          values: [[...asked.keys()]],
        });
        for (const { stream } of rows) {
          asked.get(stream)();
          asked.delete(stream);
        }
      }
      await delay(LOOK_EVERY_MS);
    }
  }

  async function checkpoint() {
    const { rows } = await pool.query(
      "select last_processed_checkpoint from emt_processors where processor_id = 'totals'",
    );
    return rows.length === 0 ? 0 : Number(rows[0].last_processed_checkpoint);
  }

  return {
    async reset() {
      await pool.query('drop table if exists totals');
      await pool.query("delete from emt_processors where processor_id = 'totals'");
    },
    async start() {
      running = consumer.start();
      looking = lookForAll();
    },
    async caughtUp() {
      const { rows } = await pool.query('select max(global_position) as position from emt_messages');
      const end = Number(rows[0].position);
      while (!stopping.signal.aborted && (await checkpoint()) < end) await delay(LOOK_EVERY_MS);
    },
    async applied() {
      const { rows } = await pool.query('select coalesce(sum(events), 0)::int as applied from totals');
      return rows[0].applied;
    },
    async look(streamId) {
      await new Promise((resolve) => asked.set(`${CATEGORY}-${streamId}`, resolve));
      return true;
    },
    async stop() {
      stopping.abort();
      await consumer.stop();
      await running;
      await looking;
    },
  };
}
