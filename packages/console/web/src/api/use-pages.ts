import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { Problem } from '../../../src/api-types.ts';
import { asProblem, getJson, withQuery, type Query } from './client.ts';
import type { Resource } from './use-resource.ts';

/** Answers of the API, one after another. */
export interface Pages<Answer> extends Resource<readonly Answer[]> {
  readonly hasMore: boolean;
  readonly loadMore: () => void;
}

export interface PagesOptions {
  readonly query: Query;
  /** The parameter that says where a page begins. */
  readonly cursor: string;
}

/** Reads pages, one after another when asked to, and begins anew when the query changes. */
export function usePages<Answer extends { readonly next?: string | number }>(
  path: string,
  { query, cursor }: PagesOptions,
): Pages<Answer> {
  const [answers, setAnswers] = useState<readonly Answer[]>();
  const [error, setError] = useState<Problem>();
  const [isLoading, setIsLoading] = useState(true);
  const [round, setRound] = useState(0);
  const running = useRef<AbortController>();
  const next = answers?.at(-1)?.next;

  const read = async (from?: string | number): Promise<void> => {
    running.current?.abort();
    const own = new AbortController();
    running.current = own;
    setIsLoading(true);
    try {
      const answer = await getJson<Answer>(withQuery(path, { ...query, [cursor]: from }), own.signal);
      if (own.signal.aborted) return;
      setAnswers((before = []) => (from === undefined ? [answer] : [...before, answer]));
      setError(undefined);
      setIsLoading(false);
    } catch (failure) {
      if (own.signal.aborted) return;
      setError(asProblem(failure));
      setIsLoading(false);
    }
  };
  useEffect(() => {
    void read();
    return () => running.current?.abort();
  }, [withQuery(path, query), round]);

  const reload = useCallback(() => setRound((before) => before + 1), []);
  return {
    data: answers,
    error,
    isLoading,
    reload,
    hasMore: next !== undefined,
    loadMore: () => void read(next),
  };
}
