import { useEffect, useState } from 'preact/hooks';
import { NOTHING } from '../format/numbers.ts';
import { absoluteTime, ago } from '../format/times.ts';

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

/** The time of now, renewed once a second for all who ask. */
function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const listener = (): void => setNow(Date.now());
    listeners.add(listener);
    timer ??= setInterval(() => listeners.forEach((tell) => tell()), 1_000);
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    };
  }, []);
  return now;
}

/** How long ago, and when exactly. */
export function TimeAgo({ at }: { readonly at: number | undefined }) {
  const now = useNow();
  if (at === undefined) return <span class="muted">{NOTHING}</span>;
  return (
    <time dateTime={new Date(at).toISOString()} title={absoluteTime(at)}>
      {ago(at, now)}
    </time>
  );
}
