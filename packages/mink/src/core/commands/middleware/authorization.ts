import { NotAuthorizedError } from '../../command-errors.ts';
import { currentMetadata } from '../../metadata.ts';
import { named } from '../layer-names.ts';
import type { MessageContext, Middleware } from '../message-context.ts';

/** Whether a message may be sent: yes, no, or why not. */
export type Policy = (context: MessageContext) => boolean | string | Promise<boolean | string>;

/**
 * Lets only those messages through that a policy allows; the others are a `NotAuthorizedError`. What a policy answers must
 * be `true` exactly: anything else refuses.
 *
 * @example
 * authorize(({ message }) => roles(currentMetadata().userId).includes(message.type) || 'the role is missing');
 */
export function authorize(policy: Policy): Middleware {
  return named('authorization', async (context, next) => {
    const answer = await policy(context);
    if (answer === true) return next(context);
    const reason = typeof answer === 'string' && answer !== '' ? answer : undefined;
    throw new NotAuthorizedError(context.message.type, currentMetadata().userId, reason);
  });
}
