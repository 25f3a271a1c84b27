import {
  AppendOutcomeUnknownError,
  BusinessRuleViolationError,
  ConcurrencyConflictError,
  ConflictNotResolvedError,
  currentMetadata,
  DatabaseUnavailableError,
  IdempotencyKeyReusedError,
  InlineSetChangedError,
  InvalidMessageError,
  InvalidTokenError,
  KeyParkedError,
  LogRewoundError,
  MessageTimeoutError,
  NotAuthorizedError,
  OverloadedError,
  ProjectionBehindError,
  StoreClosedError,
  UniqueValueTakenError,
} from 'mink';
import { OrderNotFoundError } from '../order-errors.ts';
import { orderQueries } from '../order-queries.ts';
import { invalid, isProblemCode, Problem } from './problem.ts';

const RETRY_AFTER_SECONDS = '5';

/** The problem behind anything that was thrown while a request was handled. Unknown errors stay in the log. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  // By its code: a command that is repeated is refused with what was kept of the first refusal, which has no class.
  if (error instanceof BusinessRuleViolationError && isProblemCode(error.code)) {
    return new Problem(error.code, error.message, { facts: factsOf(error) });
  }
  return ofTheRequest(error) ?? ofTheList(error) ?? ofTheStore(error) ?? unknown();
}

/** What the client can do better. */
function ofTheRequest(error: unknown): Problem | undefined {
  if (error instanceof InvalidMessageError) {
    return invalid(Object.hasOwn(orderQueries, error.messageType) ? 'INVALID_QUERY' : 'INVALID_BODY', error.issues);
  }
  if (error instanceof ConcurrencyConflictError) return conflict(error);
  if (error instanceof UniqueValueTakenError) {
    const { value: reference } = error;
    return new Problem('REFERENCE_TAKEN', `Another order has the reference "${reference}". Choose another one.`, {
      facts: { reference },
    });
  }
  if (error instanceof IdempotencyKeyReusedError) {
    return new Problem('IDEMPOTENCY_KEY_REUSED', 'Repeat a request as it was, or send a new one with a new key.');
  }
  return error instanceof NotAuthorizedError ? new Problem('NOT_AUTHORIZED', error.message) : undefined;
}

/** Why the list does not show what it was to show. */
function ofTheList(error: unknown): Problem | undefined {
  if (error instanceof ProjectionBehindError) {
    const { projection, state, lagEvents, position, wanted } = error;
    return new Problem('PROJECTION_BEHIND', `"${projection}" is ${state}. Events behind: ${lagEvents}.`, {
      facts: { projection, state, lagEvents, position, wanted },
      headers: { 'retry-after': RETRY_AFTER_SECONDS },
    });
  }
  if (error instanceof KeyParkedError) {
    const { projection, key, position } = error;
    return new Problem('KEY_PARKED', `"${projection}" could not apply it: somebody has to see to the dead letters.`, {
      facts: { projection, key, position },
    });
  }
  if (error instanceof InvalidTokenError) {
    return new Problem('INVALID_TOKEN', 'It is not from this service. Leave it out, or send it as you got it.');
  }
  return error instanceof LogRewoundError
    ? new Problem('LOG_REWOUND', 'The database was restored since. Read without the mink-token header.')
    : undefined;
}

/** What passes, or has to be looked at. */
function ofTheStore(error: unknown): Problem | undefined {
  if (error instanceof ConflictNotResolvedError) return toProblem(error.cause);
  if (
    error instanceof DatabaseUnavailableError ||
    error instanceof OverloadedError ||
    error instanceof StoreClosedError
  ) {
    return new Problem('DATABASE_UNAVAILABLE', 'Nothing was changed. Try again in a few seconds.', {
      headers: { 'retry-after': RETRY_AFTER_SECONDS },
    });
  }
  if (error instanceof InlineSetChangedError) {
    return new Problem('INLINE_SET_CHANGED', 'Nothing was changed. Another process may take it.');
  }
  // No Retry-After: whoever repeats this blindly may do it twice.
  const advice = 'With an Idempotency-Key it is safe to send this again; without one, read the order first.';
  if (error instanceof AppendOutcomeUnknownError) {
    return new Problem('APPEND_OUTCOME_UNKNOWN', `The database went away meanwhile. ${advice}`);
  }
  return error instanceof MessageTimeoutError ? new Problem('TIMEOUT', advice) : undefined;
}

function unknown(): Problem {
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

function factsOf(error: BusinessRuleViolationError): Record<string, unknown> {
  return Object.fromEntries(Object.entries(error).filter(([name]) => name !== 'name' && name !== 'code'));
}
