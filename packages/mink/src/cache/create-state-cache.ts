import { LRUCache } from 'lru-cache';
import { checkWhole, type CachedState, type StateCache } from '../core/index.ts';

/** How much a cache keeps. */
export interface StateCacheOptions {
  /**
   * Most states.
   * @defaultValue 1_000
   */
  readonly maxEntries?: number | undefined;
  /**
   * Most bytes of all states together, by `sizeOf`.
   * @defaultValue no limit
   */
  readonly maxBytes?: number | undefined;
  /**
   * Milliseconds after which a state is forgotten.
   * @defaultValue never
   */
  readonly ttl?: number | undefined;
  /**
   * The size of a state in bytes; asked only with `maxBytes`.
   * @defaultValue twice the characters of its JSON
   */
  readonly sizeOf?: ((state: unknown) => number) | undefined;
}

/**
 * A cache of states for a store: a load then reads only what has come since. A stale entry costs a read, never correctness;
 * the state is frozen, and shared with nobody who could change it. One store has one cache, in one process.
 *
 * @example
 * const store = createPostgresStore({ url, categories, cache: createStateCache({ maxEntries: 10_000 }) });
 */
export function createStateCache(options: StateCacheOptions = {}): StateCache {
  const { maxEntries = 1_000, maxBytes, ttl, sizeOf = sizeOfJson } = options;
  const states = new LRUCache<string, CachedState>({
    max: checkWhole('maxEntries', maxEntries, 1),
    ...(ttl === undefined ? {} : { ttl: checkWhole('ttl', ttl, 1) }),
    ...(maxBytes === undefined
      ? {}
      : {
          maxSize: checkWhole('maxBytes', maxBytes, 1),
          sizeCalculation: ({ state }) => Math.max(1, Math.ceil(sizeOf(state))),
        }),
  });
  return {
    get: (key) => states.get(key),
    set: (key, state) => {
      // The same version again is the same state.
      if (states.peek(key)?.streamVersion !== state.streamVersion) states.set(key, state);
    },
    delete: (key) => {
      states.delete(key);
    },
  };
}

function sizeOfJson(state: unknown): number {
  return 2 * (JSON.stringify(state)?.length ?? 0);
}
