import type { AnyFold } from '../deciders/decider.ts';
import { tellObserver, type Observer } from '../observe/observer.ts';
import type { EventStorage, RecordedEvent } from '../storage/event-storage.ts';
import { encodeSnapshot, snapshotOptionsOf, type SnapshotFlaw } from './snapshot-codec.ts';

/** A snapshot that could not be used, or made. The state is right all the same: it was replayed from the events. */
export interface SnapshotProblem {
  readonly streamName: string;
  readonly name: string;
  readonly flaw: SnapshotFlaw;
  /** What `encode`, `decode` or the storage threw. */
  readonly error: unknown;
}

/** What a snapshot is made of. */
export interface SnapshotTask {
  readonly fold: AnyFold<unknown>;
  readonly streamName: string;
  readonly state: unknown;
  /** The last event in the state. */
  readonly last: Pick<RecordedEvent, 'id' | 'streamVersion' | 'globalPosition' | 'recordedAt'>;
  /** The others are of another history: with higher versions they would outlive this one. */
  readonly isAnew?: boolean | undefined;
}

/** Who is told of snapshots. */
interface SnapshotListeners {
  readonly report: (problem: SnapshotProblem) => void;
  readonly observer?: Observer | undefined;
}

const MAX_WAITING = 100;

/**
 * Makes snapshots, one after another, while nobody waits for them. A newer one of a stream takes the place of one that still
 * waits; above a hundred streams, further ones are left out: a later load makes up for it.
 */
export class SnapshotWriter {
  readonly #storage: EventStorage;
  readonly #report: SnapshotListeners['report'];
  readonly #observer: Observer | undefined;
  readonly #waiting = new Map<string, SnapshotTask>();
  #running: Promise<void> | undefined;
  #isClosed = false;

  constructor(storage: EventStorage, { report, observer }: SnapshotListeners) {
    this.#storage = storage;
    this.#report = report;
    this.#observer = observer;
  }

  /** Makes a snapshot some time soon. */
  offer(task: SnapshotTask): void {
    const key = `${task.streamName}\0${snapshotOptionsOf(task.fold).name}`;
    if (this.#isClosed || (this.#waiting.size >= MAX_WAITING && !this.#waiting.has(key))) return;
    this.#waiting.set(key, task);
    this.#running ??= this.#run();
  }

  /** Resolves when everything that was offered is made, or has failed. */
  async flush(): Promise<void> {
    await this.#running;
  }

  /** Makes no more; the one under way comes to its end. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#waiting.clear();
    await this.#running;
  }

  async #run(): Promise<void> {
    // Not before whoever caused it has its answer.
    await new Promise(setImmediate);
    for (const [key, task] of this.#waiting) {
      this.#waiting.delete(key);
      await this.write(task);
    }
    this.#running = undefined;
    if (this.#waiting.size > 0) this.#running = this.#run();
  }

  /** Makes a snapshot now. False where it failed, which is reported. */
  async write({ fold, streamName, state, last, isAnew }: SnapshotTask): Promise<boolean> {
    const { name, options } = snapshotOptionsOf(fold);
    try {
      const at = {
        streamName,
        category: fold.category,
        name,
        streamVersion: last.streamVersion,
        globalPosition: last.globalPosition,
        lastEventId: last.id,
        lastRecordedAt: last.recordedAt,
      };
      const snapshot = encodeSnapshot(fold, at, state);
      if (isAnew === true) await this.#storage.deleteSnapshots({ streamName, name });
      await this.#storage.saveSnapshot(snapshot);
      await this.#storage.deleteSnapshots({ streamName, name, keep: options.keep ?? 2 });
      const { category } = fold;
      tellObserver(this.#observer, 'snapshot', { category, name, status: 'saved', behind: undefined, age: undefined });
      return true;
    } catch (error) {
      this.#report({ streamName, name, flaw: 'failed', error });
      return false;
    }
  }
}
