import type { Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';

/** Whose log the read models of this schema follow: its own where there are any that were begun with none. And whose schema it is. */
export function followedLogQuery(schema: SchemaName): Statement {
  const sql = `
    select coalesce(m.follows, case when exists (select from :schema.projections) then m.store_id end), m.store_id
    from :schema.meta m`;
  return { ...inSchema(schema, 'followed_log', sql), values: [] };
}

/** Makes the read models of this schema follow the log of a store, where there are none yet. */
export function followLogQuery(schema: SchemaName, storeId: string): Statement {
  const sql = `
    update :schema.meta
    set follows = $1::uuid
    where follows is null
      and not exists (select from :schema.projections)`;
  return { ...inSchema(schema, 'follow_log', sql), values: [storeId] };
}
