import { readableJson, type Difference, type JsonValue, type RecordedEvent, type StoredEvent } from 'mink';
import type { Change, EventRecord, PayloadAccess } from '../api-types.ts';
import { mask } from './mask.ts';

/** A payload, metadata, or a state, as far as somebody may see it: the only way by which any of them leaves the console. */
export function show(value: unknown, access: PayloadAccess): JsonValue | undefined {
  if (access === 'none' || value === undefined) return undefined;
  const json = readableJson(value);
  return access === 'full' ? json : mask(json);
}

/** What has changed, as far as somebody may see it. The path consists of names, which stay. */
export function showChange({ path, before, after }: Difference, access: PayloadAccess): Change {
  return { path, before: show(before, access), after: show(after, access) };
}

/** An event, stored or as the code of now reads it. */
export function showEvent(event: RecordedEvent | StoredEvent, access: PayloadAccess): EventRecord {
  const { globalPosition, streamName, streamVersion, category, id, type, schemaVersion, data, metadata } = event;
  return {
    globalPosition,
    streamName,
    streamVersion,
    category,
    id,
    type,
    schemaVersion,
    recordedAt: Number(event.recordedAt),
    data: show(data, access),
    metadata: show(metadata, access),
    payloads: access,
  };
}
