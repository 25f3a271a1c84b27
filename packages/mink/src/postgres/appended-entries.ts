import type { AppendCommand, AppendedEntry, RecordedEvent } from '../core/index.ts';
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
