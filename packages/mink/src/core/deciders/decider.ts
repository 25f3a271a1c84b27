import { EvolveFailedError, InvalidArgumentError } from '../errors.ts';
import { deepFreeze } from '../deep-freeze.ts';
import type { AnyEvents, EventOf } from '../events/define-events.ts';
import type { Anything, ReturnsState } from './evolve-type.ts';
import { checkSnapshotOptions, type SnapshotOptions } from '../snapshots/snapshot-options.ts';
import { checkCategory } from '../store/event-registry.ts';
import { typed } from '../typed.ts';

/** How the state of one entity follows from its events. */
export interface Fold<Category extends string, E extends AnyEvents, State> {
  readonly category: Category;
  readonly events: E;
  initialState(): State;
  evolve(state: State, event: EventOf<E>): State;
  /** Whether, and how, snapshots shorten loading. */
  readonly snapshots?: SnapshotOptions<State> | undefined;
}

/** Pure decision logic over the events of a category. */
export interface Decider<Category extends string, E extends AnyEvents, State, Command> extends Fold<
  Category,
  E,
  State
> {
  decide(command: Command, state: State): EventOf<E> | readonly EventOf<E>[];
}

/**
 * Defines the decision logic of a category: `decide` turns a command and the state into events, `evolve` folds an event
 * into the state. Both are pure: the state they get is frozen, and `evolve` returns a new one.
 *
 * `decide` refuses a command by throwing, and answers "nothing to do" with an empty array.
 *
 * @example
 * const order = defineDecider({
 *   category: 'Order',
 *   events: orderEvents,
 *   initialState: (): OrderState => ({ status: 'new' }),
 *   evolve: (state, event) => (event.type === 'OrderConfirmed' ? { ...state, status: 'confirmed' } : state),
 *   decide: (command: ConfirmOrder, state) => orderEvents.OrderConfirmed({}),
 * });
 * await store.execute(order, '42', { type: 'ConfirmOrder' });
 */
export function defineDecider<
  const Category extends string,
  E extends AnyEvents,
  State,
  Command,
  const Next extends Anything,
>(
  definition: {
    readonly category: Category;
    readonly events: E;
    readonly initialState: () => State;
    readonly evolve: (state: State, event: EventOf<E>) => Next;
    readonly decide: (command: Command, state: State) => EventOf<E> | readonly EventOf<E>[];
    readonly snapshots?: SnapshotOptions<NoInfer<State>> | undefined;
  } & ReturnsState<Next, State>,
): Decider<Category, E, State, Command> {
  checkFold(definition);
  if (typeof definition.decide !== 'function') throw new InvalidArgumentError('decide', 'is not a function');
  // ReturnsState has checked that `Next` is a `State`.
  return typed(Object.freeze({ ...definition }));
}

/** Refuses a definition that lacks a part. */
export function checkFold(definition: {
  readonly category: string;
  readonly initialState: unknown;
  readonly evolve: unknown;
  readonly snapshots?: SnapshotOptions<unknown> | undefined;
}): void {
  checkCategory(definition.category);
  checkSnapshotOptions(definition.snapshots);
  if (typeof definition.initialState !== 'function')
    throw new InvalidArgumentError('initialState', 'is not a function');
  if (typeof definition.evolve !== 'function') throw new InvalidArgumentError('evolve', 'is not a function');
}

/** Any decider or the fold of an aggregate; its events are known to fit. */
export interface AnyFold<State> {
  readonly category: string;
  readonly events: AnyEvents;
  initialState(): State;
  evolve(state: State, event: { readonly type: string; readonly data: unknown }): State;
  readonly snapshots?: SnapshotOptions<State> | undefined;
}

/** The state before the first event, frozen: an `evolve` that changes it in place fails at once. */
export function initialStateOf<State>(fold: { initialState(): State }): State {
  return deepFreeze(fold.initialState());
}

/** One step of a fold; whatever `evolve` throws comes as `EvolveFailedError`. */
export function evolveOnce<State>(
  fold: AnyFold<State>,
  state: State,
  event: { readonly type: string; readonly data: unknown },
): State {
  try {
    return fold.evolve(state, event);
  } catch (error) {
    throw new EvolveFailedError(fold.category, event.type, error);
  }
}
