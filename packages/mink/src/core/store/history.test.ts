import { array, assert as check, asyncProperty, constantFrom, integer } from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { createMemoryStorage } from '../../memory/index.ts';
import { Aggregate } from '../deciders/aggregate.ts';
import { defineDecider } from '../deciders/decider.ts';
import { defineEvents } from '../events/define-events.ts';
import { payload } from '../events/event-schema.ts';
import type { EventStorage } from '../storage/event-storage.ts';
import { createEventStore, type EventStore } from './event-store.ts';
import type { LoadOptions } from './load.ts';

const cartEvents = defineEvents({ Added: payload<{ sku: string; count: number }>(), Emptied: payload<null>() });
const { Added, Emptied } = cartEvents;
const categories = { Cart: cartEvents };

interface CartState {
  readonly lines: Readonly<Record<string, number>>;
  readonly emptied: number;
}
const definition = {
  category: 'Cart' as const,
  events: cartEvents,
  initialState: (): CartState => ({ lines: {}, emptied: 0 }),
  evolve: (
    state: CartState,
    event: { type: 'Added'; data: { sku: string; count: number } } | { type: 'Emptied'; data: null },
  ): CartState => {
    if (event.type === 'Emptied') return { lines: {}, emptied: state.emptied + 1 };
    const { sku, count } = event.data;
    return { ...state, lines: { ...state.lines, [sku]: (state.lines[sku] ?? 0) + count } };
  },
};
const cart = defineDecider({ ...definition, decide: () => [] });
class Cart extends Aggregate(definition) {}

let now = 1_000;
let storage: EventStorage;
let store: EventStore<typeof categories>;

beforeEach(async () => {
  now = 1_000;
  storage = createMemoryStorage({ now: () => now });
  store = createEventStore(storage, { categories });
});

async function fill(): Promise<void> {
  for (const event of [Added({ sku: 'a', count: 1 }), Added({ sku: 'a', count: 2 }), Emptied(null)]) {
    await store.append('Cart-1', [event]);
    now += 1_000;
  }
}

describe.each([
  ['a decider', (options?: LoadOptions) => store.history(cart, '1', options)],
  ['an aggregate', (options?: LoadOptions) => store.history(Cart, '1', options)],
])('the history of %s', (_, history) => {
  test('is each event, the state it led to, and what it changed', async () => {
    await fill();
    const steps = await history().toArray();
    expect(steps.map(({ event, state, changes }) => [event.streamVersion, event.type, state, changes])).toEqual([
      [1, 'Added', { lines: { a: 1 }, emptied: 0 }, [{ path: 'lines.a', before: undefined, after: 1 }]],
      [2, 'Added', { lines: { a: 3 }, emptied: 0 }, [{ path: 'lines.a', before: 1, after: 3 }]],
      [
        3,
        'Emptied',
        { lines: {}, emptied: 1 },
        [
          { path: 'lines.a', before: 3, after: undefined },
          { path: 'emptied', before: 0, after: 1 },
        ],
      ],
    ]);
    expect(steps.every(({ state }) => Object.isFrozen(state) && Object.isFrozen(state.lines))).toBe(true);
  });

  test('ends where it is told to', async () => {
    await fill();
    const ends = [{ version: 2 }, { position: 2 }, { time: new Date(2_500) }];
    for (const until of ends) {
      const steps = await history({ until }).toArray();
      expect(steps.map(({ event }) => event.streamVersion)).toEqual([1, 2]);
    }
  });

  test('is empty without events', async () => {
    expect(await history().toArray()).toEqual([]);
  });

  test('leaves out what it does not know, if told so', async () => {
    await fill();
    await createEventStore(storage).append('Cart-1', [{ type: 'Gone', data: 1 }]);
    await expect(history().toArray()).rejects.toMatchObject({ code: 'UNKNOWN_EVENT_TYPE' });
    expect(await history({ unknownEvents: 'skip' }).toArray()).toHaveLength(3);
  });
});

describe('history', () => {
  test('agrees with a load until each version', async () => {
    await check(
      asyncProperty(
        array(constantFrom('a', 'b', undefined), { maxLength: 12 }),
        integer({ min: 1, max: 4 }),
        async (skus, pageSize) => {
          const fresh = createEventStore(createMemoryStorage(), { categories, pageSize });
          for (const sku of skus)
            await fresh.append('Cart-1', [sku === undefined ? Emptied(null) : Added({ sku, count: 1 })]);
          for await (const { event, state } of fresh.history(cart, '1')) {
            const loaded = await fresh.load(cart, '1', { until: { version: event.streamVersion } });
            expect(state).toEqual(loaded.state);
          }
          expect((await fresh.history(cart, '1').toArray()).length).toBe(skus.length);
        },
      ),
    );
  });

  test('goes on from a state that is known as if it had read all', async () => {
    await fill();
    const whole = await store.history(cart, '1').toArray();
    for (const [version] of [0, 1, 2, 3].entries()) {
      const known = await store.load(cart, '1', { until: { version } });
      expect(await store.history(cart, '1', { after: known }).toArray()).toEqual(whole.slice(version));
    }
    const [first] = whole;
    const step = { streamVersion: 1, state: first?.state ?? definition.initialState() };
    expect(await store.history(cart, '1', { after: step, until: { version: 2 } }).toArray()).toEqual([whole[1]]);
  });

  test('refuses an id that makes no stream name, and a fold of other events', () => {
    expect(() => store.history(cart, '')).toThrow(expect.objectContaining({ code: 'INVALID_STREAM_NAME' }));
    const other = {
      ...definition,
      events: defineEvents({ Other: payload<null>() }),
      evolve: () => ({ lines: {}, emptied: 0 }),
    };
    expect(() => store.history(other, '1')).toThrow('"Cart" has other events in the store than here');
  });
});
