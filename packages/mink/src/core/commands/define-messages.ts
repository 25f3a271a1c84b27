import { InvalidMessageError, UnhandledMessageError } from '../command-errors.ts';
import { InvalidArgumentError, type Issue } from '../errors.ts';
import { formatPath, type StandardSchema } from '../events/standard-schema.ts';
import type { PayloadMarker } from '../events/event-schema.ts';
import type { Metadata } from '../metadata.ts';
import { textProblem } from '../stream-name.ts';
import { typed } from '../typed.ts';

/** What a bus carries: a command, which asks for a change, or a query, which asks for an answer. */
export interface Message<T extends string = string, Data = unknown> {
  readonly type: T;
  readonly data: Data;
  /** Who asks again gives the same id again. Default: a new UUID v7. */
  readonly id?: string | undefined;
  /** Ambient while it is handled, and so stored with the events it leads to. */
  readonly metadata?: Metadata | undefined;
}

/** A command: what somebody wants to be done. */
export type Command<T extends string = string, Data = unknown> = Message<T, Data>;

/** A query: what somebody wants to know. */
export type Query<T extends string = string, Data = unknown> = Message<T, Data>;

/** From message type to what comes in, and what handlers get. */
export type MessageMap = Readonly<Record<string, { readonly input: unknown; readonly data: unknown }>>;

declare const messageMap: unique symbol;
const schemas: unique symbol = Symbol.for('mink.messages');

/** Everything that can describe a message's data. */
export type MessageSchema = StandardSchema | PayloadMarker<unknown>;

/** Anything {@link defineCommands} or {@link defineQueries} returned. */
export interface AnyMessages {
  readonly [messageMap]?: MessageMap;
  readonly [schemas]: ReadonlyMap<string, MessageSchema>;
}

/** A creator for each type: `orderCommands.AddItem({ … })`. */
export type Messages<M extends MessageMap> = {
  readonly [T in keyof M & string]: (
    data: M[T]['input'],
    options?: Pick<Message, 'id' | 'metadata'>,
  ) => Message<T, M[T]['input']>;
} & {
  readonly [messageMap]?: M;
  readonly [schemas]: ReadonlyMap<string, MessageSchema>;
};

/** The types of a definition. */
export type MessageMapOf<D extends AnyMessages> = D extends { readonly [messageMap]?: infer M extends MessageMap }
  ? M
  : never;

/** The union of a definition's messages as handlers get them: `type OrderCommand = CommandOf<typeof orderCommands>`. */
export type MessageOf<D extends AnyMessages> = {
  readonly [T in keyof MessageMapOf<D> & string]: Message<T, MessageMapOf<D>[T]['data']>;
}[keyof MessageMapOf<D> & string];
export type CommandOf<D extends AnyMessages> = MessageOf<D>;
export type QueryOf<D extends AnyMessages> = MessageOf<D>;

type MapOf<S> = {
  readonly [T in keyof S & string]: S[T] extends PayloadMarker<infer Data>
    ? { readonly input: Data; readonly data: Data }
    : S[T] extends StandardSchema<infer Input, infer Output>
      ? { readonly input: Input; readonly data: Output }
      : never;
};

/**
 * Defines commands: their types, and a Standard Schema (zod, valibot, arktype …) for the data of each, or `payload<T>()`
 * for a type without a check. A schema may change what it gets, by defaults for instance: handlers get what comes out.
 *
 * @example
 * const orderCommands = defineCommands({
 *   CreateOrder: z.object({ orderId: z.string(), customerId: z.string() }),
 *   ConfirmOrder: z.object({ orderId: z.string() }),
 * });
 * await bus.dispatch(orderCommands.ConfirmOrder({ orderId: '42' }));
 */
export function defineCommands<S extends Readonly<Record<string, MessageSchema>>>(types: S): Messages<MapOf<S>> {
  return defineMessages('defineCommands', types);
}

/**
 * Defines queries, in the same way as {@link defineCommands} defines commands.
 *
 * @example
 * const orderQueries = defineQueries({ GetOrder: z.object({ orderId: z.string() }) });
 * const found = await queries.ask(orderQueries.GetOrder({ orderId: '42' }));
 */
export function defineQueries<S extends Readonly<Record<string, MessageSchema>>>(types: S): Messages<MapOf<S>> {
  return defineMessages('defineQueries', types);
}

/** A message of a definition, by its type; any of them where the type is any text. */
type MessageNamed<D extends AnyMessages, T extends string> = {
  readonly [K in keyof MessageMapOf<D> & string]: Message<K, MessageMapOf<D>[K]['input']>;
}[keyof MessageMapOf<D> & (string extends T ? string : T)];

/**
 * A message whose data nobody has looked at yet, such as the body of a request or a message of a queue, as a bus takes it: it
 * is checked by its schema when it is dispatched. Throws `UnhandledMessageError` where the definition has no such type, and
 * `InvalidArgumentError` where there is no schema to check it.
 *
 * @example
 * await bus.dispatch(fromOutside(orderCommands, { type: 'AddItem', data: await request.json() }));
 */
export function fromOutside<D extends AnyMessages, const T extends string>(
  messages: D,
  message: Message<T> & (string extends T ? unknown : { readonly type: keyof MessageMapOf<D> }),
): MessageNamed<D, T> {
  const { type } = message;
  const schema = messages[schemas].get(type);
  if (schema === undefined) throw new UnhandledMessageError(type, [...messages[schemas].keys()]);
  if ('~standard' in schema) return typed(message);
  throw new InvalidArgumentError('message', `"${type}" has no schema that could check what comes from outside`);
}

function defineMessages<S extends Readonly<Record<string, MessageSchema>>>(name: string, types: S): Messages<MapOf<S>> {
  const table = new Map<string, MessageSchema>();
  const creators: Record<string, (data: unknown, options?: Pick<Message, 'id' | 'metadata'>) => Message> = {};
  for (const [type, schema] of Object.entries(types)) {
    if (type === '' || textProblem(type) !== undefined) throw new InvalidArgumentError(name, `"${type}" is not a name`);
    if (!isSchema(schema)) {
      throw new InvalidArgumentError(
        `${name}.${type}`,
        'is not a schema. Give a Standard Schema (zod, valibot, arktype …) or payload<T>().',
      );
    }
    table.set(type, schema);
    creators[type] = (data, options) => ({ type, data, ...options });
  }
  return typed(Object.freeze(Object.assign(creators, { [schemas]: table })));
}

/** The schemas of a definition, by message type. */
export function schemasOf(messages: AnyMessages): ReadonlyMap<string, MessageSchema> {
  return messages[schemas];
}

/** What a handler gets of a message's data. Throws {@link InvalidMessageError}. */
export async function validated(schema: MessageSchema | undefined, type: string, data: unknown): Promise<unknown> {
  if (schema === undefined || !('~standard' in schema)) return data;
  const result = await schema['~standard'].validate(data);
  if (result.issues === undefined) return result.value;
  const issues: Issue[] = result.issues.map(({ path, message }) => ({ path: formatPath(path), reason: message }));
  throw new InvalidMessageError(type, issues);
}

function isSchema(value: unknown): value is MessageSchema {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  return '~standard' in value || ('kind' in value && value.kind === 'payload');
}
