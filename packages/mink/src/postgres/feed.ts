import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseUnavailableError, StoreClosedError, type FeedBound, type WaitForBound } from '../core/index.ts';

/** What the feed polls with. */
export interface FeedOptions {
  /** Asks the database. */
  readonly readBound: () => Promise<FeedBound>;
  /** Wakes the feed when other processes append; undefined if nothing does. */
  readonly listener: FeedListener | undefined;
  /** Milliseconds between two polls when nothing wakes the feed. */
  readonly pollInterval: number;
  /** Milliseconds between two polls while a listener is told of everything. */
  readonly netInterval: number;
  /** Milliseconds of the longest pause after failed polls. */
  readonly maxBackoff: number;
}

/** What the feed needs of a {@link Listener}. */
export interface FeedListener {
  readonly isToldOfAll: boolean;
  start(): void;
  check(): void;
}

/** Milliseconds between two polls, at least: under many appends, one poll finds the events of several. */
const LEAST_INTERVAL = 2;
/** Milliseconds before the first look after positions that a writer still holds; then longer each time. */
const FIRST_LOOK = 5;

interface Waiter extends WaitForBound {
  readonly resolve: (bound: FeedBound) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * One poller for all subscriptions of a store. It runs while somebody waits, and is silent otherwise. An append of this
 * process wakes it, and so does the notification of another process; the interval is the net below both. While a writer
 * holds positions back, it looks more often: whose transaction that is, and who would tell of its end, is not known.
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
  /** Polls in a row that found positions held back, and the bound unmoved. */
  #heldPolls = 0;
  #last: FeedBound | undefined;
  #polledAt = 0;
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
    this.#options.listener?.start();
    try {
      let wasWoken = true;
      while (this.#waiters.size > 0) {
        this.#isDirty = false;
        await this.#pollOnce(wasWoken);
        if (this.#waiters.size > 0) wasWoken = await this.#wait();
      }
    } finally {
      this.#polling = false;
    }
  }

  async #pollOnce(wasWoken: boolean): Promise<void> {
    const waiting = [...this.#waiters];
    this.#polledAt = performance.now();
    try {
      const bound = await this.#options.readBound();
      this.#failures = 0;
      this.#remember(bound, wasWoken);
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

  #remember(bound: FeedBound, wasWoken: boolean): void {
    const isNews = this.#last !== undefined && bound.head > this.#last.head;
    if (isNews && !wasWoken) this.#options.listener?.check();
    const isHeld = bound.position < bound.head;
    this.#heldPolls = isHeld && bound.position === this.#last?.position ? this.#heldPolls + 1 : 0;
    this.#last = bound;
  }

  /** True if something woke it before its time. */
  async #wait(): Promise<boolean> {
    // What came while the answer was on its way may not be in it.
    if (this.#failures > 0 || !this.#isDirty) await this.#pauseFor(this.#interval());
    const early = LEAST_INTERVAL - (performance.now() - this.#polledAt);
    if (early > 0) await sleep(early);
    return this.#isDirty;
  }

  #interval(): number {
    const { pollInterval, netInterval, maxBackoff, listener } = this.#options;
    if (this.#failures > 0) return backoff(pollInterval, maxBackoff, this.#failures) * (0.5 + Math.random() / 2);
    const usual = listener?.isToldOfAll === true ? Math.max(netInterval, pollInterval) : pollInterval;
    const isHeld = this.#last !== undefined && this.#last.position < this.#last.head;
    return isHeld ? backoff(FIRST_LOOK, pollInterval, this.#heldPolls) : usual;
  }

  /** Until the time is over, or something wakes the feed. */
  #pauseFor(milliseconds: number): Promise<void> {
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

/** Twice as long each time, up to a limit. */
function backoff(first: number, most: number, times: number): number {
  return Math.min(most, first * 2 ** Math.min(times, 10));
}
