import type { Lease, LeaseAnswer, LeaseRequest } from '../core/index.ts';
import type { KeptPartition, KeptProjection } from './read-models.ts';

/** Renews what a process holds of some projections, and takes what nobody holds, up to a fair share. */
export function leaseAll(
  projections: readonly KeptProjection[],
  request: LeaseRequest,
  now: number,
): Pick<LeaseAnswer, 'leases' | 'spare'> {
  const leases: Lease[] = [];
  const spare: Lease[] = [];
  for (const kept of projections) {
    const own = leaseOne(kept, request, now);
    leases.push(...own);
    if (request.isPassing !== true) spare.push(...own.slice(shareOf(kept, now)));
  }
  return { leases, spare };
}

function leaseOne(
  kept: KeptProjection,
  { owner, duration, held, isPassing = false }: LeaseRequest,
  now: number,
): readonly Lease[] {
  if (!isPassing) kept.workers.set(owner, now + duration);
  if (kept.isPaused) return [];
  const isHeld = (partition: KeptPartition): boolean =>
    partition.owner === owner &&
    held.some(({ name, version, partition: { from }, epoch }) => {
      return (
        name === kept.id.name && version === kept.id.version && from === partition.from && epoch === partition.epoch
      );
    });
  const renewed = kept.partitions.filter(isHeld);
  // Its own, too, where it has lost track of it.
  const free = kept.partitions.filter((partition) => {
    const isFree = partition.owner === undefined || partition.owner === owner || partition.expiresAt <= now;
    return isFree && !renewed.includes(partition);
  });
  const taken = isPassing ? free : free.slice(0, Math.max(0, shareOf(kept, now) - renewed.length));
  for (const partition of taken) {
    Object.assign(partition, { owner, epoch: partition.epoch + 1, state: 'running', error: undefined });
  }
  const all = kept.partitions.filter((partition) => renewed.includes(partition) || taken.includes(partition));
  for (const partition of all) partition.expiresAt = now + duration;
  return all.map(({ from, to, epoch, position }) => ({ ...kept.id, partition: { from, to }, epoch, position }));
}

/** How many partitions each of the processes that live may have. */
function shareOf({ partitions, workers }: KeptProjection, now: number): number {
  const alive = [...workers.values()].filter((expiresAt) => expiresAt > now).length;
  return Math.ceil(partitions.length / Math.max(1, alive));
}

/** Lets a lease go that is still the owner's. */
export function release(kept: KeptProjection | undefined, owner: string, lease: Lease): void {
  const partition = kept?.partitions.find(({ from }) => from === lease.partition.from);
  if (partition?.owner === owner && partition.epoch === lease.epoch) partition.owner = undefined;
}
