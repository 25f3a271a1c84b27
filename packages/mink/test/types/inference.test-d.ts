import { z } from 'zod';
import { Aggregate, defineDecider, defineEvents, payload } from '../../src/index.ts';
import { createMemoryStore } from '../../src/memory/index.ts';

const orderEvents = defineEvents({
  OrderCreated: z.object({ customerId: z.string() }),
  ItemAdded: z.object({ sku: z.string(), quantity: z.number() }),
});
const cartEvents = defineEvents({ CartOpened: payload<{ at: string }>() });
const store = createMemoryStore({ categories: { Order: orderEvents, Cart: cartEvents } });

const id = String(Math.random());
export const r = await store.append(`Order-${id}`, [{ type: 'ItemAdded', data: { sku: 'a', quantity: 1 } }]);
export const t: 'OrderCreated' | 'ItemAdded' | undefined = r.events[0]?.type;
// @ts-expect-error unknown category
await store.append('Nope-1', []);
// @ts-expect-error event of another category
await store.append('Order-1', [cartEvents.CartOpened({ at: '' })]);
await store.append('Order-1', [orderEvents.ItemAdded({ sku: 's', quantity: 1 })]);
// @ts-expect-error wrong payload
await store.append('Order-1', [{ type: 'ItemAdded', data: { sku: 1, quantity: 1 } }]);
for await (const event of store.readAll({ categories: ['Order'], types: ['ItemAdded'] })) {
  const sku: string = event.data.sku;
  void sku;
}
for await (const event of store.readAll()) {
  if (event.category === 'Cart') {
    const at: string = event.data.at;
    void at;
  }
}
await store.appendMany([
  { streamName: 'Order-1', events: [orderEvents.ItemAdded({ sku: 's', quantity: 1 })] },
  { streamName: `Cart-${id}`, expectedVersion: 'stream_exists' },
]);
await store.appendMany([
  // @ts-expect-error event of another category
  { streamName: 'Order-1', events: [cartEvents.CartOpened({ at: '' })] },
]);
interface State {
  readonly count: number;
}
const order = defineDecider({
  category: 'Order',
  events: orderEvents,
  initialState: (): State => ({ count: 0 }),
  evolve: (state, event) => {
    switch (event.type) {
      case 'ItemAdded':
        return { count: state.count + event.data.quantity };
      case 'OrderCreated':
        return state;
    }
  },
  decide: (command: { readonly type: 'Add'; readonly sku: string }, state) =>
    state.count > 10 ? [] : [{ type: 'ItemAdded', data: { sku: command.sku, quantity: 1 } }],
});
export const done = await store.execute(order, '1', { type: 'Add', sku: 'x' });
export const n: number = done.state.count;
// @ts-expect-error wrong command
await store.execute(order, '1', { type: 'Nope' });
class Order extends Aggregate({
  category: 'Order',
  events: orderEvents,
  initialState: (): State => ({ count: 0 }),
  evolve: (state, event) => (event.type === 'ItemAdded' ? { count: state.count + 1 } : state),
}) {
  add(sku: string) {
    this.apply(orderEvents.ItemAdded({ sku, quantity: 1 }));
  }
}
export const done2 = await store.execute(Order, '1', (o) => o.add('x'));
export const m: number = done2.state.count;
export const loaded = await store.load(Order, '1');
loaded.add('y');
export const l2 = await store.load(order, '1');
export const n3: number = l2.state.count;
const untyped = createMemoryStore();
await untyped.append('A-1', [{ type: 'X', data: { a: 1 } }]);
