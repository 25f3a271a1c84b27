// Only projections with handlers per key can be inline.
import {
  column,
  defineEvents,
  defineProjection,
  defineSqlProjection,
  documents,
  payload,
  table,
} from '../../src/index.ts';
import { createMemoryStore } from '../../src/memory/index.ts';
import { createPostgresStore } from '../../src/postgres/index.ts';

const events = defineEvents({ Added: payload<{ sku: string }>() });
const perKey = defineProjection({
  name: 'per-key',
  events: { Cart: events },
  readModel: documents<{ items: number }>(),
}).on({ Added: (cart) => ({ items: (cart?.items ?? 0) + 1 }) });
const rows = defineProjection({
  name: 'rows',
  events: { Cart: events },
  readModel: table({ key: 'sku', columns: { sku: column.text() } }),
  key: (event) => event.data.sku,
}).on({ Added: (_, { data }) => ({ sku: data.sku }) });
const sql = defineSqlProjection({
  name: 'sql',
  events: { Cart: events },
  tables: { lines: { columns: { sku: column.text() }, key: 'sku' } },
  apply: async () => undefined,
});

createPostgresStore({ url: '', categories: { Cart: events }, inline: [perKey, rows] });
const store = createMemoryStore({ categories: { Cart: events }, inline: [perKey, rows], inlineTimeout: 100 });
void store.projections.activateInline([perKey]);
// @ts-expect-error: what writes SQL cannot be inline
createMemoryStore({ categories: { Cart: events }, inline: [sql] });
// @ts-expect-error: nor can it become inline
void store.projections.activateInline([sql]);
