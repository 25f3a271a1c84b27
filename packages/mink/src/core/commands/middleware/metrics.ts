import { named } from '../layer-names.ts';
import { OTHER } from '../../metrics/metric-registry.ts';
import { quietly } from '../../observe/quietly.ts';
import { pipeline, type KeyUse, type MessageContext, type Middleware } from '../message-context.ts';
import { errorCodeOf, statusOf, type MessageStatus } from './outcome.ts';

/** One message, measured. */
export interface MessageMeasurement {
  readonly kind: MessageContext['kind'];
  /** `other` for all types that the bus has no handler for: whoever sends them may make up as many as he likes. */
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
  /** Of a command that was given an id, what that came to; undefined for others, and where the layer `idempotency` was not reached. */
  readonly keyUse: KeyUse | undefined;
}

/** What the layer tells; a plain function does. */
export interface MessageHook {
  /** A message has ended. */
  (measured: MessageMeasurement): void;
  /** A message begins. */
  readonly begins?: ((message: Pick<MessageMeasurement, 'kind' | 'type'>) => void) | undefined;
}

/**
 * Tells a hook how each message ended and how long the layers further in took. A hook that throws changes nothing.
 *
 * @param options.now - milliseconds from any beginning; default `performance.now`
 */
export function metrics(record: MessageHook, options: { readonly now?: (() => number) | undefined } = {}): Middleware {
  const { now = () => performance.now() } = options;
  return named('metrics', async (context, next) => {
    const { stopwatch, told, isHandled } = context[pipeline];
    const { kind, message } = context;
    const type = isHandled ? message.type : OTHER;
    quietly(() => record.begins?.({ kind, type }));
    stopwatch.now = now;
    const begin = now();
    const tell = (status: MessageStatus, errorCode: string | undefined): void => {
      quietly(() => {
        const seconds = (now() - begin) / 1_000;
        const { milliseconds } = stopwatch;
        const handlerSeconds = milliseconds === undefined ? undefined : milliseconds / 1_000;
        return record({ kind, type, status, errorCode, seconds, handlerSeconds, keyUse: told.keyUse });
      });
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
