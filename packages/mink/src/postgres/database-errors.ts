import { DatabaseError, DatabaseUnavailableError, type MinkError } from '../core/index.ts';

/** What `pg` puts on the errors that the server sends. */
interface ServerError {
  readonly code: string;
  readonly message: string;
  readonly severity: string;
  readonly hint?: string | undefined;
}

/** SQLSTATEs after which a statement under way may or may not have been committed. */
const OUTCOME_UNKNOWN = new Set(['57P01', '57P02', '57P03', '25P03', '25P04', '57P05', '40003']);
/** Severities that end the session; with another language of the server, the connection breaks a moment later. */
const SESSION_ENDED = new Set(['FATAL', 'PANIC']);

/** Whether the connection broke, as far as one can tell. */
export function isConnectionLoss(error: unknown): boolean {
  return (
    !isServerError(error) ||
    SESSION_ENDED.has(error.severity) ||
    OUTCOME_UNKNOWN.has(error.code) ||
    error.code.startsWith('08')
  );
}

/** The typed error for a statement that the server refused. */
export function toDatabaseError(error: unknown): MinkError {
  if (!isServerError(error)) return unavailable(error);
  const hint = error.hint === undefined ? '' : ` ${error.hint}`;
  const advice = ADVICE[error.code] ?? ADVICE[error.code.slice(0, 2)] ?? '';
  return new DatabaseError(`PostgreSQL: ${error.message}.${hint}${advice}`, error.code, error);
}

/** What to do about common refusals, by SQLSTATE or its class. */
const ADVICE: Readonly<Record<string, string | undefined>> = {
  '42501': ' Grant the role the missing right, or connect with another role.',
  '25006': ' The transaction is read-only: connect to the primary.',
  MK003: ' Set default_transaction_isolation of this role or database back to "read committed".',
  MK005: ' Connect to the primary.',
  '53': ' The server is out of a resource; free some, then try again.',
  '40': ' Nothing was written; it is safe to try again.',
};

/** The database cannot be reached, or refuses connections. An append that gets this was not sent. */
export function unavailable(error: unknown): DatabaseUnavailableError {
  const reason = error instanceof Error ? reasonOf(error) : String(error);
  return new DatabaseUnavailableError(
    `The database cannot be reached: ${reason}. Check the URL, the credentials and that the server is running.`,
    { cause: error },
  );
}

/** An AggregateError (all addresses of a host refused) has an empty message of its own. */
function reasonOf(error: Error): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map((inner) => (inner instanceof Error ? inner.message : String(inner))).join('; ');
  }
  return error.message;
}

function isServerError(error: unknown): error is ServerError {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    /^[0-9A-Z]{5}$/u.test(error.code) &&
    // EPIPE looks like an SQLSTATE, too; only what the server sent has a severity.
    'severity' in error &&
    typeof error.severity === 'string'
  );
}
