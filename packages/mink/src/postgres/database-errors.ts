import { DatabaseError, DatabaseUnavailableError, type MinkError } from '../core/index.ts';

/** What `pg` puts on the errors that the server sends. */
interface ServerError {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** SQLSTATEs after which the session is gone: a statement under way may or may not have been committed. */
const SESSION_ENDED = new Set(['57P01', '57P02', '57P03', '25P03', '57P05']);

/** Whether the connection broke, as far as one can tell. */
export function isConnectionLoss(error: unknown): boolean {
  return !isServerError(error) || SESSION_ENDED.has(error.code) || error.code.startsWith('08');
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
  '53': ' The server is out of a resource; free some, then try again.',
  '40': ' Nothing was written; it is safe to try again.',
};

/** Nothing was sent: the database cannot be reached, or refuses connections. */
export function unavailable(error: unknown): DatabaseUnavailableError {
  const reason = error instanceof Error ? reasonOf(error) : String(error);
  return new DatabaseUnavailableError(
    `The database cannot be reached: ${reason}. Check the URL, the credentials and that the server is running; nothing was written.`,
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
    error instanceof Error && 'code' in error && typeof error.code === 'string' && /^[0-9A-Z]{5}$/u.test(error.code)
  );
}
