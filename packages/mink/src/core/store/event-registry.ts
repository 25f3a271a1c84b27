import { InvalidArgumentError, InvalidEventDataError, UnknownEventTypeError } from '../errors.ts';
import { checkEventType, codecFor, codecsOf, pastOf, uniqueSetsOf, type AnyEvents } from '../events/define-events.ts';
import { encodePlain, type EncodedPayload, type EventPlace } from '../events/event-schema.ts';
import { split } from '../events/upcasting.ts';
import type { JsonValue } from '../json.ts';
import type { AnyUniqueSets } from '../events/unique-sets.ts';
import type { RecordedEvent } from '../storage/event-storage.ts';
import { textProblem } from '../stream-name.ts';
import type { Categories } from './categories.ts';

/** What to do with a stored event whose type this store does not know. */
export type UnknownEventsPolicy = 'error' | 'skip';

/** What an event says today. */
export interface DecodedEvent {
  readonly type: string;
  readonly data: unknown;
  readonly schemaVersion: number;
}

/** Finds the codec of an event by category and type. */
export interface EventRegistry {
  /** Checks and encodes a payload. Throws `UnknownEventTypeError` or `InvalidEventDataError`. */
  encode(category: string, type: string, data: unknown): EncodedPayload;
  /**
   * A stored event as readers see it: itself, several where its type was split, none where it is to be skipped.
   */
  decode(event: RecordedEvent, policy: UnknownEventsPolicy): readonly DecodedEvent[];
  /** The stored types that may be read as one of `types`. */
  storedTypes(types: readonly string[]): readonly string[];
  /** The unique sets of a category. */
  uniqueSets(category: string): AnyUniqueSets;
}

/** The registry of a store with categories. */
export function createRegistry(categories: Categories): EventRegistry {
  for (const category of Object.keys(categories)) checkCategory(category);
  const events = new Map(Object.entries(categories));
  return registryOf(
    (category) => events.get(category),
    () => [...events.values()],
  );
}

/** A registry that knows one category only. */
export function createCategoryRegistry(category: string, events: AnyEvents): EventRegistry {
  return registryOf(
    (name) => (name === category ? events : undefined),
    () => [events],
  );
}

function registryOf(
  eventsOf: (category: string) => AnyEvents | undefined,
  definitions: () => readonly AnyEvents[],
): EventRegistry {
  return {
    encode(category, type, data) {
      const events = eventsOf(category);
      if (events === undefined) throw new UnknownEventTypeError(category, String(type), { known: [] });
      return codecFor(category, events, type).encode(data);
    },
    decode(event, policy) {
      const events = eventsOf(event.category);
      const decoded = events === undefined ? undefined : decodeAs(events, event, event);
      if (decoded !== undefined) return decoded;
      if (policy === 'skip') return NOTHING;
      const codecs = events === undefined ? undefined : codecsOf(events);
      const isKnown = codecs?.has(event.type) === true || (events !== undefined && pastOf(events).has(event.type));
      throw new UnknownEventTypeError(event.category, event.type, {
        known: [...(codecs?.keys() ?? [])],
        stored: event,
        ...(isKnown ? { schemaVersion: event.schemaVersion } : {}),
      });
    },
    storedTypes(types) {
      const wanted = new Set(types);
      const past = definitions().flatMap((events) => [...pastOf(events)]);
      const also = past.flatMap(([type, become]) =>
        become.kind === 'split' || (become.kind === 'renamed' && wanted.has(become.to)) ? [type] : [],
      );
      return [...new Set([...types, ...also])];
    },
    uniqueSets(category) {
      const events = eventsOf(category);
      return events === undefined ? NO_SETS : uniqueSetsOf(events);
    },
  };
}

const NO_SETS: AnyUniqueSets = new Map();

type Stored = Pick<RecordedEvent, 'type' | 'schemaVersion'> & { readonly data: JsonValue };

/** Undefined for a type, or a version of its payload, that is not known. */
function decodeAs(events: AnyEvents, stored: Stored, place: EventPlace): readonly DecodedEvent[] | undefined {
  const { type, schemaVersion } = stored;
  const codec = codecsOf(events).get(type);
  if (codec !== undefined) {
    if (schemaVersion > codec.schemaVersion) return undefined;
    const data = codec.decode(stored.data, place, schemaVersion);
    return [{ type, data, schemaVersion: codec.schemaVersion }];
  }
  const past = pastOf(events).get(type);
  switch (past?.kind) {
    case 'renamed':
      return decodeAs(events, { ...stored, type: past.to }, place);
    case 'split':
      return split(type, past.into, { stored: stored.data, version: schemaVersion }, place).flatMap((part) => {
        const version = codecFor(place.streamName, events, part.type).schemaVersion;
        return decodeAs(events, { ...part, schemaVersion: version }, place) ?? [];
      });
    case 'dropped':
      return NOTHING;
    case undefined:
      return undefined;
  }
}

const NOTHING: readonly DecodedEvent[] = [];

/** The registry of a store without categories: every type is welcome, payloads are plain JSON. */
export function createUntypedRegistry(): EventRegistry {
  return {
    encode(_category, type, data) {
      checkEventType(type);
      return encodePlain(type, data);
    },
    decode: ({ type, data, schemaVersion }) => [{ type, data, schemaVersion }],
    storedTypes: (types) => types,
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
