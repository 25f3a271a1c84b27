import type { CheckpointSample, ProjectionId } from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';

/**
 * Parts of the statement that renews leases: a sample of each projection whose first partition the owner has, once a minute and only
 * where it has moved since the last one; and what is older than a week goes. `sizes` has the projections that are asked for. Rows are
 * compared as a whole, because only the primary key can serve that: the planner would walk the index of times past all others.
 */
export const HISTORY_PARTS = `
    sampled as (
      insert into :schema.checkpoint_history (name, version, at, position, events)
      select s.name, s.version, pg_catalog.date_trunc('minute', pg_catalog.clock_timestamp()), s.position, s.events
      from sizes s
      where s.is_first
        and not s.is_inline
        and s.moved_at > pg_catalog.clock_timestamp() - interval '2 minutes'
        and not exists (
          select
          from (
            select h.at, h.position, h.events
            from :schema.checkpoint_history h
            where (h.name, h.version, h.at) > (s.name, s.version, timestamptz '-infinity')
              and (h.name, h.version, h.at) < (s.name, s.version, timestamptz 'infinity')
            order by h.name desc, h.version desc, h.at desc
            limit 1
          ) l
          where l.at >= pg_catalog.date_trunc('minute', pg_catalog.clock_timestamp())
            or (l.position = s.position and l.events = s.events)
        )
      order by s.name, s.version
      on conflict (name, version, at) do nothing
    ),
    outdated as (
      -- By their places, in an array, and by a time that is the same for all rows: so no other rows are read.
      delete from :schema.checkpoint_history h
      where h.ctid = any (array(
        select o.ctid
        from :schema.checkpoint_history o
        where o.at < pg_catalog.statement_timestamp() - interval '7 days'
        order by o.at
        limit 1000
        for update skip locked
      ))
    )`;

/** Where a projection was, in the order of time. */
export function readCheckpointHistoryQuery(
  schema: SchemaName,
  { name, version }: ProjectionId,
  since: string,
): Statement {
  const sql = `
    select (pg_catalog.date_part('epoch', h.at) * 1000)::bigint, h.position, h.events
    from :schema.checkpoint_history h
    where h.name = $1 and h.version = $2 and h.at >= $3
    order by h.at`;
  return { ...inSchema(schema, 'read_checkpoint_history', sql), values: [name, version, since] };
}

/** A sample from its row. */
export function toCheckpointSample([at, position, events]: Row): CheckpointSample {
  return { at: Number(at), position: Number(position), events: Number(events) };
}
