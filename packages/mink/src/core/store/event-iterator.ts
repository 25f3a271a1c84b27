/**
 * Hands out the events of pages one by one, as an async generator would: calls are answered in their order, and ending it
 * ends the reading. Written out, because a generator waits three times for every event, and an event that is there
 * already needs no waiting.
 */
export class EventIterator<E> implements AsyncGenerator<E, void, undefined> {
  readonly #pages: AsyncGenerator<readonly E[], void, undefined>;
  #page: Iterator<E, unknown> = [].values();
  /** What was asked for last and is not answered yet. */
  #pending: Promise<unknown> | undefined;

  constructor(pages: AsyncGenerator<readonly E[], void, undefined>) {
    this.#pages = pages;
  }

  next(): Promise<IteratorResult<E, void>> {
    if (this.#pending === undefined) {
      const event = this.#page.next();
      if (event.done !== true) return Promise.resolve(event);
    }
    return this.#inTurn(() => this.#read());
  }

  return(): Promise<IteratorResult<E, void>> {
    return this.#inTurn(() => this.#end());
  }

  throw(error: unknown): Promise<IteratorResult<E, void>> {
    return this.#inTurn(async () => {
      await this.#end();
      throw error;
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** The next event there is, past empty pages. */
  async #read(): Promise<IteratorResult<E, void>> {
    for (;;) {
      const event = this.#page.next();
      if (event.done !== true) return event;
      const page = await this.#pages.next();
      if (page.done === true) return { value: undefined, done: true };
      this.#page = page.value.values();
    }
  }

  async #end(): Promise<IteratorResult<E, void>> {
    this.#page = [].values();
    await this.#pages.return();
    return { value: undefined, done: true };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const answer = this.#pending === undefined ? work() : this.#pending.then(work, work);
    this.#pending = answer;
    const settled = (): void => {
      if (this.#pending === answer) this.#pending = undefined;
    };
    answer.then(settled, settled);
    return answer;
  }
}
