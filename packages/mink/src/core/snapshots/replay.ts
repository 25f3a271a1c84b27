import type { AnyFold } from '../deciders/decider.ts';
import type { RecordedEvent } from '../storage/event-storage.ts';
import type { Loaded, LoadContext } from '../store/load.ts';
import { cacheKey, type CachedState, type SinceSnapshot } from '../store/state-cache.ts';
import { snapshotOptionsOf } from './snapshot-codec.ts';
import { snapshotWhenSlow } from './snapshot-options.ts';
import type { SnapshotTask } from './snapshot-writer.ts';

/** What a replay goes on from: a snapshot, or a state that was kept in memory. */
export interface ReplayBase {
  readonly streamVersion: number;
  readonly lastEventId: string;
  /** A state that was kept in memory may be long past the last snapshot. */
  readonly sinceSnapshot?: SinceSnapshot | undefined;
}

/** The log does not hold the event that a snapshot ends with. */
export class OtherHistory extends Error {}

/** How a state was come by: what was read and folded on top of a base, or of nothing. */
export class Replay {
  #base: ReplayBase | undefined;
  readonly #begin = performance.now();
  readonly #types: Set<string>;
  #milliseconds = 0;
  #events: number;
  #last: SnapshotTask['last'] | undefined;
  /** The last event of what it goes on from was seen in the log. */
  #isConfirmed = false;

  #isAnew: boolean;

  constructor(base: ReplayBase | undefined, isAnew = false) {
    this.#base = base;
    this.#isAnew = isAnew;
    this.#events = base?.sinceSnapshot?.events ?? 0;
    this.#types = new Set(base?.sinceSnapshot?.types);
  }

  /** The snapshots that are there are of events that are not: the next one takes their place. */
  get isAnew(): boolean {
    return this.#isAnew;
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

  /** A snapshot is being made that ends with this event: what comes now comes after it. */
  restart({ id, streamVersion }: SnapshotTask['last']): void {
    this.#base = {
      streamVersion,
      lastEventId: id,
      sinceSnapshot: { events: 0, types: new Set(), createdAt: Date.now() },
    };
    this.#events = 0;
    this.#types.clear();
    this.#isAnew = false;
  }

  /** The last event in the state; undefined where there is none. */
  get lastEventId(): string | undefined {
    return this.#last?.id ?? this.#base?.lastEventId;
  }

  /** What has come since the last snapshot. */
  get sinceSnapshot(): SinceSnapshot {
    return { events: this.#events, types: new Set(this.#types), createdAt: this.#base?.sinceSnapshot?.createdAt };
  }

  /** The event that a snapshot would end with, if the fold's policy wants one. */
  wanted(fold: AnyFold<unknown>): SnapshotTask['last'] | undefined {
    const { when = snapshotWhenSlow() } = snapshotOptionsOf(fold).options;
    if (this.#last === undefined) return undefined;
    const { createdAt } = this.sinceSnapshot;
    const isWanted = when({
      eventsSince: this.#events,
      typesSince: this.#types,
      replayMilliseconds: this.#milliseconds,
      age: createdAt === undefined ? undefined : Date.now() - createdAt,
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
  let sinceSnapshot = fold.snapshots === undefined ? undefined : replay.sinceSnapshot;
  orReport(context, fold, streamName, () => {
    const last = fold.snapshots === undefined ? undefined : replay.wanted(fold);
    if (last === undefined) return;
    context.snapshotWriter.offer({ fold, streamName, state, last, isAnew: replay.isAnew });
    // Where it comes to nothing, it is made the next time that the policy wants one.
    replay.restart(last);
    sinceSnapshot = replay.sinceSnapshot;
  });
  if (lastEventId === undefined) return;
  orReport(context, fold, streamName, () => {
    context.cache?.set(cacheKey(fold, streamName), { streamVersion, state, lastEventId, sinceSnapshot });
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
