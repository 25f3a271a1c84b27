import {
  MAX_SHAPES,
  REST_HASH,
  type ListShapesQuery,
  type NewShape,
  type RecordedShape,
  type ShapeCount,
  type ShapeOwner,
} from '../core/index.ts';
import { compareCodePoints } from './log-index.ts';

/** The shapes of payloads, in the order of their categories, types, versions and hashes. */
export class EventShapes {
  readonly #now: () => number;
  #all: readonly RecordedShape[] = [];

  constructor(now: () => number) {
    this.#now = now;
  }

  list({ category, type, schemaVersion, after, limit }: ListShapesQuery): readonly RecordedShape[] {
    return this.#all
      .filter(
        (it) =>
          (category === undefined || it.category === category) &&
          (type === undefined || it.type === type) &&
          (schemaVersion === undefined || it.schemaVersion === schemaVersion) &&
          (after === undefined || compare(it, after) > 0),
      )
      .slice(0, limit);
  }

  record({ replaces, isOfTransaction = false, ...shape }: NewShape): void {
    const known = this.#all.find((it) => compare(it, shape) === 0);
    if (known !== undefined) {
      const isSame = JSON.stringify(known.shape) === JSON.stringify(replaces);
      if (shape.hash === REST_HASH && isSame) this.#replace({ ...known, shape: shape.shape });
      return;
    }
    const isFull = this.#all.filter((it) => isOf(it, shape)).length >= MAX_SHAPES;
    if (isFull && !isOfTransaction && shape.hash !== REST_HASH) return;
    const counts = { eventCount: 0, firstPosition: undefined, lastPosition: undefined };
    this.#all = [...this.#all, { ...shape, ...counts, recordedAt: this.#now() }].toSorted(compare);
  }

  saveCounts(counts: readonly ShapeCount[]): void {
    for (const count of counts) {
      const known = this.#all.find((it) => compare(it, count) === 0);
      if (known === undefined) continue;
      this.#replace({
        ...known,
        eventCount: Math.max(known.eventCount, count.eventCount),
        firstPosition: pick(Math.min, known.firstPosition, count.firstPosition),
        lastPosition: pick(Math.max, known.lastPosition, count.lastPosition),
      });
    }
  }

  resetCounts(): void {
    const nothing = { eventCount: 0, firstPosition: undefined, lastPosition: undefined };
    this.#all = this.#all.map((it) => ({ ...it, ...nothing }));
  }

  #replace(shape: RecordedShape): void {
    this.#all = this.#all.map((it) => (compare(it, shape) === 0 ? shape : it));
  }
}

function pick(
  choose: (left: number, right: number) => number,
  left: number | undefined,
  right: number | undefined,
): number | undefined {
  return left === undefined || right === undefined ? (left ?? right) : choose(left, right);
}

function isOf(shape: ShapeOwner, { category, type, schemaVersion }: ShapeOwner): boolean {
  return shape.category === category && shape.type === type && shape.schemaVersion === schemaVersion;
}

type Key = ShapeOwner & Pick<RecordedShape, 'hash'>;

function compare(left: Key, right: Key): number {
  return (
    compareCodePoints(left.category, right.category) ||
    compareCodePoints(left.type, right.type) ||
    left.schemaVersion - right.schemaVersion ||
    compareCodePoints(left.hash, right.hash)
  );
}
