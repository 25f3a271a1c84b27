/** Reads what is separated by a byte, one token at a time. */
export class TokenReader {
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #separator: number;
  #buffer: Buffer = Buffer.alloc(0);
  #at = 0;
  #ended = false;

  constructor(chunks: AsyncIterable<Buffer>, separator: '\0' | '\n') {
    this.#separator = separator.charCodeAt(0);
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next token, or undefined at the end. */
  async next(): Promise<Buffer | undefined> {
    let searchFrom = this.#at;
    for (;;) {
      const end = this.#buffer.indexOf(this.#separator, searchFrom);
      if (end !== -1) {
        const token = this.#buffer.subarray(this.#at, end);
        this.#at = end + 1;
        return token;
      }
      const rest = this.#buffer.subarray(this.#at);
      if (this.#ended) return this.#takeRest(rest);
      const { value, done } = await this.#chunks.next();
      if (done === true) this.#ended = true;
      this.#buffer = done === true ? rest : Buffer.concat([rest, value]);
      this.#at = 0;
      searchFrom = rest.length;
    }
  }

  /** Ends the source early. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  #takeRest(rest: Buffer): Buffer | undefined {
    this.#at = this.#buffer.length;
    return rest.length === 0 ? undefined : rest;
  }
}
