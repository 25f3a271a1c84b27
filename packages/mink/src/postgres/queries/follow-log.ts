import type { Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';

/** Whose log the read models of this schema follow: this one, where they were begun with none. */
export function followLogQuery(schema: SchemaName, storeId: string): Statement {
  const sql = `
    with begun as (
      update :schema.meta
      set follows = $1::uuid
      where follows is null
      returning follows
    )
    select coalesce((select b.follows from begun b), m.follows)
    from :schema.meta m`;
  return { ...inSchema(schema, 'follow_log', sql), values: [storeId] };
}
