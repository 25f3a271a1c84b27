import type { StorageClock } from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';

/** The server's clock, and the latest time among the last events: after a jump back, the very last one may be right again. */
export function clockQuery(schema: SchemaName): Statement {
  const sql = `
    select
      (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) * 1000)::bigint,
      (pg_catalog.date_part('epoch', pg_catalog.max(l.recorded_at)) * 1000)::bigint
    from (
      select e.recorded_at
      from :schema.events e
      order by e.global_position desc
      limit 100
    ) l`;
  return { ...inSchema(schema, 'clock', sql), values: [] };
}

export function toClock([now, recorded]: Row): StorageClock {
  return {
    now: Number(now),
    lastRecordedAt: recorded === null || recorded === undefined ? undefined : Number(recorded),
  };
}
