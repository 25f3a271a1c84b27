import { array, assert as check, asyncProperty, constantFrom } from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  createEventStore,
  defineDecider,
  defineEvents,
  payload,
  snapshotEvery,
  snapshotOlderThan,
  type EventStore,
  type SnapshotPolicy,
} from '../core/index.ts';
import { MemoryStorage } from '../memory/memory-storage.ts';
import { createStateCache } from './create-state-cache.ts';

const events = defineEvents({ Added: payload<{ sku: string }>() });
const { Added } = events;
const categories = { Cart: events };
const cart = defineDecider({
  category: 'Cart',
  events,
  initialState: () => ({ skus: [] as readonly string[] }),
  evolve: (state, event) => ({ skus: [...state.skus, event.data.sku] }),
  decide: (sku: string) => Added({ sku }),
});

class Watched extends MemoryStorage {
  readonly reads: string[] = [];

  override readStreamPage(query: Parameters<MemoryStorage['readStreamPage']>[0]) {
    this.reads.push(`${query.streamName} from ${query.fromVersion}`);
    return super.readStreamPage(query);
  }
}

let storage: Watched;
let store: EventStore<typeof categories>;
let other: EventStore<typeof categories>;

function open(options: Parameters<typeof createStateCache>[0] = {}): void {
  storage = new Watched(Date.now);
  store = createEventStore(storage, { categories, cache: createStateCache(options) });
  other = createEventStore(storage, { categories });
}

beforeEach(() => open());

const add = (id: string, ...skus: string[]) =>
  other.append(
    `Cart-${id}`,
    skus.map((sku) => Added({ sku })),
  );

describe('a store with a cache', () => {
  test('reads only what has come since it last looked, whoever wrote it', async () => {
    await add('1', 'a', 'b', 'c');
    await store.load(cart, '1');
    await add('1', 'd');
    storage.reads.length = 0;
    expect((await store.load(cart, '1')).state.skus).toEqual(['a', 'b', 'c', 'd']);
    await store.execute(cart, '1', 'e');
    await store.executeWithRetry(cart, '1', 'f');
    expect((await store.load(cart, '1')).state.skus).toEqual('abcdef'.split(''));
    expect(storage.reads).toEqual(['Cart-1 from 3', 'Cart-1 from 4', 'Cart-1 from 5', 'Cart-1 from 6']);
  });

  test('keeps apart what different folds make of one stream', async () => {
    const count = defineDecider({
      category: 'Cart',
      events,
      initialState: () => 0,
      evolve: (n) => n + 1,
      decide: () => [],
    });
    await add('1', 'a', 'b');
    for (let round = 0; round < 2; round += 1) {
      expect((await store.load(cart, '1')).state.skus).toEqual(['a', 'b']);
      expect((await store.load(count, '1')).state).toBe(2);
    }
  });

  test('is not used for a look back, and not fed by it', async () => {
    await add('1', 'a', 'b', 'c');
    await store.load(cart, '1');
    expect((await store.load(cart, '1', { until: { version: 1 } })).state.skus).toEqual(['a']);
    storage.reads.length = 0;
    expect((await store.load(cart, '1')).streamVersion).toBe(3);
    expect(storage.reads).toEqual(['Cart-1 from 3']);
  });

  test('keeps nothing of an append that failed', async () => {
    await add('1', 'a');
    await store.load(cart, '1');
    await expect(store.execute(cart, '1', 'x', { expectedVersion: 7 })).rejects.toMatchObject({
      code: 'CONCURRENCY_CONFLICT',
    });
    storage.append = () => Promise.reject(new Error('disk'));
    await expect(store.execute(cart, '1', 'y')).rejects.toThrow('disk');
    expect((await store.load(cart, '1')).state.skus).toEqual(['a']);
  });

  test('shares no state that anybody could change', async () => {
    await add('1', 'a');
    const { state } = await store.load(cart, '1');
    expect(() => Object.assign(state, { skus: [] })).toThrow(TypeError);
    expect((await store.load(cart, '1')).state).toBe(state);
  });

  test('notices that the log was restored to an earlier state', async () => {
    await add('1', 'a', 'b', 'c');
    const cache = createStateCache();
    const before = createEventStore(storage, { categories, cache });
    await before.load(cart, '1');
    open();
    await add('1', 'a', 'z');
    const after = createEventStore(storage, { categories, cache });
    expect((await after.load(cart, '1')).state.skus).toEqual(['a', 'z']);
  });

  test('goes on from a snapshot where it has forgotten', async () => {
    open({ maxEntries: 1 });
    const kept = defineDecider({ ...cart, snapshots: { schemaVersion: 1, when: snapshotEvery(1) } });
    await add('1', 'a', 'b');
    await add('2', 'c');
    await store.load(kept, '1');
    await store.snapshots.flush();
    await store.load(kept, '2');
    storage.reads.length = 0;
    expect((await store.load(kept, '1')).state.skus).toEqual(['a', 'b']);
    expect(storage.reads).toEqual(['Cart-1 from 2']);
  });

  test('forgets the least used, what is too much in bytes, and what is too old', async () => {
    const isKept = async (id: string): Promise<boolean> => {
      storage.reads.length = 0;
      await store.load(cart, id);
      return storage.reads[0] !== `Cart-${id} from 1`;
    };
    const fill = async (): Promise<void> => {
      for (const id of ['1', '2', '3']) await add(id, 'a', 'x'.repeat(100));
      for (const id of ['1', '2', '1', '3']) await store.load(cart, id);
    };
    open({ maxEntries: 2 });
    await fill();
    expect([await isKept('3'), await isKept('1'), await isKept('2')]).toEqual([true, true, false]);
    open({ maxBytes: 500 });
    await fill();
    expect([await isKept('3'), await isKept('1'), await isKept('2')]).toEqual([true, true, false]);
    open({ maxBytes: 10, sizeOf: () => 1 });
    await fill();
    expect([await isKept('3'), await isKept('1'), await isKept('2')]).toEqual([true, true, true]);
    open({ ttl: 60_000 });
    await fill();
    expect(await isKept('3')).toBe(true);
    open({ ttl: 1 });
    await fill();
    await expect.poll(() => isKept('3'), { interval: 1 }).toBe(false);
  });

  test('that fails costs a read and is reported; what was loaded or appended is so all the same', async () => {
    const wallet = defineDecider({
      category: 'Cart',
      events,
      initialState: () => 0n,
      evolve: (count) => count + 1n,
      decide: (sku: string) => Added({ sku }),
    });
    storage = new Watched(Date.now);
    const problems: unknown[] = [];
    const onSnapshotProblem = (problem: unknown): unknown => problems.push(problem);
    const broken = new Error('cache');
    const fail = (): never => {
      throw broken;
    };
    // Its size cannot be told: JSON holds no bigint.
    store = createEventStore(storage, { categories, onSnapshotProblem, cache: createStateCache({ maxBytes: 100 }) });
    expect((await store.execute(wallet, '1', 'a')).state).toBe(1n);
    expect((await store.executeWithRetry(wallet, '1', 'b')).state).toBe(2n);
    store = createEventStore(storage, { categories, onSnapshotProblem, cache: { get: fail, set: fail, delete: fail } });
    expect((await store.load(wallet, '1')).state).toBe(2n);
    expect(problems).toMatchObject([
      { streamName: 'Cart-1', name: 'Cart', flaw: 'failed', error: { name: 'TypeError' } },
      { flaw: 'failed', error: { name: 'TypeError' } },
      { flaw: 'failed', error: broken },
      { flaw: 'failed', error: broken },
    ]);
  });

  test('has snapshots as often as a store without one', async () => {
    const versions = async (when: SnapshotPolicy, count: number): Promise<readonly number[]> => {
      open();
      const kept = defineDecider({ ...cart, snapshots: { schemaVersion: 1, when, keep: 9 } });
      for (let n = 0; n < count; n += 1) {
        await store.execute(kept, '1', `${n}`);
        await store.snapshots.flush();
      }
      return (await store.snapshots.list().toArray()).map(({ streamVersion }) => streamVersion);
    };
    expect(await versions(snapshotEvery(3), 7)).toEqual([3, 6]);
    expect(await versions(snapshotOlderThan(3_600_000), 5)).toEqual([1]);
    expect(await versions(({ eventsSince, typesSince }) => eventsSince === 2 && typesSince.has('Added'), 5)).toEqual([
      2, 4,
    ]);
  });

  test('has the state of a store without one, for any history', async () => {
    const step = constantFrom('add', 'execute', 'load', 'conflict', 'other');
    await check(
      asyncProperty(array(step, { maxLength: 20 }), async (steps) => {
        open({ maxEntries: 1 });
        for (const [n, kind] of steps.entries()) {
          if (kind === 'add') await add('1', `${n}`);
          else if (kind === 'execute') await store.execute(cart, '1', `${n}`);
          else if (kind === 'other') await store.execute(cart, '2', `${n}`);
          else if (kind === 'conflict')
            await store.execute(cart, '1', 'no', { expectedVersion: 999 }).catch(() => undefined);
          else await store.load(cart, '1');
          expect(await store.load(cart, '1')).toEqual(await other.load(cart, '1'));
        }
      }),
      { numRuns: 50 },
    );
  });
});

test.each([{ maxEntries: 0 }, { maxBytes: 1.5 }, { ttl: 0 }])('%o is refused', (options) => {
  expect(() => createStateCache(options)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
});
