import type { AppendCommand, AppendedEntry, AppendOutcome, RecordedEvent } from '../core/index.ts';
import type { AppendAnswer } from './queries/encode-command.ts';

/** The events of a command as they are stored, by the answer that it got. */
export function toAppendedEntries(
  { entries }: AppendCommand,
  { positions, versions, recordedAt }: AppendAnswer,
): readonly AppendedEntry[] {
  let next = 0;
  return entries.map(({ streamName, category, events }, index) => {
    const before = versions[index] ?? 0;
    const recorded = events.map((event, offset): RecordedEvent => ({
      id: event.id,
      type: event.type,
      schemaVersion: event.schemaVersion,
      data: event.data,
      metadata: event.metadata,
      streamName,
      category,
      streamVersion: before + offset + 1,
      globalPosition: positions[next + offset] ?? 0,
      recordedAt,
    }));
    next += events.length;
    return { streamVersion: before + events.length, events: recorded };
  });
}

/** Names the first stream that holds ids of this append, and those ids. */
export function toMismatch({ entries }: AppendCommand, { positions }: AppendAnswer): AppendOutcome {
  let next = 0;
  for (const { streamName, events } of entries) {
    const first = next;
    next += events.length;
    const known = events.filter((_, index) => (positions[first + index] ?? 0) > 0);
    if (known.length > 0) return { status: 'mismatch', streamName, eventIds: known.map(({ id }) => id) };
  }
  return { status: 'mismatch', streamName: entries[0]?.streamName ?? '', eventIds: [] };
}
