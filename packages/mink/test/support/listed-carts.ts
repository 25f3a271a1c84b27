import {
  createEventStore,
  defineEvents,
  defineProjection,
  documents,
  payload,
  type Digest,
  type EventStorage,
  type EventStore,
  type Lease,
  type Projection,
  type ProjectionId,
  type ProjectionStorage,
} from '../../src/index.ts';

// Carts, and what a projection keeps of each: the things that were put into it, in their order.
export const cartEvents = defineEvents({ Added: payload<{ sku: string }>(), Noted: payload<null>() });
export const categories = { Cart: cartEvents };
export type CartStore = EventStore<typeof categories>;

export function added(sku: string): ReturnType<typeof cartEvents.Added> {
  return cartEvents.Added({ sku });
}

/** Things that cannot be put into a cart now. */
export const bad = new Set<string>();

/** Either of them. */
type Lists = Projection<string, typeof categories, { skus: readonly string[] }>;

function put(skus: readonly string[], sku: string): readonly string[] {
  if (bad.has(sku)) throw new Error(`cannot take ${sku}`);
  return [...skus, sku];
}

export const byCart = defineProjection({
  name: 'by-cart',
  events: categories,
  readModel: documents<{ skus: readonly string[] }>(),
}).on({ Added: (cart, { data }) => ({ skus: put(cart?.skus ?? [], data.sku) }) });

/** Kept under each letter of what is put into a cart: keys of which several belong to one event. */
export const byLetter = defineProjection({
  name: 'by-letter',
  events: categories,
  readModel: documents<{ skus: readonly string[] }>(),
  key: (event) => (event.type === 'Added' ? Array.from(event.data.sku) : null),
}).on({ Added: (letter, { data }) => ({ skus: put(letter?.skus ?? [], data.sku) }) });

export function openCarts(storage: EventStorage): CartStore {
  return createEventStore(storage, { categories });
}

/** What a projection keeps, by key. */
export async function kept(store: CartStore, projection: Lists = byCart): Promise<Readonly<Record<string, string>>> {
  const all = await store.projections.readModel(projection).list().toArray();
  return Object.fromEntries(all.map(({ key, model }) => [key, model.skus.join(' ')]));
}

/** What it has to keep, without the events at some positions. */
export async function folded(
  store: CartStore,
  projection: Lists = byCart,
  without: ReadonlySet<number> = new Set(),
): Promise<Readonly<Record<string, string>>> {
  const carts = new Map<string, string[]>();
  for await (const event of store.readAll()) {
    if (event.type !== 'Added' || without.has(event.globalPosition)) continue;
    for (const key of projection.keysOf(event)) carts.set(key, [...(carts.get(key) ?? []), event.data.sku]);
  }
  const sorted = [...carts].toSorted(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(sorted.map(([key, skus]) => [key, skus.join(' ')]));
}

export function readModelsOf({ readModels }: EventStorage): ProjectionStorage {
  if (readModels === undefined) throw new Error('a storage without read models');
  return readModels;
}

const byHand = { owner: 'by hand', duration: 60_000, held: [] };

/** Takes all partitions that are free, and lets them go at once: whoever takes them next has a higher epoch. */
export async function leaseByHand(readModels: ProjectionStorage, projection: ProjectionId): Promise<readonly Lease[]> {
  const { leases } = await readModels.leaseProjections({ ...byHand, projections: [projection] });
  await readModels.leaveProjections(byHand.owner);
  return leases;
}

/** Moves a checkpoint without applying anything, and says that something was. */
export async function moveByHand(
  readModels: ProjectionStorage,
  lease: Lease,
  { to, digests = [] }: { readonly to: number; readonly digests?: readonly Digest[] | undefined },
): Promise<void> {
  const nothing = { events: 0, deadLetters: [], table: undefined, writes: [] };
  const outcome = await readModels.commitProjection({ ...nothing, lease, to, digests, duration: 1 });
  if (outcome !== 'stored') throw new Error(`the checkpoint was not moved: ${outcome}`);
}
