import { ConcurrencyConflictError, ConflictNotResolvedError, InvalidArgumentError } from '../errors.ts';
import { internals, type AnyAggregate, type AnyAggregateClass } from '../deciders/aggregate.ts';
import type { AnyFold, Decider } from '../deciders/decider.ts';
import type { AnyEvents, EventMapOf } from '../events/define-events.ts';
import { checkJson, type JsonValue } from '../json.ts';
import type { Metadata } from '../metadata.ts';
import { Tries, type RetryOptions } from '../retry/backoff.ts';
import type { AppendEntry, AppendManyResult } from '../store/append-types.ts';
import type { StoredEvent, UntypedCategories } from '../store/categories.ts';
import type { RecordedEvent } from '../storage/event-storage.ts';
import { withToken } from '../projections/token.ts';
import { createCategoryRegistry, type EventRegistry } from '../store/event-registry.ts';
import type { EventStore } from '../store/event-store.ts';
import type { ExecuteResult } from '../store/execute.ts';
import type { ExecuteWithRetryOptions } from '../store/execute-with-retry.ts';
import { keyed, type KeyedOptions } from '../store/keyed.ts';
import { LazySignal, lazySignal, type LazySignalOptions } from '../store/lazy-signal.ts';
import { loadState } from '../store/load.ts';
import { parseStreamName } from '../stream-name.ts';
import { toStoredEvent } from '../store/stored-event.ts';
import { typed } from '../typed.ts';
import {
  schemasOf,
  type AnyMessages,
  type Message,
  type MessageMapOf,
  type MessageOf,
  type MessageSchema,
} from './define-messages.ts';
import { signalOf } from './lazy-context.ts';
import { checkStillExpected, expectedBySender } from './sender-expectation.ts';
import { pipeline, type DoneOutcome, type MessageContext } from './message-context.ts';

/** From message type to what is sent, and what comes back. */
export type ResultMap = Readonly<Record<string, { readonly input: unknown; readonly result: unknown }>>;

declare const resultMap: unique symbol;
const handlers: unique symbol = Symbol.for('mink.handlers');

/** Handlers for the messages of a definition; a bus takes any number of them. */
export interface HandlerSet<M extends ResultMap> {
  readonly [resultMap]?: M;
  readonly [handlers]: ReadonlyMap<string, Handler>;
}

/** Any {@link HandlerSet}. */
export interface AnyHandlerSet {
  readonly [resultMap]?: ResultMap;
  readonly [handlers]: ReadonlyMap<string, Handler>;
}

/** The types of a handler set. */
export type ResultMapOf<H extends AnyHandlerSet> = H extends { readonly [resultMap]?: infer M extends ResultMap }
  ? M
  : never;

/** One handler. */
export interface Handler {
  readonly schema: MessageSchema;
  handle(store: AnyStore, context: MessageContext): Promise<unknown>;
  /** The result that the message had the first time. */
  replay(store: AnyStore, context: MessageContext, outcome: DoneOutcome): Promise<unknown>;
}

/** A store, whatever its categories. */
export type AnyStore = EventStore<UntypedCategories>;

/** What came of a command that a decider or an aggregate handled. */
export interface CommandResult<State, Event = StoredEvent> extends ExecuteResult<State, Event> {
  /** The command's id. */
  readonly commandId: string;
}

/** How a decider or an aggregate handles commands: with retry of lost races, three tries unless told otherwise. */
export interface EntityHandlerOptions<Command, State, Event> extends Pick<
  ExecuteWithRetryOptions<Metadata, State, Event>,
  'tries' | 'backoff' | 'maxBackoff' | 'budget' | 'exclusive' | 'onConflict' | 'unknownEvents'
> {
  /** The id of the entity that a command is for: the stream name's part after the category. */
  readonly id: (command: Command) => string;
}

/** The results of a definition's commands, all of one type. */
type SameResult<D extends AnyMessages, Result> = {
  readonly [T in keyof MessageMapOf<D> & string]: {
    readonly input: MessageMapOf<D>[T]['input'];
    readonly result: Result;
  };
};

/** What a decider has to be able to decide. */
type Decides<D extends AnyMessages, Command> = [MessageOf<D>] extends [Command]
  ? unknown
  : { readonly decide: 'does not handle every command of the definition' };

/**
 * Handlers that load an entity, let a decider decide, and append, again when another writer got there first.
 *
 * @example
 * deciderHandlers(orderCommands, order, { id: ({ data }) => data.orderId });
 */
export function deciderHandlers<D extends AnyMessages, K extends string, E extends AnyEvents, State, Command>(
  messages: D,
  decider: Decider<K, E, State, Command> & Decides<D, Command>,
  options: EntityHandlerOptions<MessageOf<D>, NoInfer<State>, StoredEvent<EventMapOf<NoInfer<E>>, NoInfer<K>>>,
): HandlerSet<SameResult<D, CommandResult<State, StoredEvent<EventMapOf<E>, K>>>> {
  const { id, ...retry } = options;
  const idOf = (context: MessageContext): string => id(typed<MessageOf<D>>(context.message));
  return handlerSet(messages, () => ({
    handle: async (store, context) => {
      const target = typed<Decider<string, AnyEvents, unknown, unknown>>(decider);
      const all = typed<ExecuteWithRetryOptions<Metadata, unknown>>({ ...retry, ...executeOptions(context) });
      return finish(store, context, await store.executeWithRetry(target, idOf(context), context.message, all));
    },
    replay: (store, context, outcome) => replayEntity(store, context, typed(decider), outcome),
  }));
}

/**
 * Handlers that load an aggregate, let it work, and save it, again when another writer got there first.
 *
 * @example
 * aggregateHandlers(orderCommands, Order, {
 *   id: ({ data }) => data.orderId,
 *   handle: {
 *     CreateOrder: (order, { data }) => order.create(data.customerId),
 *     ConfirmOrder: (order) => order.confirm(),
 *   },
 * });
 */
export function aggregateHandlers<D extends AnyMessages, A extends AnyAggregate>(
  messages: D,
  aggregate: AnyAggregateClass<A>,
  options: EntityHandlerOptions<MessageOf<D>, A['state'], StoredEvent> & {
    readonly handle: {
      readonly [T in keyof MessageMapOf<D> & string]: (
        aggregate: A,
        command: Message<T, MessageMapOf<D>[T]['data']>,
      ) => unknown;
    };
  },
): HandlerSet<SameResult<D, CommandResult<A['state']>>> {
  const { id, handle, ...retry } = options;
  const idOf = (context: MessageContext): string => id(typed<MessageOf<D>>(context.message));
  return handlerSet(messages, (type) => {
    const work = functionOf<(aggregate: A, command: Message) => unknown>(handle, type);
    return {
      handle: async (store, context) => {
        const all = typed<ExecuteWithRetryOptions<Metadata, A['state']>>({ ...retry, ...executeOptions(context) });
        const act = (instance: A): unknown => work(instance, context.message);
        return finish(store, context, await store.executeWithRetry(aggregate, idOf(context), act, all));
      },
      replay: (store, context, outcome) => replayEntity(store, context, aggregate.definition, outcome),
    };
  });
}

function readAs(registry: EventRegistry, events: readonly RecordedEvent[]): readonly StoredEvent[] {
  return events.flatMap((event) => registry.decode(event, 'error').map((decoded) => toStoredEvent(event, decoded)));
}

/** A result of `executeWithRetry` as a bus gives it. */
function finish<R extends ExecuteResult<unknown>>(
  store: AnyStore,
  context: MessageContext,
  result: R,
): R & { readonly commandId: string } {
  const { slot } = context[pipeline];
  // Where nothing was decided, the result is the state there was.
  if (slot !== undefined) slot.streams = [{ streamName: result.streamName, streamVersion: result.streamVersion }];
  // The token is not among what is spread.
  return withToken({ ...result, commandId: context.id }, store[internals]);
}

/**
 * The same result once more: the events are in the log, and the state follows from them. Whose they are says the outcome,
 * not the message, which may not be checked yet.
 */
async function replayEntity(
  store: AnyStore,
  context: MessageContext,
  fold: AnyFold<unknown>,
  { entries: [entry] }: DoneOutcome,
): Promise<CommandResult<unknown>> {
  const { id } = parseStreamName(entry?.streamName ?? '');
  const version = entry?.streamVersion ?? 0;
  const registry = createCategoryRegistry(fold.category, fold.events);
  const events = readAs(registry, entry?.events ?? []);
  const stop = stopOptions(context);
  const { state, streamName } = await loadState(store[internals], fold, id, { until: { version }, ...stop });
  const globalPosition = events.at(-1)?.globalPosition;
  const result = { streamName, streamVersion: version, state, events, globalPosition, commandId: context.id };
  return withToken(result, store[internals]);
}

/** What a command handler of your own has decided. */
export interface CommandDecision {
  /** Appended in one commit, or nothing of it. */
  readonly append?: readonly AppendEntry<UntypedCategories>[] | undefined;
  /** For whoever sent the command. */
  readonly value?: unknown;
}

/** What came of a command with a handler of your own. */
export interface DecisionResult<Value> {
  readonly commandId: string;
  readonly value: Value;
  /** The streams that were appended to, with their new versions. */
  readonly streams: AppendManyResult['streams'];
  /** The position of the last appended event; undefined where none was. */
  readonly globalPosition: number | undefined;
  /**
   * What a read is given, for it to see what was appended: see `waitFor` of projections. Undefined where nothing was. Opaque; not
   * a part of the JSON of the result.
   */
  readonly token: string | undefined;
}

type MaybePromise<T> = T | Promise<T>;

/** A handler function for each command. */
type CommandFunctions<D extends AnyMessages> = {
  readonly [T in keyof MessageMapOf<D> & string]: (
    command: Message<T, MessageMapOf<D>[T]['data']>,
    context: MessageContext,
  ) => MaybePromise<CommandDecision | void>;
};

/** What a handler function gives to whoever sent the command. */
type ValueOf<F> = F extends (...parameters: never) => infer R ? ValueIn<Awaited<R>> : never;

/** Distributes over the branches of a function: some may return a value, others none. */
type ValueIn<R> = R extends { readonly value?: unknown }
  ? 'value' extends keyof R
    ? R['value']
    : undefined
  : undefined;

/**
 * Handlers of your own, for what concerns several streams, or none. A handler reads what it needs and returns what is to be
 * appended; the append follows, and when it loses a race, the handler is asked again. So it must do nothing but read.
 *
 * @example
 * commandHandlers(accountCommands, {
 *   Transfer: async ({ data }) => {
 *     const from = await store.load(account, data.from);
 *     return {
 *       append: [
 *         { streamName: from.streamName, expectedVersion: from.streamVersion, events: [Withdrawn({ amount: data.amount })] },
 *         { streamName: streamName('Account', data.to), events: [Deposited({ amount: data.amount })] },
 *       ],
 *       value: { left: from.state.balance - data.amount },
 *     };
 *   },
 * });
 */
export function commandHandlers<D extends AnyMessages, F extends CommandFunctions<D>>(
  messages: D,
  functions: F,
  options: RetryOptions = {},
): HandlerSet<{
  readonly [T in keyof MessageMapOf<D> & keyof F & string]: {
    readonly input: MessageMapOf<D>[T]['input'];
    readonly result: DecisionResult<ValueOf<F[T]>>;
  };
}> {
  return handlerSet(messages, (type) => {
    const decide = functionOf<(message: Message, context: MessageContext) => MaybePromise<CommandDecision | undefined>>(
      functions,
      type,
    );
    return {
      handle: (store, context) => commitDecision(store, context, () => decide(context.message, context), options),
      replay: async (store, context, { entries, value }) => {
        const { registry } = store[internals];
        const streams = entries.map(({ streamName, streamVersion, events }) => ({
          streamName,
          streamVersion,
          events: readAs(registry, events),
        }));
        const result = { commandId: context.id, value, streams, globalPosition: lastPosition(streams) };
        return withToken(result, store[internals]);
      },
    };
  });
}

function lastPosition(streams: AppendManyResult['streams']): number | undefined {
  const positions = streams.flatMap(({ events }) => events.map(({ globalPosition }) => globalPosition));
  return positions.length === 0 ? undefined : Math.max(...positions);
}

async function commitDecision(
  store: AnyStore,
  context: MessageContext,
  decide: () => MaybePromise<CommandDecision | undefined>,
  options: RetryOptions,
): Promise<DecisionResult<unknown>> {
  const tries = new Tries(options);
  const { slot } = context[pipeline];
  for (;;) {
    const { append: decided = [], value } = (await decide()) ?? {};
    const append = expectedBySender(context, decided);
    if (slot !== undefined) slot.value = valueOf(context, value);
    const nothing = { commandId: context.id, value, streams: [], globalPosition: undefined };
    if (append.length === 0) return withToken(nothing, store[internals]);
    try {
      const { streams, globalPosition } = await store.appendMany(append, executeOptions(context));
      return withToken({ commandId: context.id, value, streams, globalPosition }, store[internals]);
    } catch (error) {
      if (!(error instanceof ConcurrencyConflictError)) throw error;
      checkStillExpected(context, append, error);
      const { made } = tries;
      const end = await tries.next(signalOf(context));
      if (end !== undefined) throw new ConflictNotResolvedError(error.streamName, { tries: made, reason: end }, error);
    }
  }
}

/** What is kept for a repeat has to be the same then. */
function valueOf({ message }: MessageContext, value: unknown): JsonValue | undefined {
  if (value === undefined) return undefined;
  const checked = checkJson(value);
  if (!('reason' in checked)) return checked.value;
  const at = checked.path === '' ? 'value' : `value.${checked.path}`;
  throw new InvalidArgumentError(`handlers.${message.type}`, `${at} ${checked.reason}; a repeat could not get it`);
}

/** A handler function for each query. */
type QueryFunctions<D extends AnyMessages> = {
  readonly [T in keyof MessageMapOf<D> & string]: (
    query: Message<T, MessageMapOf<D>[T]['data']>,
    context: MessageContext,
  ) => unknown;
};

/**
 * Handlers of queries: what a function returns is the answer.
 *
 * @example
 * queryHandlers(orderQueries, { GetOrder: ({ data }) => orders.get(data.orderId) });
 */
export function queryHandlers<D extends AnyMessages, F extends QueryFunctions<D>>(
  messages: D,
  functions: F,
): HandlerSet<{
  readonly [T in keyof MessageMapOf<D> & keyof F & string]: {
    readonly input: MessageMapOf<D>[T]['input'];
    readonly result: F[T] extends (...parameters: never) => infer R ? Awaited<R> : never;
  };
}> {
  return handlerSet(messages, (type) => {
    const answer = functionOf<(message: Message, context: MessageContext) => unknown>(functions, type);
    return {
      handle: async (_store, context) => answer(context.message, context),
      replay: () => Promise.reject(new Error('queries have no results that are kept')),
    };
  });
}

/** One handler for each message of a definition. */
function handlerSet<M extends ResultMap>(
  messages: AnyMessages,
  handlerOf: (type: string) => Omit<Handler, 'schema'>,
): HandlerSet<M> {
  const table = new Map<string, Handler>();
  for (const [type, schema] of schemasOf(messages)) table.set(type, { schema, ...handlerOf(type) });
  return { [handlers]: table };
}

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the definition has checked what it is
function functionOf<F>(functions: object, type: string): F {
  const found: unknown = Object.hasOwn(functions, type) ? Reflect.get(functions, type) : undefined;
  if (typeof found === 'function') return typed(found);
  throw new InvalidArgumentError('handlers', `there is no function for "${type}"`);
}

/** What every append of a handler gets. Spelled out: a literal that begins with a spread is made ten times as slowly. */
function executeOptions(
  context: MessageContext,
): Pick<MessageContext, 'signal' | 'expectedVersion'> & KeyedOptions & LazySignalOptions {
  const { signal, [lazySignal]: lazy } = stopOptions(context);
  return { signal, [lazySignal]: lazy, expectedVersion: context.expectedVersion, [keyed]: context[pipeline].slot };
}

/** What everything that a handler does is stopped with. */
function stopOptions(context: MessageContext): Pick<MessageContext, 'signal'> & LazySignalOptions {
  const signal = signalOf(context);
  return signal instanceof LazySignal
    ? { signal: undefined, [lazySignal]: signal }
    : { signal, [lazySignal]: undefined };
}

/** The handlers of several sets. Refuses two for the same message. */
export function allHandlers(sets: readonly AnyHandlerSet[]): ReadonlyMap<string, Handler> {
  const all = new Map<string, Handler>();
  for (const set of sets) {
    for (const [type, handler] of set[handlers]) {
      if (all.has(type)) throw new InvalidArgumentError('handlers', `there are two handlers for "${type}"`);
      all.set(type, handler);
    }
  }
  return all;
}
