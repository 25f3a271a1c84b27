import { beforeEach, describe, expect, test } from 'vitest';
import { MemoryStorage } from '../../memory/memory-storage.ts';
import { Aggregate } from '../deciders/aggregate.ts';
import { defineDecider } from '../deciders/decider.ts';
import { AppendOutcomeUnknownError } from '../errors.ts';
import { defineEvents } from '../events/define-events.ts';
import { payload } from '../events/event-schema.ts';
import { currentMetadata, withMetadata } from '../metadata.ts';
import { snapshotEvery } from '../snapshots/snapshot-options.ts';
import type { AppendCommand, AppendOutcome } from '../storage/event-storage.ts';
import { createEventStore, type EventStore } from './event-store.ts';

const events = defineEvents(
  { Added: payload<{ n: number }>() },
  { unique: { high: ({ data }) => (data.n < 100 ? undefined : `${data.n}`) } },
);
const { Added } = events;
const categories = { Counter: events };
const fold = {
  category: 'Counter' as const,
  events,
  initialState: (): readonly number[] => [],
  evolve: (state: readonly number[], event: { readonly data: { readonly n: number } }) => [...state, event.data.n],
};
const counter = defineDecider({
  ...fold,
  decide: (n: number, state) => {
    if (n < 0) throw new Error(`${n} is refused at ${state.length}`);
    return n === 0 ? [] : Added({ n });
  },
});
class Counter extends Aggregate(fold) {
  add(n: number): void {
    this.apply(Added({ n }));
  }
}

/** A storage that counts appends, can be held up, and can fail. */
class Watched extends MemoryStorage {
  readonly appends: AppendCommand[] = [];
  gate: Promise<void> | undefined;
  before: (() => Promise<unknown>) | undefined;
  after: (() => void) | undefined;

  constructor() {
    super(() => 0);
  }

  override async append(command: AppendCommand): Promise<AppendOutcome> {
    this.appends.push(command);
    await this.gate;
    const { before, after } = this;
    this.before = undefined;
    this.after = undefined;
    await before?.();
    const outcome = await super.append(command);
    after?.();
    return outcome;
  }
}

let storage: Watched;
let store: EventStore<typeof categories>;

beforeEach(() => {
  storage = new Watched();
  store = createEventStore(storage, { categories });
});

const add = (n: number, options = {}) => store.executeWithRetry(counter, '1', n, { exclusive: true, ...options });

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

describe('exclusive mode', () => {
  test('lets nobody lose to anybody in the process, and appends together what waits', async () => {
    const results = await Promise.all(range(1, 64).map((n) => add(n)));
    expect(results.map(({ streamVersion }) => streamVersion)).toEqual(range(1, 64));
    for (const [index, { state, events: own, globalPosition }] of results.entries()) {
      expect(state).toEqual(range(1, index + 1));
      expect(own.map(({ data, streamVersion }) => [data.n, streamVersion])).toEqual([[index + 1, index + 1]]);
      expect(globalPosition).toBe(index + 1);
    }
    expect(storage.appends.length).toBeLessThanOrEqual(2);
    expect((await store.load(counter, '1')).state).toEqual(range(1, 64));
  });

  test('answers each for itself: refused, nothing to do, wrong version', async () => {
    const outcomes = await Promise.allSettled([
      add(1),
      add(-1),
      add(0),
      add(2, { expectedVersion: 7 }),
      add(3, { expectedVersion: 1 }),
    ]);
    expect(outcomes).toMatchObject([
      { value: { streamVersion: 1, state: [1] } },
      { reason: { message: '-1 is refused at 1' } },
      { value: { streamVersion: 1, state: [1], events: [], globalPosition: undefined } },
      { reason: { code: 'CONCURRENCY_CONFLICT', expectedVersion: 7, actualVersion: 1 } },
      { value: { streamVersion: 2, state: [1, 3] } },
    ]);
  });

  test('refuses a taken value to whoever wants it, and to nobody that travels with it', async () => {
    await store.append('Counter-2', [Added({ n: 105 })]);
    const outcomes = await Promise.allSettled([add(105), add(-1), add(3), add(0), add(104, { expectedVersion: 1 })]);
    expect(outcomes).toMatchObject([
      { reason: { code: 'UNIQUE_VALUE_TAKEN', heldBy: 'Counter-2' } },
      // Decided on what is there, not on what was refused.
      { reason: { message: '-1 is refused at 0' } },
      { value: { streamVersion: 1, state: [3] } },
      { value: { streamVersion: 1, state: [3], events: [] } },
      { value: { streamVersion: 2, state: [3, 104] } },
    ]);
    await Promise.all([add(6), add(7)]);
    expect((await store.load(counter, '1')).state).toEqual([3, 104, 6, 7]);
  });

  test('works for aggregates, which must not save themselves', async () => {
    const work = (n: number) => store.executeWithRetry(Counter, '1', (it) => it.add(n), { exclusive: true });
    const results = await Promise.all(range(1, 8).map(work));
    expect(results.at(-1)).toMatchObject({ streamVersion: 8, state: range(1, 8) });
    const saving = store.executeWithRetry(
      Counter,
      '1',
      async (it) => {
        it.add(9);
        await store.save(it);
      },
      { exclusive: true },
    );
    await expect(saving).rejects.toThrow('has saved the aggregate itself');
  });

  test('records the metadata of each, not of whoever began', async () => {
    const seen: unknown[] = [];
    const looking = defineDecider({
      ...counter,
      decide: (n: number) => {
        seen.push(currentMetadata().userId);
        return Added({ n });
      },
    });
    const by = (userId: string, n: number) =>
      withMetadata({ userId }, () => store.executeWithRetry(looking, '1', n, { exclusive: true }));
    const results = await Promise.all([
      by('ann', 1),
      by('bob', 2),
      store.executeWithRetry(looking, '1', 3, { exclusive: true, metadata: { tenantId: 't' } }),
    ]);
    expect(results.map(({ events: [event] }) => event?.metadata)).toEqual([
      { userId: 'ann' },
      { userId: 'bob' },
      { tenantId: 't' },
    ]);
    expect(seen).toEqual(['ann', 'bob', undefined]);
  });

  test('decides again on what another process has appended, and waits for nobody else', async () => {
    const other = createEventStore(storage, { categories });
    storage.before = () => other.append('Counter-1', [Added({ n: 100 })]);
    const results = await Promise.all([add(1), add(2)]);
    expect(results.map(({ state }) => state)).toEqual([
      [100, 1],
      [100, 1, 2],
    ]);
  });

  test('gives up in the end, where others always win', async () => {
    const other = createEventStore(storage, { categories });
    let n = 100;
    const win = async (): Promise<void> => {
      n += 1;
      await other.append('Counter-1', [Added({ n })]);
      storage.before = win;
    };
    storage.before = win;
    const failing = [add(1), add(2)];
    await expect(failing[0]).rejects.toMatchObject({ code: 'CONFLICT_NOT_RESOLVED', tries: 5 });
    await expect(failing[1]).rejects.toMatchObject({ code: 'CONFLICT_NOT_RESOLVED' });
    storage.before = undefined;
    expect((await add(3)).state.at(-1)).toBe(3);
  });

  test('sends an append that got no answer again, and it happens once', async () => {
    storage.after = () => {
      throw new AppendOutcomeUnknownError(['Counter-1'], ['x'], new Error('reset'));
    };
    const results = await Promise.all([add(1), add(2)]);
    expect(results.map(({ state }) => state)).toEqual([[1], [1, 2]]);
    expect((await store.load(counter, '1')).streamVersion).toBe(2);
  });

  test('fails all that travel together when the storage fails, and goes on with the next', async () => {
    storage.before = () => Promise.reject(new Error('disk'));
    const outcomes = await Promise.allSettled([add(1), add(2)]);
    expect(outcomes).toMatchObject([{ reason: { message: 'disk' } }, { reason: { message: 'disk' } }]);
    expect((await add(3)).state).toEqual([3]);
  });

  test('takes out what is aborted while it waits', async () => {
    let open: () => void = () => undefined;
    storage.gate = new Promise((resolve) => (open = resolve));
    const controller = new AbortController();
    const first = add(1);
    await expect.poll(() => storage.appends.length).toBe(1);
    const second = add(2, { signal: controller.signal });
    const third = add(3);
    controller.abort(new Error('gone'));
    await expect(second).rejects.toThrow('gone');
    open();
    await Promise.all([first, third]);
    expect((await store.load(counter, '1')).state).toEqual([1, 3]);
    await expect(add(4, { signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before');
  });

  test('keeps the last values of unique sets, and finds repeats of ids of one’s own', async () => {
    await Promise.all([1, 102, 3, 101].map((n) => add(n)));
    expect(await store.uniqueSets.holderOf('high', '101')).toBe('Counter-1');
    expect(await store.uniqueSets.holderOf('high', '102')).toBeUndefined();
    const id = '00000000-0000-7000-8000-000000000001';
    const own = defineDecider({ ...counter, decide: (n: number) => ({ ...Added({ n }), id }) });
    const execute = () => store.executeWithRetry(own, '1', 9, { exclusive: true });
    const [first, again] = await Promise.all([execute(), execute()]);
    expect(again?.events).toEqual(first?.events);
    expect((await store.load(counter, '1')).state).toEqual([1, 102, 3, 101, 9]);
  });

  test('does nothing twice where a race is lost in the middle of what has to be appended one by one', async () => {
    const id = '00000000-0000-7000-8000-000000000001';
    const own = defineDecider({
      ...counter,
      decide: (n: number) => ({ ...Added({ n }), id: n === 4 ? id : undefined }),
    });
    const others = async (): Promise<void> => void (await store.append('Counter-1', [Added({ n: 7 })]));
    const before = (appends: number) => async (): Promise<void> => {
      if (appends === 0) await others();
      else storage.before = before(appends - 1);
    };
    storage.before = before(2);
    await Promise.allSettled([1, 2, 3, 4].map((n) => store.executeWithRetry(own, '1', n, { exclusive: true })));
    const { state } = await store.load(counter, '1');
    expect(state.toSorted((left, right) => left - right)).toEqual([1, 2, 3, 4, 7]);
  });

  test('makes snapshots of what it comes to', async () => {
    const kept = defineDecider({ ...counter, snapshots: { schemaVersion: 1, when: snapshotEvery(10) } });
    await Promise.all(range(1, 20).map((n) => store.executeWithRetry(kept, '1', n, { exclusive: true })));
    await store.snapshots.flush();
    expect((await store.snapshots.list().toArray()).map(({ streamVersion }) => streamVersion)).toEqual([20]);
  });

  test('refuses what makes no sense in it', async () => {
    const tx = { query: () => Promise.resolve({ rows: [] }) };
    await expect(add(1, { tx })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', argument: 'tx' });
    await expect(add(1, { onConflict: () => 'retry' })).rejects.toMatchObject({ argument: 'onConflict' });
    await expect(store.executeWithRetry(counter, '', 1, { exclusive: true })).rejects.toMatchObject({
      code: 'INVALID_STREAM_NAME',
    });
  });
});
