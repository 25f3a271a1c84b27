import {
  array,
  constant,
  constantFrom,
  nat,
  oneof,
  option,
  record,
  subarray,
  uniqueArray,
  type Arbitrary,
} from 'fast-check';
import type { Hold, JsonValue } from '../../src/index.ts';
import type { KeyInput } from './guard-model.ts';
import { expectations, streamNames, type Expectation } from './inputs.ts';

/** Few keys and values, so that commands meet; odd ones, so that they are told apart. */
export const KEYS = ['k1', 'k2', 'k3', 'K1', "'; --", '🔑'] as const;
export const EMAILS = ['a', 'b', 'c', 'A', `it's {,} "x"`, '\u{1f600}'] as const;
const NUMBERS = ['1', '2', '3', '4', '5', '6', '7', '8'] as const;

/** With keys in an order of their own, and what JSON.stringify would lose. */
const payloads = constantFrom<JsonValue[]>(null, 0, -0, 'half \ud800', { b: { d: -0, c: [] }, a: 1 }, [
  1,
  { z: 1, a: 2 },
]);

export const values: Arbitrary<JsonValue | undefined> = option(payloads, { nil: undefined });

export const keyNames = constantFrom(...KEYS);

export const keys: Arbitrary<KeyInput> = record({
  key: keyNames,
  messageType: constantFrom('Pay', 'Pay', 'Refund'),
  fingerprint: constantFrom('f', 'f', 'g'),
  value: values,
});

/** Values of the set for now, or of the one for all time. */
export function hold(set: 'email' | 'number', list: readonly string[]): Hold {
  return { set, values: list, isForever: set === 'number' };
}

/** An empty list gives everything up. */
const holds: Arbitrary<readonly Hold[]> = oneof(
  { weight: 4, arbitrary: subarray([...EMAILS], { maxLength: 3 }).map((list) => [hold('email', list)]) },
  { weight: 2, arbitrary: subarray([...NUMBERS], { maxLength: 2 }).map((list) => [hold('number', list)]) },
  {
    weight: 2,
    arbitrary: subarray([...NUMBERS], { minLength: 1, maxLength: 3 }).map((list) => [
      { ...hold('number', list.slice(1)), givenUp: list.slice(0, 1) },
    ]),
  },
  {
    weight: 1,
    arbitrary: record({ email: constantFrom(...EMAILS), number: constantFrom(...NUMBERS) }).map(({ email, number }) => [
      hold('number', [number]),
      hold('email', [email]),
    ]),
  },
  { weight: 1, arbitrary: constant([hold('email', []), hold('number', [])]) },
);

/** One stream of an append, before it is known at which version it is. */
export interface EntryPlan {
  readonly streamName: string;
  readonly expectation: Expectation;
  readonly payloads: readonly JsonValue[];
  readonly holds: readonly Hold[] | undefined;
}

export const entryPlans: Arbitrary<readonly EntryPlan[]> = uniqueArray(
  record({
    streamName: streamNames,
    expectation: expectations,
    payloads: array(payloads, { maxLength: 2 }),
    holds: option(holds, { nil: undefined, freq: 3 }),
  }),
  { minLength: 1, maxLength: 3, selector: ({ streamName }) => streamName },
);

/** Where ids of the caller begin among all there are; undefined: the library makes them. */
export const firstIds = option(nat(30), { nil: undefined, freq: 2 });

/** A set and a value that may be in it. */
export const someValue = oneof(
  constantFrom(...EMAILS).map((value) => ({ set: 'email', value })),
  constantFrom(...NUMBERS, ...EMAILS).map((value) => ({ set: 'number', value })),
);
