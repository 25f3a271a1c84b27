import { BusinessRuleViolationError } from '../commands/business-rule-violation.ts';
import { DatabaseUnavailableError, InvalidEventDataError } from '../errors.ts';
import { HandlerEndedTransactionError } from '../projection-errors.ts';
import type { Classification } from './projection-applier.ts';
import { sqlStateOf } from './sql-state.ts';

/** Serialization, deadlock, a lock or a statement that took too long, a server that is full or going down. */
const TRANSIENT = new Set(['40001', '40P01', '55P03', '57014', '53300', '57P01', '57P02', '57P03']);

/** What fails again, or must not be tried again. */
const PERMANENT = [InvalidEventDataError, BusinessRuleViolationError, HandlerEndedTransactionError] as const;

/** What an error is, unless `classify` says otherwise. */
export function classifyError(error: unknown): Classification {
  if (error instanceof DatabaseUnavailableError) return 'transient';
  if (PERMANENT.some((kind) => error instanceof kind)) return 'permanent';
  return TRANSIENT.has(sqlStateOf(error) ?? '') ? 'transient' : 'retry';
}
