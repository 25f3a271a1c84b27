import type {
  DeleteSnapshotsQuery,
  ListSnapshotsQuery,
  NewSnapshot,
  Snapshot,
  SnapshotInfo,
  SnapshotQuery,
} from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';
import { toTimestamp } from './timestamp.ts';

const INFO_COLUMNS = `
  s.stream_name, s.name, s.stream_version, s.category, s.global_position, s.last_event_id,
  (pg_catalog.date_part('epoch', s.last_recorded_at) * 1000)::bigint, s.schema_version, s.shape,
  pg_catalog.char_length(s.state), (pg_catalog.date_part('epoch', s.created_at) * 1000)::bigint`;

/** Keeps a snapshot; one of the same version is replaced. */
export function saveSnapshotQuery(schema: SchemaName, snapshot: NewSnapshot): Statement {
  const sql = `
    insert into :schema.snapshots (
      stream_name, name, stream_version, category, global_position, last_event_id, last_recorded_at, schema_version,
      shape, state, checksum, created_at
    )
    values (
      $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
      pg_catalog.date_trunc('milliseconds', pg_catalog.clock_timestamp())
    )
    on conflict (stream_name, name, stream_version) do update
    set
      global_position = excluded.global_position,
      last_event_id = excluded.last_event_id,
      last_recorded_at = excluded.last_recorded_at,
      schema_version = excluded.schema_version,
      shape = excluded.shape,
      state = excluded.state,
      checksum = excluded.checksum,
      created_at = excluded.created_at`;
  const { streamName, name, streamVersion, category, globalPosition, lastEventId, lastRecordedAt } = snapshot;
  return {
    ...inSchema(schema, 'save_snapshot', sql),
    values: [
      streamName,
      name,
      streamVersion,
      category,
      globalPosition,
      lastEventId,
      toTimestamp(lastRecordedAt),
      snapshot.schemaVersion,
      snapshot.shape,
      snapshot.state,
      snapshot.checksum,
    ],
  };
}

/** The last snapshot within the limits. */
export function readSnapshotQuery(schema: SchemaName, query: SnapshotQuery): Statement {
  const { streamName, name, untilVersion, untilPosition, untilTime } = query;
  const values: unknown[] = [streamName, name];
  const conditions: string[] = [];
  if (untilVersion !== undefined) conditions.push(`and s.stream_version <= $${values.push(untilVersion)}`);
  if (untilPosition !== undefined) conditions.push(`and s.global_position <= $${values.push(untilPosition)}`);
  if (untilTime !== undefined) conditions.push(`and s.last_recorded_at <= $${values.push(toTimestamp(untilTime))}`);
  const sql = `
    select ${INFO_COLUMNS}, s.state, s.checksum
    from :schema.snapshots s
    where s.stream_name = $1
      and s.name = $2
      ${conditions.join('\n      ')}
    order by s.stream_version desc
    limit 1`;
  return { ...inSchema(schema, 'read_snapshot', sql), values };
}

/** One page of snapshots. Planned anew each time: its conditions come in many shapes. */
export function listSnapshotsQuery(schema: SchemaName, query: ListSnapshotsQuery): Statement {
  const { category, streamName, after, limit } = query;
  const values: unknown[] = [limit];
  const conditions = ['true'];
  if (category !== undefined) conditions.push(`s.category = $${values.push(category)}`);
  if (streamName !== undefined) conditions.push(`s.stream_name = $${values.push(streamName)}`);
  if (after !== undefined) {
    const parameters = [after.streamName, after.name, after.streamVersion].map((value) => `$${values.push(value)}`);
    conditions.push(`(s.stream_name, s.name, s.stream_version) > (${parameters.join(', ')}::bigint)`);
  }
  const sql = `
    select ${INFO_COLUMNS}
    from :schema.snapshots s
    where ${conditions.join('\n      and ')}
    order by s.stream_name, s.name, s.stream_version
    limit $1`;
  return { ...inSchema(schema, 'list_snapshots', sql), name: undefined, values };
}

/** Deletes snapshots; undefined where there is no condition. */
export function deleteSnapshotsQuery(schema: SchemaName, query: DeleteSnapshotsQuery): Statement | undefined {
  const { category, streamName, name, keep, before } = query;
  const values: unknown[] = [];
  const conditions: string[] = [];
  if (category !== undefined) conditions.push(`s.category = $${values.push(category)}`);
  if (streamName !== undefined) conditions.push(`s.stream_name = $${values.push(streamName)}`);
  if (name !== undefined) conditions.push(`s.name = $${values.push(name)}`);
  if (before !== undefined) conditions.push(`s.created_at < $${values.push(toTimestamp(before))}`);
  if (keep !== undefined) {
    conditions.push(`(
        select count(*)
        from :schema.snapshots n
        where n.stream_name = s.stream_name and n.name = s.name and n.stream_version > s.stream_version
      ) >= $${values.push(keep)}`);
  }
  if (conditions.length === 0) return undefined;
  const sql = `
    delete from :schema.snapshots s
    where ${conditions.join('\n      and ')}
    returning 1`;
  return { ...inSchema(schema, 'delete_snapshots', sql), name: undefined, values };
}

/** What is known of a snapshot, from its row. */
export function toSnapshotInfo(row: Row): SnapshotInfo {
  const [streamName, name, streamVersion, category, globalPosition, lastEventId, lastRecordedAt] = row;
  const [schemaVersion, shape, size, createdAt] = row.slice(7);
  return {
    streamName: streamName ?? '',
    name: name ?? '',
    streamVersion: Number(streamVersion),
    category: category ?? '',
    globalPosition: Number(globalPosition),
    lastEventId: lastEventId ?? '',
    lastRecordedAt: Number(lastRecordedAt),
    schemaVersion: Number(schemaVersion),
    shape: shape ?? '',
    size: Number(size),
    createdAt: Number(createdAt),
  };
}

/** A snapshot from its row. */
export function toSnapshot(row: Row): Snapshot {
  const [state, checksum] = row.slice(11);
  return { ...toSnapshotInfo(row), state: state ?? '', checksum: checksum ?? '' };
}
