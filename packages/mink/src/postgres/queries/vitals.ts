import type { StorageVitals } from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';

/** Bytes of all tables, with their indexes, by part; and how many results of commands are kept. */
export function vitalsQuery(schema: SchemaName): Statement {
  const sql = `
    select
      case
        when n.nspname <> $1 then 'read_models'
        when c.relname in ('events', 'streams') then c.relname
        else 'other'
      end as part,
      sum(pg_catalog.pg_total_relation_size(c.oid))::bigint,
      -- As the statistics have it: they are too many to be counted each time.
      sum(pg_catalog.pg_stat_get_live_tuples(c.oid)) filter (where n.nspname = $1 and c.relname = 'idempotency')
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ($1, $1 || '_read')
      and c.relkind in ('r', 'p')
    group by part`;
  return { ...inSchema(schema, 'vitals', sql), values: [schema.name] };
}

export function toVitals(rows: readonly Row[]): Omit<StorageVitals, 'connections'> {
  const bytes: Record<string, number> = { events: 0, streams: 0, read_models: 0, other: 0 };
  let keptResults = 0;
  for (const [part, size, kept] of rows) {
    bytes[part ?? 'other'] = Number(size);
    keptResults += Number(kept ?? 0);
  }
  return { bytes, keptResults };
}
