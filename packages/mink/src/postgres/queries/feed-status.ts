import { typed, type FeedStatus } from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';

/**
 * The bound, and every transaction that has announced a floor below the head. What a role may not see of other roles'
 * connections is null; members of `pg_read_all_stats` see everything.
 */
export function feedStatusQuery(schema: SchemaName): Statement {
  const sql = `
    select f.bound, f.head, f.incarnation, (
      select pg_catalog.json_agg(pg_catalog.json_build_object(
        'floor', l.floor,
        'pid', l.pid,
        'preparedTransaction', p.gid,
        'age', pg_catalog.floor(pg_catalog.date_part(
          'epoch', pg_catalog.clock_timestamp() - coalesce(p.prepared, a.xact_start)
        ) * 1000),
        'state', a.state,
        'query', case when a.xact_start is not null then a.query end,
        'applicationName', nullif(a.application_name, ''),
        'userName', coalesce(a.usename, p.owner)
      ) order by l.floor, l.pid)
      from (
        select k.pid, k.virtualtransaction, (k.classid::bigint << 32 | k.objid::bigint) & (1::bigint << 48) - 1 as floor
        from pg_catalog.pg_locks k
        where k.locktype = 'advisory'
          and k.objsubid = 1
          and k.mode = 'ShareLock'
          and k.granted
          and k.classid::bigint >> 16 = :schema.floor_namespace()
          and k.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
      ) l
      left join pg_catalog.pg_stat_activity a on a.pid = l.pid
      left join pg_catalog.pg_locks t
        on l.pid is null
        and t.pid is null
        and t.locktype = 'transactionid'
        and t.virtualtransaction = l.virtualtransaction
      left join pg_catalog.pg_prepared_xacts p on p.transaction = t.transactionid
      where l.floor < f.head
    )
    from :schema.feed_bound_v1() f`;
  return { ...inSchema(schema, 'feed_status', sql), values: [] };
}

/** The status from its row; null in JSON is undefined here. */
export function toFeedStatus([bound, head, incarnation, holders]: Row): Omit<FeedStatus, 'wakeUp'> {
  const heldBy = JSON.parse(holders ?? '[]', (_key, value: unknown) => (value === null ? undefined : value));
  return {
    position: Number(bound),
    head: Number(head),
    incarnation: String(incarnation),
    heldBy: typed<FeedStatus['heldBy']>(heldBy),
  };
}
