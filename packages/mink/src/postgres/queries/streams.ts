import type { ListStreamsQuery, StreamInfo } from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';

/** What is known of a stream `s`. */
export const STREAM_COLUMNS = `
  s.stream_name, s.category, s.version, s.state,
  (pg_catalog.date_part('epoch', s.created_at) * 1000)::bigint, (pg_catalog.date_part('epoch', s.last_recorded_at) * 1000)::bigint`;

/** One stream, if it has events. */
export function streamInfoQuery(schema: SchemaName, streamName: string): Statement {
  const sql = `
    select ${STREAM_COLUMNS}
    from :schema.streams s
    where s.stream_name = $1 and s.version > 0`;
  return { ...inSchema(schema, 'stream_info', sql), values: [streamName] };
}

/**
 * One page of streams, in the order of the primary key; a category is a range of names in it. Planned anew each time: a
 * plan made while there were no streams would be kept, and read them all.
 */
export function listStreamsQuery(schema: SchemaName, query: ListStreamsQuery): Statement {
  const { category, prefix, afterStreamName, limit } = query;
  const values: unknown[] = [limit];
  const conditions = ['s.version > 0'];
  for (const start of [category === undefined ? undefined : `${category}-`, prefix]) {
    if (start === undefined || start === '') continue;
    const parameter = `$${values.push(start)}::text`;
    conditions.push(`s.stream_name >= ${parameter}`, `pg_catalog.starts_with(s.stream_name, ${parameter})`);
  }
  if (afterStreamName !== undefined) conditions.push(`s.stream_name > $${values.push(afterStreamName)}`);
  const sql = `
    select ${STREAM_COLUMNS}
    from :schema.streams s
    where ${conditions.join('\n      and ')}
    order by s.stream_name
    limit $1`;
  return { ...inSchema(schema, 'list_streams', sql), name: undefined, values };
}

/** A stream from its row. */
export function toStreamInfo([name, category, version, state, createdAt, lastRecordedAt]: Row): StreamInfo {
  return {
    streamName: name ?? '',
    category: category ?? '',
    version: Number(version),
    state: state === 'archived' || state === 'tombstoned' ? state : 'live',
    createdAt: new Date(Number(createdAt)),
    lastRecordedAt: new Date(Number(lastRecordedAt)),
  };
}
