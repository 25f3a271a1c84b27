import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { Problem } from '../../../src/api-types.ts';
import { asProblem, getJson } from './client.ts';

/** Something of the API, as far as it is known. */
export interface Resource<T> {
  /** The last that was read; with other filters, what was read with the ones before until the answer is there. */
  readonly data: T | undefined;
  /** Why the last reading failed. */
  readonly error: Problem | undefined;
  readonly isLoading: boolean;
  readonly reload: () => void;
}

interface Loaded<T> {
  readonly data: T | undefined;
  readonly error: Problem | undefined;
  readonly isLoading: boolean;
}

/**
 * Reads a path of the API, again when it changes, and every so many milliseconds while the page is seen. With an undefined path,
 * nothing is read.
 */
export function useResource<T>(path: string | undefined, { every }: { readonly every?: number } = {}): Resource<T> {
  const [loaded, setLoaded] = useState<Loaded<T>>({ data: undefined, error: undefined, isLoading: path !== undefined });
  const reloading = useRef<() => void>(() => {});

  useEffect(() => {
    if (path === undefined) return undefined;
    let abort = new AbortController();
    const read = async (): Promise<void> => {
      abort.abort();
      const own = new AbortController();
      abort = own;
      setLoaded((before) => ({ ...before, isLoading: true }));
      try {
        const data = await getJson<T>(path, own.signal);
        if (!own.signal.aborted) setLoaded({ data, error: undefined, isLoading: false });
      } catch (error) {
        if (!own.signal.aborted) setLoaded((before) => ({ ...before, error: asProblem(error), isLoading: false }));
      }
    };
    reloading.current = () => void read();
    void read();
    const timer =
      every === undefined ? undefined : setInterval(() => document.visibilityState === 'visible' && void read(), every);
    return () => {
      clearInterval(timer);
      abort.abort();
    };
  }, [path, every]);

  return { ...loaded, reload: useCallback(() => reloading.current(), []) };
}
