/** Random numbers from 0 up to 1 that a seed repeats. Mulberry32 by Tommy Ettinger, public domain. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed of a test: SEED of the environment, or a new one. Printed, so that a failure can be repeated. */
export function seedOf(test: string): { readonly seed: number; readonly random: () => number } {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`${test}: SEED=${seed}`);
  return { seed, random: mulberry32(seed) };
}

/** Choices that a seed repeats. */
export class Random {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = mulberry32(seed);
  }

  /** From 0 up to, but not including, 1. */
  float(): number {
    return this.#next();
  }

  /** A whole number, both ends included. */
  int(low: number, high: number): number {
    return low + Math.floor(this.#next() * (high - low + 1));
  }

  /** True this often: 0 never, 1 always. */
  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.int(0, items.length - 1)] ?? items[0];
  }

  /** One of them, or undefined where there is none. */
  any<T>(items: readonly T[]): T | undefined {
    return items[this.int(0, items.length - 1)];
  }

  shuffle<T>(items: readonly T[]): T[] {
    const keyed = items.map((item) => ({ item, order: this.#next() }));
    return keyed.toSorted((one, other) => one.order - other.order).map(({ item }) => item);
  }
}
