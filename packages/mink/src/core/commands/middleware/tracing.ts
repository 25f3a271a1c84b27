import { currentMetadata } from '../../metadata.ts';
import { named } from '../layer-names.ts';
import { inSpan } from '../../observe/in-span.ts';
import { quietly } from '../../observe/quietly.ts';
import type { Tracer } from '../../observe/tracer.ts';
import type { Middleware } from '../message-context.ts';
import { streamOf } from './outcome.ts';

/**
 * A span around each message, `command AddItem`, current for everything that happens within, with the stream and its
 * version once they are known. With `traceWith` of mink/otel, it goes on from the `traceparent` of the message or of what has
 * caused it, where no span is active.
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
    return inSpan(tracer, { name: `${kind} ${message.type}`, options: { attributes } }, async (span) => {
      const result = await next(context);
      const stream = streamOf(result);
      if (stream === undefined) return result;
      quietly(() => {
        span.setAttribute('mink.stream.name', stream.streamName);
        span.setAttribute('mink.stream.version', stream.streamVersion);
      });
      return result;
    });
  });
}
