import type { Classification } from 'mink';

/**
 * Logs what goes wrong with projections; `mink projections status` and `mink deadletters list` show what has come of it. What kind of
 * error it is, is left to mink.
 */
export function logProjectionErrors(error: unknown): Classification | undefined {
  console.error('A projection has failed', error);
  return undefined;
}
