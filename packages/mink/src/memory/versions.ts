import {
  differences,
  LiveVersionError,
  ProjectionRetiredError,
  ProjectionVersionUnknownError,
  textHash,
  type ColumnSpec,
  type JsonObject,
  type KeySample,
  type Lease,
  type LiveVersion,
  type LogReader,
  type ProjectionId,
  type ProjectionModel,
  type ProjectionStorage,
  type RetireOutcome,
  type RowPair,
  type Scratch,
  type Shadow,
  type ShadowPurpose,
  type StoredPosition,
  type StoredRow,
  type SwitchRequest,
  type TableDifference,
  type TablePair,
  type TableSpec,
  type VersionStorage,
} from '../core/index.ts';
import { compareCodePoints } from './log-index.ts';
import { keyOf, newPartition, newProjection, type KeptProjection } from './kept-projection.ts';

/** All read models of a store in memory. */
export interface KeptReadModels {
  readonly all: Map<string, KeptProjection>;
  readonly live: Map<string, LiveVersion>;
  /** Keys of versions that were dropped for good. */
  readonly retired: Map<string, ProjectionId>;
  /** The store whose log they follow; undefined as long as there are none. */
  follows?: string | undefined;
}

/** What read models in memory are kept beside. */
export interface ReadModelSettings {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** The log as it is at the moment of the call: nothing is added to it. */
  readonly readLog: () => LogReader;
  /** Whose log that is. */
  readonly storeId?: string | undefined;
}

const MINUTE = 60_000;

/** Versions of read models in memory. */
export abstract class Versions implements VersionStorage {
  protected readonly kept: KeptReadModels;
  protected readonly now: () => number;
  /** The log as it is now, and stays. */
  protected readonly readLog: () => LogReader;
  /** None has the number of an earlier one. */
  #lastShadow = 0;

  protected constructor(kept: KeptReadModels, { now, readLog }: ReadModelSettings) {
    this.kept = kept;
    this.now = now;
    this.readLog = readLog;
  }

  /** The same over a copy of what is kept. */
  protected abstract over(kept: KeptReadModels): ProjectionStorage;

  find(id: ProjectionId): KeptProjection | undefined {
    return this.kept.all.get(keyOf(id));
  }

  /** Of a version that can be read. */
  protected checkNotRetired(id: ProjectionId): void {
    if (this.kept.retired.has(keyOf(id))) throw new ProjectionRetiredError(id.name, id.version);
  }

  async readLiveVersion(name: string): Promise<LiveVersion | undefined> {
    return this.kept.live.get(name);
  }

  async readTables(id: ProjectionId): Promise<readonly TableSpec[] | undefined> {
    return this.find(id)?.tables;
  }

  async measureSize(id: ProjectionModel): Promise<number> {
    const rows = this.find(id)?.rows.values() ?? [];
    return [...rows].reduce((sum, { row }) => sum + JSON.stringify(row).length, 0);
  }

  async seizeProjection(
    id: ProjectionId,
    { owner, duration }: { readonly owner: string; readonly duration: number },
  ): Promise<readonly Lease[]> {
    const partitions = this.find(id)?.partitions ?? [];
    return partitions.map((partition) => {
      Object.assign(partition, { owner, epoch: partition.epoch + 1, expiresAt: this.now() + duration });
      const { from, to, epoch, position, holdAt } = partition;
      return { name: id.name, version: id.version, partition: { from, to }, epoch, position, holdAt };
    });
  }

  async switchProjection({ name, from, to, isReady }: SwitchRequest): Promise<void> {
    if (this.find({ name, version: to }) === undefined) throw new ProjectionVersionUnknownError(name, to);
    const checkLive = (): void => {
      const live = this.kept.live.get(name)?.version;
      if (live !== from)
        throw new LiveVersionError(name, live, `, and not ${from}: somebody has switched it meanwhile.`);
    };
    checkLive();
    await isReady(this.find({ name, version: from })?.partitions.map((it) => ({ ...it })) ?? []);
    checkLive();
    this.kept.live.set(name, { version: to, previous: from });
  }

  async retireProjection(id: ProjectionId, { isForced }: { readonly isForced: boolean }): Promise<RetireOutcome> {
    const kept = this.find(id);
    if (kept === undefined) return { outcome: 'unknown' };
    const live = this.kept.live.get(id.name);
    if (live?.version === id.version) return { outcome: 'live' };
    const owner = ownerOf(kept, this.now());
    if (owner !== undefined && !isForced) return { outcome: 'in_use', owner };
    this.kept.all.delete(keyOf(id));
    this.kept.retired.set(keyOf(id), { name: id.name, version: id.version });
    if (live?.previous === id.version) this.kept.live.set(id.name, { ...live, previous: undefined });
    return { outcome: 'retired' };
  }

  async createShadow({ name, version: of, ...model }: ProjectionModel, purpose: ShadowPurpose): Promise<ProjectionId> {
    this.#lastShadow -= 1;
    const id = { name, version: this.#lastShadow };
    this.kept.all.set(keyOf(id), newProjection({ ...model, ...id }, { now: this.now(), shadow: { of, purpose } }));
    return id;
  }

  async listShadows(name?: string): Promise<readonly Shadow[]> {
    return [...this.kept.all.values()].flatMap((kept) => {
      const { id, shadow, tables } = kept;
      if (shadow === undefined || (name !== undefined && id.name !== name)) return [];
      const owner = ownerOf(kept, this.now());
      const isLeft = owner === undefined && kept.createdAt < this.now() - MINUTE;
      return [{ ...id, ...shadow, tables, owner, isLeft }];
    });
  }

  async dropShadow(shadow: ProjectionId): Promise<void> {
    this.kept.all.delete(keyOf(shadow));
  }

  async adoptShadow(id: ProjectionId, leases: readonly Lease[]): Promise<boolean> {
    const shadow = this.find(id);
    if (shadow?.shadow === undefined) throw new ProjectionVersionUnknownError(id.name, id.version);
    const version = { name: id.name, version: shadow.shadow.of };
    const replaced = this.find(version);
    const isHeld = replaced?.partitions.every((partition) => {
      return leases.some((lease) => lease.partition.from === partition.from && lease.epoch === partition.epoch);
    });
    if (replaced === undefined || isHeld !== true) return false;
    const epoch = 1 + Math.max(...[...replaced.partitions, ...shadow.partitions].map((partition) => partition.epoch));
    const partitions = shadow.partitions.map((partition) => ({ ...partition, epoch, owner: undefined, expiresAt: 0 }));
    this.kept.all.delete(keyOf(id));
    const { wantedPartitions, isPaused } = replaced;
    const adopted = { ...shadow, id: version, shadow: undefined, partitions, wantedPartitions, isPaused };
    this.kept.all.set(keyOf(version), adopted);
    return true;
  }

  async withScratch<T>(_options: { readonly timeout: number }, work: (scratch: Scratch) => Promise<T>): Promise<T> {
    const kept = { ...this.kept, all: structuredClone(this.kept.all) };
    // Of the same moment: nobody gets a turn in between.
    const log = this.readLog();
    return work({
      readModels: this.over(kept),
      log,
      setPartitions: async (id, partitions, epoch) => setPartitions(kept.all.get(keyOf(id)), { partitions, epoch }),
      compareTables: async (pair) => compareTables(kept, pair),
    });
  }
}

function ownerOf({ partitions }: KeptProjection, now: number): string | undefined {
  return partitions.find(({ owner, expiresAt }) => owner !== undefined && expiresAt > now)?.owner;
}

function setPartitions(
  kept: KeptProjection | undefined,
  { partitions, epoch }: { readonly partitions: readonly StoredPosition[]; readonly epoch: number },
): void {
  if (kept === undefined) return;
  kept.partitions = partitions.map(({ from, to, position }) => {
    return { ...newPartition({ from, to }, { position, movedAt: 0 }), epoch };
  });
}

function compareTables({ all }: KeptReadModels, pair: TablePair): TableDifference {
  const { before, after, beforeTable, afterTable, samples } = pair;
  const apart = new Set(pair.keysApart);
  const isCompared = (key: string): boolean => !apart.has(key) && isSampled(pair.sample, key);
  const rowsOf = (id: ProjectionId): ReadonlyMap<string, StoredRow> =>
    new Map([...(all.get(keyOf(id))?.rows ?? [])].filter(([key]) => isCompared(key)));
  const [rowsBefore, rowsAfter] = [rowsOf(before), rowsOf(after)];
  const common = beforeTable.columns.filter(({ name, type }) => {
    return afterTable.columns.some((column) => column.name === name && column.type === type);
  });
  const pairs = [...new Set([...rowsBefore.keys(), ...rowsAfter.keys()])]
    .toSorted(compareCodePoints)
    .map((key): RowPair => {
      const [one, other] = [rowsBefore.get(key), rowsAfter.get(key)];
      const position = Math.max(one?.position ?? 0, other?.position ?? 0);
      const name = afterTable.primaryKey[0] ?? '';
      return { key: { [name]: key }, before: one?.row ?? null, after: other?.row ?? null, position };
    });
  const added = pairs.filter((it) => it.before === null);
  const removed = pairs.filter((it) => it.after === null);
  const changed = pairs.filter(
    (it) => it.before !== null && it.after !== null && isChanged(common, it.before, it.after),
  );
  const differing = new Set([...added, ...removed, ...changed]);
  return {
    name: afterTable.name,
    rowsBefore: rowsBefore.size,
    rowsAfter: rowsAfter.size,
    added: added.length,
    removed: removed.length,
    changed: changed.length,
    samples: pairs.filter((it) => differing.has(it)).slice(0, samples),
  };
}

function isSampled(sample: KeySample | undefined, key: string): boolean {
  return sample === undefined || textHash(`${sample.seed} ${key}`).low % sample.oneIn === 0;
}

function isChanged(columns: readonly ColumnSpec[], before: JsonObject, after: JsonObject): boolean {
  return columns.some(({ name }) => differences(before[name], after[name]).length > 0);
}
