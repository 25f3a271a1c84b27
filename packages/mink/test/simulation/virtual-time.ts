import { AsyncLocalStorage } from 'node:async_hooks';
import type { Random } from '../support/random.ts';

/** Who waits. Whoever is frozen gets no turn, and whoever is dead never again; the server is neither. */
export interface Waiter {
  readonly isAlive: boolean;
  readonly frozenUntil: number;
}

interface Turn {
  readonly waiter: Waiter | undefined;
  readonly at: number;
  readonly go: () => void;
}

/** Turns that are given at once, now and then: what they do is interleaved below the calls, too. */
const MOST_AT_ONCE = 3;

/**
 * A clock that moves only when everybody waits, and a schedule that the seed decides: of all whose time has come, it is
 * anybody's turn.
 */
export class VirtualTime {
  readonly #random: Random;
  readonly #turns = new Set<Turn>();
  #now = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Milliseconds since the beginning. */
  get now(): number {
    return this.#now;
  }

  /** Resolves when it is the waiter's turn, after so many milliseconds at least. Without a waiter it is the server's. */
  turn(waiter: Waiter | undefined, milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#turns.delete(turn);
        reject(signal?.reason);
      };
      const go = (): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      const turn = { waiter, at: this.#now + milliseconds, go };
      this.#turns.add(turn);
      signal?.addEventListener('abort', onAbort);
    });
  }

  /** Gives somebody a turn, and lets everything happen that follows from it. */
  async step(): Promise<void> {
    for (const turn of this.#turns) if (turn.waiter?.isAlive === false) this.#turns.delete(turn);
    const waiting = Array.from(this.#turns, (turn) => ({ turn, at: Math.max(turn.at, turn.waiter?.frozenUntil ?? 0) }));
    // Where nobody waits, time passes all the same.
    this.#now = Math.max(this.#now, Math.min(this.#now + 1_000, ...waiting.map(({ at }) => at)));
    const due = waiting.filter(({ at }) => at <= this.#now).map(({ turn }) => turn);
    const chosen = this.#random.shuffle(due).slice(0, this.#random.chance(0.2) ? MOST_AT_ONCE : 1);
    for (const turn of chosen) this.#turns.delete(turn);
    for (const { go } of chosen) go();
    await new Promise(setImmediate);
  }
}

/** What code runs in: the process that started it, and its clock. */
export const running = new AsyncLocalStorage<{ readonly waiter: Waiter; readonly time: VirtualTime }>();

/** In place of `setTimeout` of `node:timers/promises`. */
export async function sleep<T>(
  milliseconds: number,
  value?: T,
  options?: { readonly signal?: AbortSignal },
): Promise<T | undefined> {
  const context = running.getStore();
  if (context === undefined) throw new Error('somebody sleeps outside of every process');
  options?.signal?.throwIfAborted();
  await context.time.turn(context.waiter, milliseconds, options?.signal);
  return value;
}
