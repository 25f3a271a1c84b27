import { typed, type JsonObject, type JsonValue, type RecordedEvent } from '../../core/index.ts';
import type { Row } from '../connection.ts';

/**
 * An event as one JSON array, in the order that {@link toRecordedEvent} reads: one column is much less work for the
 * client than ten, and the payload stays as it was written.
 */
export const EVENT_COLUMN = `
  pg_catalog.json_build_array(
    e.global_position, e.stream_version, e.event_id, e.type, e.schema_version, e.stream_name, e.category,
    (pg_catalog.date_part('epoch', e.recorded_at) * 1000)::bigint, e.data, e.metadata
  )`;

type EventArray = readonly [number, number, string, string, number, string, string, number, JsonValue, JsonObject];

/** An event from the first column of its row. */
export function toRecordedEvent([json]: Row): RecordedEvent {
  const [globalPosition, streamVersion, id, type, schemaVersion, streamName, category, recordedAt, data, metadata] =
    typed<EventArray>(JSON.parse(json ?? ''));
  return {
    id,
    type,
    schemaVersion,
    data: freeze(data),
    metadata: freeze(metadata),
    streamName,
    category,
    streamVersion,
    globalPosition,
    recordedAt,
  };
}

/** Frozen like what the memory storage holds: code that changes an event fails on both, not in production only. */
function freeze<T extends JsonValue>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const item of Object.values(value)) freeze(item);
  return Object.freeze(value);
}
