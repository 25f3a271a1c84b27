import { Aggregate, defineDecider, defineEvents, payload, type EventOf } from '../../src/index.ts';
import { createMemoryStore } from '../../src/memory/index.ts';
import { given } from '../../src/testing/index.ts';
import { expectType } from './expect-type.ts';

const orderEvents = defineEvents({
  Opened: payload<{ by: string }>(),
  ItemAdded: payload<{ sku: string; quantity: number }>(),
  Closed: payload<null>(),
});
type OrderEvent = EventOf<typeof orderEvents>;
const cartEvents = defineEvents({ CartOpened: payload<{ at: string }>() });
const store = createMemoryStore({ categories: { Order: orderEvents, Cart: cartEvents } });

interface OrderState {
  status: 'new' | 'open' | 'closed';
  readonly owner: string | undefined;
  items: { sku: string; quantity: number }[];
}
type OrderCommand = { readonly type: 'open'; readonly by: string } | { readonly type: 'close' };

// Everything is inferred from the events, initialState's return type and the command; literals stay literals.
const order = defineDecider({
  category: 'Order',
  events: orderEvents,
  initialState: (): OrderState => ({ status: 'new', owner: undefined, items: [] }),
  evolve: (state, event) => {
    expectType<typeof state>()<OrderState>();
    expectType<typeof event>()<OrderEvent>();
    switch (event.type) {
      case 'Opened':
        return { ...state, status: 'open', owner: event.data.by };
      case 'ItemAdded':
        return { ...state, items: [...state.items, { sku: event.data.sku, quantity: event.data.quantity }] };
      case 'Closed':
        return { status: 'closed', owner: state.owner, items: [] };
    }
  },
  decide: (command: OrderCommand, state) => {
    expectType<typeof state>()<OrderState>();
    if (state.status === 'closed') return [];
    if (command.type === 'close') return { type: 'Closed', data: null };
    return [orderEvents.Opened({ by: command.by }), { type: 'ItemAdded', data: { sku: 'gift', quantity: 1 } }];
  },
});

const done = await store.execute(order, '1', { type: 'open', by: 'ann' });
expectType<typeof done.state>()<OrderState>();
expectType<(typeof done.events)[number]['type']>()<OrderEvent['type']>();
expectType<(typeof done.events)[number]['category']>()<'Order'>();
const loaded = await store.load(order, '1', { until: { position: 5 } });
expectType<typeof loaded.state>()<OrderState>();
// @ts-expect-error no such command
await store.execute(order, '1', { type: 'reopen' });
// @ts-expect-error the command lacks a part
await store.execute(order, '1', { type: 'open' });
// @ts-expect-error no command
await store.execute(order, '1');
// @ts-expect-error not an expected version
await store.execute(order, '1', { type: 'close' }, { expectedVersion: 'now' });
// @ts-expect-error the past cannot be written to
await store.execute(order, '1', { type: 'close' }, { until: { version: 1 } });

const base = { category: 'Order', events: orderEvents, initialState: (): OrderState => order.initialState() } as const;
const decide = () => [];
defineDecider({
  ...base,
  // @ts-expect-error not a status
  evolve: (state) => ({ ...state, status: 'lost' }),
  decide,
});
defineDecider({
  ...base,
  // @ts-expect-error a part of the state is missing
  evolve: () => ({ status: 'open' }),
  decide,
});
defineDecider({
  ...base,
  // @ts-expect-error nothing is returned for some events
  evolve: (state, event) => {
    if (event.type === 'Opened') return state;
  },
  decide,
});
defineDecider({
  ...base,
  // @ts-expect-error evolve does not wait
  evolve: async (state) => state,
  decide,
});
defineDecider({
  ...base,
  // @ts-expect-error no such event
  evolve: (state, event) => (event.type === 'Gone' ? state : state),
  decide,
});
// @ts-expect-error decide does not wait
defineDecider({ ...base, evolve: (state) => state, decide: async () => [] });
// @ts-expect-error an event of another category
defineDecider({ ...base, evolve: (state) => state, decide: () => cartEvents.CartOpened({ at: '' }) });
// @ts-expect-error wrong payload
defineDecider({ ...base, evolve: (state) => state, decide: () => ({ type: 'Opened', data: { by: 5 } }) });

// State of any shape: a number, a list, a tuple, a map.
const counter = defineDecider({
  category: 'Order',
  events: orderEvents,
  initialState: () => 0,
  evolve: (count) => count + 1,
  decide: () => orderEvents.Closed(null),
});
expectType<Awaited<ReturnType<typeof loadCounter>>>()<number>();
export async function loadCounter() {
  return (await store.load(counter, '1')).state;
}
defineDecider({
  category: 'Order',
  events: orderEvents,
  initialState: (): string[] => [],
  evolve: (list, event) => (event.type === 'ItemAdded' ? [...list, event.data.sku] : list),
  decide,
});
defineDecider({
  category: 'Order',
  events: orderEvents,
  initialState: (): [count: number, last: string | null] => [0, null],
  evolve: ([count], event) => [count + 1, event.type],
  decide,
});
defineDecider({
  category: 'Order',
  events: orderEvents,
  initialState: (): ReadonlyMap<string, number> => new Map(),
  evolve: (map, event) => (event.type === 'ItemAdded' ? new Map(map).set(event.data.sku, 1) : map),
  decide,
});
defineDecider({
  category: 'Order',
  events: orderEvents,
  initialState: (): Record<string, number> => ({}),
  evolve: (counts, event) => ({ ...counts, [event.type]: (counts[event.type] ?? 0) + 1 }),
  decide,
});
defineDecider({
  category: 'Order',
  events: orderEvents,
  initialState: (): { kind: 'empty' } | { kind: 'full'; list: string[] } => ({ kind: 'empty' }),
  evolve: (state, event) => {
    if (event.type !== 'ItemAdded') return { kind: 'empty' };
    return { kind: 'full', list: state.kind === 'full' ? [...state.list, event.data.sku] : [event.data.sku] };
  },
  decide,
});

// A decider of a category the store does not have.
const stray = defineDecider({ category: 'Stray', events: cartEvents, initialState: () => 0, evolve: (n) => n, decide });
// @ts-expect-error unknown category
await store.load(stray, '1');
// @ts-expect-error unknown category
await store.execute(stray, '1', undefined);

// Aggregates.
class Order extends Aggregate({ ...base, evolve: (state, event) => order.evolve(state, event) }) {
  add(sku: string) {
    expectType<typeof this.state.status>()<'new' | 'open' | 'closed'>();
    this.apply(orderEvents.ItemAdded({ sku, quantity: 1 }));
    this.apply({ type: 'Closed', data: null });
    // @ts-expect-error an event of another category
    this.apply(cartEvents.CartOpened({ at: '' }));
    // @ts-expect-error wrong payload
    this.apply({ type: 'ItemAdded', data: { sku } });
    // @ts-expect-error only events change the state
    this.state = { ...this.state };
    // @ts-expect-error versions belong to the store
    this.version = 5;
    return this.uncommittedEvents.length;
  }
}
class Literal extends Aggregate({
  category: 'Order',
  events: orderEvents,
  initialState: (): OrderState => ({ status: 'new', owner: undefined, items: [] }),
  evolve: (state, event) => (event.type === 'Opened' ? { ...state, status: 'open' } : state),
}) {}
const aggregate = await store.load(Order, '1');
expectType<typeof aggregate>()<Order>();
aggregate.add('x');
// @ts-expect-error apply is for the aggregate's own methods
aggregate.apply(orderEvents.Closed(null));
const saved = await store.save(aggregate, { metadata: { userId: 'u' } });
expectType<typeof saved.state>()<OrderState>();
const worked = await store.execute(Order, '1', (it) => it.add('y'), { expectedVersion: 3 });
expectType<typeof worked.state>()<OrderState>();
await store.execute(Order, '1', async (it) => it.add('y'));
await store.loadOrThrow(Literal, '1');
// @ts-expect-error no such method
await store.execute(Order, '1', (it) => it.remove('y'));
// @ts-expect-error an aggregate takes work, not a command
await store.execute(Order, '1', { type: 'close' });
const carts = createMemoryStore({ categories: { Cart: cartEvents } });
// @ts-expect-error an aggregate of a category the store does not have
await carts.load(Order, '1');
// @ts-expect-error an aggregate of a category the store does not have
await carts.execute(Order, '1', () => undefined);
Aggregate({
  ...base,
  // @ts-expect-error not a status
  evolve: (state) => ({ ...state, status: 'lost' }),
});

// given().
given(order, [orderEvents.Opened({ by: 'ann' })])
  .when({ type: 'close' })
  .then([{ type: 'Closed', data: null }]);
given(order, []).when({ type: 'close' }).thenNothing();
given(order, []).when({ type: 'close' }).thenThrows(RangeError);
given(order, [])
  .when({ type: 'close' })
  .thenState((state) => expectType<typeof state>()<OrderState>());
given(Order, [orderEvents.Opened({ by: 'ann' })], { id: '7' })
  .when((it) => it.add('x'))
  .then([orderEvents.ItemAdded({ sku: 'x', quantity: 1 })]);
const later = given(Order, []).when(async (it) => it.add('x'));
export const waiting: Promise<void> = later.thenNothing();
// @ts-expect-error an event of another category
given(order, [cartEvents.CartOpened({ at: '' })]);
// @ts-expect-error no such command
given(order, []).when({ type: 'reopen' });
const closing = given(order, []).when({ type: 'close' });
// @ts-expect-error an event of another category
closing.then([cartEvents.CartOpened({ at: '' })]);
// @ts-expect-error not a state
given(order, []).when({ type: 'close' }).thenState({ status: 'lost' });
// @ts-expect-error an event of another category
given(Order, [cartEvents.CartOpened({ at: '' })]);
// @ts-expect-error no such method
given(Order, []).when((it) => it.remove('x'));
// @ts-expect-error synchronous work has nothing to wait for
export const nothing: Promise<void> = given(Order, [])
  .when((it) => it.add('x'))
  .thenNothing();

defineDecider({
  category: 'Typo',
  events: defineEvents({ Renamed: payload<{ name: string }>() }),
  initialState: (): { name?: string } => ({}),
  // @ts-expect-error a property that the state does not have
  evolve: (state, event) => ({ ...state, nmae: event.data.name }),
  decide: () => [],
});
