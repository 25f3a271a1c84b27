import type {
  DeleteSnapshotsQuery,
  ListSnapshotsQuery,
  NewSnapshot,
  Snapshot,
  SnapshotInfo,
  SnapshotQuery,
} from '../core/index.ts';
import { compareCodePoints } from './log-index.ts';

/** Snapshots, in the order of their streams, names and versions. */
export class Snapshots {
  readonly #now: () => number;
  #all: readonly Snapshot[] = [];

  constructor(now: () => number) {
    this.#now = now;
  }

  save(snapshot: NewSnapshot): void {
    const kept = { ...snapshot, size: snapshot.state.length, createdAt: this.#now() };
    const others = this.#all.filter((other) => compare(other, kept) !== 0);
    this.#all = [...others, kept].toSorted(compare);
  }

  find({ streamName, name, untilVersion, untilPosition, untilTime }: SnapshotQuery): Snapshot | undefined {
    return this.#all.findLast(
      (it) =>
        it.streamName === streamName &&
        it.name === name &&
        it.streamVersion <= (untilVersion ?? Infinity) &&
        it.globalPosition <= (untilPosition ?? Infinity) &&
        it.lastRecordedAt <= (untilTime ?? Infinity),
    );
  }

  list({ category, streamName, after, limit }: ListSnapshotsQuery): readonly SnapshotInfo[] {
    return this.#all
      .filter(
        (it) =>
          (category === undefined || it.category === category) &&
          (streamName === undefined || it.streamName === streamName) &&
          (after === undefined || compare(it, after) > 0),
      )
      .slice(0, limit)
      .map(withoutState);
  }

  delete({ category, streamName, name, keep, before }: DeleteSnapshotsQuery): number {
    if ([category, streamName, name, keep, before].every((condition) => condition === undefined)) return 0;
    const isGoing = (it: Snapshot): boolean =>
      (category === undefined || it.category === category) &&
      (streamName === undefined || it.streamName === streamName) &&
      (name === undefined || it.name === name) &&
      (before === undefined || it.createdAt < before) &&
      (keep === undefined || this.#newerThan(it) >= keep);
    const left = this.#all.filter((it) => !isGoing(it));
    const deleted = this.#all.length - left.length;
    this.#all = left;
    return deleted;
  }

  #newerThan({ streamName, name, streamVersion }: Snapshot): number {
    const isNewer = (it: Snapshot): boolean =>
      it.streamName === streamName && it.name === name && it.streamVersion > streamVersion;
    return this.#all.filter(isNewer).length;
  }
}

function withoutState({ state: _state, checksum: _checksum, ...info }: Snapshot): SnapshotInfo {
  return info;
}

type Key = Pick<SnapshotInfo, 'streamName' | 'name' | 'streamVersion'>;

function compare(left: Key, right: Key): number {
  return (
    compareCodePoints(left.streamName, right.streamName) ||
    compareCodePoints(left.name, right.name) ||
    left.streamVersion - right.streamVersion
  );
}
