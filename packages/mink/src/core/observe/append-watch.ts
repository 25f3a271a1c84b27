import { errorCodeOf } from '../commands/middleware/outcome.ts';
import type { Appended } from '../store/append.ts';
import { KnownResult } from '../store/keyed.ts';
import { statusOfAppend } from './append-status.ts';
import { tellObserver, type ObservedAppend, type Observer } from './observer.ts';

/**
 * Tells an observer how an append ends, and how long it took. Made when it begins, and told by the function that appends: one more
 * around it would cost more than all the counting.
 */
export class AppendWatch {
  readonly #observer: Observer;
  readonly #begun = performance.now();

  constructor(observer: Observer) {
    this.#observer = observer;
  }

  ended({ repeated, streams }: Appended): void {
    this.#tell({ status: repeated ? 'repeated' : 'stored', errorCode: undefined, streams });
  }

  threw(error: unknown): void {
    const errorCode = error instanceof KnownResult ? undefined : errorCodeOf(error);
    this.#tell({ status: statusOfAppend(error), errorCode, streams: [] });
  }

  #tell({ status, errorCode, streams }: Omit<ObservedAppend, 'seconds'>): void {
    const seconds = (performance.now() - this.#begun) / 1_000;
    tellObserver(this.#observer, 'appended', { status, errorCode, streams, seconds });
  }
}
