/** Statements under way at once. */
const LANES = 2;
/** Most items in a statement. */
const MAX_ITEMS = 500;

/** Somebody who waits for what comes of an item. */
interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Sends items, many in one statement: what comes together, or while others are under way, goes out together. At low load a
 * statement is for one item, and nothing waits.
 */
export class Batches<Item, Result> {
  readonly #send: (items: readonly Item[]) => Promise<readonly Result[]>;
  #waiting: Waiting<Item, Result>[] = [];
  #underWay = 0;
  #scheduled = false;

  /** `send` gives back a result for each item, in their order. */
  constructor(send: (items: readonly Item[]) => Promise<readonly Result[]>) {
    this.#send = send;
  }

  /** What came of an item. Rejects with what the statement that it went with ran into. */
  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
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
        void this.#run(this.#waiting.splice(0, MAX_ITEMS));
      }
    });
  }

  async #run(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#send(batch.map(({ item }) => item));
      for (const [index, result] of results.entries()) batch[index]?.resolve(result);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    this.#underWay -= 1;
    if (this.#waiting.length > 0) this.#schedule();
  }
}
