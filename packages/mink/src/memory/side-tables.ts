import {
  InvalidArgumentError,
  type DeleteSnapshotsQuery,
  type KeyedOutcome,
  type KeyedResult,
  type ListShapesQuery,
  type ListSnapshotsQuery,
  type NewKeyedResult,
  type NewShape,
  type NewSnapshot,
  type RecordedShape,
  type ShapeCount,
  type Snapshot,
  type SnapshotInfo,
  type SnapshotQuery,
  type StorageCallOptions,
} from '../core/index.ts';
import { Claims } from './claims.ts';
import { EventShapes } from './event-shapes.ts';
import { KeyedResults } from './keyed-results.ts';
import { Snapshots } from './snapshots.ts';

/** What a storage keeps beside the log: values of unique sets, results of commands, snapshots, shapes. */
export abstract class SideTables {
  protected readonly claims = new Claims();
  protected readonly results: KeyedResults;
  readonly #snapshots: Snapshots;
  readonly #shapes: EventShapes;

  constructor(now: () => number) {
    this.results = new KeyedResults(now);
    this.#snapshots = new Snapshots(now);
    this.#shapes = new EventShapes(now);
  }

  /** Throws once it is closed. */
  protected abstract checkOpen(): void;

  async findHolder(set: string, value: string): Promise<string | undefined> {
    this.checkOpen();
    return this.claims.holderOf(set, value);
  }

  async readResult(key: string): Promise<KeyedResult | undefined> {
    this.checkOpen();
    return this.results.find(key);
  }

  async keepResult({ error, streams, ...key }: NewKeyedResult): Promise<KeyedResult | undefined> {
    this.checkOpen();
    const known = this.results.find(key.key);
    if (known !== undefined) return known;
    const entries = streams.map((stream) => ({ ...stream, events: [] }));
    const outcome: KeyedOutcome =
      error === undefined ? { status: 'value', entries, value: key.value } : { status: 'refused', error };
    this.results.keep(key, outcome);
    return undefined;
  }

  async deleteExpiredResults(limit: number): Promise<number> {
    this.checkOpen();
    return this.results.deleteExpired(limit);
  }

  async saveSnapshot(snapshot: NewSnapshot): Promise<void> {
    this.checkOpen();
    this.#snapshots.save(snapshot);
  }

  async readSnapshot(query: SnapshotQuery, { tx }: StorageCallOptions = {}): Promise<Snapshot | undefined> {
    this.checkOpen();
    if (tx !== undefined) refuseTransaction();
    return this.#snapshots.find(query);
  }

  async listSnapshots(query: ListSnapshotsQuery): Promise<readonly SnapshotInfo[]> {
    this.checkOpen();
    return this.#snapshots.list(query);
  }

  async deleteSnapshots(query: DeleteSnapshotsQuery): Promise<number> {
    this.checkOpen();
    return this.#snapshots.delete(query);
  }

  async listShapes(query: ListShapesQuery, { tx }: StorageCallOptions = {}): Promise<readonly RecordedShape[]> {
    this.checkOpen();
    if (tx !== undefined) refuseTransaction();
    return this.#shapes.list(query);
  }

  async recordShape(shape: NewShape): Promise<void> {
    this.checkOpen();
    this.#shapes.record(shape);
  }

  async saveShapeCounts(counts: readonly ShapeCount[]): Promise<void> {
    this.checkOpen();
    this.#shapes.saveCounts(counts);
  }

  async resetShapeCounts(): Promise<void> {
    this.checkOpen();
    this.#shapes.resetCounts();
  }
}

export function refuseTransaction(): never {
  throw new InvalidArgumentError('tx', 'the memory storage has no transactions; leave it out');
}
