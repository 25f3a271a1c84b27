// The least that keeps a read model: pages of events by position, sums in JavaScript, one upsert a page, and the checkpoint
// in the same transaction. One process, one connection, prepared statements; nobody else may run it, and it knows that
// sums can be added up without reading them.
import { Client } from 'pg';
import { CATEGORY } from '../lib/payload.js';

// As many as mink's batches have.
const PAGE = 500;

const page = {
  name: 'projection_page',
  text: `select global_position, stream_name, data from floor.events where category = $1 and global_position > $2
    order by global_position limit ${PAGE}`,
};
const upsert = {
  name: 'projection_upsert',
  text: `insert into floor.totals as t (stream, events, items, total)
    select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::double precision[])
    on conflict (stream) do update
    set events = t.events + excluded.events, items = t.items + excluded.items, total = t.total + excluded.total`,
};
const checkpoint = { name: 'projection_checkpoint', text: 'update floor.checkpoint set position = $1' };

export async function floorProjector({ url, pool }) {
  await pool.query(`
    create table if not exists floor.totals (stream text collate "C" primary key, events bigint not null,
      items bigint not null, total double precision not null);
    create table if not exists floor.checkpoint (position bigint not null)`);
  const client = new Client({ connectionString: url });
  const waiting = new Set();
  const state = { position: 0, notified: false, stopped: false, wake: () => undefined };
  let running = Promise.resolve();

  async function apply(events) {
    const totals = new Map();
    for (const { stream_name: stream, data } of events) {
      const row = totals.get(stream) ?? { events: 0, items: 0, total: 0 };
      totals.set(stream, row);
      row.events += 1;
      row.items += data.quantity;
      row.total += data.quantity * data.price;
    }
    const rows = [...totals.values()];
    const columns = ['events', 'items', 'total'].map((name) => rows.map((row) => row[name]));
    const position = Number(events.at(-1).global_position);
    await client.query('begin');
    await client.query({ ...upsert, values: [[...totals.keys()], ...columns] });
    await client.query({ ...checkpoint, values: [position] });
    await client.query('commit');
    state.position = position;
    for (const waiter of waiting) if (waiter.position <= position) waiter.resolve();
  }

  async function follow() {
    while (!state.stopped) {
      state.notified = false;
      const { rows } = await client.query({ ...page, values: [CATEGORY, state.position] });
      if (rows.length > 0) await apply(rows);
      if (rows.length === PAGE || state.notified || state.stopped) continue;
      await new Promise((resolve) => {
        state.wake = resolve;
        setTimeout(resolve, 100);
      });
    }
  }

  async function waitFor(position) {
    if (state.position >= position) return;
    let waiter;
    await new Promise((resolve) => {
      waiter = { position, resolve };
      waiting.add(waiter);
    });
    waiting.delete(waiter);
  }

  return {
    async reset() {
      await pool.query('truncate floor.totals, floor.checkpoint; insert into floor.checkpoint values (0)');
    },
    async start() {
      await client.connect();
      client.on('notification', () => {
        state.notified = true;
        state.wake();
      });
      await client.query('listen floor_events');
      running = follow();
    },
    async caughtUp() {
      const { rows } = await pool.query('select max(global_position) as position from floor.events');
      await waitFor(Number(rows[0].position));
    },
    async applied() {
      const { rows } = await pool.query('select coalesce(sum(events), 0)::int as applied from floor.totals');
      return rows[0].applied;
    },
    async look(streamId, position) {
      await pool.query({ name: 'announce', text: "select pg_notify('floor_events', '')" });
      await waitFor(position);
      const { rows } = await pool.query({
        name: 'look',
        text: 'select events, items, total from floor.totals where stream = $1',
        values: [`${CATEGORY}-${streamId}`],
      });
      return rows.length === 1;
    },
    async stop() {
      state.stopped = true;
      state.wake();
      await running;
      await client.end();
    },
  };
}
