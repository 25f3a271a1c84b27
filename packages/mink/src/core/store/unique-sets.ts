import { holdsAfter, wantedValues } from '../events/unique-sets.ts';
import { InvalidArgumentError } from '../errors.ts';
import { sendWithoutEvents, type AppendContext } from './append.ts';
import type { LoadContext } from './load.ts';
import { checkText } from './read-options.ts';
import { streamPages } from './read-pages.ts';
import type { Hold } from '../storage/event-storage.ts';
import { typed } from '../typed.ts';

/** Options of `uniqueSets.rebuild`. */
export interface RebuildUniqueSetsOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told after each stream how many are done. */
  readonly onProgress?: ((streams: number) => void) | undefined;
}

/** Two streams with one value. */
export interface UniqueConflict {
  readonly set: string;
  readonly value: string;
  readonly streamName: string;
  /** The stream that got it. */
  readonly heldBy: string;
}

/** What came of rebuilding unique sets. */
export interface RebuiltUniqueSets {
  /** Streams that were looked through. */
  readonly streams: number;
  /** Values that more than one stream has by its events; all but the first of them hold nothing of that set. */
  readonly conflicts: readonly UniqueConflict[];
}

/** The unique sets of a store. Values are claimed and given up by appends; this is for looking, and for sets that are new. */
export interface StoreUniqueSets<Category extends string, Name extends string> {
  /**
   * The stream that holds a value of a set, or undefined. What it answers may be over in the next moment: to claim a value,
   * append.
   */
  holderOf(set: string, value: string): Promise<Name | undefined>;
  /**
   * Gives every stream of a category the values of its sets that its events say: once a set has been added to a category that
   * has streams, or its function was changed. Appends may go on meanwhile. It can be run again at any time.
   */
  rebuild(category: Category, options?: RebuildUniqueSetsOptions): Promise<RebuiltUniqueSets>;
}

/** The unique sets of a store; `use` gives its context while it is open. */
export function storeUniqueSets<Category extends string, Name extends string>(
  use: () => AppendContext & LoadContext,
): StoreUniqueSets<Category, Name> {
  return {
    holderOf: async (set, value) => {
      checkText('set', set);
      checkText('value', value);
      return typed(await use().storage.findHolder(set, value));
    },
    rebuild: async (category, options = {}) => rebuildUniqueSets(use(), category, options),
  };
}

/** Gives each stream of a category the values that its events say, one stream after another, while appends go on. */
async function rebuildUniqueSets(
  context: AppendContext & LoadContext,
  category: string,
  { signal, onProgress }: RebuildUniqueSetsOptions,
): Promise<RebuiltUniqueSets> {
  if (context.registry.uniqueSets(category).size === 0) {
    throw new InvalidArgumentError('category', `"${category}" has no unique sets`);
  }
  const conflicts: UniqueConflict[] = [];
  let streams = 0;
  let afterStreamName: string | undefined;
  for (;;) {
    const query = { category, prefix: undefined, afterStreamName, limit: context.pageSize };
    const page = await context.storage.listStreams(query);
    for (const { streamName } of page) {
      signal?.throwIfAborted();
      conflicts.push(...(await rebuildStream(context, { category, streamName }, signal)));
      streams += 1;
      onProgress?.(streams);
    }
    afterStreamName = page.at(-1)?.streamName;
    if (page.length < query.limit) return { streams, conflicts };
  }
}

/** An append without events, at the version that was read: whoever appends meanwhile makes it read again. */
async function rebuildStream(
  context: AppendContext & LoadContext,
  { category, streamName }: { readonly category: string; readonly streamName: string },
  signal: AbortSignal | undefined,
): Promise<readonly UniqueConflict[]> {
  const { registry } = context;
  const sets = registry.uniqueSets(category);
  const conflicts: UniqueConflict[] = [];
  for (;;) {
    const { version, events } = await readStream(context, streamName, signal);
    const isFree = ({ set }: Hold, value: string): boolean =>
      !conflicts.some((conflict) => conflict.set === set && conflict.value === value);
    const without = (hold: Hold): Hold => ({
      ...hold,
      values: hold.values.filter((value) => isFree(hold, value)),
      givenUp: hold.givenUp?.filter((value) => isFree(hold, value)),
    });
    const told = new Map(holdsAfter(sets, events).map((hold) => [hold.set, hold]));
    // A set that no event speaks of is empty for this stream.
    const holds = [...sets].map(([set, definition]) => {
      return without(told.get(set) ?? { set, values: [], isForever: typeof definition !== 'function' });
    });
    const entry = { streamName, category, expectedVersion: version, holds };
    const outcome = await sendWithoutEvents(context, entry, { signal });
    if (outcome.status === 'taken') {
      const { set, value, heldBy } = outcome;
      conflicts.push({ set, value, streamName, heldBy });
    } else if (outcome.status !== 'conflict') {
      // What it gave up meanwhile is nobody's conflict.
      return conflicts.filter(({ set, value }) => {
        const said = told.get(set);
        return said !== undefined && wantedValues(said).includes(value);
      });
    }
  }
}

async function readStream(
  context: AppendContext & LoadContext,
  streamName: string,
  signal: AbortSignal | undefined,
): Promise<{
  readonly version: number;
  readonly events: readonly { readonly type: string; readonly data: unknown }[];
}> {
  const range = { untilVersion: undefined, untilPosition: undefined, untilTime: undefined };
  const query = { streamName, fromVersion: 1, types: undefined, direction: 'forwards' as const, ...range };
  const limits = { limit: undefined, pageSize: context.pageSize, signal };
  const events: { type: string; data: unknown }[] = [];
  let version = 0;
  for await (const page of streamPages(context.storage, query, limits)) {
    for (const event of page) {
      version = event.streamVersion;
      events.push(...context.registry.decode(event, 'skip'));
    }
  }
  return { version, events };
}
