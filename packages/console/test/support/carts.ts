import {
  Aggregate,
  createEventStore,
  createProjectionEngine,
  defineDecider,
  defineEvents,
  defineProjection,
  documents,
  payload,
  type EventStorage,
  type EventStore,
} from 'mink';

/** What no answer may show to those who may not see payloads. */
export const SECRET = 'xyzzy-4711';

export const cartEvents = defineEvents({
  ItemAdded: payload<{ sku: string; quantity: number; note?: string }>(),
  Emptied: payload<null>(),
  /** What the summary cannot apply. */
  Cursed: payload<{ spell: string }>(),
  Dated: payload<{ at: string }>(),
});
export const categories = { Cart: cartEvents };
export type CartStore = EventStore<typeof categories>;

interface CartState {
  readonly lines: ReadonlyMap<string, number>;
  readonly notes: ReadonlySet<string>;
  readonly touched: number;
}
const definition = {
  category: 'Cart' as const,
  events: cartEvents,
  initialState: (): CartState => ({ lines: new Map(), notes: new Set(), touched: 0 }),
};

export const cart = defineDecider({
  ...definition,
  evolve: (state, event): CartState => {
    const touched = state.touched + 1;
    if (event.type === 'Emptied') return { lines: new Map(), notes: new Set(), touched };
    if (event.type !== 'ItemAdded') return { ...state, touched };
    const { sku, quantity, note } = event.data;
    const lines = new Map(state.lines).set(sku, (state.lines.get(sku) ?? 0) + quantity);
    return { lines, notes: note === undefined ? state.notes : new Set([...state.notes, note]), touched };
  },
  decide: () => [],
});

/** Counts only. */
export class CartCount extends Aggregate({
  category: 'Cart' as const,
  events: cartEvents,
  initialState: () => ({ events: 0 }),
  evolve: (state: { events: number }) => ({ events: state.events + 1 }),
}) {}

interface Summary {
  readonly items: number;
  readonly last: string;
}

/** Whether the summary understands curses: as a fix that was deployed would let it. */
export const curse = { isLifted: false };

const summaryOf = (version: number) =>
  defineProjection({
    name: 'cart-summary',
    version,
    events: categories,
    readModel: documents<Summary>(),
  }).on({
    ItemAdded: (summary, { data }) => ({
      items: (summary?.items ?? 0) + data.quantity * version,
      last: data.note ?? '',
    }),
    Cursed: (summary, { data }) => {
      if (!curse.isLifted) throw new Error(`cannot bear "${data.spell}" of ${data.spell}`);
      return { items: summary?.items ?? 0, last: data.spell };
    },
  });
export const summary = summaryOf(1);
export const nextSummary = summaryOf(2);

export function openCarts(storage: EventStorage): CartStore {
  return createEventStore(storage, { categories });
}

/** Three carts of known events; one is cursed, with a follower behind it. */
export async function fillCarts(store: CartStore): Promise<void> {
  const { ItemAdded, Emptied, Cursed, Dated } = cartEvents;
  const metadata = { userId: 'ada', correlationId: 'c-1', secret: SECRET };
  const added = (sku: string, quantity: number) => ItemAdded({ sku, quantity, note: SECRET });
  await store.append('Cart-1', [added('a', 1), added('b', 2), Emptied(null), added('a', 5)], { metadata });
  await store.append('Cart-2', [added('a', 1), Cursed({ spell: SECRET }), added('a', 9)], { metadata });
  await store.append('Cart-3', [Dated({ at: '1970-01-01' })], { metadata });
}

/** Brings the summary up to date; the curse parks its key. */
export async function projectCarts(store: CartStore): Promise<void> {
  curse.isLifted = false;
  const engine = createProjectionEngine(store, [summary], { tries: 1, backoff: 1 });
  await engine.catchUp();
  await engine.close();
}
