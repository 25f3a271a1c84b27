import {
  AppendOutcomeUnknownError,
  ConcurrencyConflictError,
  ConflictNotResolvedError,
  currentMetadata,
  DatabaseUnavailableError,
  StoreClosedError,
  StreamNotFoundError,
} from 'mink';
import { OrderError, OrderNotFoundError } from '../order-errors.ts';
import { Problem } from './problem.ts';

const RETRY_AFTER_SECONDS = '5';

/** The problem behind anything that was thrown while a request was handled. Unknown errors stay in the log. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof OrderError) return new Problem(error.code, error.message, { facts: factsOf(error) });
  if (error instanceof StreamNotFoundError) return toProblem(new OrderNotFoundError());
  if (error instanceof ConflictNotResolvedError) return toProblem(error.cause);
  if (error instanceof ConcurrencyConflictError) return conflict(error);
  if (error instanceof DatabaseUnavailableError || error instanceof StoreClosedError) {
    return new Problem('DATABASE_UNAVAILABLE', 'Nothing was changed. Try again in a few seconds.', {
      headers: { 'retry-after': RETRY_AFTER_SECONDS },
    });
  }
  if (error instanceof AppendOutcomeUnknownError) {
    // No Retry-After: whoever repeats this blindly may do it twice.
    return new Problem(
      'APPEND_OUTCOME_UNKNOWN',
      'The database went away meanwhile. Read the order before you repeat this.',
    );
  }
  const correlationId = currentMetadata().correlationId ?? 'unknown';
  return new Problem('INTERNAL_ERROR', `The error was logged with the correlation id ${correlationId}.`);
}

function conflict({ expectedVersion, actualVersion }: ConcurrencyConflictError): Problem {
  // A version was expected of an order that was never created.
  if (actualVersion === 0) return toProblem(new OrderNotFoundError());
  return new Problem(
    'CONCURRENCY_CONFLICT',
    `The order is at version ${actualVersion}, not ${expectedVersion}. Read it again and decide anew.`,
    { facts: { expectedVersion, actualVersion } },
  );
}

function factsOf(error: OrderError): Record<string, unknown> {
  return Object.fromEntries(Object.entries(error).filter(([name]) => name !== 'name' && name !== 'code'));
}
