import { inspect } from 'node:util';
import { deepFreeze } from '../deep-freeze.ts';
import type { JsonObject } from '../json.ts';
import type { RecordedEvent } from '../storage/event-storage.ts';
import type { StoredEvent } from '../store/categories.ts';
import type { EventRegistry } from '../store/event-registry.ts';
import { toStoredEvent } from '../store/stored-event.ts';
import type { Projection } from './define-projection.ts';
import type { AnyProjection } from './define-sql-projection.ts';
import { DigestSum, pairHash } from './digest.ts';
import type { BatchState, NewDeadLetter, RowWrite } from './projection-storage.ts';

/** An event as a projection sees it: what it says today, by key; or what is wrong with it. */
export interface KeyedEvent {
  readonly event: RecordedEvent;
  /** Undefined where it cannot be read, or its keys cannot be told. */
  readonly parts: ReadonlyMap<string, readonly StoredEvent[]> | undefined;
  readonly error: unknown;
}

/** Reads an event, and tells its keys; `isOwn` says which keys are wanted. */
export function keyedEvent(
  registry: EventRegistry,
  projection: AnyProjection,
  event: RecordedEvent,
  isOwn: (key: string) => boolean = () => true,
): KeyedEvent {
  try {
    const parts = new Map<string, StoredEvent[]>();
    for (const decoded of registry.decode(event, 'error')) {
      // Of a stored event, what it says of types that the projection does not handle is none of its business.
      if (!projection.types.includes(decoded.type)) continue;
      const stored = toStoredEvent(event, decoded);
      for (const key of projection.keysOf(stored)) {
        if (!isOwn(key)) continue;
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

/** The row after what an event says of it. */
export function evolveRow(
  projection: Projection,
  row: JsonObject | null,
  key: string,
  parts: readonly StoredEvent[],
): JsonObject | null {
  const { readModel } = projection;
  let after = row;
  for (const part of parts) {
    const model = projection.evolve(after === null ? null : readModel.fromRow(after), part, key);
    // Frozen, like all that a handler gets.
    after = model === null || model === undefined ? null : deepFreeze(readModel.toRow(key, model));
  }
  return after;
}

/** What somebody threw, in words. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : inspect(error);
}

/** Which keys of a batch are parked, what waits for them, and what was applied. */
export class BatchLog {
  readonly #parked: Set<string>;
  readonly #sum = new DigestSum();
  readonly deadLetters: NewDeadLetter[] = [];

  constructor(parkedKeys: readonly string[]) {
    this.#parked = new Set(parkedKeys);
  }

  isParked(key: string): boolean {
    return this.#parked.has(key);
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

  applied({ globalPosition, id }: RecordedEvent, key: string): void {
    this.#sum.add(globalPosition, pairHash(globalPosition, id, key));
  }

  digests(): ReturnType<DigestSum['digests']> {
    return this.#sum.digests();
  }
}

/** The rows of one batch, as they were and as they are to be, and the events that are parked. */
export class ProjectionBatch {
  readonly #projection: Projection;
  readonly #rows = new Map<string, JsonObject | null>();
  /** Keys that have changed, and the position of the last event that has done it. */
  readonly #changed = new Map<string, number>();
  readonly log: BatchLog;

  constructor(projection: Projection, { rows, parkedKeys }: BatchState) {
    this.#projection = projection;
    this.log = new BatchLog(parkedKeys);
    for (const { key, row } of rows) this.#rows.set(key, deepFreeze(row));
  }

  /**
   * Applies an event to all of its keys, or to none and gives back what failed. With `park`, the keys that fail are parked with
   * it, and the others applied.
   */
  apply(
    { event, parts }: { readonly event: RecordedEvent; readonly parts: ReadonlyMap<string, readonly StoredEvent[]> },
    park: { readonly attempts: number } | undefined,
  ): { readonly error: unknown } | undefined {
    const after = new Map<string, JsonObject | null>();
    const failed = new Map<string, unknown>();
    for (const [key, own] of parts) {
      if (this.log.isParked(key)) continue;
      try {
        after.set(key, evolveRow(this.#projection, this.#rows.get(key) ?? null, key, own));
      } catch (error) {
        if (park === undefined) return { error };
        failed.set(key, error);
      }
    }
    const position = event.globalPosition;
    for (const key of parts.keys()) {
      if (this.log.isParked(key)) this.log.follow(key, position);
    }
    for (const [key, row] of after) {
      this.#rows.set(key, row);
      this.#changed.set(key, position);
      this.log.applied(event, key);
    }
    for (const [key, error] of failed) this.log.park(key, position, error, park?.attempts ?? 1);
    return undefined;
  }

  writes(): readonly RowWrite[] {
    return Array.from(this.#changed, ([key, position]) => ({ key, row: this.#rows.get(key) ?? null, position }));
  }
}
