import {
  array,
  constant,
  constantFrom,
  integer,
  jsonValue,
  nat,
  oneof,
  option,
  record,
  string,
  uniqueArray,
  type Arbitrary,
} from 'fast-check';
import type { EventInput } from './log-model.ts';

/** Few names, so that commands meet; odd ones, so that they are told apart. U+FFFF sorts after U+1F600 in UTF-16 only. */
const NAMES = [
  'A-1',
  'A-2',
  'A-10',
  'A-1 ',
  'a-1',
  'B-1',
  'B-%_\\',
  `B-it's "x" $1`,
  'Ä-ä',
  'Ä-a\u0308',
  '订单-\u{1f600}',
  '订单-\uffff',
  '__proto__-__proto__',
  'A--',
] as const;

export const streamNames: Arbitrary<string> = oneof(
  { weight: 6, arbitrary: constantFrom('A-1', 'A-2', 'B-1') },
  { weight: 5, arbitrary: constantFrom(...NAMES) },
);

export const categories = constantFrom('A', 'a', 'B', 'Ä', '订单', '__proto__', 'Missing');
const prefixes = constantFrom('A', 'A-', 'A-1', 'B-%', '订单-\u{1f600}', 'Ä-a', 'zzz', '__proto__-_');
const types: Arbitrary<string> = constantFrom('Counted', 'Other', 'Ünïcode \u{1f600}', "it's", '__proto__');

/** Any UTF-16 there is, half pairs and NUL included. */
const rawText = array(nat(0xffff), { maxLength: 12 }).map((units) => String.fromCharCode(...units));

const awkward = constantFrom<unknown[]>(
  null,
  -0,
  [-0, 0, { a: -0 }],
  5e-324,
  1.7976931348623157e308,
  Number.MAX_SAFE_INTEGER,
  '12345678901234567890',
  'nul \u0000',
  'half \ud800 and \udc00',
  '',
  {},
  { '': { ' ': [] } },
  JSON.parse('{"__proto__": {"x": 1}, "constructor": [], "toJSON": "no"}'),
);

/** What goes in comes out: keys that are numbers or `__proto__`, every character, every number. */
const payloads: Arbitrary<unknown> = oneof(
  { weight: 4, arbitrary: awkward },
  { weight: 3, arbitrary: jsonValue({ stringUnit: 'binary', maxDepth: 3 }) },
  { weight: 2, arbitrary: rawText },
  { weight: 1, arbitrary: rawText.map((key) => Object.fromEntries([[key, key]])) },
  { weight: 1, arbitrary: string({ unit: 'binary', minLength: 200, maxLength: 400 }) },
);

const event: Arbitrary<EventInput> = record({ type: types, data: payloads });

/** Of events whose ids the caller gives. */
export const IDS = Array.from({ length: 24 }, (_, n) => `0190f0f0-0000-7000-8000-${String(n).padStart(12, '0')}`);

export const events: Arbitrary<readonly EventInput[]> = oneof(
  { weight: 3, arbitrary: array(event, { minLength: 1, maxLength: 4 }) },
  {
    weight: 2,
    arbitrary: uniqueArray(record({ type: types, data: payloads, id: constantFrom(...IDS) }), {
      minLength: 1,
      maxLength: 3,
      selector: ({ id }) => id,
    }),
  },
);

/** An expectation, told in relation to the version the stream is at, so that it often holds. */
export type Expectation =
  | { readonly kind: 'none' }
  | { readonly kind: 'word'; readonly word: 'any' | 'no_stream' | 'stream_exists' }
  | { readonly kind: 'relative'; readonly by: number };

export const expectations: Arbitrary<Expectation> = oneof(
  { weight: 3, arbitrary: constant<Expectation>({ kind: 'none' }) },
  {
    weight: 3,
    arbitrary: record<Expectation & { kind: 'word' }>({
      kind: constant('word'),
      word: constantFrom('any', 'no_stream', 'stream_exists'),
    }),
  },
  { weight: 4, arbitrary: constant<Expectation>({ kind: 'relative', by: 0 }) },
  {
    weight: 1,
    arbitrary: record<Expectation & { kind: 'relative' }>({ kind: constant('relative'), by: constantFrom(-1, 1, 7) }),
  },
);

/** Where to stop, told by an event of the log: just before it, at it, or just after it. */
export interface Mark {
  readonly at: number;
  readonly shift: number;
}

export const marks: Arbitrary<Mark> = record({ at: nat(1_000), shift: constantFrom(-1, 0, 1) });

export const limits = record({
  limit: option(integer({ min: 1, max: 8 }), { nil: undefined }),
  pageSize: constantFrom(1, 2, 3, 1_000),
});

export const directions = constantFrom<('forwards' | 'backwards' | undefined)[]>('forwards', 'backwards', undefined);

const someOf = <T>(item: Arbitrary<T>): Arbitrary<readonly T[] | undefined> =>
  option(array(item, { minLength: 1, maxLength: 3 }), { nil: undefined, freq: 2 });

export const filters = record({
  types: someOf(types),
  categories: someOf(categories),
  streamNames: someOf(streamNames),
  streamPrefixes: someOf(prefixes),
});

export const someTypes = someOf(types);
export const somePrefix = option(prefixes, { nil: undefined });
