import { InvalidArgumentError } from './errors.ts';

/**
 * What an append expects of the stream it writes to.
 *
 * - a number: the stream is at exactly this version (0 is the same as `'no_stream'`)
 * - `'any'`: nothing; the append never conflicts
 * - `'no_stream'`: the stream has no events
 * - `'stream_exists'`: the stream has at least one event
 */
export type ExpectedVersion = number | 'any' | 'no_stream' | 'stream_exists';

/** Refuses anything that is not an {@link ExpectedVersion}. */
export function checkExpectedVersion(expected: ExpectedVersion): ExpectedVersion {
  if (expected === 'any' || expected === 'no_stream' || expected === 'stream_exists') return expected;
  if (typeof expected === 'number' && Number.isSafeInteger(expected) && expected >= 0) return expected;
  throw new InvalidArgumentError(
    'expectedVersion',
    `${String(expected)} is not a version. Use 'any', 'no_stream', 'stream_exists' or a whole number from 0.`,
  );
}

/** Whether a stream at `actualVersion` (0: no events) is what was expected. */
export function meetsExpectation(expected: ExpectedVersion, actualVersion: number): boolean {
  switch (expected) {
    case 'any':
      return true;
    case 'no_stream':
      return actualVersion === 0;
    case 'stream_exists':
      return actualVersion > 0;
    default:
      return actualVersion === expected;
  }
}
