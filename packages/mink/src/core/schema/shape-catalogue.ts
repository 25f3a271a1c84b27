import type { JsonValue } from '../json.ts';
import type { AppendCommandEntry, EventStorage, OpenTransaction } from '../storage/event-storage.ts';
import { OwnShapes } from './own-shapes.ts';
import type { ShapeOwner } from './recorded-shape.ts';

/** What is known of a type. */
interface KnownType {
  readonly owner: ShapeOwner;
  /** Undefined until they were read. */
  shapes: OwnShapes | undefined;
  loading: Promise<OwnShapes> | undefined;
  isCatchingUp: boolean;
}

/** Payloads of shapes that may not be recorded, by type. */
type Unseen = Map<KnownType, JsonValue[]>;

/** Beyond, everything is forgotten, and read again. */
const MAX_TYPES = 10_000;

/**
 * Sees to it that the shape of every payload is recorded before its append. One that this process has seen recorded costs a
 * walk through the payload; another one a read, and the first of its kind a commit.
 *
 * Guarantee: what is in the log has a shape that is recorded. The other way round does not hold: an append may fail.
 */
export class ShapeCatalogue {
  readonly #storage: EventStorage;
  readonly #types = new Map<string, Map<string, KnownType>>();
  #typeCount = 0;
  /** What waits for a shape, by its streams, or by its transaction: nothing that comes later there may overtake it. */
  readonly #waiting = new Map<unknown, Promise<void>>();

  constructor(storage: EventStorage) {
    this.#storage = storage;
  }

  /** Resolves when the shapes of an append are recorded; undefined where they are already. */
  admit(entries: readonly AppendCommandEntry[], tx: OpenTransaction | undefined): Promise<void> | undefined {
    const unseen = this.#unseenIn(entries);
    if (unseen === undefined && this.#waiting.size === 0) return undefined;
    const queues = tx === undefined ? entries.map(({ streamName }) => streamName) : [tx];
    const before = queues.flatMap((queue) => this.#waiting.get(queue) ?? []);
    if (unseen === undefined && before.length === 0) return undefined;
    // It is refused without its transaction, and must not wait for a connection that the transaction has.
    if (tx === undefined && this.#storage.isInTransaction?.() === true) return undefined;
    return this.#enqueue(queues, before, async () => {
      if (unseen !== undefined) await (tx === undefined ? this.#record(unseen) : this.#recordWithin(tx, unseen));
    });
  }

  /** The database may be another one now, that has gone back behind what was recorded: all is to be read again. */
  forget(): void {
    this.#types.clear();
    this.#typeCount = 0;
  }

  #unseenIn(entries: readonly AppendCommandEntry[]): Unseen | undefined {
    let unseen: Unseen | undefined;
    for (const { category, events } of entries) {
      for (const { type, schemaVersion, data } of events) {
        const known = this.#knownType(category, type, schemaVersion);
        if (known.shapes?.matches(data) === true) continue;
        unseen ??= new Map();
        const others = unseen.get(known);
        if (others === undefined) unseen.set(known, [data]);
        else others.push(data);
      }
    }
    return unseen;
  }

  #knownType(category: string, type: string, schemaVersion: number): KnownType {
    let types = this.#types.get(category);
    if (types === undefined) this.#types.set(category, (types = new Map()));
    let known = types.get(type);
    if (known === undefined || known.owner.schemaVersion !== schemaVersion) {
      if (this.#typeCount >= MAX_TYPES) this.forget();
      known = { owner: { category, type, schemaVersion }, shapes: undefined, loading: undefined, isCatchingUp: false };
      types.set(type, known);
      this.#typeCount += 1;
    }
    return known;
  }

  #enqueue(queues: readonly unknown[], before: readonly Promise<void>[], work: () => Promise<void>): Promise<void> {
    const done = (async () => {
      await Promise.all(before);
      await work();
    })();
    const over = done
      .catch(() => undefined)
      .finally(() => {
        for (const queue of queues) if (this.#waiting.get(queue) === over) this.#waiting.delete(queue);
      });
    for (const queue of queues) this.#waiting.set(queue, over);
    return done;
  }

  async #record(unseen: Unseen): Promise<void> {
    for (const [known, payloads] of unseen) {
      const shapes = await this.#load(known);
      for (const data of payloads) if (!shapes.matches(data)) await shapes.record(data);
    }
  }

  async #load(known: KnownType): Promise<OwnShapes> {
    known.loading ??= OwnShapes.load(this.#storage, known.owner);
    try {
      known.shapes = await known.loading;
      return known.shapes;
    } catch (error) {
      known.loading = undefined;
      throw error;
    }
  }

  /** What the transaction records is there if it commits, and worth nothing to others until then. */
  async #recordWithin(tx: OpenTransaction, unseen: Unseen): Promise<void> {
    for (const [known, payloads] of unseen) {
      const shapes = await OwnShapes.load(this.#storage, known.owner, tx);
      for (const data of payloads) if (!shapes.matches(data)) await shapes.record(data);
    }
    void this.#catchUp(unseen);
  }

  /** Records the same beside the transaction, which does no harm if it rolls back: so the next append finds it. */
  async #catchUp(unseen: Unseen): Promise<void> {
    for (const [known, payloads] of unseen) {
      if (known.isCatchingUp) continue;
      known.isCatchingUp = true;
      try {
        await this.#record(new Map([[known, payloads]]));
      } catch {
        // The next append records it for itself.
      } finally {
        known.isCatchingUp = false;
      }
    }
  }
}
