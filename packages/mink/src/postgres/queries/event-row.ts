import { parseStreamName, typed, type JsonObject, type JsonValue, type RecordedEvent } from '../../core/index.ts';
import type { Row } from '../connection.ts';

/**
 * An event as one JSON array, in the order that {@link toRecordedEvent} reads: one column is much less work for the
 * client than ten, and the payload stays as it was written. Put together as text: `json_build_array` looks up the type of
 * every part of every row.
 */
export const EVENT_COLUMN = `
  pg_catalog.format(
    '[%s,%s,"%s",%s,%s,%s,%s,%s,%s,%s]',
    e.global_position, e.stream_version, e.event_id, pg_catalog.to_json(e.type), e.schema_version,
    pg_catalog.to_json(e.stream_name), pg_catalog.to_json(e.category),
    (pg_catalog.date_part('epoch', e.recorded_at) * 1000)::bigint, e.data, e.metadata
  )`;

/** The same without what all events of a stream have in common, for {@link toEventOf}. */
export const STREAM_EVENT_COLUMN = `
  pg_catalog.format(
    '[%s,%s,"%s",%s,%s,%s,%s,%s]',
    e.global_position, e.stream_version, e.event_id, pg_catalog.to_json(e.type), e.schema_version,
    (pg_catalog.date_part('epoch', e.recorded_at) * 1000)::bigint, e.data, e.metadata
  )`;

type StreamEventArray = readonly [number, number, string, string, number, number, JsonValue, JsonObject];
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

/** An event of a stream from the first column of its row. */
export function toEventOf(streamName: string): (row: Row) => RecordedEvent {
  const { category } = parseStreamName(streamName);
  return ([json]) => {
    const [globalPosition, streamVersion, id, type, schemaVersion, recordedAt, data, metadata] =
      typed<StreamEventArray>(JSON.parse(json ?? ''));
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
  };
}

/** Frozen like what the memory storage holds: code that changes an event fails on both, not in production only. */
function freeze<T extends JsonValue>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const item of Object.values(value)) freeze(item);
  return Object.freeze(value);
}
