import { setMaxListeners } from 'node:events';
import { LazySignal, type AnySignal } from './lazy-signal.ts';

/** A signal that follows others, until it is released. */
export interface LinkedSignal {
  readonly signal: AbortSignal;
  /** Lets go of the others: a signal that lives long must not remember every reader that ever used it. */
  readonly release: () => void;
}

/** Like `AbortSignal.any`, which on Node 20 keeps what it made for as long as its sources live. */
export function linkSignals(sources: readonly AbortSignal[]): LinkedSignal {
  const controller = new AbortController();
  const releases = sources.map((source) => onAbort(source, () => controller.abort(source.reason)));
  return {
    signal: controller.signal,
    release: () => {
      for (const release of releases) release();
    },
  };
}

const followers = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls the follower on abort, until it is released. One listener for each signal, however many follow it: more than ten
 * would look like a leak.
 */
export function onAbort(source: AnySignal, follower: () => void): () => void {
  if (source.aborted) follower();
  if (source instanceof LazySignal) return source.follow(follower);
  const known = followers.get(source);
  const all = known ?? new Set();
  if (known === undefined) {
    followers.set(source, all);
    source.addEventListener('abort', () => {
      for (const follow of all) follow();
    });
  }
  all.add(follower);
  return () => all.delete(follower);
}

/** Any number of readers may wait on one signal; more than ten are no leak. */
export function allowManyListeners(signal: AbortSignal): void {
  setMaxListeners(0, signal);
}

/** Settles with `work`, or rejects with the signal's reason as soon as it is aborted. */
export function untilAborted<T>(work: Promise<T>, signal: AnySignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const release = onAbort(signal, () => reject(signal.reason));
    work.then(resolve, reject).then(release, release);
  });
}
