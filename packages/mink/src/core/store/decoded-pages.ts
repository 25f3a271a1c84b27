import type { Direction, RecordedEvent } from '../storage/event-storage.ts';
import type { StoredEvent } from './categories.ts';
import type { EventRegistry, UnknownEventsPolicy } from './event-registry.ts';
import { EventSequence } from './event-sequence.ts';
import { checkPolicy } from './read-options.ts';
import { toStoredEvent } from './stored-event.ts';

/** Which events a reader sees. */
interface ReaderOptions {
  readonly unknownEvents?: UnknownEventsPolicy | undefined;
  /** By what they are today. */
  readonly types?: readonly string[] | undefined;
  readonly direction?: Direction | undefined;
}

/** Pages of stored events as readers see them. */
export function decodedSequence(
  registry: EventRegistry,
  read: () => AsyncGenerator<readonly RecordedEvent[], void, undefined>,
  { unknownEvents, types, direction }: ReaderOptions,
): EventSequence<StoredEvent> {
  const policy = checkPolicy(unknownEvents);
  return new EventSequence(async function* () {
    for await (const page of read()) {
      const events: StoredEvent[] = [];
      for (const event of page) {
        const parts = registry.decode(event, policy);
        for (const decoded of direction === 'backwards' ? parts.toReversed() : parts) {
          if (types === undefined || types.includes(decoded.type)) events.push(toStoredEvent(event, decoded));
        }
      }
      yield events;
    }
  });
}
