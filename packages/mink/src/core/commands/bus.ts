import { UnhandledMessageError } from '../command-errors.ts';
import { InvalidArgumentError } from '../errors.ts';
import { internals } from '../deciders/aggregate.ts';
import { currentMetadata, withMetadata } from '../metadata.ts';
import type { Categories } from '../store/categories.ts';
import type { EventStore } from '../store/event-store.ts';
import { typed } from '../typed.ts';
import { createUuidV7Generator } from '../uuid.ts';
import type { Message } from './define-messages.ts';
import {
  allHandlers,
  type AnyHandlerSet,
  type AnyStore,
  type Handler,
  type ResultMap,
  type ResultMapOf,
} from './handlers.ts';
import { nameOf } from './layer-names.ts';
import { signalOf } from './lazy-context.ts';
import {
  compose,
  pipeline,
  type CommandResults,
  type DispatchOptions,
  type DoneOutcome,
  type MessageContext,
  type Middleware,
  type Next,
  type Stopwatch,
} from './message-context.ts';
import { validate } from './validate.ts';

/** Takes commands to their handlers. */
export interface CommandBus<M extends ResultMap> {
  /**
   * Hands a command to its handler, through the middleware. Throws what the handler throws, `InvalidMessageError` for data
   * that its schema refuses, and `UnhandledMessageError` where there is no handler.
   */
  dispatch<const T extends keyof M & string>(
    command: Message<T, M[T]['input']>,
    options?: DispatchOptions,
  ): Promise<M[T]['result']>;
  /** The names of its layers, the outermost first; `own` for those that are not mink's. */
  readonly layers: readonly string[];
}

/** Takes queries to their handlers. */
export interface QueryBus<M extends ResultMap> {
  /** Asks the handler of a query, through the middleware. Throws as {@link CommandBus.dispatch} does. */
  ask<const T extends keyof M & string>(
    query: Message<T, M[T]['input']>,
    options?: DispatchOptions,
  ): Promise<M[T]['result']>;
  /** The names of its layers, the outermost first; `own` for those that are not mink's. */
  readonly layers: readonly string[];
}

/** What a bus is made of. */
export interface BusOptions<H extends readonly AnyHandlerSet[]> {
  readonly handlers: H;
  /**
   * The layers around the handlers, the outermost first; `recommendedPipeline` gives them in a good order.
   * @defaultValue none
   */
  readonly middleware?: readonly Middleware[] | undefined;
  /**
   * Makes the ids of messages that have none.
   * @defaultValue UUID v7 of the system clock
   */
  readonly newId?: (() => string) | undefined;
}

type UnionToIntersection<U> = (U extends unknown ? (member: U) => void : never) extends (all: infer I) => void
  ? I
  : never;

/** The types of all handlers together. */
export type AllResults<H extends readonly AnyHandlerSet[]> =
  UnionToIntersection<ResultMapOf<H[number]>> extends infer M extends ResultMap ? M : never;

/**
 * A bus for commands, whose handlers append to `store`. What it dispatches, and what comes back, is typed by its handlers.
 *
 * @example
 * const bus = createCommandBus(store, {
 *   handlers: [deciderHandlers(orderCommands, order, { id: ({ data }) => data.orderId })],
 *   middleware: recommendedPipeline(),
 * });
 * const { state, streamVersion } = await bus.dispatch(orderCommands.ConfirmOrder({ orderId: '42' }));
 */
export function createCommandBus<const H extends readonly AnyHandlerSet[], C extends Categories, Meta>(
  store: EventStore<C, Meta>,
  options: BusOptions<H>,
): CommandBus<AllResults<H>> {
  const send = sender('command', typed(store), options);
  return { dispatch: (command, dispatchOptions) => send(command, dispatchOptions), layers: layersOf(options) };
}

/**
 * A bus for queries.
 *
 * @example
 * const queries = createQueryBus({ handlers: [queryHandlers(orderQueries, { GetOrder: ({ data }) => find(data.orderId) })] });
 * const found = await queries.ask(orderQueries.GetOrder({ orderId: '42' }));
 */
export function createQueryBus<const H extends readonly AnyHandlerSet[]>(
  options: BusOptions<H>,
): QueryBus<AllResults<H>> {
  const send = sender('query', undefined, options);
  return { ask: (query, askOptions) => send(query, askOptions), layers: layersOf(options) };
}

function layersOf({ middleware = [] }: Pick<BusOptions<readonly AnyHandlerSet[]>, 'middleware'>): readonly string[] {
  return middleware.map(nameOf);
}

function sender(
  kind: MessageContext['kind'],
  store: AnyStore | undefined,
  { handlers: sets, middleware = [], newId = createUuidV7Generator(Date.now) }: BusOptions<readonly AnyHandlerSet[]>,
): <R>(message: Message, options?: DispatchOptions) => Promise<R> {
  const handlers = allHandlers(sets);
  const run = compose(middleware, handleWith(handlers, store));
  const results = store === undefined ? noResults : store[internals].storage;
  return async (message, { signal, expectedVersion } = {}) => {
    checkMessage(message);
    signal?.throwIfAborted();
    const { type, id = newId(), metadata } = message;
    const handler = handlers.get(type);
    const replay = (outcome: DoneOutcome): Promise<unknown> =>
      handler === undefined ? Promise.resolve() : handler.replay(typed(store), context, outcome);
    const context: MessageContext = {
      kind,
      message,
      id,
      signal,
      expectedVersion,
      schema: handler?.schema,
      [pipeline]: {
        isHandled: handler !== undefined,
        sent: message.data,
        results,
        replay,
        stopwatch: { now: undefined, milliseconds: undefined },
        told: { keyUse: undefined },
        // Before a layer makes the message itself the cause of all that follows.
        causedBy: metadata?.causationId ?? currentMetadata().causationId,
      },
    };
    // Ambient for the handler and all that it does: the events of everything it appends carry it.
    const work = (): Promise<unknown> => run(context);
    return typed(await (metadata === undefined ? work() : withMetadata(metadata, work)));
  };
}

/** A query leaves nothing behind. */
const noResults: CommandResults = {
  readResult: () => Promise.resolve(undefined),
  keepResult: () => Promise.resolve(undefined),
  deleteExpiredResults: () => Promise.resolve(0),
};

function handleWith(handlers: ReadonlyMap<string, Handler>, store: AnyStore | undefined): Next {
  return async (context) => {
    const { type } = context.message;
    const handler = handlers.get(type);
    if (handler === undefined) throw new UnhandledMessageError(type, [...handlers.keys()]);
    const checked = await validate(context);
    signalOf(checked)?.throwIfAborted();
    const { stopwatch } = checked[pipeline];
    const work = (): Promise<unknown> => handler.handle(typed(store), checked);
    return stopwatch.now === undefined ? work() : measured(stopwatch, stopwatch.now, work);
  };
}

async function measured(stopwatch: Stopwatch, now: () => number, work: () => Promise<unknown>): Promise<unknown> {
  const begin = now();
  try {
    return await work();
  } finally {
    stopwatch.milliseconds = (stopwatch.milliseconds ?? 0) + now() - begin;
  }
}

/** Messages come from networks, too. */
function checkMessage(message: Message): void {
  if (typeof message !== 'object' || message === null || typeof message.type !== 'string') {
    throw new InvalidArgumentError('message', 'is not { type, data }');
  }
  const { id, metadata } = message;
  if (id !== undefined && (typeof id !== 'string' || id === '')) {
    throw new InvalidArgumentError('message.id', 'is not a text');
  }
  if (metadata !== undefined && (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata))) {
    throw new InvalidArgumentError('message.metadata', 'is not an object');
  }
}
