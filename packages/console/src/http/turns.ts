import { Refusal } from './problem.ts';

/**
 * Lets only so many be at work at once; others wait, in the order in which they came. The application around the console needs the
 * connections of its store, too.
 */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(most: number) {
    this.#free = most;
  }

  /** Does it when it is its turn. Throws a {@link Refusal} where nobody wants it any more by then. */
  async take<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      if (signal.aborted) throw new Refusal(503, 'NOT_WANTED', 'Nobody waits for this answer any more.');
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
