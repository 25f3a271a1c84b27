import { Batches } from './batches.ts';

/** Looks up keys, many in one statement. Each answer is from a moment after it was asked for. */
export class LookUps<Found> {
  readonly #batches: Batches<string, Found | undefined>;

  constructor(find: (keys: readonly string[]) => Promise<ReadonlyMap<string, Found>>) {
    this.#batches = new Batches(async (keys) => {
      const found = await find([...new Set(keys)]);
      return keys.map((key) => found.get(key));
    });
  }

  /** What a key stands for; undefined where it is nothing. Rejects with what the statement that it went with ran into. */
  find(key: string): Promise<Found | undefined> {
    return this.#batches.add(key);
  }
}
