/** Statements under way at once. */
const LANES = 2;
/** Most keys in a statement. */
const MAX_KEYS = 500;

/** Somebody who waits for what a key stands for. */
interface Waiting<Found> {
  readonly key: string;
  readonly resolve: (found: Found | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Looks up keys, many in one statement: what is asked for together, or while others are under way, goes out together. At
 * low load a statement is for one key, and nothing waits. Each answer is from a moment after it was asked for.
 */
export class LookUps<Found> {
  readonly #find: (keys: readonly string[]) => Promise<ReadonlyMap<string, Found>>;
  #waiting: Waiting<Found>[] = [];
  #underWay = 0;
  #scheduled = false;

  constructor(find: (keys: readonly string[]) => Promise<ReadonlyMap<string, Found>>) {
    this.#find = find;
  }

  /** What a key stands for; undefined where it is nothing. Rejects with what the statement that it went with ran into. */
  find(key: string): Promise<Found | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, resolve, reject });
      this.#schedule();
    });
  }

  /** After everything that is ready to run has run. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(() => {
      this.#scheduled = false;
      while (this.#underWay < LANES && this.#waiting.length > 0) {
        this.#underWay += 1;
        void this.#run(this.#waiting.splice(0, MAX_KEYS));
      }
    });
  }

  async #run(batch: readonly Waiting<Found>[]): Promise<void> {
    try {
      const found = await this.#find([...new Set(batch.map(({ key }) => key))]);
      for (const { key, resolve } of batch) resolve(found.get(key));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    this.#underWay -= 1;
    if (this.#waiting.length > 0) this.#schedule();
  }
}
