import { named } from '../layer-names.ts';
import { pipeline, type MessageContext, type Middleware } from '../message-context.ts';
import { errorCodeOf, statusOf, type MessageStatus } from './outcome.ts';

/** One message, measured. */
export interface MessageMeasurement {
  readonly kind: MessageContext['kind'];
  readonly type: string;
  readonly status: MessageStatus;
  /** The stable code of the error it ended with. */
  readonly errorCode: string | undefined;
  /** From this layer on: with all layers further in, all tries, and what they wait for. */
  readonly seconds: number;
  /**
   * In the handler alone, all tries together: loading, deciding, appending. Undefined where it was not asked, as for a message
   * that was refused before, or a repeat.
   */
  readonly handlerSeconds: number | undefined;
}

/**
 * Tells a hook how each message ended and how long the layers further in took. A hook that throws changes nothing.
 *
 * @param options.now - milliseconds from any beginning; default `performance.now`
 */
export function metrics(
  record: (measured: MessageMeasurement) => void,
  options: { readonly now?: (() => number) | undefined } = {},
): Middleware {
  const { now = () => performance.now() } = options;
  return named('metrics', async (context, next) => {
    const { stopwatch } = context[pipeline];
    stopwatch.now = now;
    const begin = now();
    const tell = (status: MessageStatus, errorCode: string | undefined): void => {
      const { kind, message } = context;
      try {
        const seconds = (now() - begin) / 1_000;
        const { milliseconds } = stopwatch;
        const handlerSeconds = milliseconds === undefined ? undefined : milliseconds / 1_000;
        record({ kind, type: message.type, status, errorCode, seconds, handlerSeconds });
      } catch {
        // What has been done is done, whether it can be counted or not.
      }
    };
    try {
      const result = await next(context);
      tell('succeeded', undefined);
      return result;
    } catch (error) {
      tell(statusOf(error), errorCodeOf(error));
      throw error;
    }
  });
}
