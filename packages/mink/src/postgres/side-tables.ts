import type {
  EventStorage,
  ProjectionStorage,
  AppendCommand,
  AppendedEntry,
  DeleteSnapshotsQuery,
  KeyedResult,
  ListShapesQuery,
  ListSnapshotsQuery,
  NewKeyedResult,
  NewShape,
  NewSnapshot,
  OpenTransaction,
  RecordedShape,
  ShapeCount,
  Snapshot,
  SnapshotInfo,
  SnapshotQuery,
  StorageCallOptions,
  StorageClock,
  StorageVitals,
} from '../core/index.ts';
import type { Database, Row, Statement } from './connection.ts';
import { readFacts } from './facts/read-facts.ts';
import { LookUps } from './look-ups.ts';
import { Operations, type OperationsContext } from './operations.ts';
import { toRecordedEvent } from './queries/event-row.ts';
import {
  listShapesQuery,
  recordShapeQuery,
  resetShapeCountsQuery,
  saveShapeCountsQuery,
  toRecordedShape,
} from './queries/event-shapes.ts';
import { clockQuery, toClock } from './queries/clock.ts';
import { eventsAtQuery } from './queries/feed.ts';
import { findHolderQuery } from './queries/find-holder.ts';
import {
  deleteExpiredResultsQuery,
  keepResultQuery,
  readResultsQuery,
  toKeyedOutcome,
  toKeyedRow,
} from './queries/idempotency.ts';
import {
  deleteSnapshotsQuery,
  listSnapshotsQuery,
  readSnapshotQuery,
  saveSnapshotQuery,
  toSnapshot,
  toSnapshotInfo,
} from './queries/snapshots.ts';
import { useOf } from './pools.ts';
import { toVitals, vitalsQuery } from './queries/vitals.ts';
import type { ReadModels } from './read-models.ts';
import type { SchemaName } from './schema-name.ts';
import { checkTransaction } from './transaction.ts';

/** An append that is in the log already. */
export interface StoredAppend {
  /** In the order of the command's entries. */
  readonly entries: readonly AppendedEntry[];
  readonly positions: readonly number[];
}

/** What it works with. */
export interface SideTablesContext extends Pick<OperationsContext, 'schema' | 'settings'> {
  readonly database: Database;
}

/** What a storage keeps beside the log: values of unique sets, results of commands, snapshots, shapes, and what operators look at. */
export abstract class SideTables {
  readonly #results = new LookUps((keys) => this.#readResults(keys));
  abstract readonly readModels: ReadModels;
  protected readonly schema: SchemaName;
  readonly operations: Operations;
  readonly #useOfPool: () => StorageVitals['connections'];

  constructor({ database, schema, settings }: SideTablesContext) {
    this.schema = schema;
    this.#useOfPool = () => useOf(database.pool);
    this.operations = new Operations({
      schema,
      settings,
      run: (statement) => this.read(statement),
      connections: () => ({ waiting: undefined, ...database.connecting, ...this.#useOfPool() }),
      readFacts: () => readFacts(database, schema),
    });
  }

  /** Runs a statement that may be sent again, in a transaction of the caller's if one is given. */
  protected abstract read(statement: Statement, tx?: OpenTransaction): Promise<readonly Row[]>;

  async readVitals(): Promise<StorageVitals> {
    return { ...toVitals(await this.read(vitalsQuery(this.schema))), connections: this.#useOfPool() };
  }

  async readClock(): Promise<StorageClock> {
    const [row = []] = await this.read(clockQuery(this.schema));
    return toClock(row);
  }

  async findHolder(set: string, value: string): Promise<string | undefined> {
    const [row] = await this.read(findHolderQuery(this.schema, set, value));
    return row?.[0] ?? undefined;
  }

  async readResult(key: string, tx?: OpenTransaction): Promise<KeyedResult | undefined> {
    if (tx === undefined) return this.#results.find(key);
    return (await this.#readResults([key], tx)).get(key);
  }

  async #readResults(keys: readonly string[], tx?: OpenTransaction): Promise<ReadonlyMap<string, KeyedResult>> {
    const kept = (await this.read(readResultsQuery(this.schema, keys), tx)).map(toKeyedRow);
    const positions = kept.flatMap((row) => row.positions);
    const rows = positions.length === 0 ? [] : await this.read(eventsAtQuery(this.schema, positions), tx);
    const events = new Map(rows.map(toRecordedEvent).map((event) => [event.globalPosition, event]));
    const results = kept.map((row): readonly [string, KeyedResult] => {
      const { key, messageType, fingerprint, recordedAt } = row;
      const outcome = toKeyedOutcome(
        row,
        row.positions.flatMap((position) => events.get(position) ?? []),
      );
      return [key, { key, messageType, fingerprint, recordedAt, outcome }];
    });
    return new Map(results);
  }

  async keepResult(result: NewKeyedResult): Promise<KeyedResult | undefined> {
    for (;;) {
      const isNew = (await this.read(keepResultQuery(this.schema, result))).length > 0;
      if (isNew) return undefined;
      const known = await this.readResult(result.key);
      // Undefined: it has expired since.
      if (known !== undefined) return known;
    }
  }

  /** Makes an append the result of its command's key, if that is free; false if it is not. */
  protected async keepAppended(
    { key, entries }: AppendCommand,
    append: StoredAppend,
    tx: OpenTransaction | undefined,
  ): Promise<boolean> {
    if (key === undefined) return true;
    const streams = entries.map(({ streamName }, index) => ({
      streamName,
      streamVersion: append.entries[index]?.streamVersion ?? 0,
    }));
    const result = { ...key, error: undefined, streams, positions: append.positions };
    return (await this.read(keepResultQuery(this.schema, result), tx)).length > 0;
  }

  async deleteExpiredResults(limit: number): Promise<number> {
    return (await this.read(deleteExpiredResultsQuery(this.schema, limit))).length;
  }

  async saveSnapshot(snapshot: NewSnapshot): Promise<void> {
    await this.read(saveSnapshotQuery(this.schema, snapshot));
  }

  async readSnapshot(query: SnapshotQuery, { tx }: StorageCallOptions = {}): Promise<Snapshot | undefined> {
    const [row] = await this.read(readSnapshotQuery(this.schema, query), tx);
    return row === undefined ? undefined : toSnapshot(row);
  }

  async listSnapshots(query: ListSnapshotsQuery): Promise<readonly SnapshotInfo[]> {
    const rows = await this.read(listSnapshotsQuery(this.schema, query));
    return rows.map(toSnapshotInfo);
  }

  async deleteSnapshots(query: DeleteSnapshotsQuery): Promise<number> {
    const statement = deleteSnapshotsQuery(this.schema, query);
    return statement === undefined ? 0 : (await this.read(statement)).length;
  }

  async listShapes(query: ListShapesQuery, { tx }: StorageCallOptions = {}): Promise<readonly RecordedShape[]> {
    if (tx !== undefined) checkTransaction(tx);
    const rows = await this.read(listShapesQuery(this.schema, query), tx);
    return rows.map(toRecordedShape);
  }

  async recordShape(shape: NewShape, { tx }: StorageCallOptions = {}): Promise<void> {
    if (tx !== undefined) checkTransaction(tx);
    await this.read(recordShapeQuery(this.schema, shape), tx);
  }

  async saveShapeCounts(counts: readonly ShapeCount[]): Promise<void> {
    await this.read(saveShapeCountsQuery(this.schema, counts));
  }

  async resetShapeCounts(): Promise<void> {
    await this.read(resetShapeCountsQuery(this.schema));
  }

  readModelsFor(log: EventStorage): ProjectionStorage {
    return this.readModels.for(log);
  }
}
