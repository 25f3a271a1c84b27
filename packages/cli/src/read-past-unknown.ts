import type { EventSequence, StoredEvent } from 'mink';

/** An event to be shown. */
export type ShownEvent = StoredEvent | UnknownEvent;

/** An event that the config's store cannot decode, because it does not define the type: where it is, but not what. */
export interface UnknownEvent {
  readonly unknownType: true;
  readonly type: string;
  readonly category: string;
  readonly globalPosition: number;
  /** Undefined in the log: the error does not tell it. */
  readonly streamName: string | undefined;
  readonly streamVersion: number | undefined;
}

/** How far the reading got. */
export interface Progress {
  readonly last: ShownEvent | undefined;
  /** How many events are still to be read; undefined without a limit. */
  readonly left: number | undefined;
}

/** What is read. */
export interface Reading {
  /** Begins, or goes on after what was read before; with the store's own page size if undefined. */
  readonly read: (progress: Progress, pageSize: number | undefined) => EventSequence<StoredEvent>;
  readonly limit?: number | undefined;
  /** Completes what the error tells of an unknown event. */
  readonly place?: ((unknown: UnknownEvent, last: ShownEvent | undefined) => UnknownEvent) | undefined;
}

/**
 * Pages of events, with those that the store does not define in their place. A page with one of these fails as a whole:
 * from the first one on, events are read one by one, which is slow but loses none.
 */
export async function* readPastUnknown(reading: Reading): AsyncGenerator<readonly ShownEvent[], void, undefined> {
  const { read, limit, place = (unknown) => unknown } = reading;
  let pageSize: number | undefined;
  let progress: Progress = { last: undefined, left: limit };
  while (progress.left !== 0) {
    try {
      for await (const events of read(progress, pageSize).pages()) {
        const page = events.slice(0, progress.left);
        progress = advance(progress, page);
        // What is stored there may be nothing to be seen any more.
        if (page.length > 0) yield page;
        if (progress.left === 0) return;
      }
      return;
    } catch (error) {
      const unknown = asUnknownEvent(error);
      if (unknown === undefined) throw error;
      if (pageSize === 1) {
        const page = [place(unknown, progress.last)];
        progress = advance(progress, page);
        yield page;
      }
      pageSize = 1;
    }
  }
}

function advance({ last, left }: Progress, page: readonly ShownEvent[]): Progress {
  return { last: page.at(-1) ?? last, left: left === undefined ? undefined : left - page.length };
}

/** By shape: the config file may come with a mink of its own, whose classes are not ours. */
function asUnknownEvent(error: unknown): UnknownEvent | undefined {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'UNKNOWN_EVENT_TYPE') return undefined;
  if (!('eventType' in error) || !('category' in error) || !('globalPosition' in error)) return undefined;
  const { eventType, category, globalPosition } = error;
  if (typeof eventType !== 'string' || typeof category !== 'string' || typeof globalPosition !== 'number') {
    return undefined;
  }
  return {
    unknownType: true,
    type: eventType,
    category,
    globalPosition,
    streamName: undefined,
    streamVersion: undefined,
  };
}
