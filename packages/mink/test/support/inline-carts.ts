import {
  defineEvents,
  defineProjection,
  documents,
  payload,
  type EventStore,
  type StoreOptions,
} from '../../src/index.ts';

/** Carts, and what is kept of them inline. */
export const cartEvents = defineEvents({
  ItemAdded: payload<{ sku: string; quantity: number }>(),
  Broken: payload<null>(),
  Slow: payload<{ milliseconds: number }>(),
  Cleared: payload<null>(),
  Noted: payload<null>(),
});

export const added = (sku: string, quantity = 1) => cartEvents.ItemAdded({ sku, quantity });

/** What each cart holds, and the versions that led to it. */
export const cartSummary = defineProjection({
  name: 'cart-summary',
  events: { Cart: cartEvents },
  readModel: documents<{ items: number; versions: readonly number[] }>(),
}).on({
  ItemAdded: (cart, { data, streamVersion }) => ({
    items: (cart?.items ?? 0) + data.quantity,
    versions: [...(cart?.versions ?? []), streamVersion],
  }),
  Broken: () => {
    throw new Error('it is broken');
  },
  Slow: (cart, { data }) => {
    const end = performance.now() + data.milliseconds;
    while (performance.now() < end);
    return cart;
  },
  Cleared: () => null,
});

/** In which carts a product is, by the positions of their events: an order over streams. */
export const bySku = defineProjection({
  name: 'by-sku',
  partitions: 3,
  events: { Cart: cartEvents },
  readModel: documents<{ positions: readonly number[]; carts: readonly string[] }>(),
  key: (event) => (event.type === 'ItemAdded' ? event.data.sku : null),
}).on({
  ItemAdded: (sku, { globalPosition, streamName }) => ({
    positions: [...(sku?.positions ?? []), globalPosition],
    carts: [...(sku?.carts ?? []), streamName],
  }),
});

export type CartCategories = Readonly<Record<'Cart', typeof cartEvents>>;

/** Options of a store of carts. */
export type CartStoreOptions = Omit<StoreOptions<CartCategories, object>, 'categories' | 'metadata'>;

/** What the log says that the documents of both projections must be, by key. */
export async function folded(
  store: EventStore<CartCategories>,
): Promise<{ readonly carts: object; readonly skus: object }> {
  const carts = new Map<string, { items: number; versions: number[] }>();
  const skus = new Map<string, { positions: number[]; carts: string[] }>();
  for await (const { type, data, streamName, streamVersion, globalPosition } of store.readAll()) {
    if (type === 'Cleared') carts.delete(streamName);
    if (type !== 'ItemAdded') continue;
    const cart = carts.get(streamName) ?? { items: 0, versions: [] };
    cart.items += data.quantity;
    cart.versions.push(streamVersion);
    carts.set(streamName, cart);
    const sku = skus.get(data.sku) ?? { positions: [], carts: [] };
    sku.positions.push(globalPosition);
    sku.carts.push(streamName);
    skus.set(data.sku, sku);
  }
  return { carts: Object.fromEntries(carts), skus: Object.fromEntries(skus) };
}

/** The documents of both projections as they are stored, by key. */
export async function kept(
  store: EventStore<CartCategories>,
): Promise<{ readonly carts: object; readonly skus: object }> {
  const carts = await store.projections.readModel(cartSummary).list().toArray();
  const skus = await store.projections.readModel(bySku).list().toArray();
  return {
    carts: Object.fromEntries(carts.map(({ key, model }) => [key, model])),
    skus: Object.fromEntries(skus.map(({ key, model }) => [key, model])),
  };
}
