import { typed, type JsonObject, type JsonValue, type RecordedEvent } from '../../core/index.ts';
import type { Row } from '../connection.ts';

/** The columns of an event, in the order that {@link toRecordedEvent} reads them. */
export const EVENT_COLUMNS = `
  e.global_position, e.stream_version, e.event_id, e.type, e.schema_version, e.stream_name, e.category,
  (pg_catalog.date_part('epoch', e.recorded_at) * 1000)::bigint, e.data, e.metadata`;

/** Number of columns in {@link EVENT_COLUMNS}. */
export const EVENT_WIDTH = 10;

/** An event from its row. */
export function toRecordedEvent(row: Row): RecordedEvent {
  return {
    globalPosition: Number(row[0]),
    streamVersion: Number(row[1]),
    id: row[2] ?? '',
    type: row[3] ?? '',
    schemaVersion: Number(row[4]),
    streamName: row[5] ?? '',
    category: row[6] ?? '',
    recordedAt: Number(row[7]),
    data: typed<JsonValue>(frozenJson(row[8] ?? 'null')),
    metadata: typed<JsonObject>(frozenJson(row[9] ?? '{}')),
  };
}

/** Frozen like what the memory storage holds: code that changes an event fails on both, not in production only. */
function frozenJson(text: string): unknown {
  return freeze(JSON.parse(text));
}

function freeze(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  for (const item of Object.values(value)) freeze(item);
  return Object.freeze(value);
}
