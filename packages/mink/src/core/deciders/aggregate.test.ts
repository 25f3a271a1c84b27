import * as v from 'valibot';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createMemoryStorage, createMemoryStore } from '../../memory/index.ts';
import { MemoryStorage } from '../../memory/memory-storage.ts';
import { AppendOutcomeUnknownError, EvolveFailedError } from '../errors.ts';
import { defineEvents } from '../events/define-events.ts';
import { codec, payload } from '../events/event-schema.ts';
import { withMetadata } from '../metadata.ts';
import type { AppendCommand, AppendOutcome } from '../storage/event-storage.ts';
import { createEventStore, type EventStore } from '../store/event-store.ts';
import { Aggregate, type AggregateBase } from './aggregate.ts';

const orderEvents = defineEvents({
  Created: z.object({ customerId: z.string() }),
  ItemAdded: z.object({ sku: z.string(), tags: z.array(z.string()) }),
  Confirmed: payload<null>(),
});
const categories = { Order: orderEvents };

interface OrderState {
  readonly status: 'new' | 'open' | 'confirmed';
  readonly items: readonly { readonly sku: string; readonly tags: readonly string[] }[];
}

class Order extends Aggregate({
  category: 'Order',
  events: orderEvents,
  initialState: (): OrderState => ({ status: 'new', items: [] }),
  evolve: (state, event) => {
    switch (event.type) {
      case 'Created':
        return { ...state, status: 'open' };
      case 'ItemAdded':
        return { ...state, items: [...state.items, event.data] };
      case 'Confirmed':
        return { ...state, status: 'confirmed' };
    }
  },
}) {
  /** A field of the subclass: not part of the state. */
  readonly log: string[] = [];

  create(customerId = 'c-1') {
    this.apply(orderEvents.Created({ customerId }));
  }

  add(sku: string, tags: string[] = []) {
    this.apply(orderEvents.ItemAdded({ sku, tags }));
    this.log.push(sku);
  }

  confirm() {
    if (this.state.items.length === 0) throw new Error('An empty order cannot be confirmed.');
    this.apply(orderEvents.Confirmed(null));
  }

  addAnything(data: never) {
    this.apply({ type: 'ItemAdded', data });
  }
}

let store: EventStore<typeof categories>;
let storage: Flaky;

/** A storage that can fail before or after it has appended, or wait. */
class Flaky extends MemoryStorage {
  failBefore: Error | undefined;
  failAfter: Error | undefined;
  gate: Promise<void> | undefined;

  constructor() {
    super(() => 0);
  }

  override async append(command: AppendCommand): Promise<AppendOutcome> {
    const { failBefore, failAfter } = this;
    this.failBefore = undefined;
    this.failAfter = undefined;
    await this.gate;
    if (failBefore !== undefined) throw failBefore;
    const outcome = await super.append(command);
    if (failAfter !== undefined) throw failAfter;
    return outcome;
  }
}

beforeEach(() => {
  storage = new Flaky();
  store = createEventStore(storage, { categories });
});

function typesOf(events: readonly { readonly type: string }[]): readonly string[] {
  return events.map(({ type }) => type);
}

async function storedTypes(): Promise<readonly string[]> {
  return typesOf(await store.readStream('Order-1').toArray());
}

describe('a new aggregate', () => {
  test('has its id, the initial state, version 0 and nothing to save', () => {
    const order = new Order('1');
    expect([order.id, order.version, order.state, order.uncommittedEvents]).toEqual([
      '1',
      0,
      { status: 'new', items: [] },
      [],
    ]);
  });

  test('refuses an id that makes no stream name', () => {
    expect(() => new Order('')).toThrow(expect.objectContaining({ code: 'INVALID_STREAM_NAME', streamName: 'Order-' }));
  });

  test.each([
    [{ category: 'a-b' }, 'category: "a-b" contains "-"'],
    [{ initialState: undefined }, 'initialState: is not a function'],
    [{ evolve: 5 }, 'evolve: is not a function'],
  ])('of a class defined with %o is refused', (part, message) => {
    // @ts-expect-error what JavaScript might pass
    expect(() => Aggregate({ ...Order.definition, ...part })).toThrow(message);
  });

  test('shares its definition with its class, and nobody can change it', () => {
    expect(Order.definition.category).toBe('Order');
    expect(() => Object.assign(Order.definition, { category: 'Other' })).toThrow(TypeError);
  });
});

describe('apply', () => {
  test('records the event and changes the state with it, at once', () => {
    const order = new Order('1');
    order.create();
    expect(order.state.status).toBe('open');
    order.add('a');
    order.confirm();
    expect(order.state).toEqual({ status: 'confirmed', items: [{ sku: 'a', tags: [] }] });
    expect(typesOf(order.uncommittedEvents)).toEqual(['Created', 'ItemAdded', 'Confirmed']);
    expect(order.version).toBe(0);
  });

  test('of a payload its schema refuses changes nothing and records nothing', () => {
    const order = new Order('1');
    order.create();
    const before = order.state;
    // @ts-expect-error not what the schema says
    expect(() => order.addAnything({ sku: 1, tags: [] })).toThrow(
      expect.objectContaining({ code: 'INVALID_EVENT_DATA', eventType: 'ItemAdded', path: 'sku' }),
    );
    expect(order.state).toBe(before);
    expect(order.uncommittedEvents).toHaveLength(1);
  });

  test('of a type that is not defined lists those that are', () => {
    class Odd extends Order {
      odd() {
        // @ts-expect-error no such type
        this.apply({ type: 'Gone', data: 1 });
      }
    }
    expect(() => new Odd('1').odd()).toThrow(
      '"Gone" is not defined for category "Order", which has Created, ItemAdded',
    );
  });

  test('that evolve cannot follow changes nothing and records nothing', () => {
    class Broken extends Aggregate({
      category: 'Order',
      events: orderEvents,
      initialState: () => ({ items: [] as string[] }),
      evolve: (state, event) => {
        if (event.type === 'ItemAdded') state.items.push(event.data.sku);
        return { ...state };
      },
    }) {
      create() {
        this.apply(orderEvents.Created({ customerId: 'c' }));
      }
      add() {
        this.apply(orderEvents.ItemAdded({ sku: 'a', tags: [] }));
      }
    }
    const order = new Broken('1');
    expect(() => order.add()).toThrow(EvolveFailedError);
    order.create();
    expect(() => order.add()).toThrow(EvolveFailedError);
    expect([order.state, typesOf(order.uncommittedEvents)]).toEqual([{ items: [] }, ['Created']]);
  });

  test('takes the payload as it is then: changing the object afterwards changes neither state nor log', async () => {
    const order = new Order('1');
    const tags = ['new'];
    order.add('a', tags);
    tags.push('changed');
    expect(order.state.items[0]?.tags).toEqual(['new']);
    expect(order.uncommittedEvents[0]?.data).toEqual({ sku: 'a', tags: ['new'] });
    const { events } = await store.save(order);
    expect(events[0]?.data).toEqual({ sku: 'a', tags: ['new'] });
    expect((await store.load(Order, '1')).state).toEqual(order.state);
  });

  test('runs the schema once: what was folded is what is stored', async () => {
    const events = defineEvents({
      Noted: v.pipe(
        v.string(),
        v.transform((text) => `${text}!`),
      ),
    });
    class Note extends Aggregate({
      category: 'Note',
      events,
      initialState: () => '',
      evolve: (_state, event) => event.data,
    }) {
      note(text: string) {
        this.apply(events.Noted(text));
      }
    }
    const store = createMemoryStore({ categories: { Note: events } });
    const { state } = await store.execute(Note, '1', (note) => note.note('hello'));
    expect(state).toBe('hello!');
    expect((await store.readStream('Note-1').first())?.data).toBe('hello!');
  });

  test('folds dates and bigints as readers will see them', async () => {
    const events = defineEvents({
      Timed: codec(
        v.pipe(
          v.string(),
          v.transform((text) => new Date(text)),
        ),
        { encode: (at) => at.toISOString() },
      ),
    });
    class Clock extends Aggregate({
      category: 'Clock',
      events,
      initialState: () => new Date(0),
      evolve: (_state, event) => event.data,
    }) {
      set(at: Date) {
        this.apply(events.Timed(at));
      }
    }
    const store = createMemoryStore({ categories: { Clock: events } });
    const at = new Date(5_000);
    const result = await store.execute(Clock, '1', (clock) => {
      clock.set(at);
      at.setTime(9);
    });
    expect(result.state).toEqual(new Date(5_000));
    expect(result.events[0]?.data).toEqual(new Date(5_000));
    expect((await store.load(Clock, '1')).state).toEqual(new Date(5_000));
  });
});

describe('what an aggregate hands out', () => {
  test('is frozen: only events change the state', async () => {
    await store.execute(Order, '1', (order) => order.add('a', ['x']));
    for (const order of [new Order('1'), await store.load(Order, '1')]) {
      expect(Object.isFrozen(order.state)).toBe(true);
      expect(Object.isFrozen(order.state.items)).toBe(true);
      // @ts-expect-error the state is for reading
      expect(() => (order.state = { status: 'confirmed', items: [] })).toThrow(TypeError);
    }
    const { state } = await store.load(Order, '1');
    expect(Object.isFrozen(state.items[0]?.tags)).toBe(true);
  });

  test('cannot change what will be saved', () => {
    const order = new Order('1');
    order.create();
    const events = order.uncommittedEvents;
    // @ts-expect-error the list is for reading
    events.pop();
    expect(order.uncommittedEvents).toHaveLength(1);
    expect(() => Object.assign(order.uncommittedEvents[0]?.data ?? {}, { customerId: 'x' })).toThrow(TypeError);
  });

  test('has fields of the subclass beside it, new with every load', async () => {
    const { state } = await store.execute(Order, '1', (order) => {
      order.add('a');
      expect(order.log).toEqual(['a']);
    });
    expect(Object.keys(state)).toEqual(['status', 'items']);
    expect((await store.load(Order, '1')).log).toEqual([]);
  });
});

describe('save', () => {
  test('appends what was applied, gives the result, and moves the version', async () => {
    const order = new Order('1');
    order.create();
    order.add('a');
    const result = await store.save(order);
    expect(result).toMatchObject({ streamName: 'Order-1', streamVersion: 2, globalPosition: 2, state: order.state });
    expect(result.events).toEqual(await store.readStream('Order-1').toArray());
    expect([order.version, order.uncommittedEvents]).toEqual([2, []]);
  });

  test('a second time appends nothing', async () => {
    const order = new Order('1');
    order.create();
    await store.save(order);
    expect(await store.save(order)).toEqual({
      streamName: 'Order-1',
      streamVersion: 1,
      state: order.state,
      events: [],
      globalPosition: undefined,
    });
    expect(await storedTypes()).toEqual(['Created']);
  });

  test('goes on from the version it has reached, over saves of several events', async () => {
    const order = new Order('1');
    for (const count of [1, 3, 2]) {
      for (let index = 0; index < count; index += 1) order.add(`sku-${index}`);
      await store.save(order);
    }
    expect(order.version).toBe(6);
    const loaded = await store.load(Order, '1');
    loaded.confirm();
    expect(await store.save(loaded)).toMatchObject({ streamVersion: 7 });
    expect([loaded.version, loaded.state.items.length]).toEqual([7, 6]);
  });

  test('of a new aggregate conflicts when the stream exists', async () => {
    await store.append('Order-1', [orderEvents.Created({ customerId: 'c' })]);
    const order = new Order('1');
    order.create();
    await expect(store.save(order)).rejects.toMatchObject({
      code: 'CONCURRENCY_CONFLICT',
      streamName: 'Order-1',
      expectedVersion: 0,
      actualVersion: 1,
    });
  });

  test('that loses keeps the events and the state, and a reload can do the work again', async () => {
    await store.execute(Order, '1', (order) => order.create());
    const mine = await store.load(Order, '1');
    await store.execute(Order, '1', (order) => order.add('theirs'));
    mine.add('mine');
    const conflict = { code: 'CONCURRENCY_CONFLICT', expectedVersion: 1, actualVersion: 2 };
    await expect(store.save(mine)).rejects.toMatchObject(conflict);
    expect([mine.version, typesOf(mine.uncommittedEvents)]).toEqual([1, ['ItemAdded']]);
    expect(mine.state.items.map(({ sku }) => sku)).toEqual(['mine']);
    await expect(store.save(mine)).rejects.toMatchObject(conflict);
    const again = await store.load(Order, '1');
    again.add('mine');
    await store.save(again);
    expect(again.state.items.map(({ sku }) => sku)).toEqual(['theirs', 'mine']);
  });

  test('that fails for another reason can be tried again with the same aggregate', async () => {
    const order = new Order('1');
    order.create();
    storage.failBefore = new Error('no connection');
    await expect(store.save(order)).rejects.toThrow('no connection');
    order.add('a');
    expect(await store.save(order)).toMatchObject({ streamVersion: 2 });
    expect(await storedTypes()).toEqual(['Created', 'ItemAdded']);
  });

  test('of unknown outcome can be repeated: it happens once, and nothing may be applied in between', async () => {
    const order = new Order('1');
    order.create();
    const append = storage.append.bind(storage);
    storage.append = async (command) => {
      await append(command);
      const ids = command.entries[0]?.events.map(({ id }) => id) ?? [];
      throw new AppendOutcomeUnknownError(['Order-1'], ids, 'reset');
    };
    await expect(store.save(order)).rejects.toThrow(AppendOutcomeUnknownError);
    storage.append = append;
    expect([order.version, typesOf(order.uncommittedEvents)]).toEqual([0, ['Created']]);
    expect(() => order.add('a')).toThrow('apply: whether Order "1" was saved is unknown');
    expect(await store.save(order)).toMatchObject({ streamVersion: 1 });
    order.add('a');
    await store.save(order);
    expect(await storedTypes()).toEqual(['Created', 'ItemAdded']);
  });

  test('is refused where the constructor applies events: they would happen again on every load', async () => {
    class Eager extends Order {
      constructor(id: string) {
        super(id);
        this.create();
      }
    }
    await expect(store.load(Eager, '1')).rejects.toThrow('the constructor of Eager applies events');
  });

  test('while another save is under way is refused, and so is apply', async () => {
    let open: () => void = () => undefined;
    storage.gate = new Promise((resolve) => (open = resolve));
    const order = new Order('1');
    order.create();
    const first = store.save(order);
    await expect(store.save(order)).rejects.toThrow('save: Order "1" is being saved already');
    expect(() => order.add('a')).toThrow('apply: Order "1" is being saved; await the save first');
    open();
    expect(await first).toMatchObject({ streamVersion: 1 });
    order.add('a');
    expect(await store.save(order)).toMatchObject({ streamVersion: 2 });
    expect(await storedTypes()).toEqual(['Created', 'ItemAdded']);
  });

  test('records metadata, of the context and its own', async () => {
    const order = new Order('1');
    order.create();
    const { events } = await withMetadata({ correlationId: 'c' }, () =>
      store.save(order, { metadata: { userId: 'u' } }),
    );
    expect(events[0]?.metadata).toEqual({ correlationId: 'c', userId: 'u' });
  });

  test('whose signal was aborted writes nothing and keeps the events', async () => {
    const order = new Order('1');
    order.create();
    const reason = new Error('enough');
    await expect(store.save(order, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(order.uncommittedEvents).toHaveLength(1);
    await store.save(order);
  });

  test('into a store that has other events under that name is refused', async () => {
    const other = createMemoryStore({
      categories: { Order: defineEvents({ Created: payload<{ customerId: string }>() }) },
    });
    const order = new Order('1');
    order.create();
    await expect(other.save(order)).rejects.toThrow('"Order" has other events in the store');
    await expect(other.load(Order, '1')).rejects.toThrow('"Order" has other events in the store');
    const none = createMemoryStore({ categories: { Cart: orderEvents } });
    // @ts-expect-error an aggregate of another category
    await expect(none.execute(Order, '1', () => undefined)).rejects.toThrow('the store has no category "Order"');
  });

  test('into a store without categories works, too', async () => {
    const untyped = createMemoryStore();
    await untyped.execute(Order, '1', (order) => order.create());
    expect((await untyped.load(Order, '1')).state.status).toBe('open');
  });
});

describe('load', () => {
  test('gives a live aggregate at the version of its stream', async () => {
    await store.append('Order-1', [
      orderEvents.Created({ customerId: 'c' }),
      orderEvents.ItemAdded({ sku: 'a', tags: [] }),
    ]);
    const order = await store.load(Order, '1');
    expect(order).toBeInstanceOf(Order);
    expect([order.id, order.version, order.state.status, order.uncommittedEvents]).toEqual(['1', 2, 'open', []]);
  });

  test('of a missing stream gives a new one, in the …OrThrow form an error', async () => {
    expect((await store.load(Order, '1')).version).toBe(0);
    await expect(store.loadOrThrow(Order, '1')).rejects.toMatchObject({
      code: 'STREAM_NOT_FOUND',
      streamName: 'Order-1',
    });
    await store.execute(Order, '1', (order) => order.create());
    expect((await store.loadOrThrow(Order, '1')).version).toBe(1);
  });

  test('until a version gives it as it was; saving on top of that conflicts', async () => {
    await store.execute(Order, '1', (order) => {
      order.create();
      order.add('a');
      order.confirm();
    });
    const then = await store.load(Order, '1', { until: { version: 2 } });
    expect([then.version, then.state.status]).toEqual([2, 'open']);
    then.add('b');
    await expect(store.save(then)).rejects.toMatchObject({ expectedVersion: 2, actualVersion: 3 });
    expect(await storedTypes()).toHaveLength(3);
  });

  test("counts events it skips: with 'skip' the next save fits", async () => {
    await store.execute(Order, '1', (order) => order.create());
    await createEventStore(storage).append('Order-1', [{ type: 'Gone', data: 1 }]);
    await expect(store.load(Order, '1')).rejects.toMatchObject({ code: 'UNKNOWN_EVENT_TYPE', globalPosition: 2 });
    const order = await store.load(Order, '1', { unknownEvents: 'skip' });
    expect([order.version, order.state.status]).toEqual([2, 'open']);
    order.add('a');
    expect(await store.save(order)).toMatchObject({ streamVersion: 3 });
    const again = await store.execute(Order, '1', (it) => it.confirm(), { unknownEvents: 'skip' });
    expect(again.streamVersion).toBe(4);
  });

  test('cannot corrupt later loads when initialState returns one shared constant', async () => {
    const constant = Object.freeze({ items: [] as string[] });
    class Shared extends Aggregate({
      category: 'Order',
      events: orderEvents,
      initialState: () => constant,
      evolve: (state) => state,
    }) {}
    expect(() => new Shared('1').state.items.push('mine')).toThrow(TypeError);
    expect((await store.load(Shared, '2')).state).toEqual({ items: [] });
  });

  test('reports an evolve that fails', async () => {
    class Broken extends Aggregate({
      category: 'Order',
      events: orderEvents,
      initialState: () => 0,
      evolve: (): number => {
        throw new Error('no');
      },
    }) {}
    await store.execute(Order, '1', (order) => order.create());
    await expect(store.load(Broken, '1')).rejects.toMatchObject({ code: 'EVOLVE_FAILED', eventType: 'Created' });
  });
});

describe('execute', () => {
  test('loads, works and saves', async () => {
    await store.execute(Order, '1', (order) => order.create());
    const result = await store.execute(Order, '1', (order) => {
      expect(order.version).toBe(1);
      order.add('a');
      order.confirm();
    });
    expect(result).toMatchObject({ streamName: 'Order-1', streamVersion: 3, globalPosition: 3 });
    expect(result.state.status).toBe('confirmed');
    expect(typesOf(result.events)).toEqual(['ItemAdded', 'Confirmed']);
  });

  test('waits for asynchronous work', async () => {
    const result = await store.execute(Order, '1', async (order) => {
      await nextTurn();
      order.create();
      await nextTurn();
      order.add('a');
    });
    expect(result.streamVersion).toBe(2);
  });

  test('writes nothing when the work applies nothing', async () => {
    expect(await store.execute(Order, '1', () => undefined)).toEqual({
      streamName: 'Order-1',
      streamVersion: 0,
      state: { status: 'new', items: [] },
      events: [],
      globalPosition: undefined,
    });
  });

  test('writes nothing when the work fails, now or later, and passes its error on', async () => {
    await expect(store.execute(Order, '1', (order) => order.confirm())).rejects.toThrow('An empty order');
    const error = new Error('out of stock');
    await expect(
      store.execute(Order, '1', async (order) => {
        order.create();
        await nextTurn();
        throw error;
      }),
    ).rejects.toBe(error);
    expect(await storedTypes()).toEqual([]);
  });

  test('conflicts when another writer came during the work', async () => {
    const work = store.execute(Order, '1', async (order) => {
      order.create('mine');
      await store.execute(Order, '1', (other) => other.create('theirs'));
    });
    await expect(work).rejects.toMatchObject({ code: 'CONCURRENCY_CONFLICT', expectedVersion: 0, actualVersion: 1 });
  });

  test('with another expected version conflicts before the work begins', async () => {
    let worked = false;
    const work = store.execute(Order, '1', () => (worked = true), { expectedVersion: 3 });
    await expect(work).rejects.toMatchObject({ code: 'CONCURRENCY_CONFLICT', expectedVersion: 3, actualVersion: 0 });
    expect(worked).toBe(false);
    await store.execute(Order, '1', (order) => order.create(), { expectedVersion: 'no_stream' });
    await store.execute(Order, '1', (order) => order.add('a'), { expectedVersion: 1 });
  });

  test('goes on after a save inside the work', async () => {
    const result = await store.execute(Order, '1', async (order) => {
      order.create();
      expect(await store.save(order)).toMatchObject({ streamVersion: 1 });
      order.add('a');
    });
    expect(result).toMatchObject({ streamVersion: 2 });
    expect(typesOf(result.events)).toEqual(['ItemAdded']);
    const saved = await store.execute(Order, '1', async (order) => {
      order.confirm();
      await store.save(order);
    });
    expect(saved).toMatchObject({ streamVersion: 3, events: [] });
    expect(await storedTypes()).toEqual(['Created', 'ItemAdded', 'Confirmed']);
  });

  test('refuses a save inside the work that nobody waits for', async () => {
    let open: () => void = () => undefined;
    storage.gate = new Promise((resolve) => (open = resolve));
    let inner: Promise<unknown> | undefined;
    const work = store.execute(Order, '1', (order) => {
      order.create();
      inner = store.save(order);
    });
    await expect(work).rejects.toThrow('save: Order "1" is being saved already');
    open();
    await inner;
    expect(await storedTypes()).toEqual(['Created']);
  });

  test('refuses a command where work is asked for', async () => {
    // @ts-expect-error not a function
    await expect(store.execute(Order, '1', { type: 'Confirm' })).rejects.toThrow(
      'work: is not a function of the aggregate',
    );
  });

  test('passes on an unknown outcome', async () => {
    const lost = new AppendOutcomeUnknownError(['Order-1'], ['x'], new Error('reset'));
    storage.failAfter = lost;
    await expect(store.execute(Order, '1', (order) => order.create())).rejects.toBe(lost);
  });

  test('records metadata', async () => {
    const { events } = await store.execute(Order, '1', (order) => order.create(), { metadata: { userId: 'u' } });
    expect(events[0]?.metadata).toEqual({ userId: 'u' });
  });
});

describe('classes that extend an aggregate further', () => {
  class Rush extends Order {
    fee = 5;

    rush(): void {
      this.create('rush');
      this.fee *= 2;
    }
  }

  test('work like any other', async () => {
    await store.execute(Rush, '1', (order) => order.rush());
    const order: AggregateBase<OrderState, never> | Rush = await store.load(Rush, '1');
    expect(order).toBeInstanceOf(Rush);
    expect([order.state.status, order.fee]).toEqual(['open', 5]);
    expect((await createEventStore(createMemoryStorage(), { categories }).load(Rush, '1')).version).toBe(0);
  });
});
