import { createHash, randomUUID } from 'node:crypto';
import type { EventStorage, OpenTransaction } from '../storage/event-storage.ts';
import { MAX_SHAPES, REST_HASH, type NewShape, type RecordedShape, type ShapeOwner } from './recorded-shape.ts';
import { covers, join, type Shape } from './shape.ts';

const PAGE_SIZE = 1_000;

/** The recorded shapes of one type and version, as far as is known here. */
export class OwnShapes {
  readonly #storage: EventStorage;
  readonly #owner: ShapeOwner;
  readonly #tx: OpenTransaction | undefined;
  #shapes: readonly RecordedShape[] = [];

  private constructor(storage: EventStorage, owner: ShapeOwner, tx: OpenTransaction | undefined) {
    this.#storage = storage;
    this.#owner = owner;
    this.#tx = tx;
  }

  /** Within a transaction they are those that it sees, and what is recorded is recorded if it commits. */
  static async load(storage: EventStorage, owner: ShapeOwner, tx?: OpenTransaction): Promise<OwnShapes> {
    const own = new OwnShapes(storage, owner, tx);
    await own.reload();
    return own;
  }

  async reload(): Promise<void> {
    const { category, type, schemaVersion } = this.#owner;
    const query = { category, type, schemaVersion, limit: PAGE_SIZE };
    const shapes = await this.#storage.listShapes(query, { tx: this.#tx });
    // The widest first: it is the one most likely to fit.
    this.#shapes = shapes.toSorted(restFirst);
  }

  /** The shape of these that has room for another one. */
  covering(shape: Shape): RecordedShape | undefined {
    return this.#shapes.find((known) => covers(known.shape, shape));
  }

  /** Makes sure that one of them covers this shape, and gives it back. */
  async record(shape: Shape): Promise<RecordedShape> {
    for (;;) {
      const known = this.covering(shape);
      if (known !== undefined) return known;
      await this.#storage.recordShape(this.#wider(shape), { tx: this.#tx });
      // Read again: others may have been faster, and say so by their rows.
      await this.reload();
    }
  }

  #wider(shape: Shape): NewShape {
    if (this.#shapes.length < MAX_SHAPES) {
      return { ...this.#owner, hash: this.#hashOf(shape), shape, replaces: undefined };
    }
    const rest = this.#shapes.find(({ hash }) => hash === REST_HASH)?.shape;
    const joined = rest === undefined ? shape : join(rest, shape);
    return { ...this.#owner, hash: REST_HASH, shape: joined, replaces: rest };
  }

  /** In a transaction that may stay open, a row of its own: nobody else has to wait for it. */
  #hashOf(shape: Shape): string {
    const hash = hashOfShape(shape);
    return this.#tx === undefined ? hash : `${hash}-${randomUUID()}`;
  }
}

/** Of the text of a shape. */
function hashOfShape(shape: Shape): string {
  return createHash('sha256').update(JSON.stringify(shape)).digest('base64url').slice(0, 22);
}

function restFirst(left: RecordedShape, right: RecordedShape): number {
  return Number(right.hash === REST_HASH) - Number(left.hash === REST_HASH);
}
