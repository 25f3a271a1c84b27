import { DatabaseError, MinkError } from '../errors.ts';

const SQL_STATE = /^[0-9A-Z]{5}$/u;

/**
 * The SQLSTATE of an error of ours, of `pg`'s, which a handler's own statements throw, or of a query builder's, which has that as its
 * cause; undefined where no server has said any.
 */
export function sqlStateOf(error: unknown): string | undefined {
  if (error instanceof DatabaseError) return error.sqlState;
  if (!(error instanceof Error) || error instanceof MinkError) return undefined;
  return stateIn(error) ?? stateIn(error.cause);
}

/** What the server sent has a severity; `EPIPE` only looks like a state. */
function stateIn(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('severity' in error)) return undefined;
  return typeof error.code === 'string' && SQL_STATE.test(error.code) ? error.code : undefined;
}
