import { currentMetadata } from '../../metadata.ts';
import { parseStreamName } from '../../stream-name.ts';
import type { MessageContext, Middleware } from '../message-context.ts';
import { errorCodeOf, statusOf, streamOf } from './outcome.ts';

/** The part of a logger that mink uses; pino and its like fit by shape. */
export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * Logs each message when it ends: `command executed` with command_type, aggregate_id, version, duration_ms and
 * correlation_id; `command refused` as a warning and `command failed` as an error, with error_code and err beside them. The
 * data of messages is never logged. A logger that throws changes nothing.
 *
 * @param options.now - milliseconds from any beginning; default `performance.now`
 */
export function logging(logger: Logger, options: { readonly now?: (() => number) | undefined } = {}): Middleware {
  const { now = () => performance.now() } = options;
  return async (context, next) => {
    const begin = now();
    try {
      const result = await next(context);
      const stream = streamOf(result);
      const about =
        stream === undefined
          ? {}
          : { aggregate_id: parseStreamName(stream.streamName).id, version: stream.streamVersion };
      log(logger, 'info', { ...fields(context), ...about, duration_ms: now() - begin }, `${context.kind} executed`);
      return result;
    } catch (error) {
      const status = statusOf(error);
      const details = { ...fields(context), duration_ms: now() - begin, error_code: errorCodeOf(error), err: error };
      log(logger, status === 'refused' ? 'warn' : 'error', details, `${context.kind} ${status}`);
      throw error;
    }
  };
}

function fields({ kind, message }: MessageContext): object {
  return { [`${kind}_type`]: message.type, correlation_id: currentMetadata().correlationId };
}

function log(logger: Logger, level: keyof Logger, details: object, text: string): void {
  try {
    logger[level](details, text);
  } catch {
    // What has been done is done, whether it can be logged or not.
  }
}
