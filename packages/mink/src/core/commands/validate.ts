import { validated } from './define-messages.ts';
import { changed } from './lazy-context.ts';
import type { MessageContext } from './message-context.ts';

/** The context with the data as its schema makes it. Throws `InvalidMessageError`. */
export async function validate(context: MessageContext): Promise<MessageContext> {
  const { message, schema } = context;
  if (schema === undefined) return context;
  const data = await validated(schema, message.type, message.data);
  return changed(context, { message: { ...message, data }, schema: undefined });
}
