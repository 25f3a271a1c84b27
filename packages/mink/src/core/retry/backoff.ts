import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidArgumentError } from '../errors.ts';
import { plainSignal, type AnySignal } from '../store/lazy-signal.ts';
import { checkWhole } from '../store/read-options.ts';

/** How often, and how long, something is tried. */
export interface RetryOptions {
  /**
   * Tries in all, the first one included.
   * @defaultValue 3
   */
  readonly tries?: number | undefined;
  /**
   * The most milliseconds before the second try; doubles with every further one. The wait is a random part of it, so that
   * the losers of one race do not meet again in the next.
   * @defaultValue 10
   */
  readonly backoff?: number | undefined;
  /**
   * The most milliseconds between two tries.
   * @defaultValue 1_000
   */
  readonly maxBackoff?: number | undefined;
  /**
   * Milliseconds for all tries together: none begins later than this after the first.
   * @defaultValue no limit but the number of tries
   */
  readonly budget?: number | undefined;
}

/** Why there is no further try. */
export type RetryEnd = 'tries' | 'budget';

/** What the waits depend on; tests give their own. */
export interface RetryClock {
  /** Milliseconds from any beginning. */
  readonly now: () => number;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly sleep: (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>;
}

const systemClock: RetryClock = {
  now: () => performance.now(),
  random: Math.random,
  sleep: async (milliseconds, signal) => {
    try {
      await sleep(milliseconds, undefined, { signal });
    } catch {
      signal?.throwIfAborted();
    }
  },
};

/** The options with their defaults. Refuses bad ones. */
export function checkRetryOptions(options: RetryOptions): Required<{ readonly [K in keyof RetryOptions]: number }> {
  return {
    tries: checkWhole('tries', options.tries ?? 3, 1),
    backoff: checkMilliseconds('backoff', options.backoff ?? 10),
    maxBackoff: checkMilliseconds('maxBackoff', options.maxBackoff ?? 1_000),
    budget: options.budget === undefined ? Infinity : checkMilliseconds('budget', options.budget),
  };
}

/** Counts the tries of one piece of work, and waits between them. */
export class Tries {
  readonly #options: ReturnType<typeof checkRetryOptions>;
  readonly #clock: RetryClock;
  readonly #begin: number;
  #made = 1;

  constructor(options: RetryOptions, clock = systemClock) {
    this.#options = checkRetryOptions(options);
    this.#clock = clock;
    this.#begin = clock.now();
  }

  /** Tries so far, the one under way included. */
  get made(): number {
    return this.#made;
  }

  /**
   * Waits before the next try, or says why there is none. Full jitter: see "Exponential Backoff And Jitter", AWS
   * Architecture Blog, 2015.
   */
  async next(signal: AnySignal | undefined): Promise<RetryEnd | undefined> {
    const { tries, backoff, maxBackoff, budget } = this.#options;
    if (this.#made >= tries) return 'tries';
    const wait = this.#clock.random() * Math.min(maxBackoff, backoff * 2 ** (this.#made - 1));
    if (this.#clock.now() + wait > this.#begin + budget) return 'budget';
    signal?.throwIfAborted();
    if (wait > 0) await this.#clock.sleep(wait, plainSignal(signal));
    this.#made += 1;
    return undefined;
  }
}

function checkMilliseconds(name: string, value: number): number {
  if (Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError(name, `${String(value)} is not a number of milliseconds from 0`);
}
