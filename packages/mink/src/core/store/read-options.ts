import { InvalidArgumentError } from '../errors.ts';
import type { Direction } from '../storage/event-storage.ts';
import { textProblem } from '../stream-name.ts';
import type { UnknownEventsPolicy } from './event-registry.ts';

/**
 * Where to stop, inclusive: at a version of the stream, a position of the log, or a recorded time. In a stream, time is
 * a prefix; in the whole log it is everything before the first event that was recorded later.
 */
export type Until = { readonly version: number } | { readonly position: number } | { readonly time: Date };

/** {@link Until} taken apart. */
export interface UntilParts {
  readonly untilVersion: number | undefined;
  readonly untilPosition: number | undefined;
  readonly untilTime: number | undefined;
}

/** Checks `until`; exactly one of its keys must be given. */
export function checkUntil(
  until: Until | undefined,
  allowed: readonly ('version' | 'position' | 'time')[],
): UntilParts {
  const parts = { untilVersion: undefined, untilPosition: undefined, untilTime: undefined };
  if (until === undefined) return parts;
  if (typeof until !== 'object' || until === null) throw new InvalidArgumentError('until', 'is not an object');
  const keys = Object.keys(until);
  const [key] = keys;
  if (keys.length !== 1 || !allowed.some((name) => name === key)) {
    throw new InvalidArgumentError('until', `give exactly one of ${allowed.join(', ')}`);
  }
  if ('version' in until) return { ...parts, untilVersion: checkWhole('until.version', until.version, 0) };
  if ('position' in until) return { ...parts, untilPosition: checkWhole('until.position', until.position, 0) };
  return { ...parts, untilTime: checkMoment('until.time', until.time).getTime() };
}

/** A moment that is one. */
export function checkMoment(name: string, time: Date): Date {
  if (time instanceof Date && !Number.isNaN(time.getTime())) return time;
  throw new InvalidArgumentError(name, 'is not a valid Date');
}

/** A safe whole number from `minimum`. */
export function checkWhole(name: string, value: number, minimum: number): number {
  if (Number.isSafeInteger(value) && value >= minimum) return value;
  throw new InvalidArgumentError(name, `${String(value)} is not a whole number from ${minimum}`);
}

/** Milliseconds: a timer that is to take longer would be over at once. */
export const LONGEST_TIMER = 2 ** 31 - 1;

/** Milliseconds of a timer, from `minimum` to 24 days. */
export function checkTimer(name: string, value: number, minimum: number): number {
  if (checkWhole(name, value, minimum) <= LONGEST_TIMER) return value;
  throw new InvalidArgumentError(name, `${value} is longer than a timer can take (${LONGEST_TIMER} ms)`);
}

/** One of these words. */
export function checkOneOf<T extends string>(name: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  throw new InvalidArgumentError(
    name,
    `${String(value)} is not one of ${allowed.map((word) => `'${word}'`).join(', ')}`,
  );
}

/** `'forwards'` unless told otherwise. */
export function checkDirection(direction: Direction | undefined): Direction {
  return checkOneOf('direction', direction ?? 'forwards', ['forwards', 'backwards']);
}

/** A filter list: absent, or at least one non-empty string. */
export function checkList(name: string, values: readonly string[] | undefined): readonly string[] | undefined {
  if (values === undefined) return undefined;
  if (!Array.isArray(values) || values.length === 0) {
    throw new InvalidArgumentError(name, 'is empty. Leave it out to read everything.');
  }
  if (values.some((value) => typeof value !== 'string' || value === '')) {
    throw new InvalidArgumentError(name, 'holds an empty or missing name');
  }
  for (const value of values) checkText(name, value);
  return values;
}

/** Refuses text that a database cannot hold: it would be compared with something else. */
export function checkText(name: string, value: string): string {
  const problem = typeof value === 'string' ? textProblem(value) : 'it is not a string';
  if (problem !== undefined) throw new InvalidArgumentError(name, `${JSON.stringify(value)}: ${problem}`);
  return value;
}

/** `'error'` unless told otherwise. */
export function checkPolicy(policy: UnknownEventsPolicy | undefined): UnknownEventsPolicy {
  return checkOneOf('unknownEvents', policy ?? 'error', ['error', 'skip']);
}
