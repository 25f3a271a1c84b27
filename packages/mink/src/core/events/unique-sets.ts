import { InvalidArgumentError } from '../errors.ts';
import type { Hold } from '../storage/event-storage.ts';
import { textProblem } from '../stream-name.ts';

const MAX_LENGTH = 512;

/**
 * The values of a unique set that a stream holds from this event on: one, several, or with `null` none. `undefined`: the
 * event says nothing about it.
 */
export type UniqueValues = string | readonly string[] | null | undefined;

/** A set in which no two streams may have the same value; the function says which values an event gives to its stream. */
export type UniqueSet<Event> =
  | ((event: Event) => UniqueValues)
  | {
      readonly values: (event: Event) => UniqueValues;
      /** A value that was given up stays with its stream: no other one ever gets it. */
      readonly forever: true;
    };

/** The unique sets of a definition, its events unchecked. */
export type AnyUniqueSets = ReadonlyMap<string, UniqueSet<{ readonly type: string; readonly data: unknown }>>;

/** Checks the unique sets of a definition. */
export function checkUniqueSets(sets: Readonly<Record<string, unknown>> | undefined): AnyUniqueSets {
  const all = new Map<string, UniqueSet<{ readonly type: string; readonly data: unknown }>>();
  for (const [name, set] of Object.entries(sets ?? {})) {
    if (name === '' || name.length > MAX_LENGTH || textProblem(name) !== undefined) {
      throw new InvalidArgumentError('unique', `${JSON.stringify(name)} is not a name`);
    }
    if (!isUniqueSet(set)) {
      throw new InvalidArgumentError(
        `unique.${name}`,
        'is neither a function of an event nor { values, forever: true }',
      );
    }
    all.set(name, set);
  }
  return all;
}

function isUniqueSet(set: unknown): set is UniqueSet<unknown> {
  if (typeof set === 'function') return true;
  return typeof set === 'object' && set !== null && 'values' in set && typeof set.values === 'function';
}

/** What a stream holds after these events, of every set that they say something about. */
export function holdsAfter(
  sets: AnyUniqueSets,
  events: readonly { readonly type: string; readonly data: unknown }[],
): readonly Hold[] {
  const holds: Hold[] = [];
  for (const [name, set] of sets) {
    const [valuesOf, isForever] = typeof set === 'function' ? [set, false] : [set.values, true];
    let last: readonly string[] | undefined;
    for (const event of events) last = checkValues(name, event.type, ask(name, event, valuesOf)) ?? last;
    if (last !== undefined) holds.push({ set: name, values: last, isForever });
  }
  return holds;
}

/**
 * What an append of these events claims. Of a set for all time also what one of them gives and a later one gives up: it counts
 * as held until the next event about that set.
 */
export function holdsOfAppend(
  sets: AnyUniqueSets,
  events: readonly { readonly type: string; readonly data: unknown }[],
): readonly Hold[] {
  const after = holdsAfter(sets, events);
  if (events.length < 2 || !after.some(({ isForever }) => isForever)) return after;
  const ever = new Map(heldEver(sets, events).map(({ set, values }) => [set, values]));
  return after.map((hold) => ({ ...hold, values: ever.get(hold.set) ?? hold.values }));
}

/** What of sets for all time these events have ever given to a stream: it keeps it, whether it holds it now or not. */
export function heldEver(
  sets: AnyUniqueSets,
  events: readonly { readonly type: string; readonly data: unknown }[],
): readonly Hold[] {
  return [...sets].flatMap(([set, definition]) => {
    if (typeof definition === 'function') return [];
    const all = events.flatMap((event) => checkValues(set, event.type, ask(set, event, definition.values)) ?? []);
    return all.length === 0 ? [] : [{ set, values: [...new Set(all)], isForever: true }];
  });
}

function ask<E extends { readonly type: string }>(name: string, event: E, valuesOf: (event: E) => unknown): unknown {
  try {
    return valuesOf(event);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InvalidArgumentError(`unique.${name}`, `failed on event "${event.type}": ${reason}`, { cause: error });
  }
}

function checkValues(name: string, type: string, values: unknown): readonly string[] | undefined {
  if (values === undefined) return undefined;
  const list: readonly unknown[] = values === null ? [] : Array.isArray(values) ? values : [values];
  const texts = Array.from(list, (value) => {
    if (typeof value === 'string' && value !== '' && value.length <= MAX_LENGTH && textProblem(value) === undefined) {
      return value;
    }
    throw new InvalidArgumentError(
      `unique.${name}`,
      `gives ${JSON.stringify(value) ?? 'undefined'} for event "${type}", which is not a text of 1 to ${MAX_LENGTH} characters`,
    );
  });
  return [...new Set(texts)];
}
