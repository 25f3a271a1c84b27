import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';

/** Bytes of all tables, with their indexes, by part. */
export function vitalsQuery(schema: SchemaName): Statement {
  const sql = `
    select
      case
        when n.nspname <> $1 then 'read_models'
        when c.relname in ('events', 'streams') then c.relname
        else 'other'
      end as part,
      sum(pg_catalog.pg_total_relation_size(c.oid))::bigint
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ($1, $1 || '_read')
      and c.relkind in ('r', 'p')
    group by part`;
  return { ...inSchema(schema, 'vitals', sql), values: [schema.name] };
}

export function toBytes(rows: readonly Row[]): Readonly<Record<string, number>> {
  const bytes: Record<string, number> = { events: 0, streams: 0, read_models: 0, other: 0 };
  for (const [part, size] of rows) bytes[part ?? 'other'] = Number(size);
  return bytes;
}
