import type { LogPageQuery, RecordedEvent } from '../storage/event-storage.ts';

/** How far a page reaches: to its last event if it is full, else to the end of its range. */
export function searchedTo(
  { after, upTo, direction }: Pick<LogPageQuery, 'after' | 'upTo' | 'direction'>,
  lastOfFull: RecordedEvent | undefined,
): number {
  if (direction === 'forwards') return lastOfFull?.globalPosition ?? upTo;
  return lastOfFull === undefined ? after : lastOfFull.globalPosition - 1;
}
