import {
  typed,
  type AuditEntry,
  type JsonObject,
  type ListAuditQuery,
  type StoredAuditEntry,
} from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';
import { jsonArray, plainArray, textArray } from './arrays.ts';
import { toTimestamp } from './timestamp.ts';

/** Adds lines, in their order. */
export function writeAuditQuery(schema: SchemaName, entries: readonly AuditEntry[]): Statement {
  const sql = `
    insert into :schema.audit_log (
      at, log_position, kind, type, message_id, user_id, tenant_id, correlation_id, status, error_code, stream_name,
      stream_version, details
    )
    select
      a.at, case when q.is_called then q.last_value else 0 end, a.kind, a.type, a.message_id, a.user_id, a.tenant_id,
      a.correlation_id, a.status, a.error_code, a.stream_name, a.stream_version,
      case when pg_catalog.json_typeof(a.details) = 'null' then null else a.details end
    from rows from (
      pg_catalog.unnest($1::timestamptz[]), pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::text[]),
      pg_catalog.unnest($4::text[]), pg_catalog.unnest($5::text[]), pg_catalog.unnest($6::text[]),
      pg_catalog.unnest($7::text[]), pg_catalog.unnest($8::text[]), pg_catalog.unnest($9::text[]),
      pg_catalog.unnest($10::text[]), pg_catalog.unnest($11::bigint[]), pg_catalog.unnest($12::json[])
    ) with ordinality a (
      at, kind, type, message_id, user_id, tenant_id, correlation_id, status, error_code, stream_name, stream_version, details,
      place
    ), :schema.global_position q
    order by a.place`;
  const texts = (value: (entry: AuditEntry) => string | undefined): Buffer =>
    textArray(entries.map((entry) => storable(value(entry))));
  const values = [
    plainArray(entries.map(({ at }) => toTimestamp(at.getTime()))),
    texts(({ kind }) => kind),
    texts(({ type }) => type),
    texts(({ id }) => id),
    texts(({ userId }) => userId),
    texts(({ tenantId }) => tenantId),
    texts(({ correlationId }) => correlationId),
    texts(({ status }) => status),
    texts(({ errorCode }) => errorCode),
    texts(({ streamName }) => streamName),
    plainArray(entries.map(({ streamVersion }) => streamVersion ?? 'null')),
    jsonArray(entries.map(({ details }) => JSON.stringify(details ?? null))),
  ];
  return { ...inSchema(schema, 'write_audit', sql), values };
}

/** What a database can keep: a message that was refused for its type must be written down, too. */
function storable(text: string | undefined): string | null {
  return text?.replaceAll(/\0|\p{Surrogate}/gu, '\u{FFFD}') ?? null;
}

/** One page of lines, the newest first. Planned anew each time: its conditions come in many shapes. */
export function listAuditQuery(schema: SchemaName, query: ListAuditQuery): Statement {
  const { kinds, type, userId, status, streamName, correlationId, before, limit } = query;
  const values: unknown[] = [limit];
  const conditions = ['true'];
  const columns = { type, user_id: userId, status, stream_name: streamName, correlation_id: correlationId };
  for (const [column, value] of Object.entries(columns)) {
    if (value !== undefined) conditions.push(`a.${column} = $${values.push(value)}`);
  }
  if (kinds !== undefined) conditions.push(`a.kind = any ($${values.push(kinds)}::text[])`);
  if (before !== undefined) conditions.push(`a.id < $${values.push(before)}`);
  const sql = `
    select
      a.id, (pg_catalog.date_part('epoch', a.at) * 1000)::bigint, a.kind, a.type, a.message_id, a.user_id, a.tenant_id,
      a.correlation_id, a.status, a.error_code, a.stream_name, a.stream_version, a.details
    from :schema.audit_log a
    where ${conditions.join('\n      and ')}
    order by a.id desc
    limit $1`;
  return { ...inSchema(schema, 'list_audit', sql), name: undefined, values };
}

/** A line from its row. */
export function toAuditEntry(row: Row): StoredAuditEntry {
  const [id, at, kind, type, messageId, userId, tenantId, correlationId, status] = row;
  const [errorCode, streamName, streamVersion, details] = row.slice(9);
  return {
    id: Number(id),
    at: new Date(Number(at)),
    // The table takes no others.
    kind: typed<AuditEntry['kind']>(kind),
    type: type ?? '',
    messageId: messageId ?? '',
    userId: userId ?? undefined,
    tenantId: tenantId ?? undefined,
    correlationId: correlationId ?? undefined,
    status: typed<AuditEntry['status']>(status),
    errorCode: errorCode ?? undefined,
    streamName: streamName ?? undefined,
    streamVersion: streamVersion === null || streamVersion === undefined ? undefined : Number(streamVersion),
    details: details === null || details === undefined ? undefined : typed<JsonObject>(JSON.parse(details)),
  };
}

/** How many lines are from before a moment. */
export function countAuditQuery(schema: SchemaName, before: Date): Statement {
  const sql = `
    select count(*)
    from :schema.audit_log a
    where a.at < $1`;
  return { ...inSchema(schema, 'count_audit', sql), values: [toTimestamp(before.getTime())] };
}

/** Deletes lines from before a moment, at most `limit`, and gives back how many. */
export function pruneAuditQuery(schema: SchemaName, before: Date, limit: number): Statement {
  const sql = `
    with pruned as (
      delete from :schema.audit_log a
      -- An array, so that each is found by its id, however many there are.
      where a.id = any (array(select o.id from :schema.audit_log o where o.at < $1 limit $2))
      returning 1
    )
    select count(*) from pruned`;
  return { ...inSchema(schema, 'prune_audit', sql), values: [toTimestamp(before.getTime()), limit] };
}
