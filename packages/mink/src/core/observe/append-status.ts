import { statusOf } from '../commands/middleware/outcome.ts';
import { AppendOutcomeUnknownError } from '../errors.ts';
import { KnownResult } from '../store/keyed.ts';
import type { ObservedAppend } from './observer.ts';

/** How an append ended that threw. */
export function statusOfAppend(error: unknown): ObservedAppend['status'] {
  // A command that had its result already has appended nothing.
  if (error instanceof KnownResult) return 'repeated';
  return error instanceof AppendOutcomeUnknownError ? 'unknown' : statusOf(error);
}
