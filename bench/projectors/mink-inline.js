// A store with a projection in the transaction of its appends, in a schema of its own.
import { createPostgresStore } from 'mink/postgres';
import { CATEGORY } from '../lib/payload.js';
import { defineTotals } from './mink.js';

export function inlineStore({ url, events }) {
  const totals = defineTotals(events, 'inline-totals');
  const categories = { [CATEGORY]: events };
  const store = createPostgresStore({ url, schema: 'mink_inline', categories, inline: [totals] });
  let appended = 0;
  return {
    async append(streamId, newEvents) {
      await store.append(`${CATEGORY}-${streamId}`, newEvents, { expectedVersion: 'no_stream' });
      appended += 1;
    },
    /** Counts the rows: there is one for each append. */
    async close() {
      const rows = await store.projections.readModel(totals).count();
      await store.close();
      return { checked: appended, lost: Math.max(0, appended - rows), repeated: Math.max(0, rows - appended) };
    },
  };
}
