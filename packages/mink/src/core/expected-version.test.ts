import { describe, expect, test } from 'vitest';
import { checkExpectedVersion, meetsExpectation, type ExpectedVersion } from './expected-version.ts';

describe('an expected version', () => {
  test.each<[ExpectedVersion, number, boolean]>([
    ['any', 0, true],
    ['any', 7, true],
    ['no_stream', 0, true],
    ['no_stream', 1, false],
    ['stream_exists', 0, false],
    ['stream_exists', 1, true],
    [0, 0, true],
    [0, 1, false],
    [7, 7, true],
    [7, 6, false],
    [7, 8, false],
  ])('%s of a stream at %d is met: %s', (expected, actual, met) => {
    expect(meetsExpectation(expected, actual)).toBe(met);
  });

  test.each<ExpectedVersion>(['any', 'no_stream', 'stream_exists', 0, 1, Number.MAX_SAFE_INTEGER])(
    '%s is accepted',
    (expected) => {
      expect(checkExpectedVersion(expected)).toBe(expected);
    },
  );

  test.each([-1, 1.5, Number.NaN, Infinity, 2 ** 53])('%d is refused: no stream is ever at it', (expected) => {
    expect(() => checkExpectedVersion(expected)).toThrow(
      `expectedVersion: ${expected} is not a version. Use 'any', 'no_stream', 'stream_exists' or a whole number from 0.`,
    );
  });

  test.each(['ANY', 'nostream', '', '7', null, undefined, true, {}])('%j is refused', (expected) => {
    // @ts-expect-error what JavaScript might pass
    expect(() => checkExpectedVersion(expected)).toThrow(expect.objectContaining({ argument: 'expectedVersion' }));
  });
});
