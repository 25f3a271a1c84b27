import type { EventStorage, RecordedEvent } from '../storage/event-storage.ts';

/** The events at some positions of the log. */
export async function eventsAt(storage: EventStorage, positions: readonly number[]): Promise<readonly RecordedEvent[]> {
  const filter = { types: undefined, categories: undefined, streamNames: undefined, streamPrefixes: undefined };
  const events: RecordedEvent[] = [];
  for (const position of positions) {
    const range = { after: position - 1, upTo: position, direction: 'forwards' as const, limit: 1 };
    const page = await storage.readLogPage({ ...range, filter });
    events.push(...page.events);
  }
  return events;
}
