import { typed, type JsonObject, type NewProcessReport, type StoredProcessReport } from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';
import { toTimestamp } from './timestamp.ts';

/** Of the server, as the session that reports has them: a role or a database may have others than the server. */
const SERVER_SETTINGS = {
  serverVersion: 'server_version',
  fsync: 'fsync',
  synchronousCommit: 'synchronous_commit',
  fullPageWrites: 'full_page_writes',
  autovacuum: 'autovacuum',
  maxConnections: 'max_connections',
  statementTimeout: 'statement_timeout',
} as const;

/** Keeps a report in place of the last one of its process, and forgets those of processes that have been silent for a day. */
export function saveProcessReportQuery(schema: SchemaName, saved: NewProcessReport): Statement {
  const settings = Object.entries(SERVER_SETTINGS).map(
    ([name, setting]) => `'${name}', pg_catalog.current_setting('${setting}')`,
  );
  const sql = `
    with forgotten as (
      delete from :schema.processes p
      where p.reported_at < pg_catalog.clock_timestamp() - interval '1 day' and p.id <> $1::uuid
    )
    insert into :schema.processes as p (id, name, started_at, reported_at, interval_ms, report, server)
    values (
      $1::uuid, $2, $3, pg_catalog.clock_timestamp(), $4, $5::json,
      pg_catalog.json_build_object(${settings.join(', ')})
    )
    on conflict (id) do update
    set
      name = excluded.name,
      started_at = excluded.started_at,
      reported_at = excluded.reported_at,
      interval_ms = excluded.interval_ms,
      report = excluded.report,
      server = excluded.server`;
  const { id, name, startedAt, interval, report } = saved;
  const values = [id, name, toTimestamp(startedAt), interval, JSON.stringify(report)];
  return { ...inSchema(schema, 'save_process', sql), values };
}

/** Forgets a process. */
export function deleteProcessReportQuery(schema: SchemaName, id: string): Statement {
  const sql = `
    delete from :schema.processes p
    where p.id = $1::uuid`;
  return { ...inSchema(schema, 'delete_process', sql), values: [id] };
}

/** Processes that have reported within a day, the last report first. */
export function listProcessReportsQuery(schema: SchemaName): Statement {
  const sql = `
    select
      p.id, p.name,
      (pg_catalog.date_part('epoch', p.started_at) * 1000)::bigint,
      (pg_catalog.date_part('epoch', p.reported_at) * 1000)::bigint,
      (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - p.reported_at) * 1000)::bigint,
      p.interval_ms, p.report, p.server
    from :schema.processes p
    where p.reported_at > pg_catalog.clock_timestamp() - interval '1 day'
    order by p.reported_at desc, p.id`;
  return { ...inSchema(schema, 'list_processes', sql), values: [] };
}

/** A report from its row. */
export function toProcessReport([
  id,
  name,
  startedAt,
  reportedAt,
  age,
  interval,
  report,
  server,
]: Row): StoredProcessReport {
  return {
    id: id ?? '',
    name: name ?? '',
    startedAt: Number(startedAt),
    reportedAt: Number(reportedAt),
    age: Number(age),
    interval: Number(interval),
    report: typed<JsonObject>(JSON.parse(report ?? '{}')),
    server: typed<JsonObject>(JSON.parse(server ?? '{}')),
  };
}
