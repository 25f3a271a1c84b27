import type {
  AppendCommand,
  AppendedEntry,
  DeleteSnapshotsQuery,
  KeyedResult,
  ListSnapshotsQuery,
  NewKeyedResult,
  NewSnapshot,
  OpenTransaction,
  Snapshot,
  SnapshotInfo,
  SnapshotQuery,
  StorageCallOptions,
} from '../core/index.ts';
import type { Row, Statement } from './connection.ts';
import { toRecordedEvent } from './queries/event-row.ts';
import { eventsAtQuery } from './queries/feed.ts';
import { findHolderQuery } from './queries/find-holder.ts';
import {
  deleteExpiredResultsQuery,
  keepResultQuery,
  readResultQuery,
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
import type { SchemaName } from './schema-name.ts';

/** An append that is in the log already. */
export interface StoredAppend {
  /** In the order of the command's entries. */
  readonly entries: readonly AppendedEntry[];
  readonly positions: readonly number[];
}

/** What a storage keeps beside the log: values of unique sets, results of commands, snapshots. */
export abstract class SideTables {
  protected abstract readonly schema: SchemaName;
  /** Runs a statement that may be sent again, in a transaction of the caller's if one is given. */
  protected abstract read(statement: Statement, tx?: OpenTransaction): Promise<readonly Row[]>;

  async findHolder(set: string, value: string): Promise<string | undefined> {
    const [row] = await this.read(findHolderQuery(this.schema, set, value));
    return row?.[0] ?? undefined;
  }

  async readResult(key: string, tx?: OpenTransaction): Promise<KeyedResult | undefined> {
    const [row] = await this.read(readResultQuery(this.schema, key), tx);
    if (row === undefined) return undefined;
    const kept = toKeyedRow(row);
    const events = kept.positions.length === 0 ? [] : await this.read(eventsAtQuery(this.schema, kept.positions), tx);
    const { messageType, fingerprint, recordedAt } = kept;
    return { key, messageType, fingerprint, recordedAt, outcome: toKeyedOutcome(kept, events.map(toRecordedEvent)) };
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
}
