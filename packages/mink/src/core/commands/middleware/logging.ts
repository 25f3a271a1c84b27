import { quietly } from '../../observe/quietly.ts';
import { loggedId, redactedError, type Redact } from '../../observe/redact.ts';
import { currentMetadata } from '../../metadata.ts';
import { named } from '../layer-names.ts';
import type { MessageContext, Middleware } from '../message-context.ts';
import { errorCodeOf, statusOf, streamOf } from './outcome.ts';

/** The part of a logger that mink uses; pino and its like fit by shape. */
export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Options of {@link logging}. */
export interface LoggingOptions {
  /**
   * Milliseconds from any beginning.
   * @defaultValue `performance.now`
   */
  readonly now?: (() => number) | undefined;
  /**
   * Takes out of messages of errors and of ids what is not for logs.
   * @defaultValue `redactSecrets` for messages; ids stay as they are
   */
  readonly redact?: Redact | undefined;
}

/**
 * Logs each message when it ends: `command executed` with command_type, aggregate_id, version, duration_ms and
 * correlation_id; `command refused` as a warning and `command failed` as an error, with error_code and err beside them. The
 * data of messages is never logged. A logger that throws changes nothing.
 */
export function logging(logger: Logger, options: LoggingOptions = {}): Middleware {
  const { now = () => performance.now(), redact } = options;
  return named('logging', async (context, next) => {
    const begin = now();
    try {
      const result = await next(context);
      const details = { ...fields(context), ...about(result, redact), duration_ms: now() - begin };
      log(logger, 'info', details, `${context.kind} executed`);
      return result;
    } catch (error) {
      const status = statusOf(error);
      const details = {
        ...fields(context),
        duration_ms: now() - begin,
        error_code: errorCodeOf(error),
        err: redactedError(error, redact),
      };
      log(logger, status === 'refused' ? 'warn' : 'error', details, `${context.kind} ${status}`);
      throw error;
    }
  });
}

function fields({ kind, message }: MessageContext): object {
  return { [`${kind}_type`]: message.type, correlation_id: currentMetadata().correlationId };
}

/** The stream of a result. Not parsed: a query may answer something that only looks like one, and must not fail of that. */
function about(result: unknown, redact: Redact | undefined): object {
  const stream = streamOf(result);
  if (stream === undefined) return {};
  const { streamName, streamVersion: version } = stream;
  const id = streamName.slice(streamName.indexOf('-') + 1);
  return { aggregate_id: loggedId(redact, id, 'aggregate_id'), version };
}

function log(logger: Logger, level: keyof Logger, details: object, text: string): void {
  quietly(() => logger[level](details, text));
}
