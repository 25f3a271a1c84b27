import { setTimeout as sleep } from 'node:timers/promises';
import { internals, isAggregateClass, type AnyAggregate, type AnyAggregateClass } from '../deciders/aggregate.ts';
import type { AnyFold, Fold } from '../deciders/decider.ts';
import { InvalidArgumentError, StoreClosedError } from '../errors.ts';
import type { AnyEvents } from '../events/define-events.ts';
import { quietly } from '../observe/quietly.ts';
import type { Categories, CategoryName } from '../store/categories.ts';
import type { EventStore } from '../store/event-store.ts';
import { checkBelongs, type LoadContext } from '../store/load.ts';
import { checkWhole } from '../store/read-options.ts';
import { checkHasSnapshots } from './category-streams.ts';
import { createSnapshots, type CreatedSnapshots } from './create-snapshots.ts';
import { snapshotOptionsOf } from './snapshot-codec.ts';
import { SnapshotLease } from './snapshot-lease.ts';

/** What a job depends on; tests give their own. */
export interface SnapshotJobClock {
  /** Milliseconds from any beginning. */
  readonly now: () => number;
  /** Resolves after so many milliseconds, or as soon as the signal is aborted. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/** Options of {@link createSnapshotJob}. */
export interface SnapshotJobOptions {
  /**
   * Milliseconds from the beginning of one run to the next, and as long as nobody else may run.
   * @defaultValue 60_000
   */
  readonly interval?: number | undefined;
  /**
   * Only streams with so many events since their last snapshot.
   * @defaultValue 100
   */
  readonly minEvents?: number | undefined;
  /**
   * The most streams that a run looks at; the next one goes on behind them.
   * @defaultValue 10_000
   */
  readonly maxStreams?: number | undefined;
  /**
   * The most milliseconds that a run takes, at most `interval`; the stream under way is brought to its end.
   * @defaultValue half of `interval`
   */
  readonly maxTime?: number | undefined;
  /** Told after each stream. */
  readonly onProgress?: ((progress: SnapshotProgress) => void) | undefined;
  /** Told after each run, of this process and of others. */
  readonly onRun?: ((run: SnapshotRun) => void) | undefined;
  /** Told when a run has failed, as without a database; the next one is made all the same. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** @defaultValue the system's */
  readonly clock?: SnapshotJobClock | undefined;
}

/** How far a run has come with a category. */
export interface SnapshotProgress extends CreatedSnapshots {
  readonly category: string;
}

/** What came of a run. */
export type SnapshotRun =
  /** Another process makes them. */
  | { readonly status: 'elsewhere' }
  /** All streams were looked at since the last run of this kind; or there was not time enough. */
  | ({ readonly status: 'complete' | 'stopped' } & CreatedSnapshots);

/** Makes snapshots in the background, until it is closed. */
export interface SnapshotJob extends AsyncDisposable {
  /** Begins no further stream, and resolves when the one under way is done. */
  close(): Promise<void>;
}

/** What has snapshots. */
type Target<C extends Categories> =
  | Fold<CategoryName<C>, AnyEvents, unknown>
  | AnyAggregateClass<AnyAggregate, CategoryName<C>>;

const MOST = 2 ** 31 - 1;

/**
 * Makes snapshots of all streams that have come far enough, at an interval, in the background. Of several processes with
 * the same job one works at a time; when it is gone, another one goes on within an interval.
 *
 * Guarantee: none is needed. A process that was frozen may work beside another one for a moment, and makes the same snapshots.
 *
 * @example
 * await using job = createSnapshotJob(store, [order, Customer], { interval: 300_000, minEvents: 500 });
 */
export function createSnapshotJob<C extends Categories, Meta>(
  store: EventStore<C, Meta>,
  targets: readonly Target<C>[],
  options: SnapshotJobOptions = {},
): SnapshotJob {
  const context = store[internals];
  const folds = targets.map((target) => (isAggregateClass(target) ? target.definition : target));
  if (folds.length === 0) throw new InvalidArgumentError('targets', 'are none: give deciders or aggregates');
  for (const fold of folds) {
    checkBelongs(context, fold);
    checkHasSnapshots(context, fold);
  }
  return new Job(context, folds, options);
}

class Job implements SnapshotJob {
  readonly #context: LoadContext;
  readonly #folds: readonly AnyFold<unknown>[];
  readonly #options: SnapshotJobOptions;
  readonly #clock: SnapshotJobClock;
  readonly #interval: number;
  readonly #maxTime: number;
  readonly #maxStreams: number;
  readonly #lease: SnapshotLease;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  /** Where the next run goes on. */
  #at: { readonly fold: number; readonly after: string | undefined } = { fold: 0, after: undefined };

  constructor(context: LoadContext, folds: readonly AnyFold<unknown>[], options: SnapshotJobOptions) {
    this.#context = context;
    this.#folds = folds;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#interval = checkWhole('interval', options.interval ?? 60_000, 1);
    if (this.#interval > MOST) throw new InvalidArgumentError('interval', `${this.#interval} is more than ${MOST}`);
    this.#maxTime = checkWhole('maxTime', options.maxTime ?? Math.ceil(this.#interval / 2), 1);
    this.#maxStreams = checkWhole('maxStreams', options.maxStreams ?? 10_000, 1);
    checkWhole('minEvents', options.minEvents ?? 100, 1);
    const names = folds.map((fold) => `${fold.category}/${snapshotOptionsOf(fold).name}`);
    this.#lease = new SnapshotLease(context.storage, { names, milliseconds: this.#interval, now: this.#clock.now });
    this.#running = this.#loop();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #loop(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      let asked = this.#clock.now();
      try {
        const end = await this.#lease.take();
        // Whoever had the lease asks for it as soon as it has surely ended, and mostly before the others do.
        asked = this.#clock.now();
        tell(this.#options.onRun, end === undefined ? { status: 'elsewhere' } : await this.#run(end));
      } catch (error) {
        if (error instanceof StoreClosedError) return;
        tell(this.#options.onError, error);
      }
      const wait = Math.max(0, asked + this.#interval - this.#clock.now());
      if (!signal.aborted) await this.#clock.sleep(wait, signal);
    }
  }

  async #run(end: number): Promise<SnapshotRun> {
    const deadline = Math.min(end, this.#clock.now() + this.#maxTime);
    let total: CreatedSnapshots = { streams: 0, created: 0, failed: 0 };
    for (let fold = this.#folds[this.#at.fold]; fold !== undefined; fold = this.#folds[this.#at.fold]) {
      const before = total;
      const { progress, last } = await this.#work(fold, (made) =>
        this.#isEnough(before.streams + made.streams, deadline),
      );
      total = sum(total, progress);
      const isOver = last === undefined;
      this.#at = isOver ? { fold: this.#at.fold + 1, after: undefined } : { fold: this.#at.fold, after: last };
      if (!isOver) return { status: 'stopped', ...total };
    }
    this.#at = { fold: 0, after: undefined };
    return { status: 'complete', ...total };
  }

  #work(fold: AnyFold<unknown>, isEnough: (progress: CreatedSnapshots) => boolean) {
    const { minEvents, onProgress } = this.#options;
    const { category } = fold;
    const told = (progress: CreatedSnapshots): void => tell(onProgress, { category, ...progress });
    return createSnapshots(this.#context, fold, { minEvents, onProgress: told }, { after: this.#at.after, isEnough });
  }

  #isEnough(streams: number, deadline: number): boolean {
    return this.#closing.signal.aborted || streams >= this.#maxStreams || this.#clock.now() >= deadline;
  }
}

function sum(left: CreatedSnapshots, right: CreatedSnapshots): CreatedSnapshots {
  return {
    streams: left.streams + right.streams,
    created: left.created + right.created,
    failed: left.failed + right.failed,
  };
}

/** Whoever is told must not stop the job. */
function tell<T>(listener: ((told: T) => void) | undefined, told: T): void {
  quietly(() => listener?.(told));
}

const systemClock: SnapshotJobClock = {
  now: () => performance.now(),
  sleep: async (milliseconds, signal) => {
    try {
      await sleep(milliseconds, undefined, { signal });
    } catch {
      // Closed.
    }
  },
};
