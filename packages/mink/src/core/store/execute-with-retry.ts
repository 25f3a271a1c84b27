import {
  AppendOutcomeUnknownError,
  ConcurrencyConflictError,
  ConflictNotResolvedError,
  DatabaseUnavailableError,
} from '../errors.ts';
import { Tries, type RetryOptions } from '../retry/backoff.ts';
import { decisionOf, type Actor } from './actor.ts';
import { sendAppend, type Appended } from './append.ts';
import type { StoredEvent } from './categories.ts';
import {
  appendDecision,
  checkExpectation,
  remembered,
  type ExecuteContext,
  type ExecuteOptions,
  type Executed,
} from './execute.ts';
import type { KeyedOptions } from './keyed.ts';
import { signalIn, type LazySignalOptions } from './lazy-signal.ts';
import { loadKnown, loadOn, type Loaded } from './load.ts';
import { checkOneOf } from './read-options.ts';

/** Another writer got there first. */
export interface Conflict<State, Event = StoredEvent> extends Loaded<State> {
  /** Tries so far. */
  readonly tries: number;
  /** What was decided, on a state that is not the last one any more. */
  readonly decided: readonly { readonly type: string; readonly data: unknown }[];
  /** What the others have appended since; `state` and `streamVersion` are those after it. */
  readonly between: readonly Event[];
}

/**
 * What to do about a conflict.
 *
 * - `'retry'`: decide again, on the state of now
 * - `'rebase'`: append what was decided without deciding again, because it holds on any state
 * - `'done'`: nothing, because the others have done what was wanted
 * - `'reject'`: give up with `ConflictNotResolvedError`
 */
export type Resolution = 'retry' | 'rebase' | 'done' | 'reject';

/** Options of `executeWithRetry`. */
export interface ExecuteWithRetryOptions<Meta, State, Event = StoredEvent> extends ExecuteOptions<Meta>, RetryOptions {
  /**
   * Waits for its turn instead of losing: for a stream that many write to at once. What waits in this process is decided in turn
   * and appended together; where another process gets there first, the stream's row is locked for the next try. The retry options
   * and `onConflict` have no place then, and neither has `tx`.
   * @defaultValue false
   */
  readonly exclusive?: boolean | undefined;
  /**
   * Looks at a conflict and says what to do about it.
   * @defaultValue 'retry', always
   */
  readonly onConflict?: ((conflict: Conflict<State, Event>) => Resolution | Promise<Resolution>) | undefined;
}

/** {@link execute}, again and again: what has come since is folded on top, and nothing that is known is read again. */
export async function executeWithRetry(
  context: ExecuteContext,
  actor: Actor,
  id: string,
  options: ExecuteWithRetryOptions<unknown, unknown> & KeyedOptions & LazySignalOptions,
): Promise<Executed<unknown>> {
  const { fold } = actor;
  const tries = new Tries(options);
  const { replay, ...first } = await loadKnown(context, fold, id, options);
  let known: Loaded<unknown> = first;
  const { streamName } = known;
  checkExpectation(streamName, options.expectedVersion, known.streamVersion);
  let decision = await actor.decide(known);
  for (;;) {
    let lost: ConcurrencyConflictError;
    try {
      const result = await appendDecision(context, { fold, id, decision }, options, sendSurely(tries));
      return remembered(context, fold, replay, result);
    } catch (error) {
      if (!(error instanceof ConcurrencyConflictError)) throw error;
      lost = error;
    }
    // A version that was named never comes back.
    const { expectedVersion } = options;
    if (typeof expectedVersion === 'number' || expectedVersion === 'no_stream') {
      throw new ConcurrencyConflictError(streamName, expectedVersion, lost.actualVersion);
    }
    const made = tries.made;
    const end = await tries.next(signalIn(options));
    if (end !== undefined) throw new ConflictNotResolvedError(streamName, { tries: made, reason: end }, lost);
    const between: StoredEvent[] = [];
    known = await loadOn(context, fold, known, { ...options, onEvent: (event) => between.push(event) });
    replay?.append(between);
    checkExpectation(streamName, options.expectedVersion, known.streamVersion);
    const decided = decision.events.map(({ type, data }) => ({ type, data }));
    const resolution = (await options.onConflict?.({ ...known, tries: made, decided, between })) ?? 'retry';
    switch (checkOneOf('onConflict', resolution, ['retry', 'rebase', 'done', 'reject'])) {
      case 'retry':
        decision = await actor.decide(known);
        break;
      case 'rebase':
        decision = decisionOf(fold, known, decision.events);
        break;
      case 'done':
        return { ...known, events: [], globalPosition: undefined };
      case 'reject':
        throw new ConflictNotResolvedError(streamName, { tries: made, reason: 'rejected' }, lost);
    }
  }
}

/** Sends an append that got no answer again, with the same ids: it happens once, and in the end the answer is known. */
export function sendSurely(tries: Tries): typeof sendAppend {
  return async (context, append, options): Promise<Appended> => {
    let unknown: AppendOutcomeUnknownError | undefined;
    for (;;) {
      try {
        const command = unknown === undefined ? append.command : { ...append.command, mayBeRepeated: true };
        return await sendAppend(context, { ...append, command }, options);
      } catch (error) {
        if (error instanceof AppendOutcomeUnknownError) unknown = error;
        // That nothing of the repeat was written says nothing about the first.
        else if (unknown === undefined || !(error instanceof DatabaseUnavailableError)) throw error;
        if ((await tries.next(signalIn(options))) !== undefined) throw unknown;
      }
    }
  };
}
