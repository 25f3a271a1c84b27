import { MessageTimeoutError } from '../../command-errors.ts';
import { InvalidArgumentError } from '../../errors.ts';
import { checkWhole } from '../../store/read-options.ts';
import { LazySignal } from '../../store/lazy-signal.ts';
import { onAbort } from '../../store/signals.ts';
import { signalOf, withLazySignal } from '../lazy-context.ts';
import { named } from '../layer-names.ts';
import type { MessageContext, Middleware, Next } from '../message-context.ts';

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
  return named(
    'timeout',
    (context, next) =>
      new Promise((resolve, reject) => {
        const lazy = new LazySignal();
        const outer = signalOf(context);
        const release = outer === undefined ? undefined : onAbort(outer, () => lazy.abort(outer.reason));
        const timer = setTimeout(() => {
          const error = new MessageTimeoutError(context.message.type, milliseconds);
          release?.();
          lazy.abort(error);
          reject(error);
        }, milliseconds);
        const end = (): void => {
          clearTimeout(timer);
          release?.();
        };
        // Nobody hears of what comes after the time is up.
        const work = handOn(next, withLazySignal(context, lazy));
        work.then(resolve, reject).then(end, end);
      }),
  );
}

/** A layer of somebody's own may throw instead of rejecting: the timer must not go on. */
function handOn(next: Next, context: MessageContext): Promise<unknown> {
  try {
    return next(context);
  } catch (error) {
    return Promise.reject(error);
  }
}
