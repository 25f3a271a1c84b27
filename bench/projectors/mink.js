// mink's projections: a table with a row for each stream, kept by an engine with default options.
import { column, createProjectionEngine, defineProjection, table } from 'mink';
import { CATEGORY } from '../lib/payload.js';

/** What everybody keeps of each stream. */
export function defineTotals(events, name = 'totals') {
  return defineProjection({
    name,
    events: { [CATEGORY]: events },
    readModel: table({
      key: 'stream',
      columns: { stream: column.text(), events: column.integer(), items: column.integer(), total: column.number() },
    }),
  }).on({
    ItemAdded: (row, { data: { quantity, price } }, stream) => ({
      stream,
      events: (row?.events ?? 0) + 1,
      items: (row?.items ?? 0) + quantity,
      total: (row?.total ?? 0) + quantity * price,
    }),
  });
}

/**
 * Keeps what `defineTotals` says, in as many copies and partitions as are wanted.
 *
 * @param query runs SQL on a connection of its own
 */
export async function minkProjector({ store, events, query, copies = 1, partitions }) {
  const projections = Array.from({ length: copies }, (_, copy) =>
    defineTotals(events, copy === 0 ? undefined : `totals${copy}`),
  );
  const [totals] = projections;
  const prepared = createProjectionEngine(store, projections);
  await prepared.start();
  await prepared.close();
  if (partitions !== undefined) await store.projections.partition(totals, partitions);
  const engine = createProjectionEngine(store, projections);
  return {
    reset: () => store.projections.reset(totals),
    start: () => engine.start(),
    async caughtUp(timeout) {
      const { position } = await store.readBound();
      await engine.waitFor(position, { timeout });
    },
    async applied() {
      const [{ applied }] = await query('select coalesce(sum(events), 0)::int as applied from mink_read.totals');
      return applied;
    },
    /** Waits as a request would that reads what it has written. */
    async look(streamId, appended) {
      await engine.waitFor(appended, { timeout: 60_000 });
      return (await store.projections.readModel(totals).get(`${CATEGORY}-${streamId}`)) !== undefined;
    },
    stop: () => engine.close(),
  };
}
