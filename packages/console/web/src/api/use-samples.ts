import { useEffect, useState } from 'preact/hooks';
import type { Problem, Sample } from '../../../src/api-types.ts';
import { asProblem, getJson, withQuery } from './client.ts';

const INTERVAL = 5_000;
/** As long as the console keeps them. */
const KEPT = 3_600_000;

/** What the charts of the overview are drawn from: the last hour, and what is new every five seconds. */
export function useSamples(): { readonly samples: readonly Sample[] | undefined; readonly error: Problem | undefined } {
  const [samples, setSamples] = useState<readonly Sample[]>();
  const [error, setError] = useState<Problem>();
  useEffect(() => {
    const abort = new AbortController();
    let since: number | undefined;
    const read = async (): Promise<void> => {
      try {
        const found = await getJson<readonly Sample[]>(withQuery('samples', { since }), abort.signal);
        const isFirst = since === undefined;
        since = found.at(-1)?.at ?? since;
        setError(undefined);
        setSamples((before = []) => (isFirst ? found : extended(before, found)));
      } catch (failure) {
        if (!abort.signal.aborted) setError(asProblem(failure));
      }
    };
    void read();
    const timer = setInterval(() => document.visibilityState === 'visible' && void read(), INTERVAL);
    return () => {
      clearInterval(timer);
      abort.abort();
    };
  }, []);
  return { samples, error };
}

function extended(before: readonly Sample[], found: readonly Sample[]): readonly Sample[] {
  const last = before.at(-1)?.at ?? 0;
  const all = [...before, ...found.filter(({ at }) => at > last)];
  const oldest = (all.at(-1)?.at ?? 0) - KEPT;
  return all.filter(({ at }) => at >= oldest);
}
