import type { OpenTransaction, StorageCallOptions } from '../storage/event-storage.ts';

/**
 * A signal that is made when somebody asks for it. Making one costs several microseconds, more than all else that a layer
 * around a command does, and few are ever listened to: mink itself needs only to look, and to be told.
 */
export class LazySignal {
  #controller: AbortController | undefined;
  #followers: Set<() => void> | undefined;
  #aborted = false;
  #reason: unknown;

  get aborted(): boolean {
    return this.#aborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  /** The signal itself, for whoever knows no other kind: always the same one. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason;
  }

  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
    for (const follow of this.#followers ?? []) follow();
  }

  /** Calls the follower on abort, until it is released. */
  follow(follower: () => void): () => void {
    const followers = (this.#followers ??= new Set());
    followers.add(follower);
    return () => followers.delete(follower);
  }
}

/** Either kind. */
export type AnySignal = AbortSignal | LazySignal;

/** How a lazy signal travels, in the options of every call on the way: a spread would ask for it. */
export const lazySignal: unique symbol = Symbol('mink.lazySignal');

/** Options that may carry a lazy signal instead of a signal. */
export interface LazySignalOptions {
  readonly [lazySignal]?: LazySignal | undefined;
}

/** What a call is given to be stopped with. */
export function signalIn(
  options: LazySignalOptions & { readonly signal?: AbortSignal | undefined },
): AnySignal | undefined {
  return options[lazySignal] ?? options.signal;
}

/** A signal that everybody knows. */
export function plainSignal(signal: AnySignal | undefined): AbortSignal | undefined {
  return signal instanceof LazySignal ? signal.signal : signal;
}

/** Marks a storage that looks for {@link lazySignal} in its options; all others get a plain signal. */
export const takesLazySignals: unique symbol = Symbol('mink.takesLazySignals');

/** The options of a storage's call. */
export function storageCall(
  storage: object,
  signal: AnySignal | undefined,
  tx: OpenTransaction | undefined,
): StorageCallOptions & LazySignalOptions {
  if (!(signal instanceof LazySignal)) return { signal, tx };
  return takesLazySignals in storage ? { signal: undefined, tx, [lazySignal]: signal } : { signal: signal.signal, tx };
}
