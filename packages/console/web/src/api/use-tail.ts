import { useEffect, useState } from 'preact/hooks';
import type { EventRecord, TailPage } from '../../../src/api-types.ts';
import { apiUrl, withQuery, type Query } from './client.ts';
import { openEvents, type LiveStatus } from './live-feed.tsx';

export interface Tail {
  readonly events: readonly EventRecord[];
  readonly status: LiveStatus;
  /** Events that came faster than they could be shown, and those that made room for others. */
  readonly left: number;
}

/** Events that are kept: more than anybody reads. */
const MOST = 300;
/** Milliseconds between two drawings: a log that grows fast must not make the page slow. */
const FRAME = 150;

/** The end of the log as it grows, the last event first. Paused, nothing is heard. */
export function useTail(query: Query, { isPaused }: { readonly isPaused: boolean }): Tail {
  const [tail, setTail] = useState<Tail>({ events: [], status: 'connecting', left: 0 });
  const path = withQuery('events/tail', query);
  useEffect(() => {
    if (isPaused) return undefined;
    let waiting: EventRecord[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    let left = 0;
    const draw = (): void => {
      timer = undefined;
      const news = waiting.toReversed();
      const dropped = left;
      waiting = [];
      left = 0;
      setTail((before) => {
        const events = [...news, ...before.events];
        return { status: 'live', events: events.slice(0, MOST), left: before.left + dropped };
      });
    };
    const close = openEvents<TailPage>(apiUrl(path), {
      event: 'events',
      onMessage: ({ events, skipped }) => {
        left += skipped;
        waiting.push(...events);
        if (waiting.length > MOST) waiting = waiting.slice(-MOST);
        timer ??= setTimeout(draw, FRAME);
      },
      // What came before is not continued: there may be a hole between.
      onStatus: (status) =>
        setTail((before) => {
          if (before.status === status) return before;
          return status === 'live' ? { events: [], status, left: 0 } : { ...before, status };
        }),
    });
    return () => {
      close();
      clearTimeout(timer);
      setTail((before) => ({ ...before, status: 'connecting' }));
    };
  }, [path, isPaused]);
  return tail;
}
