import type { Partition, StoredPartition } from './projection-storage.ts';

const WORST_FIRST = ['inline', 'faulted', 'retrying', 'stopped', 'paused', 'working', 'retired'] as const;

const RETIRED: Omit<StoredPartition, keyof Partition | 'holdAt'> = {
  position: 0,
  epoch: 0,
  events: 0,
  movedAt: 0,
  state: 'retired',
  owner: undefined,
  error: undefined,
  attempts: 0,
};

/**
 * What a projection of several partitions is, as one: as far as the last, and as badly off as the worst. Without any, it is
 * retired.
 */
export function ofPartitions(
  partitions: readonly StoredPartition[],
): Omit<StoredPartition, keyof Partition | 'holdAt'> {
  const [first] = partitions;
  if (first === undefined) return RETIRED;
  const worst = partitions.toSorted((a, b) => WORST_FIRST.indexOf(a.state) - WORST_FIRST.indexOf(b.state))[0] ?? first;
  return {
    position: Math.min(...partitions.map(({ position }) => position)),
    epoch: Math.max(...partitions.map(({ epoch }) => epoch)),
    events: partitions.reduce((sum, { events }) => sum + events, 0),
    movedAt: Math.max(...partitions.map(({ movedAt }) => movedAt)),
    state: worst.state,
    owner: worst.owner,
    error: worst.error,
    attempts: worst.attempts,
  };
}
