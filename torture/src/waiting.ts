import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

/** Waits, but not longer than until the signal is aborted; aborting is no error. */
export async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  await delay(milliseconds, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
}

/** True as soon as the condition holds; false after the time-out, in milliseconds, or when the signal is aborted. */
export async function becomes(
  condition: () => boolean | Promise<boolean>,
  options: { readonly timeout: number; readonly interval?: number; readonly signal?: AbortSignal | undefined },
): Promise<boolean> {
  const { timeout, interval = 5, signal } = options;
  const deadline = performance.now() + timeout;
  for (;;) {
    if (await condition()) return true;
    if (performance.now() > deadline || signal?.aborted === true) return false;
    await pause(interval, signal);
  }
}

/**
 * A signal that is aborted with another one, or after so many milliseconds. To be disposed of. (`AbortSignal.any` over
 * `AbortSignal.timeout` may be collected as garbage before the time is up in Node 20, and is then never aborted.)
 */
export class TimeLimit {
  readonly #ending = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #outer: AbortSignal;
  /** Aborts it now. */
  readonly end = (): void => this.#ending.abort();

  constructor(outer: AbortSignal, milliseconds: number) {
    this.#outer = outer;
    setMaxListeners(0, this.#ending.signal);
    this.#timer = setTimeout(this.end, milliseconds);
    if (outer.aborted) this.end();
    outer.addEventListener('abort', this.end);
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#outer.removeEventListener('abort', this.end);
  }
}
