import { AssertionError, deepStrictEqual } from 'node:assert';
import {
  codecFor,
  createCommandBus,
  createEventStore,
  InvalidArgumentError,
  parseStreamName,
  typed,
  type AllResults,
  type AnyHandlerSet,
  type Categories,
  type CommandBus,
  type EventStore,
  type Message,
  type Middleware,
  type NewEventFor,
  type ResultMap,
  type StreamNameOf,
} from '../core/index.ts';
import { createMemoryStorage } from '../memory/index.ts';
import { checkThrown, type ExpectedError } from './expected-error.ts';

/** The handlers that are tried, and what they work on. */
export interface HandlerSetup<C extends Categories, H extends readonly AnyHandlerSet[]> {
  readonly categories: C;
  /** They get the store that they are tried on: new and in memory for each command. */
  readonly handlers: (store: EventStore<C>) => H;
  /**
   * The layers around them, the outermost first.
   * @defaultValue none
   */
  readonly middleware?: readonly Middleware[] | undefined;
}

/** Events by stream: `{ 'Account-a': [accountEvents.Deposited({ amount: 5 })] }`. */
export type EventsByStream<C extends Categories> = {
  readonly [N in StreamNameOf<C>]?: readonly NewEventFor<C, N>[];
};

/** What a command has come to. */
export interface HandlerThen<C extends Categories, Result> {
  /** Exactly these events were appended, to exactly these streams. */
  then(expected: EventsByStream<C>): Promise<void>;
  /** Nothing was appended. */
  thenNothing(): Promise<void>;
  /** It was refused with this error, and nothing was appended. */
  thenThrows(expected: ExpectedError): Promise<void>;
  /** What came back passes this check. */
  thenResult(check: (result: Result) => void): Promise<void>;
}

/** Streams with their history, to which a command comes. */
export interface HandlerGiven<C extends Categories, H extends readonly AnyHandlerSet[]> {
  when<const T extends keyof AllResults<H> & string>(
    command: Message<T, AllResults<H>[T]['input']>,
  ): HandlerThen<C, AllResults<H>[T]['result']>;
}

interface Plain {
  readonly type: string;
  readonly data: unknown;
}

/** What was appended by a command, and what came back. */
interface Outcome {
  readonly appended: ReadonlyMap<string, readonly Plain[]>;
  readonly ended: { readonly result: unknown } | { readonly error: unknown };
}

/**
 * Given what has happened in some streams, when a command comes to its handlers, then this is appended. Payloads go through
 * their schemas, and everything through a real store, in memory. Every chain needs an end, and that is awaited.
 *
 * @example
 * await givenStreams(transfers, { 'Account-a': [Deposited({ amount: 10 })] })
 *   .when(commands.Transfer({ from: 'a', to: 'b', amount: 4 }))
 *   .then({ 'Account-a': [Withdrawn({ amount: 4 })], 'Account-b': [Deposited({ amount: 4 })] });
 */
export function givenStreams<C extends Categories, const H extends readonly AnyHandlerSet[]>(
  setup: HandlerSetup<C, H>,
  history: EventsByStream<C>,
): HandlerGiven<C, H> {
  return { when: (command) => typed(thenOn(setup, () => run(setup, history, command))) };
}

async function run<C extends Categories>(
  { categories, handlers, middleware = [] }: HandlerSetup<C, readonly AnyHandlerSet[]>,
  history: EventsByStream<C>,
  command: Message,
): Promise<Outcome> {
  const store = createEventStore(createMemoryStorage(), { categories });
  let given = 0;
  for (const [streamName, events] of Object.entries<readonly Plain[] | undefined>(history)) {
    if (events === undefined || events.length === 0) continue;
    ({ globalPosition: given } = await store.append(typed<StreamNameOf<C>>(streamName), typed(events)));
  }
  const bus = createCommandBus(store, { handlers: handlers(store), middleware });
  const ended = await typed<CommandBus<ResultMap>>(bus)
    .dispatch(command)
    .then(
      (result) => ({ result }),
      (error: unknown) => ({ error }),
    );
  const appended = new Map<string, Plain[]>();
  for await (const { streamName, type, data } of store.readAll({ after: given })) {
    appended.set(streamName, [...(appended.get(streamName) ?? []), { type, data }]);
  }
  await store.close();
  return { appended, ended };
}

function thenOn<C extends Categories>(
  { categories }: HandlerSetup<C, readonly AnyHandlerSet[]>,
  begin: () => Promise<Outcome>,
): HandlerThen<C, unknown> {
  const compare = async (expected: ReadonlyMap<string, readonly Plain[]>): Promise<void> => {
    const { appended, ended } = await begin();
    if ('error' in ended) throw ended.error;
    deepStrictEqual(Object.fromEntries(appended), Object.fromEntries(expected));
  };
  return {
    // oxlint-disable-next-line unicorn/no-thenable -- the word everybody knows; awaiting the chain itself says what is wrong
    then: (expected) => compare(normalize(categories, expected)),
    thenNothing: async () => compare(new Map()),
    thenThrows: async (expected) => {
      const { appended, ended } = await begin();
      if ('result' in ended) {
        throw new AssertionError({
          message: `Expected an error, but the command succeeded with ${appended.size} streams`,
        });
      }
      checkThrown(ended.error, expected);
      deepStrictEqual(Object.fromEntries(appended), {});
    },
    thenResult: async (check) => {
      const { ended } = await begin();
      if ('error' in ended) throw ended.error;
      check(ended.result);
    },
  };
}

/** Payloads as every reader sees them, by stream. */
function normalize(categories: Categories, expected: unknown): ReadonlyMap<string, readonly Plain[]> {
  if (typeof expected !== 'object' || expected === null) {
    throw new InvalidArgumentError(
      'then',
      'takes the expected events by stream. Do not await givenStreams().when(): end it with .then({ … })',
    );
  }
  const entries = Object.entries<readonly Plain[]>(typed(expected)).filter(([, events]) => events.length > 0);
  return new Map(
    entries.map(([streamName, events]) => {
      const { category } = parseStreamName(streamName);
      const definition = categories[category];
      const plain = events.map(({ type, data }) =>
        definition === undefined
          ? { type, data }
          : { type, data: codecFor(category, definition, type).encode(data).data },
      );
      return [streamName, plain];
    }),
  );
}
