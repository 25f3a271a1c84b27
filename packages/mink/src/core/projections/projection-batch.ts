import { inspect } from 'node:util';
import { deepFreeze } from '../deep-freeze.ts';
import { checkJson, type JsonValue } from '../json.ts';
import type { RecordedEvent } from '../storage/event-storage.ts';
import type { StoredEvent } from '../store/categories.ts';
import type { EventRegistry } from '../store/event-registry.ts';
import { toStoredEvent } from '../store/stored-event.ts';
import type { AnyProjection } from './define-projection.ts';
import type { BatchState, DocumentWrite, NewDeadLetter } from './projection-storage.ts';

/** An event as a projection sees it: what it says today, by key; or what is wrong with it. */
export interface KeyedEvent {
  readonly event: RecordedEvent;
  /** Undefined where it cannot be read, or its keys cannot be told. */
  readonly parts: ReadonlyMap<string, readonly StoredEvent[]> | undefined;
  readonly error: unknown;
}

/** Reads an event, and tells its keys. */
export function keyedEvent(registry: EventRegistry, projection: AnyProjection, event: RecordedEvent): KeyedEvent {
  try {
    const parts = new Map<string, StoredEvent[]>();
    for (const decoded of registry.decode(event, 'error')) {
      // Of a stored event, what it says of types that the projection does not handle is none of its business.
      if (!projection.types.includes(decoded.type)) continue;
      const stored = toStoredEvent(event, decoded);
      for (const key of projection.keysOf(stored)) {
        const own = parts.get(key);
        if (own === undefined) parts.set(key, [stored]);
        else own.push(stored);
      }
    }
    return { event, parts, error: undefined };
  } catch (error) {
    return { event, parts: undefined, error };
  }
}

/** The document after what an event says of it. */
export function evolveAll(
  projection: AnyProjection,
  document: JsonValue,
  key: string,
  parts: readonly StoredEvent[],
): JsonValue {
  return parts.reduce((before, part) => plain(projection.evolve(before, part, key)), document);
}

/** What somebody threw, in words. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : inspect(error);
}

/** A frozen copy of what a handler returned. */
function plain(document: unknown): JsonValue {
  const checked = checkJson(document);
  if (!('reason' in checked)) return checked.value;
  const at = checked.path === '' ? 'the document' : `${checked.path} of the document`;
  throw new TypeError(`${at} ${checked.reason}`);
}

/** The documents of one batch, as they were and as they are to be, and the events that are parked. */
export class ProjectionBatch {
  readonly #projection: AnyProjection;
  readonly #documents = new Map<string, JsonValue>();
  readonly #changed = new Set<string>();
  readonly #parked: Set<string>;
  readonly deadLetters: NewDeadLetter[] = [];

  constructor(projection: AnyProjection, { documents, parkedKeys }: BatchState) {
    this.#projection = projection;
    for (const { key, document } of documents) this.#documents.set(key, deepFreeze(document));
    this.#parked = new Set(parkedKeys);
  }

  /**
   * Applies an event to all of its keys, or to none and gives back what failed. With `park`, the keys that fail are parked with
   * it, and the others applied.
   */
  apply(
    { event, parts }: { readonly event: RecordedEvent; readonly parts: ReadonlyMap<string, readonly StoredEvent[]> },
    park: { readonly attempts: number } | undefined,
  ): { readonly error: unknown } | undefined {
    const after = new Map<string, JsonValue>();
    const failed = new Map<string, unknown>();
    for (const [key, own] of parts) {
      if (this.#parked.has(key)) continue;
      try {
        after.set(key, evolveAll(this.#projection, this.#documents.get(key) ?? null, key, own));
      } catch (error) {
        if (park === undefined) return { error };
        failed.set(key, error);
      }
    }
    const position = event.globalPosition;
    for (const key of parts.keys()) {
      if (this.#parked.has(key)) this.follow(key, position);
    }
    for (const [key, document] of after) {
      this.#documents.set(key, document);
      this.#changed.add(key);
    }
    for (const [key, error] of failed) this.park(key, position, error, park?.attempts ?? 1);
    return undefined;
  }

  /** From this event on, what is about the key waits. */
  park(key: string, position: number, error: unknown, attempts: number): void {
    this.#parked.add(key);
    this.deadLetters.push({ key, position, error: messageOf(error), attempts });
  }

  /** One more event about a key that is parked. */
  follow(key: string, position: number): void {
    this.deadLetters.push({ key, position, error: undefined, attempts: 0 });
  }

  isParked(key: string): boolean {
    return this.#parked.has(key);
  }

  writes(): readonly DocumentWrite[] {
    return Array.from(this.#changed, (key) => ({ key, document: this.#documents.get(key) ?? null }));
  }
}
