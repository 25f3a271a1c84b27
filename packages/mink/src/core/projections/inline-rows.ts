import { deepFreeze } from '../deep-freeze.ts';
import type { JsonObject } from '../json.ts';
import type { Projection } from './define-projection.ts';
import type { RowWrite, StoredRow } from './projection-storage.ts';

/** A row as it is to be after an append. */
export interface InlineWrite extends RowWrite {
  /** Of the last event that has changed it. */
  readonly position: number;
}

/** What an append makes of some rows; it is merged into {@link InlineRows} when all of it has succeeded. */
export type InlineChanges = ReadonlyMap<Projection, ReadonlyMap<string, InlineWrite>>;

/** The rows that a transaction has locked and read, as its appends change them one after the other. */
export class InlineRows {
  readonly #rows = new Map<Projection, Map<string, JsonObject | null>>();
  readonly #writes = new Map<Projection, Map<string, InlineWrite>>();

  /** Takes rows as they are stored. */
  load(projection: Projection, rows: readonly Pick<StoredRow, 'key' | 'row'>[]): void {
    const own = new Map<string, JsonObject | null>();
    for (const { key, row } of rows) own.set(key, deepFreeze(row));
    this.#rows.set(projection, own);
  }

  /** A row; null where there is none. */
  get(projection: Projection, key: string): JsonObject | null {
    return this.#rows.get(projection)?.get(key) ?? null;
  }

  merge(changes: InlineChanges): void {
    for (const [projection, changed] of changes) {
      const rows = within(this.#rows, projection);
      const writes = within(this.#writes, projection);
      for (const [key, write] of changed) {
        rows.set(key, write.row);
        writes.set(key, write);
      }
    }
  }

  /** The rows that have changed, by projection. */
  writes(): ReadonlyMap<Projection, readonly InlineWrite[]> {
    return new Map(Array.from(this.#writes, ([projection, writes]) => [projection, [...writes.values()]]));
  }
}

/** The inner map of a projection, made where it is missing. */
export function within<T>(maps: Map<Projection, Map<string, T>>, projection: Projection): Map<string, T> {
  let own = maps.get(projection);
  if (own === undefined) maps.set(projection, (own = new Map()));
  return own;
}
