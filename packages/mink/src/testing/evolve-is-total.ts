import { AssertionError } from 'node:assert';
import { randomInt } from 'node:crypto';
import { inspect } from 'node:util';
import { checkWhole, deepFreeze, evolveOnce, initialStateOf, type AnyEvents, type Fold } from '../core/index.ts';
import type { PlainEvent } from './frozen-fold.ts';
import { readStored, type OnceStored } from './read-stored.ts';

/** Options of {@link evolveIsTotal}. */
export interface EvolveIsTotalOptions {
  /**
   * How many sequences of events to fold.
   * @defaultValue 1_000
   */
  readonly runs?: number | undefined;
  /**
   * The longest of them.
   * @defaultValue 10
   */
  readonly length?: number | undefined;
  /**
   * Makes the sequences; a failure tells it.
   * @defaultValue a random one
   */
  readonly seed?: number | undefined;
}

/**
 * Checks that a fold takes every event in every state: sequences of the given payloads, in any order and as often as it
 * comes, with the state frozen at each step. Give it what was ever stored: `readFixtures` or `store.schema.samples()`, of the
 * category of the fold.
 *
 * Throws an AssertionError with the seed and the shortest beginning of the sequence that fails.
 *
 * @example
 * evolveIsTotal(order, readFixtures('fixtures'), { seed: 42 });
 */
export function evolveIsTotal<K extends string, E extends AnyEvents, State>(
  fold: Fold<K, E, State>,
  payloads: readonly (OnceStored & { readonly category?: string | undefined })[],
  options?: EvolveIsTotalOptions,
): void;
export function evolveIsTotal(
  fold: Fold<string, AnyEvents, unknown>,
  payloads: readonly (OnceStored & { readonly category?: string | undefined })[],
  { runs = 1_000, length = 10, seed = randomInt(2 ** 31) }: EvolveIsTotalOptions = {},
): void {
  checkWhole('runs', runs, 1);
  checkWhole('length', length, 1);
  const own = payloads.filter(({ category = fold.category }) => category === fold.category);
  const events = own.map((payload): readonly PlainEvent[] => readStored(fold.events, payload));
  if (events.flat().length === 0) {
    throw new AssertionError({ message: `There is no payload of "${fold.category}" to fold: nothing was checked` });
  }
  const next = mulberry32(seed);
  for (let run = 0; run < runs; run += 1) {
    const count = 1 + Math.floor(next() * length);
    const sequence = Array.from({ length: count }, () => events[Math.floor(next() * events.length)] ?? []).flat();
    foldAll(fold, sequence, seed);
  }
}

function foldAll(fold: Fold<string, AnyEvents, unknown>, sequence: readonly PlainEvent[], seed: number): void {
  let state = deepFreeze(initialStateOf(fold));
  for (const [index, event] of sequence.entries()) {
    try {
      state = deepFreeze(evolveOnce(fold, state, event));
    } catch (error) {
      const until = inspect(sequence.slice(0, index + 1), { depth: 10 });
      const reason = error instanceof Error ? error.message : String(error);
      const assertion = new AssertionError({ message: `${reason} SEED=${seed}, after ${until}` });
      assertion.cause = error;
      throw assertion;
    }
  }
}

/** A small generator of random numbers, by Tommy Ettinger (public domain): the same seed gives the same numbers. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
