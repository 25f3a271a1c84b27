import { errorCodeOf, statusOf } from '../commands/middleware/outcome.ts';
import { quietly } from './quietly.ts';
import { redactedError } from './redact.ts';
import { KnownResult } from '../store/keyed.ts';
import { NO_SPAN, type Span, type SpanOptions } from './tracer.ts';

/** `SpanStatusCode.ERROR` of OpenTelemetry. */
const FAILED = 2;

/** A span that is about to begin. */
interface SpanStart<O extends SpanOptions> {
  readonly name: string;
  readonly options: O;
}

/**
 * Does some work in a span, and ends it. What it throws is recorded; `error` is the status of what has failed, not of what was
 * refused. A tracer that throws changes nothing.
 */
export function inSpan<O extends SpanOptions, T>(
  tracer: { startActiveSpan<R>(name: string, options: O, work: (span: Span) => R): R },
  { name, options }: SpanStart<O>,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  let begun: Promise<T> | undefined;
  const run = async (span: Span): Promise<T> => {
    try {
      return await work(span);
    } catch (error) {
      quietly(() => recordError(span, error));
      throw error;
    } finally {
      quietly(() => span.end());
    }
  };
  // Whatever is wrong with the tracer, the work is done: once.
  const once = (span: Span): Promise<T> => (begun ??= run(span));
  quietly(() => tracer.startActiveSpan(name, options, (span) => void once(span)));
  return once(NO_SPAN);
}

/** Says what went wrong. */
export function recordError(span: Span, error: unknown): void {
  // A command that had its result already: nothing is wrong.
  if (error instanceof KnownResult) return;
  span.setAttribute('error.type', errorCodeOf(error));
  const told = redactedError(error);
  if (told instanceof Error) span.recordException(told);
  if (statusOf(error) === 'failed')
    span.setStatus({ code: FAILED, message: told instanceof Error ? told.message : told });
}
