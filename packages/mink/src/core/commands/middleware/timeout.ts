import { MessageTimeoutError } from '../../command-errors.ts';
import { InvalidArgumentError } from '../../errors.ts';
import { checkWhole } from '../../store/read-options.ts';
import { onAbort } from '../../store/signals.ts';
import type { Middleware } from '../message-context.ts';

/** A timer that is set for longer ends at once. */
const LONGEST = 2 ** 31 - 1;

/**
 * Waits for the layers further in at most this long, then throws `MessageTimeoutError` and aborts their signal: reads stop,
 * and an append that was not sent is not. A handler that pays no heed to the signal goes on, unheard.
 *
 * @param milliseconds - from 1 to 2^31 - 1
 */
export function timeout(milliseconds: number): Middleware {
  checkWhole('timeout', milliseconds, 1);
  if (milliseconds > LONGEST) throw new InvalidArgumentError('timeout', `${milliseconds} is more than ${LONGEST}`);
  return (context, next) => {
    const controller = new AbortController();
    const { signal } = context;
    const release = signal === undefined ? undefined : onAbort(signal, () => controller.abort(signal.reason));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const error = new MessageTimeoutError(context.message.type, milliseconds);
        controller.abort(error);
        reject(error);
      }, milliseconds);
    });
    const work = next({ ...context, signal: controller.signal });
    // Nobody hears of it when it fails after the time is up.
    work.catch(() => undefined);
    return Promise.race([work, late]).finally(() => {
      clearTimeout(timer);
      release?.();
    });
  };
}
