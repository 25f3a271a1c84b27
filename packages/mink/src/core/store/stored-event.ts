import type { Metadata } from '../metadata.ts';
import type { RecordedEvent } from '../storage/event-storage.ts';
import type { StoredEvent } from './categories.ts';
import type { DecodedEvent } from './event-registry.ts';

/** The reader's form of a recorded event: its fields are fixed, and `recordedAt` is the reader's own copy. */
export function toStoredEvent(event: RecordedEvent, { type, data, schemaVersion }: DecodedEvent): StoredEvent {
  const metadata: Metadata = event.metadata;
  return Object.freeze({
    id: event.id,
    type,
    data,
    metadata,
    streamName: event.streamName,
    category: event.category,
    streamVersion: event.streamVersion,
    globalPosition: event.globalPosition,
    recordedAt: new Date(event.recordedAt),
    schemaVersion,
  });
}
