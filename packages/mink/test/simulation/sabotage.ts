import type { EventStorage, ProjectionStorage } from '../../src/core/index.ts';
import type { Sabotage } from './simulated-world.ts';

type Broken = (readModels: ProjectionStorage) => Partial<ProjectionStorage>;

/** Where a partition is now, whatever a lease says. */
async function partitionNow(readModels: ProjectionStorage, { name }: { readonly name: string }) {
  const stored = (await readModels.listProjections()).find((it) => it.name === name);
  return { epoch: stored?.epoch ?? 0, position: stored?.position ?? 0 };
}

const BROKEN = {
  'forgets the epoch of a lease': (readModels) => ({
    commitProjection: async (commit) => {
      const { epoch } = await partitionNow(readModels, commit.lease);
      return readModels.commitProjection({ ...commit, lease: { ...commit.lease, epoch } });
    },
  }),
  'forgets where a batch begins': (readModels) => ({
    commitProjection: async (commit) => {
      const { position } = await partitionNow(readModels, commit.lease);
      return readModels.commitProjection({ ...commit, lease: { ...commit.lease, position } });
    },
  }),
  'forgets which keys are parked': (readModels) => ({
    readBatch: async (projection, keys) => ({ ...(await readModels.readBatch(projection, keys)), parkedKeys: [] }),
  }),
  'gives a lease to two': (readModels) => ({
    leaseProjections: async (request) => {
      const answer = await readModels.leaseProjections(request);
      const missing = request.projections.filter(({ name }) => !answer.leases.some((lease) => lease.name === name));
      const shared = missing.map(async ({ name, version }) => {
        const now = await partitionNow(readModels, { name });
        return { name, version, partition: { from: 0, to: 1_024 }, holdAt: undefined, ...now };
      });
      return { ...answer, leases: [...answer.leases, ...(await Promise.all(shared))] };
    },
  }),
} satisfies Readonly<Record<string, Broken>>;

/** Ways to break a storage of read models on purpose: worlds over it must not hold. */
export const SABOTAGES: readonly (readonly [string, Sabotage])[] = Object.entries<Broken>(BROKEN).map(
  ([name, broken]) => [name, (storage) => brokenStorage(storage, broken)],
);

function brokenStorage(storage: EventStorage, broken: Broken): EventStorage {
  const { readModels } = storage;
  if (readModels === undefined) return storage;
  const changed = { ...broken(readModels) };
  const all = new Proxy(readModels, { get: (target, name) => Reflect.get(changed, name) ?? bound(target, name) });
  return new Proxy(storage, { get: (target, name) => (name === 'readModels' ? all : bound(target, name)) });
}

function bound(target: object, name: string | symbol): unknown {
  const member: unknown = Reflect.get(target, name, target);
  return typeof member === 'function' ? member.bind(target) : member;
}
