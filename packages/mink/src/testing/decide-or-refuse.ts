import { AssertionError } from 'node:assert';
import { inspect } from 'node:util';
import { decidedEvents, type AnyEvents, type Decider, type EventOf } from '../core/index.ts';
import { fold, normalize, type PlainEvent } from './frozen-fold.ts';

/** What a decider said: events and the state after them, or an error of the domain. */
export type Decision<Event, State> =
  | { readonly events: readonly Event[]; readonly state: State; readonly refusal: undefined }
  | { readonly events: readonly []; readonly state: State; readonly refusal: Error };

/**
 * One trial of a property: a decider decides on this command after these events, or refuses it, and does nothing else.
 * Made for generated histories and commands, with fast-check or any other generator. It throws
 *
 * - an AssertionError where decide throws anything but a refusal. A refusal has a class of its own or a `code`, as
 *   BusinessRuleViolationError has; a TypeError, a plain Error, an error of Node or a string is a
 *   defect.
 * - what a store would say where a decided event does not fit its schema, or where evolve throws at an event.
 *
 * State is frozen at every step, so changing it in place is a TypeError, thus a defect as well.
 *
 * @returns the decision, for what else must hold; the state of a refusal is the one it was refused in
 *
 * @example
 * fc.assert(
 *   fc.property(fc.array(anyEvent), anyCommand, (events, command) => {
 *     const { state } = decideOrRefuse(account, events, command);
 *     assert(state.balance >= 0);
 *   }),
 * );
 */
export function decideOrRefuse<K extends string, E extends AnyEvents, State, Command>(
  decider: Decider<K, E, State, Command>,
  events: readonly EventOf<E>[],
  command: NoInfer<Command>,
): Decision<EventOf<E>, State>;
export function decideOrRefuse(
  decider: Decider<string, AnyEvents, unknown, unknown>,
  events: readonly PlainEvent[],
  command: unknown,
): Decision<PlainEvent, unknown> {
  const before = fold(decider, events);
  let decided;
  try {
    decided = decider.decide(command, before);
  } catch (error) {
    if (!isRefusal(error)) throw defectOf(decider.category, command, error);
    return { events: [], state: before, refusal: error };
  }
  const normalized = normalize(decider, decidedEvents(decided));
  return { events: normalized, state: fold(decider, normalized, before), refusal: undefined };
}

/** What the language throws by itself, or somebody who had no better class at hand. */
const untypedErrors: ReadonlySet<unknown> = new Set([
  Error,
  AggregateError,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
]);

function isRefusal(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  // Node's own errors, failed assertions among them, have classes and codes like this one.
  if (code?.startsWith('ERR_') === true) return false;
  return code !== undefined || !untypedErrors.has(error.constructor);
}

function defectOf(category: string, command: unknown, error: unknown): AssertionError {
  const thrown = error instanceof Error ? `${error.constructor.name}: ${error.message}` : `${inspect(error)}, no error`;
  const assertion = new AssertionError({
    message: `Deciding on ${inspect(command)} for ${category} threw ${thrown}. Refuse a command with a class of its own or a code`,
    actual: error,
  });
  assertion.cause = error;
  return assertion;
}
