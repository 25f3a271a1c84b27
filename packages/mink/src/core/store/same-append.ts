import { sameJson } from '../json.ts';
import type { PreparedEvent, RecordedEvent } from '../storage/event-storage.ts';

/**
 * Whether events that carry the ids of an earlier append are that append: the same types and payloads in the same
 * order. Metadata may differ: a retry has a trace of its own.
 */
export function isSameAppend(events: readonly PreparedEvent[], recorded: readonly RecordedEvent[]): boolean {
  return (
    events.length === recorded.length &&
    events.every((event, index) => {
      const first = recorded[index];
      const before = recorded[index - 1]?.globalPosition ?? 0;
      return (
        first?.id === event.id &&
        first.type === event.type &&
        first.globalPosition > before &&
        sameJson(first.data, event.data)
      );
    })
  );
}
