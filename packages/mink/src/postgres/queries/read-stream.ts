import type { StreamPageQuery } from '../../core/index.ts';
import type { Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';
import { STREAM_EVENT_COLUMN } from './event-row.ts';
import { toTimestamp } from './timestamp.ts';

const MAX_VERSION = Number.MAX_SAFE_INTEGER;

/** One page of a stream. In a stream, versions, positions and times rise together: every end is a prefix. */
export function readStreamQuery(schema: SchemaName, query: StreamPageQuery): Statement {
  const { untilPosition, untilTime, types, direction } = query;
  const values: unknown[] = [query.streamName, query.fromVersion, query.untilVersion ?? MAX_VERSION, query.limit];
  const conditions: string[] = [];
  if (untilPosition !== undefined) conditions.push(`and e.global_position <= $${values.push(untilPosition)}`);
  if (untilTime !== undefined) conditions.push(`and e.recorded_at <= $${values.push(toTimestamp(untilTime))}`);
  if (types !== undefined) conditions.push(`and e.type = any ($${values.push(types)})`);
  const sql = `
    select ${STREAM_EVENT_COLUMN}
    from :schema.events e
    where e.stream_name = $1
      and e.stream_version >= $2
      and e.stream_version <= $3
      ${conditions.join('\n      ')}
    order by e.stream_version ${direction === 'forwards' ? 'asc' : 'desc'}
    limit $4`;
  return { ...inSchema(schema, 'read_stream', sql), values };
}
