import { AppendOutcomeUnknownError, InvalidArgumentError } from '../errors.ts';
import { deepFreeze } from '../deep-freeze.ts';
import { internals, type AnyAggregate, type AnyAggregateClass, type Saved } from '../deciders/aggregate.ts';
import { evolveOnce, type AnyFold } from '../deciders/decider.ts';
import { createAggregate, type Loaded } from './load.ts';
import type { UncheckedEvent } from './prepare-events.ts';

/** Who decides about an entity: a decider with its command, or an aggregate with the work to do. */
export interface Actor {
  readonly fold: AnyFold<unknown>;
  /** Decides on what is known; nothing of it is stored yet. */
  decide(known: Loaded<unknown>): Decision | Promise<Decision>;
}

/** What an actor has decided. */
export interface Decision {
  readonly events: readonly UncheckedEvent[];
  /** The version they were decided at. */
  readonly streamVersion: number;
  /** The state with these payloads on top, as readers will see them. */
  stateWith(payloads: readonly unknown[]): unknown;
  /** What came of it: what was saved, or the error that kept it from being so. */
  settle(saved: Saved | undefined, error?: unknown): void;
}

/** Any decider, its command unchecked. */
export interface AnyDecider extends AnyFold<unknown> {
  decide(command: unknown, state: unknown): unknown;
}

/** A decider and its command. */
export function deciderActor(decider: AnyDecider, command: unknown): Actor {
  return {
    fold: decider,
    decide: (known) => decisionOf(decider, known, decidedEvents(decider.decide(command, known.state))),
  };
}

/** An aggregate and the work to do with it; every decision works with an instance of its own. */
export function aggregateActor<A extends AnyAggregate>(
  aggregateClass: AnyAggregateClass<A>,
  id: string,
  work: (aggregate: A) => unknown,
): Actor {
  return {
    fold: aggregateClass.definition,
    async decide(known) {
      const aggregate = createAggregate(aggregateClass, id);
      aggregate[internals].restore(known);
      await work(aggregate);
      return saveOf(aggregate);
    },
  };
}

/** What an aggregate has applied; it is being saved from now on until it is settled. */
export function saveOf(aggregate: AnyAggregate): Decision {
  const parts = aggregate[internals];
  const finish = parts.beginSave();
  const { state, version: streamVersion } = aggregate;
  return {
    events: parts.uncommitted(),
    streamVersion,
    stateWith: () => state,
    settle: (saved, error) => {
      // The next save repeats this one.
      if (error instanceof AppendOutcomeUnknownError) parts.rememberIds(error.eventIds);
      finish(saved);
    },
  };
}

/** These events, decided at what is known. */
export function decisionOf(
  fold: AnyFold<unknown>,
  { state, streamVersion }: Loaded<unknown>,
  events: readonly UncheckedEvent[],
): Decision {
  return {
    events,
    streamVersion,
    stateWith: (payloads) => {
      let after = state;
      for (const [index, { type }] of events.entries()) {
        after = deepFreeze(evolveOnce(fold, after, { type, data: payloads[index] }));
      }
      return after;
    },
    settle: () => undefined,
  };
}

/** What decide returned: one event, or several. */
export function decidedEvents(decided: unknown): readonly UncheckedEvent[] {
  const events: readonly unknown[] = Array.isArray(decided) ? decided : [decided];
  // Array.from, because map passes over holes.
  return Array.from(events, (event) => {
    if (isEvent(event)) return event;
    // Its own failure is not the one to report, and must not end the process.
    if (event instanceof Promise) event.catch(() => undefined);
    const hint = event instanceof Promise ? ' decide must not be asynchronous: fetch what it needs before.' : '';
    throw new InvalidArgumentError(
      'decide',
      `returned something that is not { type, data } or an array of them.${hint}`,
    );
  });
}

function isEvent(value: unknown): value is UncheckedEvent {
  return (
    typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string' && 'data' in value
  );
}
