import { BusinessRuleViolationError } from '../business-rule-violation.ts';
import { IdempotencyKeyReusedError, InvalidMessageError, NotAuthorizedError } from '../../command-errors.ts';
import { ConcurrencyConflictError, UniqueValueTakenError } from '../../errors.ts';

/** How a message ended: done, refused for what it was, or failed for what it met. */
export type MessageStatus = 'succeeded' | 'refused' | 'failed';

/** Whether an error says that the message was wrong, not the system. */
export function statusOf(error: unknown): Exclude<MessageStatus, 'succeeded'> {
  const isRefusal =
    error instanceof BusinessRuleViolationError ||
    error instanceof ConcurrencyConflictError ||
    error instanceof UniqueValueTakenError ||
    error instanceof IdempotencyKeyReusedError ||
    error instanceof InvalidMessageError ||
    error instanceof NotAuthorizedError;
  return isRefusal ? 'refused' : 'failed';
}

/** The stable code of an error, its name where it has none. */
export function errorCodeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return typeof error;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error ? error.name : 'object';
}

/** The stream a result is about, where it is about one. */
export function streamOf(result: unknown): { readonly streamName: string; readonly streamVersion: number } | undefined {
  if (typeof result !== 'object' || result === null) return undefined;
  if (!('streamName' in result && 'streamVersion' in result)) return undefined;
  const { streamName, streamVersion } = result;
  return typeof streamName === 'string' && typeof streamVersion === 'number'
    ? { streamName, streamVersion }
    : undefined;
}
