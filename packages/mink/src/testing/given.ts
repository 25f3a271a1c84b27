import { AssertionError, deepStrictEqual } from 'node:assert';
import {
  internals,
  InvalidArgumentError,
  decidedEvents,
  type AnyAggregate,
  type AnyAggregateClass,
  type AnyEvents,
  type Decider,
  type EventOf,
} from '../core/index.ts';
import { checkThrown, type ExpectedError } from './expected-error.ts';
import { fold, normalize, type Definition, type PlainEvent } from './frozen-fold.ts';

/** What the decision came to. */
export interface Then<Event, State, Done> {
  /** Exactly these events were decided, in this order. */
  then(events: readonly Event[]): Done;
  /** Nothing was decided. */
  thenNothing(): Done;
  /** The command was refused with this error. */
  thenThrows(expected: ExpectedError): Done;
  /** The state afterwards is this, or passes this check. */
  thenState(expected: State | ((state: State) => void)): Done;
}

interface Decided {
  readonly events: readonly PlainEvent[];
  readonly state: unknown;
}

type Outcome = { readonly decided: Decided } | { readonly error: unknown };

/**
 * Given what has happened, when a command comes, then this is decided. Payloads go through their schemas, as in a store.
 * Fails with an AssertionError that any test runner shows with its difference.
 *
 * @example
 * given(order, [orderEvents.OrderCreated({ customerId: 'c-1' })])
 *   .when({ type: 'confirm' })
 *   .thenThrows(OrderEmptyError);
 *
 * given(Order, [orderEvents.OrderCreated({ customerId: 'c-1' })])
 *   .when((order) => order.addItem('SKU-1', 2, 25))
 *   .then([orderEvents.ItemAdded({ sku: 'SKU-1', quantity: 2, price: 25 })]);
 */
export function given<K extends string, E extends AnyEvents, State, Command>(
  decider: Decider<K, E, State, Command>,
  events: readonly EventOf<E>[],
): { when(command: NoInfer<Command>): Then<EventOf<E>, State, void> };
export function given<A extends AnyAggregate>(
  aggregate: AnyAggregateClass<A>,
  events: readonly A['uncommittedEvents'][number][],
  options?: { readonly id?: string | undefined },
): {
  when<R>(
    work: (aggregate: A) => R,
  ): Then<A['uncommittedEvents'][number], A['state'], R extends Promise<unknown> ? Promise<void> : void>;
};
export function given(
  target: Decider<string, AnyEvents, unknown, unknown> | AnyAggregateClass,
  events: readonly PlainEvent[],
  options: { readonly id?: string | undefined } = {},
): unknown {
  const when = (work: unknown): Then<PlainEvent, unknown, unknown> => {
    if (typeof target !== 'function') return thenOn(target, decide(target, events, work));
    if (typeof work !== 'function') throw new InvalidArgumentError('when', 'is not a function of the aggregate');
    const run = (aggregate: AnyAggregate): unknown => work(aggregate);
    return thenOn(target.definition, act(target, { events, id: options.id ?? 'test', run }));
  };
  return { when };
}

function decide(
  decider: Decider<string, AnyEvents, unknown, unknown>,
  history: readonly PlainEvent[],
  command: unknown,
): Outcome {
  const state = fold(decider, history);
  return attempt(() => {
    const events = decidedEvents(decider.decide(command, state));
    return { events: normalize(decider, events), state: fold(decider, events, state) };
  });
}

function act(
  aggregateClass: AnyAggregateClass,
  given: { readonly events: readonly PlainEvent[]; readonly id: string; readonly run: (it: AnyAggregate) => unknown },
): Outcome | Promise<Outcome> {
  const { definition } = aggregateClass;
  const aggregate = new aggregateClass(given.id);
  aggregate[internals].restore({ state: fold(definition, given.events), streamVersion: given.events.length });
  const collect = (): Decided => ({
    events: aggregate.uncommittedEvents.map(({ type, data }) => ({ type, data })),
    state: aggregate.state,
  });
  try {
    const result = given.run(aggregate);
    if (!(result instanceof Promise)) return { decided: collect() };
    return result.then(
      () => ({ decided: collect() }),
      (error: unknown) => ({ error }),
    );
  } catch (error) {
    return { error };
  }
}

function attempt(work: () => Decided): Outcome {
  try {
    return { decided: work() };
  } catch (error) {
    return { error };
  }
}

function thenOn(definition: Definition, outcome: Outcome | Promise<Outcome>): Then<PlainEvent, unknown, unknown> {
  const check = (assertion: (outcome: Outcome) => void): unknown =>
    outcome instanceof Promise ? outcome.then(assertion) : assertion(outcome);
  const compare = (expected: readonly PlainEvent[]): unknown =>
    check((actual) => deepStrictEqual(decidedOf(actual).events, normalize(definition, expected)));
  return {
    // oxlint-disable-next-line unicorn/no-thenable -- the word everybody knows; awaiting it says what is wrong
    then: (expected) => {
      if (!Array.isArray(expected)) {
        throw new InvalidArgumentError(
          'then',
          'takes the expected events. Do not await given().when(): end it with .then([…])',
        );
      }
      return compare(expected);
    },
    thenNothing: () => compare([]),
    thenThrows: (expected) => check((actual) => checkError(actual, expected)),
    thenState: (expected) =>
      check((actual) => {
        const { state } = decidedOf(actual);
        if (typeof expected === 'function') expected(state);
        else deepStrictEqual(state, expected);
      }),
  };
}

function decidedOf(outcome: Outcome): Decided {
  if ('error' in outcome) throw outcome.error;
  return outcome.decided;
}

function checkError(outcome: Outcome, expected: ExpectedError): void {
  if ('decided' in outcome) {
    const types = outcome.decided.events.map(({ type }) => type).join(', ');
    throw new AssertionError({
      message: `Expected an error, but the decision was: ${types === '' ? 'nothing' : types}`,
    });
  }
  checkThrown(outcome.error, expected);
}
