import { createHash, randomUUID } from 'node:crypto';
import type { JsonValue } from '../json.ts';
import type { EventStorage, OpenTransaction } from '../storage/event-storage.ts';
import { MAX_SHAPES, REST_HASH, type NewShape, type RecordedShape, type ShapeOwner } from './recorded-shape.ts';
import { shapePages } from './shape-pages.ts';
import { join, shapeOf, type Shape } from './shape.ts';
import { matcherOf, type Matcher } from './shape-matcher.ts';

const PAGE_SIZE = 1_000;
/** Others may be faster, but not without end: they, too, widen what is there. */
const MAX_TRIES = 100;

/** The recorded shapes of one type and version, as far as is known here. */
export class OwnShapes {
  readonly #storage: EventStorage;
  readonly #owner: ShapeOwner;
  readonly #tx: OpenTransaction | undefined;
  /** The one that has matched last is the first to be asked again. */
  #known: { readonly recorded: RecordedShape; readonly matches: Matcher }[] = [];
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(storage: EventStorage, owner: ShapeOwner, tx: OpenTransaction | undefined) {
    this.#storage = storage;
    this.#owner = owner;
    this.#tx = tx;
  }

  /** Within a transaction they are those that it sees, and what is recorded is recorded if it commits. */
  static async load(storage: EventStorage, owner: ShapeOwner, tx?: OpenTransaction): Promise<OwnShapes> {
    const own = new OwnShapes(storage, owner, tx);
    await own.#reload();
    return own;
  }

  /** Whether one of them covers the shape of this payload. */
  matches(data: JsonValue): boolean {
    const index = this.#known.findIndex(({ matches }) => matches(data));
    if (index > 0) this.#known.unshift(...this.#known.splice(index, 1));
    return index >= 0;
  }

  /** Makes sure that one of them covers the shape of this payload. One after another. */
  record(data: JsonValue): Promise<void> {
    const done = this.#turn.then(() => this.#record(data));
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #record(data: JsonValue): Promise<void> {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      if (this.matches(data)) return;
      await this.#storage.recordShape(this.#wider(shapeOf(data)), { tx: this.#tx });
      // Read again: others may have been faster, and say so by their rows.
      await this.#reload();
    }
    throw new Error(`the shape of an event of type "${this.#owner.type}" cannot be recorded`);
  }

  async #reload(): Promise<void> {
    const shapes: RecordedShape[] = [];
    const { category, type, schemaVersion } = this.#owner;
    const query = { category, type, schemaVersion, limit: PAGE_SIZE };
    for await (const page of shapePages(this.#storage, query, this.#tx)) shapes.push(...page);
    this.#known = shapes.toSorted(restFirst).map((recorded) => ({ recorded, matches: matcherOf(recorded.shape) }));
  }

  #wider(shape: Shape): NewShape {
    // In a transaction that may stay open, a row of its own: nobody else has to wait for it.
    if (this.#tx !== undefined) {
      const hash = `${hashOfShape(shape)}-${randomUUID()}`;
      return { ...this.#owner, hash, shape, replaces: undefined, isOfTransaction: true };
    }
    if (this.#known.length < MAX_SHAPES) {
      return { ...this.#owner, hash: hashOfShape(shape), shape, replaces: undefined };
    }
    const rest = this.#known.find(({ recorded }) => recorded.hash === REST_HASH)?.recorded.shape;
    return { ...this.#owner, hash: REST_HASH, shape: rest === undefined ? shape : join(rest, shape), replaces: rest };
  }
}

/** Of the text of a shape. */
export function hashOfShape(shape: Shape): string {
  return createHash('sha256').update(JSON.stringify(shape)).digest('base64url').slice(0, 22);
}

/** The widest is the one most likely to fit. */
function restFirst(left: RecordedShape, right: RecordedShape): number {
  return Number(right.hash === REST_HASH) - Number(left.hash === REST_HASH);
}
