import type { EventStore, StoredEvent, UntypedCategories } from 'mink';
import type { PayloadAccess, TailPage } from '../api-types.ts';
import type { EventStream } from '../http/event-stream.ts';
import { fitting } from '../payloads/fitting.ts';
import { showEvent } from '../payloads/show.ts';

/** Which events. */
export interface LogFilter {
  readonly categories?: readonly string[] | undefined;
  readonly types?: readonly string[] | undefined;
  readonly streamNames?: readonly string[] | undefined;
}

/** A tail of the log to one reader. */
export interface TailOptions {
  /** Reads what is stored. */
  readonly stored: Pick<EventStore<UntypedCategories>, 'subscribe'>;
  readonly filter: LogFilter;
  readonly access: PayloadAccess;
  readonly onError: (error: unknown) => void;
}

/** Events that are kept for a reader and sent at once, at most: of more, the last. */
const MOST = 200;
/** Milliseconds between messages: nobody can read faster. */
const INTERVAL = 100;

/**
 * Sends the events that match from now on, several times a second. Whoever reads slowly, or cannot be shown as many, gets the last ones
 * and how many were left out; whatever is appended, memory stays where it is. Ends with what it gives back.
 */
export function sendTail(stream: EventStream, { stored, filter, access, onError }: TailOptions): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  let kept: StoredEvent[] = [];
  let skipped = 0;
  const send = (): void => {
    if (!stream.isDrained || kept.length === 0) return;
    const newest = fitting(kept.toReversed().map((event) => showEvent(event, access)));
    const page: TailPage = { events: newest.toReversed(), skipped: skipped + kept.length - newest.length };
    kept = [];
    skipped = 0;
    stream.send('events', page);
  };
  const timer = setInterval(send, INTERVAL);
  timer.unref();
  const follow = async (): Promise<void> => {
    for await (const page of stored.subscribe({ ...filter, after: 'end', signal }).pages()) {
      const all = [...kept, ...page];
      kept = all.slice(-MOST);
      skipped += all.length - kept.length;
    }
  };
  follow().then(
    () => stream.close(),
    (error: unknown) => {
      onError(error);
      stream.close();
    },
  );
  return () => {
    clearInterval(timer);
    stop.abort();
  };
}
