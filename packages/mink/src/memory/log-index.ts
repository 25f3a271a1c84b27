import type { RecordedEvent } from '../core/index.ts';

/**
 * What a reader wants to find in a log without walking all of it. It reads on from where it was when it is asked, so that
 * an append pays nothing for it.
 */
export class LogIndex {
  readonly #log: readonly RecordedEvent[];
  readonly #categories = new Map<string, RecordedEvent[]>();
  /** The events that were recorded later than all before them. */
  readonly #latest: RecordedEvent[] = [];
  #streamNames: readonly string[] = [];
  #read = 0;

  constructor(log: readonly RecordedEvent[]) {
    this.#log = log;
  }

  /** The events of a category, in order. */
  ofCategory(category: string): readonly RecordedEvent[] {
    this.#readOn();
    return this.#categories.get(category) ?? [];
  }

  /** The first event that was recorded after `time`, in the order of the log. */
  firstAfter(time: number): RecordedEvent | undefined {
    this.#readOn();
    return this.#latest[firstIndex(this.#latest, ({ recordedAt }) => recordedAt > time)];
  }

  /** Names of streams that begin with `prefix`, after `after`, by code point. */
  *streamNames(prefix: string, after: string | undefined): Generator<string, void, undefined> {
    this.#readOn();
    const names = this.#streamNames;
    const isInRange = (name: string): boolean =>
      compareCodePoints(name, prefix) >= 0 && (after === undefined || compareCodePoints(name, after) > 0);
    for (let index = firstIndex(names, isInRange); index < names.length; index += 1) {
      const name = names[index] ?? '';
      if (!name.startsWith(prefix)) return;
      yield name;
    }
  }

  #readOn(): void {
    const created: string[] = [];
    for (; this.#read < this.#log.length; this.#read += 1) {
      const event = this.#log[this.#read];
      if (event === undefined) break;
      const category = this.#categories.get(event.category);
      if (category === undefined) this.#categories.set(event.category, [event]);
      else category.push(event);
      if (event.recordedAt > (this.#latest.at(-1)?.recordedAt ?? -Infinity)) this.#latest.push(event);
      if (event.streamVersion === 1) created.push(event.streamName);
    }
    // What is sorted already is one run to the sort, and costs one comparison each.
    if (created.length > 0) this.#streamNames = [...this.#streamNames, ...created].toSorted(compareCodePoints);
  }
}

/** The index of the first item that `isPast`, where all before it are not and all after it are; the length if none is. */
export function firstIndex<T>(items: readonly T[], isPast: (item: T) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const item = items[middle];
    if (item === undefined || isPast(item)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The order of PostgreSQL's collation "C" over UTF-8; JavaScript's own order differs above U+FFFF. */
export function compareCodePoints(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index += 1) {
    const difference = rank(left.charCodeAt(index)) - rank(right.charCodeAt(index));
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** Surrogates stand for code points above all that are written as one unit. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x1_0000 : unit;
}
