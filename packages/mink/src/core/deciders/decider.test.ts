import { array, assert as check, asyncProperty, constantFrom, record, integer, nat, type Arbitrary } from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { createMemoryStorage, createMemoryStore } from '../../memory/index.ts';
import { MemoryStorage } from '../../memory/memory-storage.ts';
import { AppendOutcomeUnknownError, ConcurrencyConflictError, EvolveFailedError } from '../errors.ts';
import { defineEvents, type EventOf } from '../events/define-events.ts';
import { payload } from '../events/event-schema.ts';
import { withMetadata } from '../metadata.ts';
import type { AppendCommand, AppendOutcome, EventStorage } from '../storage/event-storage.ts';
import { createEventStore, type EventStore } from '../store/event-store.ts';
import { defineDecider } from './decider.ts';

const cartEvents = defineEvents({
  Opened: payload<{ by: string }>(),
  Added: payload<{ sku: string; tags?: string[] }>(),
  Cleared: payload<null>(),
});
type CartEvent = EventOf<typeof cartEvents>;
const { Opened, Added, Cleared } = cartEvents;
const categories = { Cart: cartEvents };

interface CartState {
  readonly owner: string | undefined;
  readonly items: readonly string[];
}

class TooManyError extends Error {}

/** The command is the list of events to decide, or an error to throw. */
const cart = defineDecider({
  category: 'Cart',
  events: cartEvents,
  initialState: (): CartState => ({ owner: undefined, items: [] }),
  evolve: (state, event) => {
    switch (event.type) {
      case 'Opened':
        return { ...state, owner: event.data.by };
      case 'Added':
        return { ...state, items: [...state.items, event.data.sku] };
      case 'Cleared':
        return { ...state, items: [] };
    }
  },
  decide: (command: readonly CartEvent[] | CartEvent | Error) => {
    if (command instanceof Error) throw command;
    return command;
  },
});

let store: EventStore<typeof categories>;
let now = 0;

beforeEach(() => {
  now = 1_000;
  store = createMemoryStore({ categories, now: () => now });
});

async function versionOf(name: `Cart-${string}`): Promise<number> {
  return (await store.streamInfo(name))?.version ?? 0;
}

describe('load', () => {
  test('gives the initial state at version 0 for a stream that is missing', async () => {
    expect(await store.load(cart, '1')).toEqual({
      streamName: 'Cart-1',
      streamVersion: 0,
      state: { owner: undefined, items: [] },
    });
  });

  test('folds all events, whatever the page size', async () => {
    for (const pageSize of [1, 2, 3, 100]) {
      const paged = createMemoryStore({ categories, pageSize });
      await paged.append('Cart-1', [Opened({ by: 'ann' }), Added({ sku: 'a' }), Added({ sku: 'b' })]);
      await paged.append('Cart-2', [Added({ sku: 'other' })]);
      expect(await paged.load(cart, '1')).toEqual({
        streamName: 'Cart-1',
        streamVersion: 3,
        state: { owner: 'ann', items: ['a', 'b'] },
      });
    }
  });

  test('gives the state at a version, a position or a time, inclusive', async () => {
    await store.append('Cart-1', [Opened({ by: 'ann' })]);
    await store.append('Cart-2', [Opened({ by: 'bob' })]);
    now = 2_000;
    await store.append('Cart-1', [Added({ sku: 'a' }), Added({ sku: 'b' })]);
    now = 3_000;
    await store.append('Cart-1', [Cleared(null)]);
    const at = async (until: Parameters<typeof store.load>[2]) => {
      const { streamVersion, state } = await store.load(cart, '1', until);
      return [streamVersion, state.items.length];
    };
    expect(await at({ until: { version: 0 } })).toEqual([0, 0]);
    expect(await at({ until: { version: 2 } })).toEqual([2, 1]);
    expect(await at({ until: { version: 99 } })).toEqual([4, 0]);
    expect(await at({ until: { position: 2 } })).toEqual([1, 0]);
    expect(await at({ until: { position: 4 } })).toEqual([3, 2]);
    expect(await at({ until: { time: new Date(999) } })).toEqual([0, 0]);
    expect(await at({ until: { time: new Date(2_000) } })).toEqual([3, 2]);
    expect(await at({ until: { time: new Date(2_999) } })).toEqual([3, 2]);
    expect(await at({ until: { time: new Date(3_000) } })).toEqual([4, 0]);
  });

  test('refuses an end that is none', async () => {
    // @ts-expect-error two ends at once
    await expect(store.load(cart, '1', { until: { version: 1, position: 'x' } })).rejects.toThrow(
      'give exactly one of',
    );
    await expect(store.load(cart, '1', { until: { version: 1.5 } })).rejects.toThrow('until.version: 1.5');
  });

  test('ends with the reason of an aborted signal', async () => {
    const reason = new Error('enough');
    await expect(store.load(cart, '1', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test('refuses an id that makes no stream name', async () => {
    await expect(store.load(cart, '')).rejects.toMatchObject({ code: 'INVALID_STREAM_NAME', streamName: 'Cart-' });
  });

  test('in its …OrThrow form refuses a missing stream, also one that was missing then', async () => {
    const missing = { code: 'STREAM_NOT_FOUND', streamName: 'Cart-1' };
    await expect(store.loadOrThrow(cart, '1')).rejects.toMatchObject(missing);
    await store.append('Cart-1', [Opened({ by: 'ann' })]);
    expect(await store.loadOrThrow(cart, '1')).toEqual(await store.load(cart, '1'));
    await expect(store.loadOrThrow(cart, '1', { until: { time: new Date(0) } })).rejects.toMatchObject(missing);
  });
});

describe('the state that is handed out', () => {
  test('is frozen at every level', async () => {
    await store.append('Cart-1', [Added({ sku: 'a' })]);
    const { state } = await store.load(cart, '1');
    const result = await store.execute(cart, '1', Added({ sku: 'b' }));
    for (const it of [state, result.state, (await store.load(cart, 'none')).state]) {
      expect(Object.isFrozen(it)).toBe(true);
      expect(Object.isFrozen(it.items)).toBe(true);
    }
  });

  test.each([
    ['not frozen', () => ({ items: [] as string[] })],
    ['frozen on the surface only', () => Object.freeze({ items: [] as string[] })],
  ])('cannot corrupt later loads when initialState returns one shared constant, %s', async (_how, make) => {
    const constant = make();
    const shared = defineDecider({
      category: 'Cart',
      events: cartEvents,
      initialState: () => constant,
      evolve: (state, event) => (event.type === 'Added' ? { items: [...state.items, event.data.sku] } : state),
      decide: () => [],
    });
    const { state } = await store.load(shared, '1');
    expect(() => state.items.push('mine')).toThrow(TypeError);
    await store.append('Cart-1', [Opened({ by: 'ann' })]);
    expect((await store.load(shared, '1')).state).toEqual({ items: [] });
  });

  test('does not change the log when it holds parts of payloads', async () => {
    const keeps = defineDecider({
      category: 'Cart',
      events: cartEvents,
      initialState: () => ({ tags: [] as string[] }),
      evolve: (state, event) => (event.type === 'Added' ? { tags: event.data.tags ?? [] } : state),
      decide: () => [],
    });
    await store.append('Cart-1', [Added({ sku: 'a', tags: ['x'] })]);
    const { state } = await store.load(keeps, '1');
    expect(() => state.tags.push('y')).toThrow(TypeError);
    expect((await store.load(keeps, '1')).state).toEqual({ tags: ['x'] });
  });
});

describe('execute', () => {
  test('appends what was decided and gives the versions, the events and the new state', async () => {
    const first = await store.execute(cart, '1', Opened({ by: 'ann' }));
    expect(first).toMatchObject({ streamName: 'Cart-1', streamVersion: 1, globalPosition: 1 });
    const second = await store.execute(cart, '1', [Added({ sku: 'a' }), Added({ sku: 'b' })]);
    expect(second).toMatchObject({ streamVersion: 3, globalPosition: 3, state: { owner: 'ann', items: ['a', 'b'] } });
    expect(second.events).toEqual(await store.readStream('Cart-1', { fromVersion: 2 }).toArray());
    expect(second.state).toEqual((await store.load(cart, '1')).state);
  });

  test('appends nothing when nothing was decided', async () => {
    expect(await store.execute(cart, '1', [])).toEqual({
      streamName: 'Cart-1',
      streamVersion: 0,
      state: { owner: undefined, items: [] },
      events: [],
      globalPosition: undefined,
    });
    await store.execute(cart, '1', Opened({ by: 'ann' }));
    expect(await store.execute(cart, '1', [])).toMatchObject({
      streamVersion: 1,
      events: [],
      globalPosition: undefined,
    });
    expect(await versionOf('Cart-1')).toBe(1);
  });

  test('passes on what decide throws, and has written nothing', async () => {
    const error = new TooManyError('too many');
    await expect(store.execute(cart, '1', error)).rejects.toBe(error);
    expect(await versionOf('Cart-1')).toBe(0);
  });

  test.each([
    [1, 'any'],
    [1, 1],
    [1, 'stream_exists'],
    [0, 'no_stream'],
    [0, 0],
  ] as const)('on a stream at %d decides when %s is expected', async (at, expectedVersion) => {
    if (at === 1) await store.append('Cart-1', [Opened({ by: 'ann' })]);
    const { streamVersion } = await store.execute(cart, '1', Cleared(null), { expectedVersion });
    expect(streamVersion).toBe(at + 1);
  });

  test.each([
    [1, 'no_stream'],
    [1, 0],
    [1, 2],
    [0, 'stream_exists'],
    [0, 1],
  ] as const)(
    'on a stream at %d conflicts when %s is expected, before anything is decided',
    async (at, expectedVersion) => {
      if (at === 1) await store.append('Cart-1', [Opened({ by: 'ann' })]);
      const command = new Error('was decided');
      await expect(store.execute(cart, '1', command, { expectedVersion })).rejects.toMatchObject({
        code: 'CONCURRENCY_CONFLICT',
        streamName: 'Cart-1',
        expectedVersion,
        actualVersion: at,
      });
    },
  );

  test.each([Number.NaN, -1, 1.5, '1'])(
    'refuses %s as an expected version: it is no conflict',
    async (expectedVersion) => {
      // @ts-expect-error what JavaScript might pass
      await expect(store.execute(cart, '1', [], { expectedVersion })).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        argument: 'expectedVersion',
      });
    },
  );

  test('records the metadata of the context and of the call', async () => {
    const { events } = await withMetadata({ correlationId: 'c', userId: 'u-1' }, () =>
      store.execute(cart, '1', Opened({ by: 'ann' }), { metadata: { userId: 'u-2' } }),
    );
    expect(events[0]?.metadata).toEqual({ correlationId: 'c', userId: 'u-2' });
  });

  test('writes nothing once its signal was aborted', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    const aborting = defineDecider({
      ...cart,
      decide: () => {
        controller.abort(reason);
        return Opened({ by: 'ann' });
      },
    });
    await expect(store.execute(aborting, '1', undefined, { signal: controller.signal })).rejects.toBe(reason);
    expect(await versionOf('Cart-1')).toBe(0);
  });
});

describe('a decision that is none', () => {
  async function decided(value: unknown): Promise<unknown> {
    // @ts-expect-error what JavaScript might return
    const careless = defineDecider({ ...cart, decide: () => value });
    return store.execute(careless, '1', undefined);
  }

  test.each([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'Opened'],
    ['no type', { data: {} }],
    ['no data', { type: 'Opened' }],
    ['a list with a gap', [Opened({ by: 'ann' }), undefined]],
    ['a list in a list', [[Opened({ by: 'ann' })]]],
  ])('%s is refused', async (_what, value) => {
    await expect(decided(value)).rejects.toThrow(
      'decide: returned something that is not { type, data } or an array of them.',
    );
    expect(await versionOf('Cart-1')).toBe(0);
  });

  test('a promise is refused with the remedy, also when it fails afterwards', async () => {
    const message = 'decide must not be asynchronous: fetch what it needs before.';
    await expect(decided(Promise.resolve([]))).rejects.toThrow(message);
    await expect(decided(Promise.reject(new Error('too late')))).rejects.toThrow(message);
    await expect(decided([Promise.reject(new Error('too late'))])).rejects.toThrow(message);
  });

  test('an event of a type that is not defined is refused, and lists those that are', async () => {
    await expect(decided({ type: 'Gone', data: 1 })).rejects.toThrow(
      'Event type "Gone" is not defined for category "Cart", which has Opened, Added, Cleared.',
    );
  });

  test('a decide that changes the state fails and writes nothing', async () => {
    const mutating = defineDecider({
      category: 'Cart',
      events: cartEvents,
      initialState: () => ({ items: [] as string[] }),
      evolve: (state, event) => (event.type === 'Added' ? { items: [...state.items, event.data.sku] } : state),
      decide: (command: 'push' | 'assign', state) => {
        if (command === 'push') state.items.push('x');
        else state.items = [];
        return Added({ sku: 'x' });
      },
    });
    for (const history of [0, 1]) {
      if (history === 1) await store.append('Cart-1', [Added({ sku: 'a' })]);
      await expect(store.execute(mutating, '1', 'push')).rejects.toThrow(TypeError);
      await expect(store.execute(mutating, '1', 'assign')).rejects.toThrow(TypeError);
      expect(await versionOf('Cart-1')).toBe(history);
    }
  });
});

describe('an evolve that fails', () => {
  interface MutableCart {
    count: number;
    readonly nested: { readonly items: string[] };
  }
  const initialState = (): MutableCart => ({ count: 0, nested: { items: [] } });
  const base = { category: 'Cart', events: cartEvents, initialState } as const;
  const decide = (command: readonly CartEvent[]) => command;

  const changesSurface = defineDecider({
    ...base,
    evolve: (state) => {
      state.count += 1;
      return state;
    },
    decide,
  });
  const changesNested = defineDecider({
    ...base,
    evolve: (state, event) => {
      if (event.type === 'Added') state.nested.items.push(event.data.sku);
      return { ...state, count: state.count + 1 };
    },
    decide,
  });
  const changesLater = defineDecider({
    ...base,
    evolve: (state, event) => {
      if (event.type === 'Opened') return { count: 1, nested: { items: ['fresh'] } };
      state.nested.items.push('x');
      return state;
    },
    decide,
  });

  test.each([
    ['on the surface', changesSurface, [Added({ sku: 'a' })], 'Added'],
    ['in nested state', changesNested, [Added({ sku: 'a' })], 'Added'],
    ['in nested state, on the second event', changesNested, [Opened({ by: 'ann' }), Added({ sku: 'a' })], 'Added'],
    ['in state it made itself, on the second event', changesLater, [Opened({ by: 'ann' }), Cleared(null)], 'Cleared'],
  ])('because it changes the state %s fails before anything is written', async (_where, decider, events, eventType) => {
    await expect(store.execute(decider, '1', events)).rejects.toMatchObject({
      code: 'EVOLVE_FAILED',
      category: 'Cart',
      eventType,
      cause: expect.any(TypeError),
      message: expect.stringContaining('the state is frozen, return a new one'),
    });
    expect(await versionOf('Cart-1')).toBe(0);
  });

  test('because it changes the initial state fails on load, too', async () => {
    await store.append('Cart-1', [Added({ sku: 'a' })]);
    await expect(store.load(changesSurface, '1')).rejects.toBeInstanceOf(EvolveFailedError);
  });

  test('because it changes a payload fails, and the payload stays as it is', async () => {
    const changesPayload = defineDecider({
      ...base,
      evolve: (state, event) => {
        if (event.type === 'Added') event.data.tags?.push('changed');
        return { ...state, count: 1 };
      },
      decide,
    });
    await expect(store.execute(changesPayload, '1', [Added({ sku: 'a', tags: [] })])).rejects.toBeInstanceOf(
      EvolveFailedError,
    );
    expect(await versionOf('Cart-1')).toBe(0);
  });

  test('with an error of its own keeps it as the cause', async () => {
    const cause = new RangeError('no rate for that day');
    const failing = defineDecider({
      ...base,
      evolve: () => {
        throw cause;
      },
      decide,
    });
    await store.append('Cart-1', [Opened({ by: 'ann' })]);
    await expect(store.load(failing, '1')).rejects.toMatchObject({
      code: 'EVOLVE_FAILED',
      cause,
      message: expect.stringContaining('evolve of "Cart" failed on event "Opened": no rate for that day'),
    });
  });

  test('folds for the writer exactly what readers will fold: payloads after their schema', async () => {
    const { events } = await store.execute(cart, '1', [Added({ sku: 'a', tags: ['x'] })]);
    expect(events[0]?.data).toEqual({ sku: 'a', tags: ['x'] });
    expect(Object.isFrozen(events[0]?.data)).toBe(true);
  });
});

describe('a decider that does not belong to the store', () => {
  test('with other events under the same name is refused: it would misread them', async () => {
    const other = defineDecider({
      ...cart,
      events: defineEvents({ Opened: payload<{ by: string }>() }),
      decide: () => [],
      evolve: (state) => state,
    });
    const expected = {
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('"Cart" has other events in the store'),
    };
    await expect(store.load(other, '1')).rejects.toMatchObject(expected);
    await expect(store.loadOrThrow(other, '1')).rejects.toMatchObject(expected);
    await expect(store.execute(other, '1', undefined)).rejects.toMatchObject(expected);
  });

  test('of a category the store does not have is refused, and lists those it has', async () => {
    const other = defineDecider({ ...cart, category: 'Order' });
    // @ts-expect-error an unknown category
    await expect(store.load(other, '1')).rejects.toThrow('the store has no category "Order", only Cart');
  });
});

describe('definitions', () => {
  test.each([
    [{ category: 'a-b' }, 'category: "a-b" contains "-"'],
    [{ category: '' }, 'category: is empty'],
    [{ initialState: {} }, 'initialState: is not a function'],
    [{ evolve: undefined }, 'evolve: is not a function'],
    [{ decide: 'x' }, 'decide: is not a function'],
  ])('with %o are refused', (part, message) => {
    // @ts-expect-error what JavaScript might pass
    expect(() => defineDecider({ ...cart, ...part })).toThrow(message);
  });

  test('cannot be changed afterwards', () => {
    expect(() => Object.assign(cart, { category: 'Other' })).toThrow(TypeError);
  });
});

/** A storage that does something else before it appends. */
class Interrupted extends MemoryStorage {
  before: (() => Promise<unknown>) | undefined;

  constructor() {
    super(() => 0);
  }

  override async append(command: AppendCommand): Promise<AppendOutcome> {
    const { before } = this;
    this.before = undefined;
    await before?.();
    return super.append(command);
  }
}

describe('between load and append', () => {
  test('another writer makes a conflict, and only what that writer wrote is there', async () => {
    const storage = new Interrupted();
    const store = createEventStore(storage, { categories });
    const other = createEventStore<typeof categories>(storage, { categories });
    await store.execute(cart, '1', Opened({ by: 'ann' }));
    storage.before = () => other.append('Cart-1', [Added({ sku: 'theirs' }), Cleared(null)]);
    await expect(store.execute(cart, '1', Added({ sku: 'mine' }))).rejects.toMatchObject({
      code: 'CONCURRENCY_CONFLICT',
      streamName: 'Cart-1',
      expectedVersion: 1,
      actualVersion: 3,
    });
    expect(await store.execute(cart, '1', Added({ sku: 'mine' }))).toMatchObject({ streamVersion: 4 });
  });

  test('another writer that opens the stream makes a conflict, too', async () => {
    const storage = new Interrupted();
    const store = createEventStore(storage, { categories });
    storage.before = () => store.append('Cart-1', [Opened({ by: 'them' })]);
    await expect(store.execute(cart, '1', Opened({ by: 'me' }))).rejects.toMatchObject({
      expectedVersion: 0,
      actualVersion: 1,
    });
  });

  test('of many that execute at once on one stream, one wins, and the others can try again', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, () => store.execute(cart, '1', Opened({ by: 'x' }))),
    );
    const lost = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    expect(lost).toHaveLength(9);
    expect(lost.every((error) => error instanceof ConcurrencyConflictError)).toBe(true);
    expect(await versionOf('Cart-1')).toBe(1);
  });

  test('a lost connection is passed on: whether it was written is unknown, and the same ids tell', async () => {
    const inner = createMemoryStorage();
    const lossy: EventStorage = Object.create(inner, {
      append: {
        value: async (command: AppendCommand) => {
          await inner.append(command);
          const { entries } = command;
          const ids = entries.flatMap(({ events }) => events.map(({ id }) => id));
          throw new AppendOutcomeUnknownError(
            entries.map(({ streamName }) => streamName),
            ids,
            new Error('reset'),
          );
        },
      },
      readStreamPage: { value: inner.readStreamPage.bind(inner) },
      listShapes: { value: inner.listShapes.bind(inner) },
      recordShape: { value: inner.recordShape.bind(inner) },
    });
    const store = createEventStore(lossy, { categories });
    const error: unknown = await store.execute(cart, '1', Opened({ by: 'ann' })).catch((error: unknown) => error);
    if (!(error instanceof AppendOutcomeUnknownError)) throw error;
    expect(error).toMatchObject({ code: 'APPEND_OUTCOME_UNKNOWN', streamNames: ['Cart-1'] });
    const [id] = error.eventIds;
    const again = await createEventStore(inner, { categories }).append('Cart-1', [{ id, ...Opened({ by: 'ann' }) }]);
    expect(again).toMatchObject({ repeated: true, streamVersion: 1 });
  });
});

describe('for any history', () => {
  const folded = (history: readonly CartEvent[]): CartState =>
    history.reduce((state, event) => cart.evolve(state, event), cart.initialState());

  const anyEvent: Arbitrary<CartEvent> = constantFrom<CartEvent>(
    Opened({ by: 'ann' }),
    Added({ sku: 'a' }),
    Added({ sku: 'b', tags: ['x'] }),
    Cleared(null),
  );

  test('loading is folding, at every version and with every page size', async () => {
    await check(
      asyncProperty(
        array(array(anyEvent, { minLength: 1 }), { maxLength: 6 }),
        integer({ min: 1, max: 7 }),
        nat(20),
        async (appends, pageSize, version) => {
          const store = createMemoryStore({ categories, pageSize });
          for (const events of appends) await store.append('Cart-1', events);
          const history = appends.flat();
          expect(await store.load(cart, '1')).toEqual({
            streamName: 'Cart-1',
            streamVersion: history.length,
            state: folded(history),
          });
          const then = await store.load(cart, '1', { until: { version } });
          expect(then.state).toEqual(folded(history.slice(0, version)));
          expect(then.streamVersion).toBe(Math.min(version, history.length));
        },
      ),
    );
  });

  test('what execute returns is what load finds', async () => {
    await check(
      asyncProperty(array(array(anyEvent)), async (commands) => {
        const store = createMemoryStore({ categories });
        for (const command of commands) {
          const { streamVersion, state } = await store.execute(cart, '1', command);
          expect(await store.load(cart, '1')).toEqual({ streamName: 'Cart-1', streamVersion, state });
        }
      }),
    );
  });

  test('random appends leave streams without gaps, as a list for each stream would', async () => {
    const step = record({
      id: constantFrom('1', '2', '3'),
      events: array(anyEvent, { minLength: 1, maxLength: 3 }),
      expectedVersion: constantFrom('any' as const, 'no_stream' as const, 'stream_exists' as const, 0, 1, 2, 3),
    });
    await check(
      asyncProperty(array(step, { maxLength: 30 }), async (steps) => {
        const store = createMemoryStore({ categories });
        const model = new Map<string, CartEvent[]>();
        const log: string[] = [];
        for (const { id, events, expectedVersion } of steps) {
          const stream = model.get(id) ?? [];
          const fits = { any: true, no_stream: stream.length === 0, stream_exists: stream.length > 0 };
          const wins = typeof expectedVersion === 'number' ? stream.length === expectedVersion : fits[expectedVersion];
          const outcome = await store
            .append(`Cart-${id}`, events, { expectedVersion })
            .catch((error: unknown) => error);
          if (wins) {
            stream.push(...events);
            log.push(...events.map(({ type }) => `Cart-${id} ${type}`));
            model.set(id, stream);
          }
          const conflict = { code: 'CONCURRENCY_CONFLICT', actualVersion: stream.length };
          expect(outcome).toMatchObject(wins ? { streamVersion: stream.length } : conflict);
        }
        for (const [id, events] of model) {
          const stored = await store.readStream(`Cart-${id}`).toArray();
          expect(stored.map(({ type, data }) => ({ type, data }))).toEqual(events);
          expect(stored.map(({ streamVersion }) => streamVersion)).toEqual(events.map((_, index) => index + 1));
        }
        const all = await store.readAll({ pageSize: 4 }).toArray();
        expect(all.map(({ streamName, type }) => `${streamName} ${type}`)).toEqual(log);
      }),
    );
  });
});
