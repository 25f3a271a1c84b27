import type { JsonValue } from '../json.ts';
import type { AppendCommandEntry, EventStorage, OpenTransaction } from '../storage/event-storage.ts';
import { OwnShapes } from './own-shapes.ts';
import type { ShapeOwner } from './recorded-shape.ts';
import { shapeOf } from './shape.ts';
import { ShapeIds } from './shape-ids.ts';

/** What is known of a type: the numbers of shapes that are recorded. */
interface KnownType {
  readonly owner: ShapeOwner;
  readonly ids: Set<number>;
  shapes: Promise<OwnShapes> | undefined;
  isRefreshing: boolean;
}

/** A payload of a shape that may not be recorded. */
interface Unseen {
  readonly known: KnownType;
  readonly id: number;
  readonly data: JsonValue;
}

/** Beyond, everything is forgotten, and read again. */
const MAX_TYPES = 10_000;

/**
 * Sees to it that the shape of every payload is recorded before its append. A shape that this process has seen recorded
 * costs a walk through the payload; another one a read, and the first of its kind a commit.
 *
 * Guarantee: what is in the log has a shape that is recorded. The other way round does not hold: an append may fail.
 */
export class ShapeCatalogue {
  readonly #storage: EventStorage;
  readonly #ids = new ShapeIds();
  readonly #types = new Map<string, Map<string, KnownType>>();
  #typeCount = 0;
  /** The last append that waits for a shape: those that come later wait behind it, so that none overtakes another. */
  #last: Promise<void> | undefined;

  constructor(storage: EventStorage) {
    this.#storage = storage;
  }

  /** Resolves when the shapes of an append are recorded; undefined where they are already. */
  admit(entries: readonly AppendCommandEntry[], tx: OpenTransaction | undefined): Promise<void> | undefined {
    const unseen = this.#unseenIn(entries);
    if (tx !== undefined) return unseen === undefined ? undefined : this.#recordWithin(tx, unseen);
    if (unseen === undefined && this.#last === undefined) return undefined;
    return this.#enqueue(unseen ?? []);
  }

  #unseenIn(entries: readonly AppendCommandEntry[]): readonly Unseen[] | undefined {
    let unseen: Unseen[] | undefined;
    for (const { category, events } of entries) {
      for (const { type, schemaVersion, data } of events) {
        const known = this.#knownType(category, type, schemaVersion);
        const id = this.#ids.idOf(data);
        if (!known.ids.has(id)) (unseen ??= []).push({ known, id, data });
      }
    }
    return unseen;
  }

  #knownType(category: string, type: string, schemaVersion: number): KnownType {
    let types = this.#types.get(category);
    if (types === undefined) this.#types.set(category, (types = new Map()));
    let known = types.get(type);
    if (known === undefined || known.owner.schemaVersion !== schemaVersion) {
      const owner = { category, type, schemaVersion };
      known = { owner, ids: new Set(), shapes: undefined, isRefreshing: false };
      types.set(type, known);
      this.#typeCount += 1;
    }
    return known;
  }

  /** One after another, in the order of the calls. */
  #enqueue(unseen: readonly Unseen[]): Promise<void> {
    const before = this.#last;
    const work = (async () => {
      await before;
      for (const payload of unseen) await this.#record(payload);
      this.#trim();
    })();
    const last = work
      .catch(() => undefined)
      .finally(() => {
        if (this.#last === last) this.#last = undefined;
      });
    this.#last = last;
    return work;
  }

  async #record({ known, id, data }: Unseen): Promise<void> {
    if (known.ids.has(id)) return;
    known.shapes ??= OwnShapes.load(this.#storage, known.owner);
    try {
      const shapes = await known.shapes;
      await shapes.record(shapeOf(data));
      known.ids.add(id);
    } catch (error) {
      known.shapes = undefined;
      throw error;
    }
  }

  /** What the transaction records is there if it commits: only then it is known. */
  async #recordWithin(tx: OpenTransaction, unseen: readonly Unseen[]): Promise<void> {
    for (const payload of unseen) {
      const shapes = await OwnShapes.load(this.#storage, payload.known.owner, tx);
      await shapes.record(shapeOf(payload.data));
      void this.#refresh(payload);
    }
  }

  /** Looks, beside everything else, whether the shape is recorded by now, so that the next append need not. */
  async #refresh({ known, id, data }: Unseen): Promise<void> {
    if (known.isRefreshing) return;
    known.isRefreshing = true;
    try {
      const shapes = await OwnShapes.load(this.#storage, known.owner);
      if (shapes.covering(shapeOf(data)) !== undefined) known.ids.add(id);
    } catch {
      // The next append looks for itself.
    } finally {
      known.isRefreshing = false;
    }
  }

  #trim(): void {
    const isTrimmed = this.#ids.trim();
    if (!isTrimmed && this.#typeCount <= MAX_TYPES) return;
    this.#types.clear();
    this.#typeCount = 0;
  }
}
