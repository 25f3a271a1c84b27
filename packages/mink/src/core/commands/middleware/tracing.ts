import { currentMetadata } from '../../metadata.ts';
import { named } from '../layer-names.ts';
import type { Middleware } from '../message-context.ts';
import { streamOf } from './outcome.ts';

/** The part of an OpenTelemetry tracer that mink uses; it fits by shape. */
export interface Tracer {
  startActiveSpan<T>(name: string, options: SpanOptions, work: (span: Span) => T): T;
}

/** What a span is told when it begins. */
export interface SpanOptions {
  readonly attributes: Record<string, string | number>;
}

/** The part of an OpenTelemetry span that mink uses. */
export interface Span {
  setAttribute(name: string, value: string | number): unknown;
  recordException(error: Error): void;
  setStatus(status: { code: number; message?: string }): unknown;
  end(): void;
}

/** `SpanStatusCode.ERROR` of OpenTelemetry. */
const FAILED = 2;

/**
 * A span around each message, `command AddItem`, current for everything that happens within, with the stream and its
 * version once they are known.
 *
 * @example
 * tracing(trace.getTracer('orders'));
 */
export function tracing(tracer: Tracer): Middleware {
  return named('tracing', (context, next) => {
    const { kind, message, id } = context;
    const { correlationId } = currentMetadata();
    const attributes = {
      [`mink.${kind}.type`]: message.type,
      [`mink.${kind}.id`]: id,
      ...(correlationId === undefined ? {} : { 'mink.correlation_id': correlationId }),
    };
    return tracer.startActiveSpan(`${kind} ${message.type}`, { attributes }, async (span) => {
      try {
        const result = await next(context);
        const stream = streamOf(result);
        if (stream !== undefined) {
          span.setAttribute('mink.stream.name', stream.streamName);
          span.setAttribute('mink.stream.version', stream.streamVersion);
        }
        return result;
      } catch (error) {
        if (error instanceof Error) span.recordException(error);
        span.setStatus({ code: FAILED, message: error instanceof Error ? error.message : String(error) });
        throw error;
      } finally {
        span.end();
      }
    });
  });
}
