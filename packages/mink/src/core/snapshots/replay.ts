import type { AnyFold } from '../deciders/decider.ts';
import type { RecordedEvent } from '../storage/event-storage.ts';
import type { Loaded, LoadContext } from '../store/load.ts';
import { cacheKey, type CachedState } from '../store/state-cache.ts';
import { snapshotOptionsOf } from './snapshot-codec.ts';
import { snapshotWhenSlow } from './snapshot-options.ts';
import type { SnapshotTask } from './snapshot-writer.ts';

/** What a replay goes on from: a snapshot, or a state that was kept in memory. */
export interface ReplayBase {
  readonly streamVersion: number;
  readonly lastEventId: string;
  /** When it was made, where it is a snapshot. */
  readonly createdAt?: number | undefined;
}

/** The log does not hold the event that a snapshot ends with. */
export class OtherHistory extends Error {}

/** How a state was come by: what was read and folded on top of a base, or of nothing. */
export class Replay {
  readonly #base: ReplayBase | undefined;
  readonly #begin = performance.now();
  readonly #types = new Set<string>();
  #milliseconds = 0;
  #events = 0;
  #last: SnapshotTask['last'] | undefined;
  /** The last event of what it goes on from was seen in the log. */
  #isConfirmed = false;

  constructor(base: ReplayBase | undefined) {
    this.#base = base;
  }

  get hasBase(): boolean {
    return this.#base !== undefined;
  }

  /** The last event that was folded, or passed over; undefined where there was none. */
  get last(): SnapshotTask['last'] | undefined {
    return this.#last;
  }

  /** Whether an event is in what it goes on from already. Throws where it is not the one that should be there. */
  isCovered(event: RecordedEvent): boolean {
    const { id, streamVersion, globalPosition, recordedAt } = event;
    if (this.#base?.streamVersion === streamVersion) {
      if (this.#base.lastEventId !== id) throw new OtherHistory();
      this.#isConfirmed = true;
      return true;
    }
    this.#last = { id, streamVersion, globalPosition, recordedAt };
    return false;
  }

  /** One more event was folded. */
  count(type: string): void {
    this.#events += 1;
    this.#types.add(type);
  }

  /** Throws where the log ends before what it goes on from does. */
  checkCovered(): void {
    if (this.#base !== undefined && !this.#isConfirmed) throw new OtherHistory();
  }

  /** Everything that was there is folded. */
  end(): this {
    this.#milliseconds = performance.now() - this.#begin;
    return this;
  }

  /** These were appended on top of it. */
  append(
    events: readonly {
      readonly type: string;
      readonly id: string;
      readonly streamVersion: number;
      readonly globalPosition: number;
      readonly recordedAt: Date;
    }[],
  ): void {
    for (const { id, type, streamVersion, globalPosition, recordedAt } of events) {
      this.count(type);
      this.#last = { id, streamVersion, globalPosition, recordedAt: recordedAt.getTime() };
    }
  }

  /** The last event in the state; undefined where there is none. */
  get lastEventId(): string | undefined {
    return this.#last?.id ?? this.#base?.lastEventId;
  }

  /** The event that a snapshot would end with, if the fold's policy wants one. */
  wanted(fold: AnyFold<unknown>): SnapshotTask['last'] | undefined {
    const { when = snapshotWhenSlow() } = snapshotOptionsOf(fold).options;
    if (this.#last === undefined) return undefined;
    const isWanted = when({
      eventsSince: this.#events,
      typesSince: this.#types,
      replayMilliseconds: this.#milliseconds,
      age: this.#base?.createdAt === undefined ? undefined : Date.now() - this.#base.createdAt,
    });
    return isWanted ? this.#last : undefined;
  }
}

/** Keeps a state for later: in the cache, and as a snapshot, if the fold's policy wants one. Fails nothing else. */
export function remember(
  context: LoadContext,
  fold: AnyFold<unknown>,
  { streamName, streamVersion, state, replay }: Loaded<unknown> & { readonly replay: Replay },
): void {
  const { lastEventId } = replay;
  orReport(context, fold, streamName, () => {
    if (lastEventId !== undefined)
      context.cache?.set(cacheKey(fold, streamName), { streamVersion, state, lastEventId });
  });
  if (fold.snapshots === undefined) return;
  orReport(context, fold, streamName, () => {
    const last = replay.wanted(fold);
    if (last !== undefined) context.snapshotWriter.offer({ fold, streamName, state, last });
  });
}

/** The state in the cache, unless there is none, or the cache fails. */
export function recall(context: LoadContext, fold: AnyFold<unknown>, streamName: string): CachedState | undefined {
  return orReport(context, fold, streamName, () => context.cache?.get(cacheKey(fold, streamName)));
}

/** Takes a state out of the cache. */
export function forget(context: LoadContext, fold: AnyFold<unknown>, streamName: string): void {
  orReport(context, fold, streamName, () => context.cache?.delete(cacheKey(fold, streamName)));
}

/** What is only there to save time fails nothing: the append may be stored already. */
function orReport<T>(context: LoadContext, fold: AnyFold<unknown>, streamName: string, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    const { name } = snapshotOptionsOf(fold);
    context.reportSnapshotProblem({ streamName, name, flaw: 'failed', error });
    return undefined;
  }
}
