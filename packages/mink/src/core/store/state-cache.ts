import type { AnyFold } from '../deciders/decider.ts';

/** A state that was come by before. */
export interface CachedState {
  readonly streamVersion: number;
  readonly state: unknown;
  /** The last event in it: the log is asked whether it is still there. */
  readonly lastEventId: string;
  /** What has come since the last snapshot; undefined where the state has none. Keep it as it is. */
  readonly sinceSnapshot?: SinceSnapshot | undefined;
}

/** What has come since the last snapshot, or since the beginning. */
export interface SinceSnapshot {
  readonly events: number;
  readonly types: ReadonlySet<string>;
  /** When the snapshot was made; undefined where there is none. */
  readonly createdAt: number | undefined;
}

/**
 * Keeps states between loads. It may forget whatever it wants, and need not know of other processes: a load reads what has
 * come since in any case. `createStateCache` (mink/cache) makes one.
 */
export interface StateCache {
  get(key: string): CachedState | undefined;
  set(key: string, state: CachedState): void;
  delete(key: string): void;
}

const numbers = new WeakMap<object, number>();
let folds = 0;

/** The key of a stream's state by a fold: another fold of the stream has a state of its own. */
export function cacheKey(fold: AnyFold<unknown>, streamName: string): string {
  let number = numbers.get(fold);
  if (number === undefined) numbers.set(fold, (number = folds += 1));
  return `${number}:${streamName}`;
}
