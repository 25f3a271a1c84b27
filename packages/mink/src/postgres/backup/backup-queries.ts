import type { Statement } from '../connection.ts';
import type { SchemaName } from '../schema-name.ts';
import { jsonArray, plainArray, textArray } from '../queries/arrays.ts';
import { inSchema } from '../schema-name.ts';
import { AUDIT, type BackupEvent, type BackupRow, type TABLES } from './backup-format.ts';

/** The log and where it ends. In a snapshot in which no append is under way, every event up to there is visible. */
export function logEndQuery(schema: SchemaName): Statement {
  const sql = `
    select
      m.store_id,
      (select coalesce(max(e.global_position), 0) from :schema.events e),
      (select case when q.is_called then q.last_value else 0 end from :schema.global_position q)
    from :schema.meta m`;
  return { ...inSchema(schema, 'log_end', sql), values: [] };
}

/** Transactions that write to the audit log now; of some that have written, those that still do. */
export function auditWritersQuery(schema: SchemaName, among?: readonly string[]): Statement {
  const sql = `
    select l.virtualtransaction
    from pg_catalog.pg_locks l
    join pg_catalog.pg_database d on d.oid = l.database and d.datname = pg_catalog.current_database()
    where l.relation = $1::pg_catalog.regclass
      and l.mode = 'RowExclusiveLock'
      and ($2::text[] is null or l.virtualtransaction = any ($2::text[]))`;
  return { ...inSchema(schema, 'audit_writers', sql), values: [`${schema.quoted}.audit_log`, among] };
}

/** To the microsecond, whatever the session's settings are. */
function time(column: string): string {
  return `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
}

/** Events as lines; payloads as texts of JSON, so that not a byte of them changes. */
export function backupEventsQuery(
  schema: SchemaName,
  { after, upTo, limit }: { readonly after: number; readonly upTo: number; readonly limit: number },
): Statement {
  const sql = `
    select e.global_position, pg_catalog.format(
      '[%s,%s,"%s",%s,%s,%s,%s,%s,"%s",%s,%s,%s,%s,%s,%s,%s,%s]',
      e.global_position, e.stream_version, e.event_id, pg_catalog.to_json(e.type), e.schema_version,
      pg_catalog.to_json(e.stream_name), pg_catalog.to_json(e.category), e.partition_key, ${time('e.recorded_at')},
      e.commit_id, e.commit_index, e.commit_size, coalesce(pg_catalog.to_json(e.tenant_id)::text, 'null'), e.encoding,
      coalesce('"' || ${time('e.erased_at')} || '"', 'null'),
      pg_catalog.to_json(e.data::text), pg_catalog.to_json(e.metadata::text)
    )
    from :schema.events e
    where e.global_position > $1 and e.global_position <= $2
    order by e.global_position
    limit $3`;
  return { ...inSchema(schema, 'backup_events', sql), values: [after, upTo, limit] };
}

/** Of tables of which not everything is kept, what is: seals prove the log without their entries, which are as large as names. */
const KEPT: Partial<Record<BackupRow['table'], string>> = {
  streams: `pg_catalog.json_build_object('stream_name', t.stream_name, 'state', t.state)`,
  seals: `pg_catalog.to_jsonb(t) - 'entries'`,
};

/** Rows of the other tables as lines. Of streams, those that are not live. */
export function backupRowsQuery(schema: SchemaName, table: (typeof TABLES)[number]): Statement {
  const isPart = table === 'streams' ? `where t.state <> 'live'` : '';
  const row = KEPT[table] ?? 'pg_catalog.row_to_json(t)';
  const sql = `
    select '{"table":"${table}","row":' || pg_catalog.translate((${row})::text, E'\\r\\n', '  ') || '}'
    from :schema.${table} t
    ${isPart}`;
  return { ...inSchema(schema, `backup_${table}`, sql), values: [] };
}

/** Of the audit log `a`, without its details: these are JSON within JSON, so that they may say what texts of the database cannot. */
const AUDIT_COLUMNS = `
        a.id, a.at, a.log_position, a.kind, a.type, a.message_id, a.user_id, a.tenant_id, a.correlation_id, a.status, a.error_code,
        a.stream_name, a.stream_version`;

/**
 * A block of the audit log as lines, by id. Behind an earlier backup are all lines that were written when the log had come as far as
 * that, or farther: those written at its very end may be in both.
 */
export function backupAuditQuery(
  schema: SchemaName,
  { since, after, limit }: { readonly since: number; readonly after: number; readonly limit: number },
): Statement {
  const sql = `
    select t.id, '{"table":"${AUDIT}","row":' || pg_catalog.row_to_json(t)::text || '}'
    from (
      select ${AUDIT_COLUMNS}, a.details::text
      from :schema.audit_log a
      where a.id > $1 and a.log_position >= $2
      order by a.id
      limit $3
    ) t`;
  return { ...inSchema(schema, 'backup_audit', sql), values: [after, since, limit] };
}

/**
 * Adds lines to the audit log as they were. A line that somebody has written in the copy meanwhile gives way: its number is that of
 * another one.
 */
export function restoreAuditQueries(schema: SchemaName, rows: readonly BackupRow[]): readonly Statement[] {
  const columns = AUDIT_COLUMNS.replaceAll('a.', '')
    .split(',')
    .map((name) => name.trim());
  const set = [...columns, 'details'].filter((name) => name !== 'id').map((name) => `${name} = excluded.${name}`);
  const insert = `
    insert into :schema.audit_log (${columns.join(', ')}, details)
    overriding system value
    select ${AUDIT_COLUMNS}, (a.details #>> '{}')::json
    from pg_catalog.json_populate_recordset(null:: :schema.audit_log, $1::json) a
    on conflict (id) do update
    set ${set.join(', ')}`;
  const raise = `
    select pg_catalog.setval(s.name::pg_catalog.regclass, greatest(pg_catalog.pg_sequence_last_value(s.name::pg_catalog.regclass), $2))
    from pg_catalog.pg_get_serial_sequence($1, 'id') s (name)`;
  const last = rows.reduce((highest, { row }) => Math.max(highest, Number(row['id'])), 1);
  return [
    { ...inSchema(schema, 'restore_audit', insert), values: [JSON.stringify(rows.map(({ row }) => row))] },
    { ...inSchema(schema, 'raise_audit', raise), values: [`${schema.quoted}.audit_log`, last] },
  ];
}

/** Keeps that a backup was written to its end, and the last hundred of these. */
export function recordBackupQuery(
  schema: SchemaName,
  {
    takenAt,
    after,
    upTo,
    events,
  }: { readonly takenAt: Date; readonly after: number; readonly upTo: number; readonly events: number },
): Statement {
  const sql = `
    with outdated as (
      delete from :schema.backups b
      where b.id <= (select o.id from :schema.backups o order by o.id desc offset 99 limit 1)
    )
    insert into :schema.backups (taken_at, after_position, up_to_position, events)
    values ($1, $2, $3, $4)`;
  return { ...inSchema(schema, 'record_backup', sql), values: [takenAt.toISOString(), after, upTo, events] };
}

/** Of the columns of an event, in the order of a line. */
const EVENT_TYPES =
  'bigint bigint uuid text int text text smallint timestamptz bigint int int text smallint timestamptz json json'.split(
    ' ',
  );

/** Arrays beside each other, as rows. */
function unnested(types: readonly string[]): string {
  return `rows from (${types.map((type, index) => `pg_catalog.unnest($${index + 1}::${type}[])`).join(', ')})`;
}

/** Raises streams to what a block of events brings. A stream that is not where the block goes on is not raised. */
export function restoreStreamsQuery(schema: SchemaName, events: readonly BackupEvent[]): Statement {
  const sql = `
    with block as (
      select b.name, b.category, b.partition, min(b.version) as first, max(b.version) as last, count(*) as events,
        min(b.recorded) as begun, max(b.recorded) as recorded
      from ${unnested(['text', 'text', 'smallint', 'bigint', 'timestamptz'])} b (name, category, partition, version, recorded)
      group by b.name, b.category, b.partition
    )
    insert into :schema.streams as s (stream_name, category, partition_key, version, created_at, last_recorded_at)
    select b.name, b.category, b.partition, b.last, b.begun, b.recorded
    from block b
    on conflict (stream_name) do update
    set version = excluded.version, last_recorded_at = excluded.last_recorded_at
    where s.version < excluded.version`;
  const values = [
    textArray(events.map(([, , , , , name]) => name)),
    textArray(events.map(([, , , , , , category]) => category)),
    plainArray(events.map(([, , , , , , , partition]) => partition)),
    plainArray(events.map(([, version]) => version)),
    plainArray(events.map(([, , , , , , , , recorded]) => recorded)),
  ];
  return { ...inSchema(schema, 'restore_streams', sql), values };
}

/** Stores a block of events as they were. The guard of the log lets through who names the transaction, as append_v1 does. */
export function restoreEventsQuery(schema: SchemaName, events: readonly BackupEvent[]): Statement {
  const sql = `
    insert into :schema.events (
      global_position, stream_version, event_id, type, schema_version, stream_name, category, partition_key, recorded_at,
      commit_id, commit_index, commit_size, tenant_id, encoding, erased_at, data, metadata
    )
    overriding system value
    select *
    from ${unnested(EVENT_TYPES)}`;
  const values = [
    plainArray(events.map((it) => it[0])),
    plainArray(events.map((it) => it[1])),
    plainArray(events.map((it) => it[2])),
    textArray(events.map((it) => it[3])),
    plainArray(events.map((it) => it[4])),
    textArray(events.map((it) => it[5])),
    textArray(events.map((it) => it[6])),
    plainArray(events.map((it) => it[7])),
    plainArray(events.map((it) => it[8])),
    plainArray(events.map((it) => it[9])),
    plainArray(events.map((it) => it[10])),
    plainArray(events.map((it) => it[11])),
    textArray(events.map((it) => it[12])),
    plainArray(events.map((it) => it[13])),
    plainArray(events.map((it) => it[14] ?? 'null')),
    jsonArray(events.map((it) => it[15])),
    jsonArray(events.map((it) => it[16])),
  ];
  return { ...inSchema(schema, 'restore_events', sql), values };
}

/** Lets the events of this transaction through the guard. */
export function announceRestoreQuery(schema: SchemaName): Statement {
  const sql = `
    select pg_catalog.set_config('mink.append_' || :schema.floor_namespace(), pg_catalog.pg_current_xact_id()::text, true)`;
  return { ...inSchema(schema, 'announce_restore', sql), values: [] };
}

/** Rows of a table, in place of those that are there. */
export function restoreRowsQueries(
  schema: SchemaName,
  table: (typeof TABLES)[number],
  rows: readonly BackupRow[],
): readonly Statement[] {
  const values = [JSON.stringify(rows.map(({ row }) => row))];
  if (table === 'streams') {
    const sql = `
      update :schema.streams s
      set state = r.state
      from pg_catalog.json_to_recordset($1::json) r (stream_name text, state text)
      where s.stream_name = r.stream_name collate "C"`;
    return [{ ...inSchema(schema, 'restore_states', sql), values }];
  }
  const insert = `
    insert into :schema.${table}
    select r.*
    from pg_catalog.json_populate_recordset(null:: :schema.${table}, $1::json) r`;
  // Seals that were made since reach further, and are of the same log.
  const isKept = table === 'seals';
  const last = isKept ? Math.max(0, ...rows.map(({ row }) => Number(row['up_to']))) : undefined;
  const clear = isKept
    ? `delete from :schema.seals where (select max(s.up_to) from :schema.seals s) < $1`
    : `delete from :schema.${table}`;
  const sql = isKept ? `${insert}\n    where not exists (select from :schema.seals)` : insert;
  return [
    { ...inSchema(schema, `clear_${table}`, clear), values: last === undefined ? [] : [last] },
    { ...inSchema(schema, `restore_${table}`, sql), values },
  ];
}
