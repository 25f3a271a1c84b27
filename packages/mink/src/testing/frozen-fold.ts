import {
  codecFor,
  deepFreeze,
  evolveOnce,
  initialStateOf,
  type AnyEvents,
  type AnyFold,
  type UncheckedEvent,
} from '../core/index.ts';

/** An event without what the store adds. */
export interface PlainEvent {
  readonly type: string;
  readonly data: unknown;
}

/** Where events belong. */
export interface Definition {
  readonly category: string;
  readonly events: AnyEvents;
}

/** Frozen at every step: an evolve that changes the state in place fails here, not later. */
export function fold(
  definition: AnyFold<unknown>,
  events: readonly PlainEvent[],
  from = initialStateOf(definition),
): unknown {
  const step = (state: unknown, event: PlainEvent): unknown => deepFreeze(evolveOnce(definition, state, event));
  return normalize(definition, events).reduce(step, from);
}

/** Payloads as every reader sees them. */
export function normalize({ category, events }: Definition, list: readonly UncheckedEvent[]): readonly PlainEvent[] {
  return list.map(({ type, data }) => ({ type, data: codecFor(category, events, type).encode(data).data }));
}
