import { InvalidArgumentError } from '../errors.ts';
import { PARTITIONS } from '../stream-name.ts';
import type { Partition } from './projection-storage.ts';

const MAX_PARTITIONS = 64;

/** A number of partitions, from 1 to 64. */
export function checkPartitions(count: number): number {
  if (Number.isSafeInteger(count) && count >= 1 && count <= MAX_PARTITIONS) return count;
  throw new InvalidArgumentError('partitions', `${String(count)} is not a whole number from 1 to ${MAX_PARTITIONS}`);
}

/** A partition, as far as its place among others matters. */
export interface ArrangedPartition extends Partition {
  readonly position: number;
  readonly epoch: number;
  readonly events: number;
  /** When the checkpoint last moved, in milliseconds since 1970. */
  readonly movedAt: number;
  /** Where it waits for those that it is to be merged with. */
  readonly holdAt: number | undefined;
}

/** Whether partitions, which never overlap, have all slots. */
export function areWhole(partitions: readonly Partition[]): boolean {
  return partitions.reduce((slots, { from, to }) => slots + to - from, 0) === PARTITIONS;
}

/** All slots in ranges of equal size, as far as 1,024 can be divided. */
export function equalRanges(count: number): readonly Partition[] {
  const start = (index: number): number => Math.floor((index * PARTITIONS) / count);
  return Array.from({ length: count }, (_, index) => ({ from: start(index), to: start(index + 1) }));
}

/**
 * The next step on the way to a number of equal partitions; a step that was not made, or made twice, changes nothing about where
 * the way ends.
 *
 * Each partition is split where one of the wanted ends, and its parts are as far as it was. Parts of a wanted one that are equally
 * far are merged. Where they are not, all of them are held where the first of them is: whoever works on the others takes them
 * there, and no further.
 *
 * What has to change has a higher epoch than before, so that whoever works on it is refused; the others are given back as they
 * are.
 */
export function arrangePartitions(current: readonly ArrangedPartition[], count: number): readonly ArrangedPartition[] {
  const wanted = equalRanges(count);
  const parts = current.flatMap((partition) => split(partition, wanted));
  return wanted.flatMap((range) => {
    const own = parts.filter(({ from, to }) => from >= range.from && to <= range.to);
    const first = Math.max(...own.map(({ position }) => position));
    if (own.every(({ position }) => position === first)) return [merge(range, own)];
    return own.map((part) => (part.holdAt === first ? part : { ...part, holdAt: first, epoch: part.epoch + 1 }));
  });
}

function split(partition: ArrangedPartition, wanted: readonly Partition[]): readonly ArrangedPartition[] {
  const ends = wanted.map(({ to }) => to).filter((end) => end > partition.from && end < partition.to);
  if (ends.length === 0) return [partition];
  const starts = [partition.from, ...ends];
  return starts.map((from, index) => {
    // What was applied so far is counted once.
    const events = index === 0 ? partition.events : 0;
    return { ...partition, from, to: ends[index] ?? partition.to, events, epoch: partition.epoch + 1 };
  });
}

function merge(range: Partition, parts: readonly ArrangedPartition[]): ArrangedPartition {
  const [only, another] = parts;
  if (only !== undefined && another === undefined && only.holdAt === undefined) return only;
  return {
    ...range,
    position: Math.max(...parts.map(({ position }) => position)),
    events: parts.reduce((sum, { events }) => sum + events, 0),
    epoch: Math.max(...parts.map(({ epoch }) => epoch)) + 1,
    movedAt: Math.max(...parts.map(({ movedAt }) => movedAt)),
    holdAt: undefined,
  };
}
