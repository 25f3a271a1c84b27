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
    after = model === null || model === undefined ? null : readModel.toRow(key, model);
  }
  return after;
}

/** Frozen all the way down, like all that a handler gets. */
function freezeRow(row: JsonObject): JsonObject {
  for (const value of Object.values(row)) {
    if (typeof value === 'object') deepFreeze(value);
  }
  return Object.freeze(row);
}

/** Characters of what somebody threw that are kept: a thousand keys may be parked, and are counted with each more. */
const LONGEST_MESSAGE = 10_000;

/** What somebody threw, in words. */
export function messageOf(error: unknown): string {
  const message: unknown = error instanceof Error ? error.message : undefined;
  return (typeof message === 'string' ? message : inspect(error)).slice(0, LONGEST_MESSAGE);
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

/** A row of a batch, as it is so far; null where there is none. */
interface BatchRow {
  row: JsonObject | null;
  changedAt: number | undefined;
}

/** The rows of one batch, as they were and as they are to be, and the events that are parked. */
export class ProjectionBatch {
  readonly #projection: Projection;
  readonly #rows = new Map<string, BatchRow>();
  readonly log: BatchLog;

  constructor(projection: Projection, { rows, parkedKeys }: BatchState) {
    this.#projection = projection;
    this.log = new BatchLog(parkedKeys);
    for (const { key, row } of rows) this.#rows.set(key, { row: freezeRow(row), changedAt: undefined });
  }

  /**
   * Applies an event to all of its keys, or to none and gives back what failed. With `park`, the keys that fail are parked with
   * it, and the others applied.
   */
  apply(
    { event, parts }: { readonly event: RecordedEvent; readonly parts: ReadonlyMap<string, readonly StoredEvent[]> },
    park: { readonly attempts: number } | undefined,
  ): { readonly error: unknown } | undefined {
    const position = event.globalPosition;
    const parked: string[] = [];
    const applied: { readonly key: string; readonly of: BatchRow; readonly after: JsonObject | null }[] = [];
    const failed: { readonly key: string; readonly error: unknown }[] = [];
    for (const [key, own] of parts) {
      if (this.log.isParked(key)) {
        parked.push(key);
        continue;
      }
      const of = this.#rowOf(key);
      try {
        applied.push({ key, of, after: evolveRow(this.#projection, of.row, key, own) });
      } catch (error) {
        if (park === undefined) return { error };
        failed.push({ key, error });
      }
    }
    for (const key of parked) this.log.follow(key, position);
    for (const { key, of, after } of applied) {
      of.row = after;
      of.changedAt = position;
      this.log.applied(event, key);
    }
    for (const { key, error } of failed) this.log.park(key, position, error, park?.attempts ?? 1);
    return undefined;
  }

  #rowOf(key: string): BatchRow {
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    const missing: BatchRow = { row: null, changedAt: undefined };
    this.#rows.set(key, missing);
    return missing;
  }

  writes(): readonly RowWrite[] {
    const writes: RowWrite[] = [];
    for (const [key, { row, changedAt }] of this.#rows) {
      if (changedAt !== undefined) writes.push({ key, row, position: changedAt });
    }
    return writes;
  }
}
