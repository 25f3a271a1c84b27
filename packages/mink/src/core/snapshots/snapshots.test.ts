import { array, assert as check, asyncProperty, constantFrom, integer, record } from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { MemoryStorage } from '../../memory/memory-storage.ts';
import { Aggregate } from '../deciders/aggregate.ts';
import { defineDecider } from '../deciders/decider.ts';
import { defineEvents } from '../events/define-events.ts';
import { payload } from '../events/event-schema.ts';
import type { Snapshot, SnapshotQuery, StreamPageQuery } from '../storage/event-storage.ts';
import { createEventStore, type EventStore } from '../store/event-store.ts';
import {
  snapshotAfter,
  snapshotEvery,
  snapshotOlderThan,
  snapshotWhenSlow,
  type SnapshotFacts,
  type SnapshotOptions,
  type SnapshotPolicy,
} from './snapshot-options.ts';
import type { SnapshotProblem } from './snapshot-writer.ts';

const events = defineEvents({ Added: payload<{ sku: string }>(), Closed: payload<null>() });
const { Added, Closed } = events;
const categories = { Cart: events };

interface CartState {
  readonly skus: readonly string[];
  readonly isClosed: boolean;
}
const fold = {
  category: 'Cart' as const,
  events,
  initialState: (): CartState => ({ skus: [], isClosed: false }),
  evolve: (
    state: CartState,
    event: { type: 'Added'; data: { sku: string } } | { type: 'Closed'; data: null },
  ): CartState =>
    event.type === 'Added' ? { ...state, skus: [...state.skus, event.data.sku] } : { ...state, isClosed: true },
};
const plain = defineDecider({ ...fold, decide: (skus: readonly string[]) => skus.map((sku) => Added({ sku })) });

function cartWith(snapshots: Partial<SnapshotOptions<CartState>> = {}) {
  return defineDecider({ ...plain, snapshots: { schemaVersion: 1, when: snapshotEvery(3), ...snapshots } });
}
class Cart extends Aggregate({ ...fold, snapshots: { schemaVersion: 1, when: snapshotEvery(2) } }) {
  add(sku: string): void {
    this.apply(Added({ sku }));
  }
}

/** A storage that remembers what it was asked, and whose snapshots can be tampered with. */
class Watched extends MemoryStorage {
  readonly reads: number[] = [];
  tamper: ((snapshot: Snapshot) => Snapshot) | undefined;
  failing: Error | undefined;

  constructor() {
    super(() => now);
  }

  override readStreamPage(query: StreamPageQuery) {
    this.reads.push(query.fromVersion);
    return super.readStreamPage(query);
  }

  override async readSnapshot(query: SnapshotQuery): Promise<Snapshot | undefined> {
    if (this.failing !== undefined) throw this.failing;
    const snapshot = await super.readSnapshot(query);
    return snapshot === undefined ? undefined : (this.tamper?.(snapshot) ?? snapshot);
  }
}

function letters(text: string): string[] {
  return text.split('');
}

let now = 1_000;
let storage: Watched;
let store: EventStore<typeof categories>;
let problems: SnapshotProblem[];

beforeEach(() => {
  now = 1_000;
  problems = [];
  storage = new Watched();
  store = openStore();
});

/** A store, as of another process. */
function openStore() {
  return createEventStore(storage, { categories, onSnapshotProblem: (problem) => problems.push(problem) });
}

async function versions(): Promise<readonly number[]> {
  await store.snapshots.flush();
  const all = await storage.listSnapshots({ category: 'Cart', streamName: undefined, after: undefined, limit: 100 });
  return all.map(({ streamVersion }) => streamVersion);
}

describe('a snapshot', () => {
  test('is made after an append that its policy wants one of, and the next load reads only what came after', async () => {
    const cart = cartWith();
    await store.execute(cart, '1', ['a', 'b']);
    expect(await versions()).toEqual([]);
    await store.execute(cart, '1', ['c', 'd', 'e']);
    expect(await versions()).toEqual([5]);
    await store.execute(cart, '1', ['f']);
    storage.reads.length = 0;
    const loaded = await store.load(cart, '1');
    expect(loaded).toEqual({
      streamName: 'Cart-1',
      streamVersion: 6,
      state: { skus: letters('abcdef'), isClosed: false },
    });
    expect(storage.reads).toEqual([5]);
    expect(Object.isFrozen(loaded.state.skus)).toBe(true);
  });

  test('whose problem cannot be told fails nothing, and the next ones are made', async () => {
    store = createEventStore(storage, {
      categories,
      onSnapshotProblem: (problem) => {
        problems.push(problem);
        throw new Error('log is full');
      },
    });
    const cart = cartWith();
    const fail = (): never => {
      throw new Error('no');
    };
    await store.execute(cartWith({ encode: fail, decode: fail }), '1', letters('abcde'));
    await store.snapshots.flush();
    await store.execute(cart, '2', letters('abcde'));
    expect(await versions()).toEqual([5]);
    storage.failing = new Error('away');
    expect((await store.load(cart, '2')).state.skus).toEqual(letters('abcde'));
    expect(problems).toHaveLength(2);
  });

  test('carries the version on: an append at it conflicts with nobody', async () => {
    const cart = cartWith();
    await store.execute(cart, '1', letters('abc'));
    await store.snapshots.flush();
    expect((await store.execute(cart, '1', ['d'])).streamVersion).toBe(4);
    expect((await store.executeWithRetry(cart, '1', ['e'])).state.skus).toEqual(letters('abcde'));
  });

  test('is made after a load, too, and of aggregates as of deciders', async () => {
    await store.append(
      'Cart-1',
      letters('abc').map((sku) => Added({ sku })),
    );
    expect((await store.load(Cart, '1')).state.skus).toEqual(letters('abc'));
    expect(await versions()).toEqual([3]);
    await store.execute(Cart, '1', (it) => {
      it.add('d');
      it.add('e');
    });
    expect(await versions()).toEqual([3, 5]);
    const loaded = await store.load(Cart, '1');
    expect([loaded.version, loaded.state.skus]).toEqual([5, letters('abcde')]);
  });

  test('serves a look back that lies behind it, and an older one what lies before it', async () => {
    const cart = cartWith({ when: snapshotEvery(1), keep: 9 });
    for (const sku of 'abcdef') {
      await store.execute(cart, '1', [sku]);
      await store.snapshots.flush();
      now += 1_000;
    }
    storage.reads.length = 0;
    for (const until of [{ version: 4 }, { position: 4 }, { time: new Date(4_500) }]) {
      expect((await store.load(cart, '1', { until })).state.skus).toEqual(letters('abcd'));
    }
    expect(storage.reads).toEqual([4, 4, 4]);
    expect((await store.load(cart, '1', { until: { version: 0 } })).state.skus).toEqual([]);
    // Looking back makes none.
    expect(await versions()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('is kept beside so many older ones', async () => {
    const cart = cartWith({ when: snapshotEvery(1), keep: 3 });
    for (const sku of 'abcde') {
      await store.execute(cart, '1', [sku]);
      await store.snapshots.flush();
    }
    expect(await versions()).toEqual([3, 4, 5]);
  });

  test('belongs to one of several folds of a stream', async () => {
    const other = defineDecider({
      category: 'Cart',
      events,
      initialState: () => 0,
      evolve: (count) => count + 1,
      decide: () => [],
      snapshots: { schemaVersion: 1, name: 'count', when: snapshotEvery(1) },
    });
    await store.execute(cartWith(), '1', letters('abc'));
    expect((await store.load(other, '1')).state).toBe(3);
    await store.snapshots.flush();
    expect((await store.load(other, '1')).state).toBe(3);
    expect((await store.load(cartWith(), '1')).state.skus).toEqual(letters('abc'));
  });

  test('may hold what JSON does not', async () => {
    const dated = defineDecider({
      category: 'Cart',
      events,
      initialState: () => new Map<string, Date>(),
      evolve: (state, event) => (event.type === 'Added' ? new Map(state).set(event.data.sku, new Date(5)) : state),
      decide: () => [],
      snapshots: {
        schemaVersion: 1,
        when: snapshotEvery(1),
        encode: (state) => [...state].map(([sku, at]) => [sku, at.getTime()]),
        decode: (stored: [string, number][]) => new Map(stored.map(([sku, at]) => [sku, new Date(at)])),
      },
    });
    await store.append('Cart-1', [Added({ sku: 'a' })]);
    const first = await store.load(dated, '1');
    await store.snapshots.flush();
    storage.reads.length = 0;
    expect(await store.load(dated, '1')).toEqual(first);
    expect(storage.reads).toEqual([1]);
    expect(problems).toEqual([]);
  });
});

describe('a snapshot that cannot be used', () => {
  const replaced = (change: Partial<Snapshot>) => (snapshot: Snapshot) => ({ ...snapshot, ...change });

  test.each<[string, (snapshot: Snapshot) => Snapshot, string]>([
    ['was changed', replaced({ state: '{"skus":["x"],"isClosed":false}' }), 'corrupt'],
    ['was cut', (it) => ({ ...it, state: it.state.slice(0, 5) }), 'corrupt'],
    ['is empty', replaced({ state: '', checksum: '' }), 'corrupt'],
    ['has another version', replaced({ streamVersion: 2 }), 'corrupt'],
    ['comes from newer code', replaced({ schemaVersion: 2 }), 'other-version'],
    ['names another last event', replaced({ lastEventId: crypto.randomUUID() }), 'corrupt'],
  ])('because it %s is told of, and the state is right all the same', async (_, tamper, flaw) => {
    const cart = cartWith();
    await store.execute(cart, '1', letters('abc'));
    await store.snapshots.flush();
    storage.tamper = tamper;
    expect((await store.load(cart, '1')).state.skus).toEqual(letters('abc'));
    expect(problems).toEqual([{ streamName: 'Cart-1', name: 'Cart', flaw, error: undefined }]);
    storage.reads.length = 0;
    await store.load(cart, '1');
    expect(storage.reads).toEqual([1]);
  });

  test('because the code has another version, or another shape of state, is made anew', async () => {
    await store.execute(cartWith(), '1', letters('abc'));
    await store.snapshots.flush();
    await store.load(cartWith({ schemaVersion: 2 }), '1');
    const wider = defineDecider({
      ...plain,
      initialState: () => ({ skus: [], isClosed: false, total: 0 }),
      snapshots: { schemaVersion: 2 },
    });
    await store.snapshots.flush();
    store = openStore();
    expect((await store.load(wider, '1')).state).toMatchObject({ total: 0 });
    expect(problems.map(({ flaw }) => flaw)).toEqual(['other-version', 'other-shape']);
  });

  test('because the log was restored to an earlier state does not bring back what is gone', async () => {
    const cart = cartWith();
    await store.execute(cart, '1', letters('abcd'));
    await store.snapshots.flush();
    const snapshot = await storage.readSnapshot({
      streamName: 'Cart-1',
      name: 'Cart',
      untilVersion: undefined,
      untilPosition: undefined,
      untilTime: undefined,
    });
    if (snapshot === undefined) throw new Error('no snapshot');
    for (const history of [letters('ab'), ['w', 'x', 'y', 'z', '!']]) {
      storage = new Watched();
      store = createEventStore(storage, { categories, onSnapshotProblem: (problem) => problems.push(problem) });
      await store.append(
        'Cart-1',
        history.map((sku) => Added({ sku })),
      );
      await storage.saveSnapshot(snapshot);
      expect((await store.load(cart, '1')).state.skus).toEqual(history);
    }
    expect(problems.map(({ flaw }) => flaw)).toEqual(['other-history', 'other-history']);
  });

  test('because the log was restored gives way to one of the events that are there', async () => {
    const cart = cartWith({ keep: 1 });
    await store.execute(cart, '1', letters('abcdefgh'));
    await store.snapshots.flush();
    const range = { untilVersion: undefined, untilPosition: undefined, untilTime: undefined };
    const snapshot = await storage.readSnapshot({ streamName: 'Cart-1', name: 'Cart', ...range });
    if (snapshot === undefined) throw new Error('no snapshot');
    storage = new Watched();
    store = createEventStore(storage, { categories, onSnapshotProblem: (problem) => problems.push(problem) });
    await storage.saveSnapshot(snapshot);
    await store.execute(cart, '1', letters('xyz'));
    await store.execute(cart, '1', letters('!'));
    await store.load(cart, '1');
    expect(await versions()).toEqual([4]);
    storage.reads.length = 0;
    expect((await store.load(cart, '1')).state.skus).toEqual(letters('xyz!'));
    expect(storage.reads).toEqual([4]);
  });

  test('because the storage fails to read it is no error', async () => {
    await store.append('Cart-1', [Added({ sku: 'a' })]);
    storage.failing = new Error('no table');
    expect((await store.load(cartWith(), '1')).streamVersion).toBe(1);
    expect(problems).toMatchObject([{ flaw: 'failed', error: storage.failing }]);
  });

  test('because decode throws is no error', async () => {
    const cart = cartWith({
      encode: (state) => state,
      decode: () => {
        throw new Error('no idea');
      },
    });
    await store.execute(cart, '1', letters('abc'));
    await store.snapshots.flush();
    expect((await store.load(cart, '1')).state.skus).toEqual(letters('abc'));
    expect(problems).toMatchObject([{ flaw: 'failed', error: { message: 'no idea' } }]);
  });
});

describe('a snapshot that cannot be made', () => {
  test('fails nothing: not the append, and not the next load', async () => {
    const odd = defineDecider({
      ...plain,
      initialState: () => ({ skus: [], isClosed: false, at: new Date(0) }),
      snapshots: { schemaVersion: 1, when: snapshotEvery(1) },
    });
    expect((await store.execute(odd, '1', ['a'])).streamVersion).toBe(1);
    await store.snapshots.flush();
    expect(problems).toMatchObject([{ flaw: 'failed', error: { code: 'INVALID_ARGUMENT' } }]);
    expect(String(problems[0]?.error)).toContain('at of the state is a Date');
  });

  test('because its policy throws fails nothing either', async () => {
    const cart = cartWith({
      when: () => {
        throw new Error('no idea');
      },
    });
    expect((await store.execute(cart, '1', ['a'])).streamVersion).toBe(1);
    expect(problems).toMatchObject([{ flaw: 'failed', error: { message: 'no idea' } }]);
  });

  test('is not made of what one reader has passed over', async () => {
    await createEventStore(storage).append('Cart-1', [
      { type: 'Gone', data: 1 },
      { type: 'Added', data: { sku: 'a' } },
    ]);
    const cart = cartWith({ when: snapshotEvery(1) });
    expect((await store.load(cart, '1', { unknownEvents: 'skip' })).state.skus).toEqual(['a']);
    expect(await versions()).toEqual([]);
  });
});

describe('policies', () => {
  const facts = (change: Partial<SnapshotFacts>): SnapshotFacts => ({
    eventsSince: 1,
    typesSince: new Set(['Added']),
    replayMilliseconds: 0,
    age: undefined,
    ...change,
  });

  test.each<[string, SnapshotPolicy, Partial<SnapshotFacts>, boolean]>([
    ['every 3, after 2', snapshotEvery(3), { eventsSince: 2 }, false],
    ['every 3, after 7 at once', snapshotEvery(3), { eventsSince: 7 }, true],
    ['after Closed, without one', snapshotAfter('Closed'), {}, false],
    ['after Closed, with one', snapshotAfter('Closed', 'Never'), { typesSince: new Set(['Added', 'Closed']) }, true],
    ['older than 100 ms, when it is', snapshotOlderThan(100), { age: 100 }, true],
    ['older than 100 ms, when it is not', snapshotOlderThan(100), { age: 99 }, false],
    ['older than 100 ms, and nothing new', snapshotOlderThan(100), { age: 1_000, eventsSince: 0 }, false],
    ['older than 100 ms, and none yet', snapshotOlderThan(100), {}, true],
    ['when slow, and it was', snapshotWhenSlow(), { replayMilliseconds: 10 }, true],
    ['when slow, and it was not', snapshotWhenSlow(), { replayMilliseconds: 9.9 }, false],
    ['when slow, and nothing new', snapshotWhenSlow(5), { replayMilliseconds: 50, eventsSince: 0 }, false],
  ])('%s', (_, policy, change, expected) => {
    expect(policy(facts(change))).toBe(expected);
  });

  test.each([() => snapshotEvery(0), () => snapshotAfter(), () => snapshotOlderThan(0.5), () => snapshotWhenSlow(0)])(
    'refuse what makes no sense',
    (make) => {
      expect(make).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    },
  );

  test.each<[object, string]>([
    [{ schemaVersion: 0 }, 'snapshots.schemaVersion'],
    [{ keep: 0 }, 'snapshots.keep'],
    [{ name: '' }, 'snapshots.name'],
    [{ when: 5 }, 'snapshots.when'],
    [{ encode: () => 1 }, 'give encode and decode together'],
  ])('%o is refused', (options, reason) => {
    expect(() => cartWith(options)).toThrow(reason);
  });
});

test('for any history and any policy, the state with snapshots is the state by full replay', async () => {
  const policies: readonly SnapshotPolicy[] = [
    snapshotEvery(1),
    snapshotEvery(3),
    snapshotAfter('Closed'),
    snapshotOlderThan(1),
    snapshotWhenSlow(1),
    () => true,
    () => false,
  ];
  const step = record({
    events: array(constantFrom('a', 'b', 'closed'), { minLength: 1, maxLength: 5 }),
    through: constantFrom('append', 'execute', 'load', 'retry'),
    waits: constantFrom(true, false),
  });
  await check(
    asyncProperty(
      array(step, { maxLength: 12 }),
      constantFrom(...policies),
      integer({ min: 1, max: 3 }),
      async (steps, when, keep) => {
        const own = createEventStore(new MemoryStorage(() => 1_000), { categories, pageSize: 3 });
        const cart = defineDecider({
          ...fold,
          decide: (all: readonly string[]) => all.map((it) => (it === 'closed' ? Closed(null) : Added({ sku: it }))),
          snapshots: { schemaVersion: 1, when, keep },
        });
        for (const { events: all, through, waits } of steps) {
          if (through === 'append') await own.append('Cart-1', cart.decide(all, fold.initialState()) as never);
          else if (through === 'execute') await own.execute(cart, '1', all);
          else if (through === 'retry') await own.executeWithRetry(cart, '1', all);
          else await own.load(cart, '1');
          if (waits) await own.snapshots.flush();
          expect(await own.load(cart, '1')).toEqual(await own.load(plain, '1'));
        }
        for (let version = 0; version <= (await own.load(plain, '1')).streamVersion; version += 1) {
          const until = { version };
          expect(await own.load(cart, '1', { until })).toEqual(await own.load(plain, '1', { until }));
        }
      },
    ),
    { numRuns: 60 },
  );
});

describe('the job', () => {
  const cart = cartWith({ when: () => false });
  const fill = async (id: string, count: number): Promise<void> => {
    await store.append(
      `Cart-${id}`,
      Array.from({ length: count }, (_, n) => Added({ sku: `${n}` })),
    );
  };

  test('makes snapshots of the streams that have come far enough, and says how far it is', async () => {
    store = createEventStore(storage, { categories, pageSize: 2 });
    for (const [id, count] of [
      ['a', 5],
      ['b', 2],
      ['c', 9],
      ['d', 3],
    ] as const)
      await fill(id, count);
    const progress: unknown[] = [];
    const done = await store.snapshots.create(cart, { minEvents: 3, onProgress: (it) => progress.push(it) });
    expect(done).toEqual({ streams: 4, created: 3, failed: 0 });
    expect(progress).toHaveLength(4);
    expect(progress[1]).toEqual({ streams: 2, created: 1, failed: 0 });
    expect(await versions()).toEqual([5, 9, 3]);
    expect(await store.snapshots.create(cart, { minEvents: 3 })).toEqual({ streams: 4, created: 0, failed: 0 });
    await fill('a', 3);
    expect(await store.snapshots.create(Cart, { minEvents: 3 })).toMatchObject({ created: 1 });
    storage.reads.length = 0;
    await store.load(cart, 'a');
    expect(storage.reads).toEqual([8]);
  });

  test('makes them anew for another version of the state', async () => {
    await fill('a', 5);
    await store.snapshots.create(cart, { minEvents: 1 });
    const next = cartWith({ schemaVersion: 2 });
    expect(await store.snapshots.create(next, { minEvents: 5 })).toMatchObject({ created: 1 });
    expect(problems).toEqual([]);
  });

  test('can be stopped, and goes on', async () => {
    for (const id of ['a', 'b', 'c']) await fill(id, 5);
    const controller = new AbortController();
    const reason = new Error('enough');
    const stopped = store.snapshots.create(cart, {
      minEvents: 1,
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    });
    await expect(stopped).rejects.toBe(reason);
    expect(await versions()).toEqual([5]);
    expect(await store.snapshots.create(cart, { minEvents: 1 })).toMatchObject({ created: 2 });
  });

  test('counts what cannot be kept', async () => {
    await fill('a', 5);
    const odd = cartWith({
      encode: () => 5n,
      decode: () => fold.initialState(),
    });
    expect(await store.snapshots.create(odd, { minEvents: 1 })).toEqual({ streams: 1, created: 0, failed: 1 });
    const failing = cartWith();
    storage.saveSnapshot = () => Promise.reject(new Error('disk'));
    expect(await store.snapshots.create(failing, { minEvents: 1 })).toEqual({ streams: 1, created: 0, failed: 1 });
    expect(problems.at(-1)).toMatchObject({ flaw: 'failed', error: { message: 'disk' } });
  });

  test('go on after a stream that cannot be loaded, and say which', async () => {
    for (const id of ['a', 'b', 'c']) await fill(id, 3);
    await store.snapshots.create(cart, { minEvents: 1 });
    await fill('c', 1);
    await createEventStore(storage).append('Cart-b', [{ type: 'Unheard', data: null }]);
    expect(await store.snapshots.create(cart, { minEvents: 1 })).toEqual({ streams: 3, created: 1, failed: 1 });
    const unknown = { code: 'UNKNOWN_EVENT_TYPE' };
    expect(problems).toMatchObject([{ streamName: 'Cart-b', name: 'Cart', flaw: 'failed', error: unknown }]);
    storage.readStreamPage = () => Promise.reject(new Error('away'));
    await expect(store.snapshots.create(cart, { minEvents: 1 })).rejects.toThrow('away');
  });

  test('finds snapshots that are wrong, whether a load would use them or not', async () => {
    for (const id of ['a', 'b', 'c', 'd']) await fill(id, 3);
    await store.snapshots.create(cart, { minEvents: 1 });
    expect(await store.snapshots.verify(cart)).toEqual({ checked: 4, wrong: [], unchecked: [] });
    // evolve has changed, and its version has not.
    const changed = defineDecider({
      ...cart,
      evolve: (state, event) =>
        event.type === 'Added' ? { ...state, skus: [...state.skus, event.data.sku.toUpperCase() + '!'] } : state,
    });
    const checked: number[] = [];
    const { wrong } = await openStore().snapshots.verify(changed, { onProgress: (count) => checked.push(count) });
    expect(checked).toEqual([1, 2, 3, 4]);
    expect(wrong).toHaveLength(4);
    expect(wrong[0]).toEqual({
      streamName: 'Cart-a',
      streamVersion: 3,
      flaw: undefined,
      differences: [
        { path: 'skus[0]', before: '0!', after: '0' },
        { path: 'skus[1]', before: '1!', after: '1' },
        { path: 'skus[2]', before: '2!', after: '2' },
      ],
    });
    storage.tamper = (snapshot) => ({ ...snapshot, state: '{}' });
    expect((await store.snapshots.verify(cart)).wrong).toMatchObject([{ flaw: 'corrupt' }, {}, {}, {}]);
  });

  test('needs a fold that has snapshots', async () => {
    await expect(store.snapshots.create(plain)).rejects.toThrow('the definition of "Cart" has none');
    await expect(store.snapshots.verify(plain)).rejects.toThrow('the definition of "Cart" has none');
    await expect(store.snapshots.create(cart, { minEvents: 0 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('and snapshots can be listed and deleted', async () => {
    store = createEventStore(storage, { categories, pageSize: 2 });
    for (const id of ['a', 'b', 'c']) await fill(id, 3);
    await store.snapshots.create(cart, { minEvents: 1 });
    const listed = await store.snapshots.list({ category: 'Cart' }).toArray();
    expect(listed.map(({ streamName, streamVersion }) => [streamName, streamVersion])).toEqual([
      ['Cart-a', 3],
      ['Cart-b', 3],
      ['Cart-c', 3],
    ]);
    expect(await store.snapshots.delete({ streamName: 'Cart-b' })).toBe(1);
    expect(await store.snapshots.list({ streamName: 'Cart-b' }).toArray()).toEqual([]);
    await expect(store.snapshots.delete({})).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(store.snapshots.delete({ keep: -1 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
