import { currentMetadata, withMetadata } from '../../metadata.ts';
import { named } from '../layer-names.ts';
import type { Middleware } from '../message-context.ts';

/**
 * Puts the message's id on everything that it leads to: as the `causationId`, and as the `correlationId` where the message
 * or whatever surrounds it has none.
 */
export function correlation(): Middleware {
  return named('correlation', (context, next) => {
    const correlationId = currentMetadata().correlationId ?? context.id;
    return withMetadata({ correlationId, causationId: context.id }, () => next(context));
  });
}
