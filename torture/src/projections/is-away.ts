import { DatabaseError, DatabaseUnavailableError, mayPass } from 'mink';

/** The server may be away, and may end a transaction. */
export function isAway(error: unknown): boolean {
  return (
    error instanceof DatabaseUnavailableError ||
    mayPass(error) ||
    (error instanceof DatabaseError && error.sqlState.startsWith('57'))
  );
}
