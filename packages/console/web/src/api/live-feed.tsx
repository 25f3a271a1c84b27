import { createContext, type ComponentChildren } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import type { Overview, Problem } from '../../../src/api-types.ts';
import { apiUrl } from './client.ts';
import { useSession } from './session.tsx';

export type LiveStatus = 'connecting' | 'live' | 'lost';

/** What the console tells without being asked, and whether it still does. */
export interface LiveFeed {
  readonly status: LiveStatus;
  readonly overview: Overview | undefined;
  /** Why there is nothing new, where the console says so: the database does not answer. */
  readonly problem: Problem | undefined;
}

const NOTHING: LiveFeed = { status: 'connecting', overview: undefined, problem: undefined };

const Context = createContext<LiveFeed>(NOTHING);

export const useLiveFeed = (): LiveFeed => useContext(Context);

/** Milliseconds without a word after which what is shown counts as old. */
const SILENCE = 8_000;

/** Holds the one stream of server-sent events that all views share. */
export function LiveFeedProvider({ children }: { readonly children: ComponentChildren }) {
  const [feed, setFeed] = useState<LiveFeed>(NOTHING);
  const { reload } = useSession();
  useEffect(
    () =>
      openEvents<Overview>(apiUrl('live'), {
        event: 'overview',
        silence: SILENCE,
        onMessage: (overview) => setFeed({ status: 'live', overview, problem: undefined }),
        onProblem: (problem) => setFeed((before) => ({ ...before, status: 'lost', problem })),
        onStatus: (status) => {
          setFeed((before) => (before.status === status ? before : { ...before, status }));
          // Perhaps nobody knows this user any more: a stream of events does not say why it is refused.
          if (status === 'lost') reload();
        },
      }),
    [reload],
  );
  return <Context.Provider value={feed}>{children}</Context.Provider>;
}

export interface EventsOptions<T> {
  /** The name of the events to hear. */
  readonly event: string;
  readonly onMessage: (message: T) => void;
  readonly onStatus: (status: LiveStatus) => void;
  /** Told why there are no messages. */
  readonly onProblem?: (problem: Problem) => void;
  /** Milliseconds without a message until the status is `lost`. Undefined: never, as with a log to which nobody appends. */
  readonly silence?: number;
}

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 15_000;

/** Hears server-sent events, and connects again for ever, with growing pauses. Gives what ends it. */
export function openEvents<T>(
  url: URL,
  { event, onMessage, onStatus, onProblem, silence }: EventsOptions<T>,
): () => void {
  let source: EventSource | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let watch: ReturnType<typeof setTimeout> | undefined;
  let pause = FIRST_PAUSE;

  const heard = (): void => {
    pause = FIRST_PAUSE;
    onStatus('live');
    clearTimeout(watch);
    if (silence !== undefined) watch = setTimeout(() => onStatus('lost'), silence);
  };
  const connect = (): void => {
    const own = new EventSource(url);
    source = own;
    own.addEventListener('open', heard);
    own.addEventListener(event, ({ data }: MessageEvent<string>) => {
      heard();
      const message: T = JSON.parse(data);
      onMessage(message);
    });
    own.addEventListener('problem', ({ data }: MessageEvent<string>) => {
      const problem: Problem = JSON.parse(data);
      onProblem?.(problem);
    });
    own.addEventListener('error', () => {
      onStatus('lost');
      own.close();
      retry = setTimeout(connect, pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    });
  };
  connect();
  return () => {
    source?.close();
    clearTimeout(retry);
    clearTimeout(watch);
  };
}
