import { InvalidArgumentError, InvalidEventDataError, UnknownEventTypeError } from '../errors.ts';
import { checkEventType, codecFor, codecsOf, uniqueSetsOf, type AnyEvents } from '../events/define-events.ts';
import { encodePlain, type EncodedPayload } from '../events/event-schema.ts';
import type { AnyUniqueSets } from '../events/unique-sets.ts';
import type { RecordedEvent } from '../storage/event-storage.ts';
import { textProblem } from '../stream-name.ts';
import type { Categories } from './categories.ts';

/** What to do with a stored event whose type this store does not know. */
export type UnknownEventsPolicy = 'error' | 'skip';

/** Finds the codec of an event by category and type. */
export interface EventRegistry {
  /** Checks and encodes a payload. Throws `UnknownEventTypeError` or `InvalidEventDataError`. */
  encode(category: string, type: string, data: unknown): EncodedPayload;
  /** The payload as readers see it, or undefined where the event is to be skipped. */
  decode(event: RecordedEvent, policy: UnknownEventsPolicy): { readonly data: unknown } | undefined;
  /** The unique sets of a category. */
  uniqueSets(category: string): AnyUniqueSets;
}

/** The registry of a store with categories. */
export function createRegistry(categories: Categories): EventRegistry {
  for (const category of Object.keys(categories)) checkCategory(category);
  const events = new Map(Object.entries(categories));
  return registryOf((category) => events.get(category));
}

/** A registry that knows one category only. */
export function createCategoryRegistry(category: string, events: AnyEvents): EventRegistry {
  return registryOf((name) => (name === category ? events : undefined));
}

function registryOf(eventsOf: (category: string) => AnyEvents | undefined): EventRegistry {
  return {
    encode(category, type, data) {
      const events = eventsOf(category);
      if (events === undefined) throw new UnknownEventTypeError(category, String(type), { known: [] });
      return codecFor(category, events, type).encode(data);
    },
    decode(event, policy) {
      const events = eventsOf(event.category);
      const codecs = events === undefined ? undefined : codecsOf(events);
      const codec = codecs?.get(event.type);
      if (codec !== undefined) return { data: codec.decode(event.data, event) };
      if (policy === 'skip') return undefined;
      throw new UnknownEventTypeError(event.category, event.type, {
        known: [...(codecs?.keys() ?? [])],
        stored: event,
      });
    },
    uniqueSets(category) {
      const events = eventsOf(category);
      return events === undefined ? NO_SETS : uniqueSetsOf(events);
    },
  };
}

const NO_SETS: AnyUniqueSets = new Map();

/** The registry of a store without categories: every type is welcome, payloads are plain JSON. */
export function createUntypedRegistry(): EventRegistry {
  return {
    encode(_category, type, data) {
      checkEventType(type);
      return encodePlain(type, data);
    },
    decode: (event) => ({ data: event.data }),
    uniqueSets: () => NO_SETS,
  };
}

/** A category is a stream name's part before the first `-`. */
export function checkCategory(category: string): void {
  if (category === '') throw new InvalidArgumentError('category', 'is empty');
  if (category.includes('-')) throw new InvalidArgumentError('category', `"${category}" contains "-"`);
  const problem = textProblem(category);
  if (problem !== undefined) throw new InvalidArgumentError('category', `${JSON.stringify(category)}: ${problem}`);
}

/** Metadata has no event type of its own to complain about. */
export function invalidMetadata(eventType: string, path: string, reason: string): InvalidEventDataError {
  return new InvalidEventDataError(eventType, [{ path: path === '' ? 'metadata' : `metadata.${path}`, reason }]);
}
