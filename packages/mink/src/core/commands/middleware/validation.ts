import { named } from '../layer-names.ts';
import type { Middleware } from '../message-context.ts';
import { validate } from '../validate.ts';

/**
 * Checks the data by its schema here already: the layers further in, such as an authorisation, see what the schema made of
 * it. Without this layer it is checked just before the handler.
 */
export function validation(): Middleware {
  return named('validation', async (context, next) => next(await validate(context)));
}
