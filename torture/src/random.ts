import { createHash } from 'node:crypto';

/**
 * Pseudo-random choices that depend on a seed only (sfc32, seeded with SHA-256). Every actor of a run takes its own, derived
 * by name, so that its choices do not depend on how fast the others are.
 */
export class Random {
  readonly #seed: string;
  #a: number;
  #b: number;
  #c: number;
  #counter: number;

  constructor(seed: string) {
    this.#seed = seed;
    const digest = createHash('sha256').update(seed).digest();
    this.#a = digest.readUInt32LE(0);
    this.#b = digest.readUInt32LE(4);
    this.#c = digest.readUInt32LE(8);
    this.#counter = digest.readUInt32LE(12);
  }

  /** The same for the same seed and name. */
  derive(name: string): Random {
    return new Random(`${this.#seed}/${name}`);
  }

  get seed(): string {
    return this.#seed;
  }

  /** From 0 up to, but not including, 1. */
  float(): number {
    return this.#next() / 2 ** 32;
  }

  /** A whole number, both ends included. */
  int(low: number, high: number): number {
    return low + Math.floor(this.float() * (high - low + 1));
  }

  /** True this often: 0 never, 1 always. */
  chance(probability: number): boolean {
    return this.float() < probability;
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.int(0, items.length - 1)] ?? items[0];
  }

  shuffle<T>(items: readonly T[]): T[] {
    const keyed = items.map((item) => ({ item, key: this.float() }));
    return keyed.toSorted((one, other) => one.key - other.key).map(({ item }) => item);
  }

  uuid(): string {
    const hex = [0, 0, 0, 0].map(() => this.#next().toString(16).padStart(8, '0')).join('');
    const variant = '89ab'[this.int(0, 3)] ?? '8';
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) >>> 0;
    this.#counter = (this.#counter + 1) >>> 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) >>> 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) >>> 0;
    return sum;
  }
}
