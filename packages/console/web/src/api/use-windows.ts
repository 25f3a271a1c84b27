import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { Problem } from '../../../src/api-types.ts';
import { asProblem } from './client.ts';

export interface WindowsOptions<Item> {
  /** Names what is read: with another, everything is forgotten. */
  readonly key: string;
  /** Items that are read at once. */
  readonly size: number;
  /** Reads some items, from a number on: they are numbered from 1. What it gives before it fails is kept. */
  readonly load: (from: number, limit: number, signal: AbortSignal) => AsyncIterable<readonly Item[]>;
  readonly numberOf: (item: Item) => number;
}

export interface Windows<Item> {
  readonly get: (number: number) => Item | undefined;
  /** Reads what is missing of a range, the last wish first. */
  readonly want: (first: number, last: number) => void;
  readonly error: Problem | undefined;
}

/** Items of a long row, of which only what is wanted is read, window by window. One request at a time: a slider asks for many. */
export function useWindows<Item>({ key, size, load, numberOf }: WindowsOptions<Item>): Windows<Item> {
  const [, redraw] = useState(0);
  const [error, setError] = useState<Problem>();
  const known = useRef(new Map<number, Item>());
  const read = useRef(new Set<number>());
  const wanted = useRef<readonly number[]>([]);
  const running = useRef<AbortController>();
  const loader = useRef(load);
  loader.current = load;

  useEffect(
    () => () => {
      running.current?.abort();
      running.current = undefined;
      known.current = new Map();
      read.current = new Set();
      wanted.current = [];
      setError(undefined);
    },
    [key],
  );

  const run = useCallback(async (): Promise<void> => {
    if (running.current !== undefined) return;
    const abort = new AbortController();
    running.current = abort;
    try {
      for (let next = wanted.current[0]; next !== undefined; next = wanted.current[0]) {
        let found = 0;
        for await (const items of loader.current(next * size + 1, size, abort.signal)) {
          if (abort.signal.aborted) return;
          for (const item of items) known.current.set(numberOf(item), item);
          found += items.length;
        }
        // A window that is not full yet may grow.
        if (found === size) read.current.add(next);
        wanted.current = wanted.current.filter((window) => window !== next);
        setError(undefined);
        redraw((before) => before + 1);
      }
    } catch (failure) {
      if (abort.signal.aborted) return;
      wanted.current = [];
      setError(asProblem(failure));
    } finally {
      if (running.current === abort) running.current = undefined;
    }
  }, [key, size]);

  const want = useCallback(
    (first: number, last: number): void => {
      const windows: number[] = [];
      for (let window = Math.floor((first - 1) / size); window <= Math.floor((last - 1) / size); window += 1) {
        const isKnown = read.current.has(window) || (known.current.has(first) && known.current.has(last));
        if (window >= 0 && !isKnown) windows.push(window);
      }
      wanted.current = windows;
      if (windows.length > 0) void run();
    },
    [run, size],
  );
  const get = useCallback((number: number) => known.current.get(number), [key]);
  return { get, want, error };
}
