import type { Lease, LeaseAnswer, LeaseRequest } from '../core/index.ts';
import type { KeptPartition, KeptProjection } from './kept-projection.ts';

/** Renews what a process holds of some projections, and takes what nobody holds, up to a fair share. */
export function leaseAll(
  projections: readonly KeptProjection[],
  request: LeaseRequest,
  now: number,
): Pick<LeaseAnswer, 'leases' | 'spare'> {
  const leases: Lease[] = [];
  const spare: Lease[] = [];
  const { owner } = request;
  for (const kept of projections) {
    sampleCheckpoint(kept, owner, now);
    const own = leaseOne(kept, request, now);
    leases.push(...own);
    if (request.isPassing !== true) spare.push(...own.slice(shareOf(kept, owner, now)));
  }
  return { leases, spare };
}

const MINUTE = 60_000;
const KEPT = 7 * 24 * 60 * MINUTE;

/** Once a minute, of what has moved since the last sample; by whoever has the first partition. */
function sampleCheckpoint(kept: KeptProjection, owner: string, now: number): void {
  const { partitions, history, isInline } = kept;
  const isOwner = partitions.some((partition) => partition.from === 0 && partition.owner === owner);
  if (!isOwner || isInline || partitions.every(({ movedAt }) => movedAt <= now - 2 * MINUTE)) return;
  const at = now - (now % MINUTE);
  const position = Math.min(...partitions.map((partition) => partition.position));
  const events = partitions.reduce((sum, partition) => sum + partition.events, 0);
  const last = history.at(-1);
  if (last !== undefined && (last.at >= at || (last.position === position && last.events === events))) return;
  kept.history = [...history.filter((sample) => sample.at > now - KEPT), { at, position, events }];
}

function leaseOne(
  kept: KeptProjection,
  { owner, duration, held, isPassing = false }: LeaseRequest,
  now: number,
): readonly Lease[] {
  // Whoever shares something: one partition alone is nobody's share.
  if (!isPassing && kept.partitions.length > 1) kept.workers.set(owner, now + duration);
  if (kept.isPaused || kept.isInline) return [];
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
    const { position, holdAt, expiresAt, faultedBy } = partition;
    const isFree = partition.owner === undefined || partition.owner === owner || expiresAt <= now;
    return isFree && position !== holdAt && !faultedBy.includes(owner) && !renewed.includes(partition);
  });
  const taken = isPassing ? free : free.slice(0, Math.max(0, shareOf(kept, owner, now) - renewed.length));
  for (const partition of taken) {
    Object.assign(partition, { owner, epoch: partition.epoch + 1, state: 'working', error: undefined });
  }
  const all = kept.partitions.filter((partition) => renewed.includes(partition) || taken.includes(partition));
  for (const partition of all) partition.expiresAt = now + duration;
  return all.map(({ from, to, epoch, position, holdAt }) => {
    return { ...kept.id, partition: { from, to }, epoch, position, holdAt };
  });
}

/** How many partitions one of the processes that live may have: what is left when they are divided goes to the first of them. */
function shareOf({ partitions, workers }: KeptProjection, owner: string, now: number): number {
  const others = [...workers].filter(([name, expiresAt]) => name !== owner && expiresAt > now);
  const before = others.filter(([name]) => name < owner).length;
  const count = others.length + 1;
  return Math.floor(partitions.length / count) + (before < partitions.length % count ? 1 : 0);
}

/** Lets a lease go that is still the owner's. */
export function release(kept: KeptProjection | undefined, owner: string, lease: Lease): void {
  const partition = kept?.partitions.find(({ from }) => from === lease.partition.from);
  if (partition?.owner === owner && partition.epoch === lease.epoch) partition.owner = undefined;
}

/** Lets all go that is an owner's, and its share with it. */
export function leave(kept: KeptProjection, owner: string): void {
  kept.workers.delete(owner);
  for (const partition of kept.partitions) {
    if (partition.owner === owner) partition.owner = undefined;
  }
}
