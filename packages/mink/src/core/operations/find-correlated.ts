import type { EventStorage, RecordedEvent } from '../storage/event-storage.ts';
import { checkText, checkWhole } from '../store/read-options.ts';
import type { OperationsStorage } from './operations-storage.ts';

/** Which events are searched for, and how far. */
export interface CorrelatedOptions {
  readonly correlationId: string;
  /**
   * Only events behind this position.
   * @defaultValue 0
   */
  readonly after?: number | undefined;
  /**
   * At most so many events.
   * @defaultValue 1_000
   */
  readonly limit?: number | undefined;
  /**
   * Positions that are searched, at most.
   * @defaultValue 1_000_000, about a second
   */
  readonly range?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a search has found. */
export interface CorrelatedEvents {
  /** In the order of the log, as they are stored. */
  readonly events: readonly RecordedEvent[];
  /** All that there are up to here were found. */
  readonly searchedTo: number;
  /** Whether that is the end of the log. */
  readonly isComplete: boolean;
}

/** Positions of one statement: a search is many short ones, not a long one. */
const WINDOW = 50_000;

/** Searches the log for events of one correlation id, window by window. */
export async function findCorrelated(
  storage: Pick<EventStorage, 'readBound'>,
  operations: Pick<OperationsStorage, 'readCorrelated'>,
  { correlationId, after = 0, limit = 1_000, range = 1_000_000, signal }: CorrelatedOptions,
): Promise<CorrelatedEvents> {
  checkText('correlationId', correlationId);
  checkWhole('limit', limit, 1);
  const { position: bound } = await storage.readBound({ signal });
  const end = Math.min(bound, checkWhole('after', after, 0) + checkWhole('range', range, 1));
  const events: RecordedEvent[] = [];
  let searchedTo = after;
  while (searchedTo < end && events.length < limit) {
    signal?.throwIfAborted();
    const upTo = Math.min(end, searchedTo + WINDOW);
    const left = limit - events.length;
    const page = await operations.readCorrelated({ correlationId, after: searchedTo, upTo, limit: left });
    events.push(...page.events);
    ({ searchedTo } = page);
  }
  return { events, searchedTo, isComplete: searchedTo >= bound };
}
