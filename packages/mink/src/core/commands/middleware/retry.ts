import { ConcurrencyConflictError, DatabaseError, DatabaseUnavailableError, OverloadedError } from '../../errors.ts';
import { checkRetryOptions, Tries, type RetryOptions } from '../../retry/backoff.ts';
import { signalOf } from '../lazy-context.ts';
import { named } from '../layer-names.ts';
import type { Middleware } from '../message-context.ts';

/** Serialization failure, deadlock, lock not available, and the server's lack of something that may come back. */
const PASSING = /^(?:40001|40P01|55P03|53\d{3}|57P0[1-3])$/u;

/** Options of {@link retry}. */
export interface RetryLayerOptions extends RetryOptions {
  /**
   * Whether another try may succeed where this error came of one.
   * @defaultValue {@link mayPass}
   */
  readonly canSucceed?: ((error: unknown) => boolean) | undefined;
}

/**
 * Tries again what can succeed: nothing of the failed try was written. Everything else, business errors above all, passes
 * at once; so does `AppendOutcomeUnknownError`, unless `canSucceed` says otherwise.
 */
export function retry(options: RetryLayerOptions = {}): Middleware {
  const { canSucceed = mayPass } = options;
  // Refuses bad options now, not at the first failure.
  checkRetryOptions(options);
  return named('retry', async (context, next) => {
    const tries = new Tries(options);
    for (;;) {
      try {
        return await next(context);
      } catch (error) {
        // Whoever named a version has to look at the new one.
        const isTheirs = error instanceof ConcurrencyConflictError && context.expectedVersion !== undefined;
        if (isTheirs || !canSucceed(error) || (await tries.next(signalOf(context))) !== undefined) throw error;
      }
    }
  });
}

/** Whether an error says that nothing was written, and is of a kind that passes. */
export function mayPass(error: unknown): boolean {
  if (error instanceof DatabaseError) return PASSING.test(error.sqlState);
  return (
    error instanceof DatabaseUnavailableError ||
    error instanceof OverloadedError ||
    error instanceof ConcurrencyConflictError
  );
}
