import { ConcurrencyConflictError } from '../errors.ts';
import { checkExpectedVersion, meetsExpectation, type ExpectedVersion } from '../expected-version.ts';
import type { AppendEntry } from '../store/append-types.ts';
import type { UntypedCategories } from '../store/categories.ts';
import type { MessageContext } from './message-context.ts';

type Entries = readonly AppendEntry<UntypedCategories>[];

/**
 * What a handler function appends, with what the sender of the command expects of the stream. It is about one stream: where
 * there are several, the handler alone can know which.
 */
export function expectedBySender({ expectedVersion }: MessageContext, append: Entries): Entries {
  const [entry] = append;
  if (expectedVersion === undefined || entry === undefined || append.length > 1) return append;
  const expected = checkExpectedVersion(expectedVersion);
  const decidedAt = versionOf(entry.expectedVersion);
  // Decided on another version than the sender has seen, or on none: the append finds out.
  if (decidedAt === undefined) return expected === 'any' ? append : [{ ...entry, expectedVersion: expected }];
  if (!meetsExpectation(expected, decidedAt)) {
    throw new ConcurrencyConflictError(entry.streamName, expected, decidedAt);
  }
  return append;
}

/** Throws a conflict that no further try can help: the stream is not what the sender expects. */
export function checkStillExpected(
  { expectedVersion }: MessageContext,
  append: Entries,
  lost: ConcurrencyConflictError,
): void {
  if (expectedVersion === undefined || append.length > 1) return;
  if (meetsExpectation(expectedVersion, lost.actualVersion)) return;
  throw new ConcurrencyConflictError(lost.streamName, expectedVersion, lost.actualVersion);
}

/** The version that a handler has decided on; undefined where it does not say. */
function versionOf(expected: ExpectedVersion | undefined): number | undefined {
  return expected === 'no_stream' ? 0 : typeof expected === 'number' ? expected : undefined;
}
