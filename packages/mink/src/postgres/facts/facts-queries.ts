import type { Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';
import { knownIndexes } from './known-indexes.ts';

/** What appending and projecting needs, as docs/postgres.md grants it. */
const NEEDED = [
  ['events', 'select, insert'],
  ['streams', 'select, insert, update, delete'],
  ['event_shapes', 'select, insert, update'],
  ['projections', 'select, insert, update, delete'],
  ['projection_partitions', 'select, insert, update, delete'],
  ['projection_workers', 'select, insert, update, delete'],
  ['projection_digests', 'select, insert, update, delete'],
  ['read_models', 'select, insert, update, delete'],
  ['parked_keys', 'select, insert, update, delete'],
  ['dead_letters', 'select, insert, update, delete'],
  ['discarded_letters', 'select, insert, update, delete'],
  ['checkpoint_history', 'select, insert, update, delete'],
  ['processes', 'select, insert, update, delete'],
  ['audit_log', 'select, insert'],
] as const;

const GUARDS = [
  ['refuse_change', 'events'],
  ['require_append', 'events'],
  ['refuse_truncate', 'streams'],
  ['refuse_delete', 'streams'],
  ['refuse_decrease', 'streams'],
] as const;

const SETTINGS = [
  'fsync',
  'synchronous_commit',
  'full_page_writes',
  'autovacuum',
  'track_counts',
  'max_connections',
  'superuser_reserved_connections',
  'server_version',
  'default_transaction_read_only',
];

/** The server, the role and the settings of the session. Needs no schema. */
export function serverQuery(): Statement {
  const settings = SETTINGS.map((name) => `'${name}', pg_catalog.current_setting('${name}')`).join(', ');
  const text = `
    select
      pg_catalog.current_setting('server_version_num'), pg_catalog.pg_is_in_recovery(), current_user,
      (select r.rolsuper from pg_catalog.pg_roles r where r.rolname = current_user),
      pg_catalog.json_build_object(${settings})`;
  return { name: undefined, text, values: [] };
}

/** Rights that are missing, and whether the role owns the log. */
export function rightsQuery(schema: SchemaName): Statement {
  const needed = NEEDED.flatMap(([table, rights]) => rights.split(', ').map((right) => `('${table}', '${right}')`));
  const sql = `
    select
      pg_catalog.pg_has_role(c.relowner, 'usage'),
      (
        select pg_catalog.json_agg(m.lacking)
        from (
          select n.privilege || ' on ' || n.relation
          from (values ${needed.join(', ')}) n (relation, privilege)
          where not pg_catalog.has_table_privilege(pg_catalog.format('%I.%I', $1::text, n.relation), n.privilege)
          union all
          select 'usage on global_position'
          where not pg_catalog.has_sequence_privilege(':schema.global_position', 'usage')
          union all
          select p.privilege || ' on schema ' || r.nspname
          from pg_catalog.pg_namespace r, (values ('usage'), ('create')) p (privilege)
          where r.nspname = $1::text || '_read' and not pg_catalog.has_schema_privilege(r.oid, p.privilege)
        ) m (lacking)
      )
    from pg_catalog.pg_class c
    where c.oid = ':schema.events'::pg_catalog.regclass`;
  return { ...inSchema(schema, 'rights', sql), values: [schema.name] };
}

/** Indexes that are missing or invalid; those of read models, too, where they are invalid. */
export function brokenIndexesQuery(schema: SchemaName): Statement {
  const text = `
    select w.name, 'missing', null
    from pg_catalog.unnest($2::text[]) w (name)
    where not exists (
      select
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1::text and c.relname = w.name and c.relkind = 'i'
    )
    union all
    select c.relname, 'invalid', pg_catalog.format('%I.%I', n.nspname, c.relname)
    from pg_catalog.pg_index i
    join pg_catalog.pg_class c on c.oid = i.indexrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ($1::text, $1::text || '_read') and not (i.indisvalid and i.indisready)
    order by 1`;
  return { name: undefined, text, values: [schema.name, [...knownIndexes(schema).keys()]] };
}

/** Guards that are missing, or do not always fire. */
export function guardsOffQuery(schema: SchemaName): Statement {
  const text = `
    select g.name || ' of ' || g.relation
    from (values ${GUARDS.map(([name, relation]) => `('${name}', '${relation}')`).join(', ')}) g (name, relation)
    where not exists (
      select
      from pg_catalog.pg_trigger t
      join pg_catalog.pg_class c on c.oid = t.tgrelid
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1::text and c.relname = g.relation and t.tgname = g.name and t.tgenabled = 'A'
    )`;
  return { name: undefined, text, values: [schema.name] };
}

/** How the tables are doing. */
export function tablesQuery(schema: SchemaName): Statement {
  const text = `
    select
      pg_catalog.format('%I.%I', s.schemaname, s.relname),
      s.n_live_tup, s.n_dead_tup, coalesce(s.seq_tup_read, 0), coalesce(s.seq_scan, 0),
      pg_catalog.pg_total_relation_size(s.relid),
      exists (
        select
        from pg_catalog.pg_options_to_table(c.reloptions) o
        where o.option_name = 'autovacuum_enabled' and not o.option_value::boolean
      )
    from pg_catalog.pg_stat_all_tables s
    join pg_catalog.pg_class c on c.oid = s.relid
    where s.schemaname in ($1::text, $1::text || '_read')
    order by 1`;
  return { name: undefined, text, values: [schema.name] };
}

/** Indexes that no query has used, but for those that keep values unique. */
export function unusedIndexesQuery(schema: SchemaName): Statement {
  const text = `
    select s.indexrelname, s.relname, pg_catalog.pg_relation_size(s.indexrelid)
    from pg_catalog.pg_stat_all_indexes s
    join pg_catalog.pg_index i on i.indexrelid = s.indexrelid
    where s.schemaname in ($1::text, $1::text || '_read') and s.idx_scan = 0 and not i.indisunique
    order by 3 desc, 1
    limit 100`;
  return { name: undefined, text, values: [schema.name] };
}

/** The schema of the extension that counts statements. */
export function statementsExtensionQuery(): Statement {
  const text = `
    select pg_catalog.quote_ident(n.nspname)
    from pg_catalog.pg_extension e
    join pg_catalog.pg_namespace n on n.oid = e.extnamespace
    where e.extname = 'pg_stat_statements'`;
  return { name: undefined, text, values: [] };
}

/** The statements about a schema that took the most time. */
export function slowStatementsQuery({ quoted, quotedRead }: SchemaName, extensionSchema: string): Statement {
  const text = `
    select s.query, s.calls, s.mean_exec_time, s.total_exec_time
    from ${extensionSchema}.pg_stat_statements s
    where s.dbid = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
      and (pg_catalog.strpos(s.query, $1) > 0 or pg_catalog.strpos(s.query, $2) > 0)
    order by s.total_exec_time desc
    limit 10`;
  return { name: undefined, text, values: [`${quoted}.`, `${quotedRead}.`] };
}

/** The last backup, the end of the log, and the time. */
export function momentQuery(schema: SchemaName): Statement {
  const sql = `
    select
      (pg_catalog.date_part('epoch', b.taken_at) * 1000)::bigint, b.up_to_position,
      case when q.is_called then q.last_value else 0 end,
      (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) * 1000)::bigint
    from :schema.global_position q
    left join (select x.taken_at, x.up_to_position from :schema.backups x order by x.taken_at desc limit 1) b on true`;
  return { ...inSchema(schema, 'doctor_moment', sql), values: [] };
}
