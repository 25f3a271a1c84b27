import type { RecordedEvent } from '../storage/event-storage.ts';

/** A page, and how to read the one after it; undefined after the last. */
export interface Page {
  readonly events: readonly RecordedEvent[];
  readonly next: ReadPage | undefined;
}

/** Reads one page. */
export type ReadPage = () => Promise<Page>;

/**
 * The pages that hold anything, in order. From the second on, the next page is read while the last one is in use; whoever
 * wants one page only costs one.
 */
export async function* readAhead(
  readFirst: ReadPage,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
  signal?.throwIfAborted();
  const first = await readFirst();
  if (first.events.length > 0) yield first.events;
  for (let reading = first.next?.(); reading !== undefined;) {
    const { events, next } = await reading;
    signal?.throwIfAborted();
    reading = next?.();
    // Whoever stops before that page never hears of its error.
    reading?.catch(ignore);
    if (events.length > 0) yield events;
  }
}

/** The same without reading ahead: on a connection that its owner uses between two pages. */
export async function* readOneByOne(
  readFirst: ReadPage,
  signal: AbortSignal | undefined,
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
