import { DatabaseUnavailableError, StoreClosedError, type FeedBound, type WaitForBound } from '../core/index.ts';

/** What the feed polls with. */
export interface FeedOptions {
  /** Asks the database. */
  readonly readBound: () => Promise<FeedBound>;
  /** Milliseconds between two polls when nothing wakes the feed. */
  readonly pollInterval: number;
  /** Milliseconds of the longest pause after failed polls. */
  readonly maxBackoff: number;
}

interface Waiter extends WaitForBound {
  readonly resolve: (bound: FeedBound) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * One poller for all subscriptions of a store. It runs while somebody waits, and is silent otherwise. An append of this
 * process wakes it at once; the interval is the net for everybody else's.
 *
 * A database that cannot be reached is asked again for ever, with growing pauses.
 */
export class Feed {
  readonly #options: FeedOptions;
  readonly #waiters = new Set<Waiter>();
  #polling = false;
  /** Something may have changed since the last poll began. */
  #isDirty = false;
  #closed = false;
  #failures = 0;
  #pause: { readonly end: () => void } | undefined;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** Resolves when the bound is above `after`, or came from another incarnation than `incarnation`. */
  waitForBound(seen: WaitForBound): Promise<FeedBound> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new StoreClosedError());
        return;
      }
      if (seen.signal.aborted) {
        reject(seen.signal.reason);
        return;
      }
      const forget = (): void => {
        this.#waiters.delete(waiter);
        seen.signal.removeEventListener('abort', abort);
      };
      const waiter: Waiter = {
        ...seen,
        resolve: (bound) => {
          forget();
          resolve(bound);
        },
        reject: (error) => {
          forget();
          reject(error);
        },
      };
      const abort = (): void => waiter.reject(seen.signal.reason);
      seen.signal.addEventListener('abort', abort);
      this.#waiters.add(waiter);
      this.wake();
      void this.#poll();
    });
  }

  /** Something was appended here: poll now. */
  wake(): void {
    this.#isDirty = true;
    this.#pause?.end();
  }

  close(): void {
    this.#closed = true;
    for (const waiter of this.#waiters) waiter.reject(new StoreClosedError());
    this.wake();
  }

  async #poll(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    try {
      while (this.#waiters.size > 0) {
        this.#isDirty = false;
        await this.#pollOnce();
        // An append, or a waiter, that came while the answer was on its way may not be in it.
        if (this.#waiters.size > 0 && (!this.#isDirty || this.#failures > 0)) await this.#wait();
      }
    } finally {
      this.#polling = false;
    }
  }

  async #pollOnce(): Promise<void> {
    const waiting = [...this.#waiters];
    try {
      const bound = await this.#options.readBound();
      this.#failures = 0;
      for (const waiter of waiting) {
        const restarted = waiter.incarnation !== undefined && waiter.incarnation !== bound.incarnation;
        if (restarted || bound.position > waiter.after) waiter.resolve(bound);
      }
    } catch (error) {
      if (error instanceof DatabaseUnavailableError) {
        this.#failures += 1;
        return;
      }
      for (const waiter of waiting) waiter.reject(error);
    }
  }

  #wait(): Promise<void> {
    const { pollInterval, maxBackoff } = this.#options;
    const backoff = Math.min(maxBackoff, pollInterval * 2 ** Math.min(this.#failures, 10));
    const milliseconds = this.#failures === 0 ? pollInterval : backoff * (0.5 + Math.random() / 2);
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#pause = undefined;
        resolve();
      };
      const timer = setTimeout(end, milliseconds);
      this.#pause = { end };
    });
  }
}
