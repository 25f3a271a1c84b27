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
    for (const event of events) {
      const values = checkValues(name, event.type, ask(name, event, valuesOf));
      if (values !== undefined) holds.push({ set: name, values, isForever });
    }
  }
  return lastHolds(holds);
}

/** What comes of holds one after another: the last one of each set, and what those before it leave for all time. */
function lastHolds(holds: readonly Hold[]): readonly Hold[] {
  const last = new Map<string, Hold>();
  const ever = new Map<string, Set<string>>();
  for (const hold of holds) {
    last.set(hold.set, hold);
    if (!hold.isForever) continue;
    const values = ever.get(hold.set) ?? new Set<string>();
    ever.set(hold.set, values);
    for (const value of wantedValues(hold)) values.add(value);
  }
  return [...last.values()].map(({ set, values, isForever }) => {
    const givenUp = [...(ever.get(set) ?? [])].filter((value) => !values.includes(value));
    return { set, values, isForever, ...(givenUp.length === 0 ? {} : { givenUp }) };
  });
}

/** All values that no other stream may have for this hold. */
export function wantedValues({ values, givenUp = [] }: Hold): readonly string[] {
  return givenUp.length === 0 ? values : [...values, ...givenUp];
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
