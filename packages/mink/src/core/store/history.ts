import { deepFreeze } from '../deep-freeze.ts';
import { evolveOnce, initialStateOf, type AnyFold } from '../deciders/decider.ts';
import { streamName } from '../stream-name.ts';
import type { StoredEvent } from './categories.ts';
import { differences, type Difference } from './differences.ts';
import { createCategoryRegistry } from './event-registry.ts';
import type { Loaded, LoadContext, LoadOptions } from './load.ts';
import { checkPolicy, checkUntil, checkWhole } from './read-options.ts';
import { streamPages } from './read-pages.ts';
import { toStoredEvent } from './stored-event.ts';

/** One event in the history of an entity. */
export interface HistoryStep<State, Event = StoredEvent> {
  readonly event: Event;
  /** The state after it, frozen. */
  readonly state: State;
  /** In what the state before it differs from that. */
  readonly changes: readonly Difference[];
}

/** Options of `history`. */
export interface HistoryOptions<State> extends LoadOptions {
  /**
   * Goes on from a state that is known, so that what led to it is not read again: what `load` gave with `until` a version, or a step
   * of an earlier history.
   * @defaultValue the beginning
   */
  readonly after?: Pick<Loaded<State>, 'streamVersion' | 'state'> | undefined;
}

/** The events of an entity in pages, each with the state that it led to. Those before one that fails are given before it throws. */
export async function* historyPages<State>(
  context: LoadContext,
  fold: AnyFold<State>,
  id: string,
  options: HistoryOptions<State>,
): AsyncGenerator<readonly HistoryStep<State>[], void, undefined> {
  const registry = createCategoryRegistry(fold.category, fold.events);
  const policy = checkPolicy(options.unknownEvents);
  const until = checkUntil(options.until, ['version', 'position', 'time']);
  const { after, signal, tx } = options;
  const fromVersion = checkWhole('after.streamVersion', after?.streamVersion ?? 0, 0) + 1;
  const range = { fromVersion, types: undefined, direction: 'forwards' as const, ...until };
  const query = { streamName: streamName(fold.category, id), ...range };
  let state = after === undefined ? initialStateOf(fold) : deepFreeze(after.state);
  for await (const page of streamPages(context.storage, query, {
    limit: undefined,
    pageSize: context.pageSize,
    signal,
    tx,
  })) {
    const steps: HistoryStep<State>[] = [];
    try {
      for (const recorded of page) {
        for (const decoded of registry.decode(recorded, policy)) {
          const event = toStoredEvent(recorded, decoded);
          const before = state;
          state = deepFreeze(evolveOnce(fold, state, event));
          steps.push({ event, state, changes: differences(before, state) });
        }
      }
    } catch (error) {
      yield steps;
      throw error;
    }
    yield steps;
  }
}
