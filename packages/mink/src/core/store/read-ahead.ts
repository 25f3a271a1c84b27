import type { RecordedEvent } from '../storage/event-storage.ts';
import type { AnySignal } from './lazy-signal.ts';

/** A page, and how to read the one after it; undefined after the last. */
export interface Page {
  readonly events: readonly RecordedEvent[];
  readonly next: ReadPage | undefined;
}

/** Reads one page. */
export type ReadPage = () => Promise<Page>;

/** How to read ahead. */
export interface ReadAheadOptions {
  readonly signal: AnySignal | undefined;
  /**
   * From the first page on, for readers that want everything; else from the second on, so that whoever wants one page only
   * costs one.
   */
  readonly isEager: boolean;
}

/** The pages that hold anything, in order. The next page is read while the last one is in use. */
export async function* readAhead(
  readFirst: ReadPage,
  { signal, isEager }: ReadAheadOptions,
): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
  signal?.throwIfAborted();
  let reading: Promise<Page> | undefined = readFirst();
  for (let isFirst = true; reading !== undefined; isFirst = false) {
    const { events, next }: Page = await reading;
    signal?.throwIfAborted();
    const isAhead = isEager || !isFirst;
    reading = isAhead ? next?.() : undefined;
    // Whoever stops before that page never hears of its error.
    reading?.catch(ignore);
    if (events.length > 0) yield events;
    if (!isAhead) reading = next?.();
  }
}

/** The same without reading ahead: on a connection that its owner uses between two pages. */
export async function* readOneByOne(
  readFirst: ReadPage,
  signal: AnySignal | undefined,
): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
  for (let read: ReadPage | undefined = readFirst; read !== undefined;) {
    signal?.throwIfAborted();
    const { events, next }: Page = await read();
    if (events.length > 0) yield events;
    read = next;
  }
}

function ignore(): void {
  // It is thrown when the page is asked for.
}
