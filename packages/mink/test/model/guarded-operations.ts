import {
  constant,
  constantFrom,
  integer,
  nat,
  oneof,
  option,
  record,
  shuffledSubarray,
  subarray,
  uniqueArray,
  type Arbitrary,
} from 'fast-check';
import type { Hold } from '../../src/index.ts';
import type { GuardedEntry, ModelResult } from './guard-model.ts';
import { hold } from './guarded-inputs.ts';
import type { Operation } from './linearizability.ts';
import { idOf } from './run-scripts.ts';

const STREAMS = ['A-1', 'B-1', 'C-1'] as const;
const KEYS = ['k1', 'k2'] as const;
/** Of either set. */
const VALUES = ['x', 'y'] as const;
const SETS = ['email', 'number'] as const;

const sets = constantFrom<(typeof SETS)[number][]>('email', 'email', 'number');

const holds: Arbitrary<readonly Hold[]> = record({ set: sets, list: subarray([...VALUES]) }).map(({ set, list }) => [
  hold(set, list),
]);

const entries: Arbitrary<readonly GuardedEntry[]> = uniqueArray(
  record({
    streamName: constantFrom(...STREAMS),
    expectedVersion: constantFrom<(GuardedEntry['expectedVersion'] & {})[]>('any', 'any', 'any', 'no_stream', 1),
    first: nat(9),
    count: integer({ min: 0, max: 2 }),
    holds: option(holds, { nil: undefined, freq: 2 }),
  }),
  { minLength: 1, maxLength: 2, selector: ({ streamName }) => streamName },
).map((plans) => {
  const wanted = new Set<string>();
  const isFirst = (set: string, value: string): boolean => {
    const { size } = wanted;
    return wanted.add(`${set} ${value}`).size > size;
  };
  return plans.map(({ first, count, holds: list, ...entry }, at): GuardedEntry => ({
    ...entry,
    events: Array.from({ length: at === 0 ? Math.max(count, 1) : count }, (_, index) => ({
      type: 'Guarded',
      data: null,
      // No id in two entries of one append.
      id: idOf(100 * at + first + index),
    })),
    holds: list?.map((it) => ({ ...it, values: it.values.filter((value) => isFirst(it.set, value)) })),
  }));
});

/** A value goes from one stream to another, if the first one has it. */
const passings: Arbitrary<Operation> = record({
  names: shuffledSubarray([...STREAMS], { minLength: 2, maxLength: 2 }),
  value: constantFrom(...VALUES),
}).map(({ names, value }): Operation => {
  const entries = names.map((streamName, at): GuardedEntry => ({
    streamName,
    expectedVersion: 'any',
    events: [{ type: 'Passed', data: null, id: idOf(at) }],
    holds: [hold('email', at === 0 ? [value] : [])],
  }));
  return { kind: 'guarded', input: { entries, mayBeRepeated: false, key: undefined } };
});

const keyNames = constantFrom(...KEYS);

const kept: Arbitrary<ModelResult> = record({ key: keyNames, n: nat(99), isRefused: constantFrom(true, false) }).map(
  ({ key, n, isRefused }) => ({
    key,
    messageType: 'Do',
    fingerprint: 'f',
    outcome: isRefused ? { status: 'refused', error: { n } } : { status: 'value', entries: [], value: n },
  }),
);

/** Few streams, keys and values, so that clients meet at them. */
export const guardedOperations: Arbitrary<Operation> = oneof(
  {
    weight: 8,
    arbitrary: record({
      entries,
      mayBeRepeated: constantFrom(true, false, false),
      key: option(keyNames, { nil: undefined, freq: 2 }),
    }).map(({ key, ...input }): Operation => ({
      kind: 'guarded',
      input: {
        ...input,
        key: key === undefined ? undefined : { key, messageType: 'Do', fingerprint: 'f', value: undefined },
      },
    })),
  },
  { weight: 4, arbitrary: passings },
  { weight: 1, arbitrary: kept.map((result): Operation => ({ kind: 'keep', result })) },
  { weight: 1, arbitrary: keyNames.map((key): Operation => ({ kind: 'result', key })) },
  {
    weight: 1,
    arbitrary: record({ kind: constant('holder' as const), set: sets, value: constantFrom(...VALUES) }),
  },
);

/** Everything that appends with keys and values may have left. */
export const lastLooks: readonly Operation[] = [
  ...STREAMS.map((streamName): Operation => ({ kind: 'read', streamName })),
  ...KEYS.map((key): Operation => ({ kind: 'result', key })),
  ...SETS.flatMap((set) => VALUES.map((value): Operation => ({ kind: 'holder', set, value }))),
];
