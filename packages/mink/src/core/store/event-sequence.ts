import { EventIterator } from './event-iterator.ts';

/**
 * Events, read page by page while you iterate: memory stays flat however many there are. Each iteration reads anew.
 *
 * @example
 * for await (const event of store.readStream('Order-42')) console.log(event.type);
 * const all = await store.readStream('Order-42').toArray();
 */
export class EventSequence<E> implements AsyncIterable<E> {
  readonly #pages: () => AsyncGenerator<readonly E[], void, undefined>;

  constructor(pages: () => AsyncGenerator<readonly E[], void, undefined>) {
    this.#pages = pages;
  }

  [Symbol.asyncIterator](): AsyncGenerator<E, void, undefined> {
    return new EventIterator(this.#pages());
  }

  /** The events in pages, as they were read: for batch work. */
  pages(): AsyncGenerator<readonly E[], void, undefined> {
    return this.#pages();
  }

  /** All events in memory. */
  async toArray(): Promise<E[]> {
    const events: E[] = [];
    for await (const page of this.#pages()) {
      // Not push(...page): a large page has more events than a call may have arguments.
      for (const event of page) events.push(event);
    }
    return events;
  }

  /** The first event, if any. */
  async first(): Promise<E | undefined> {
    for await (const page of this.#pages()) {
      if (page.length > 0) return page[0];
    }
    return undefined;
  }
}
