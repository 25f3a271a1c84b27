import { HandlerFailedError } from '../../command-errors.ts';
import { named } from '../layer-names.ts';
import type { Middleware } from '../message-context.ts';

/** Makes an error of whatever is thrown that is none: `HandlerFailedError`. Errors pass as they are. */
export function recovery(): Middleware {
  return named('recovery', async (context, next) => {
    try {
      return await next(context);
    } catch (error) {
      throw error instanceof Error ? error : new HandlerFailedError(context.message.type, error);
    }
  });
}
