const BLOCK_SIZE = 1_000;

/** Hashes of commits, in the order they were added: one character of memory for each of theirs. */
export class CommitList {
  readonly #blocks: string[] = [];
  #open: string[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(hash: string): void {
    this.#size += 1;
    this.#open.push(hash);
    if (this.#open.length < BLOCK_SIZE) return;
    this.#blocks.push(this.#open.join('\n'));
    this.#open = [];
  }

  /** The hashes in reverse order, one a line, in portions. */
  *reversed(): Generator<string, void, undefined> {
    if (this.#open.length > 0) yield `${this.#open.toReversed().join('\n')}\n`;
    for (const block of this.#blocks.toReversed()) yield `${block.split('\n').toReversed().join('\n')}\n`;
  }
}
