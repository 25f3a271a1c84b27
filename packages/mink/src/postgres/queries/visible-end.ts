import type { FeedBound } from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';

/** The last event that a snapshot can see, whoever is still appending before it. Not how far the log can be read. */
export function visibleEndQuery(schema: SchemaName): Statement {
  const sql = `
    select coalesce(pg_catalog.max(e.global_position), 0), :schema.incarnation_v1()
    from :schema.events e`;
  return { ...inSchema(schema, 'visible_end', sql), values: [] };
}

export function toVisibleEnd([position, incarnation]: Row): FeedBound {
  return { position: Number(position), head: Number(position), incarnation: String(incarnation) };
}
