import { beforeEach, describe, expect, test, vi } from 'vitest';
import { MemoryStorage } from '../../memory/memory-storage.ts';
import { defineDecider } from '../deciders/decider.ts';
import { defineEvents } from '../events/define-events.ts';
import { payload } from '../events/event-schema.ts';
import { createEventStore } from '../store/event-store.ts';
import { createSnapshotJob, type SnapshotJobOptions, type SnapshotRun } from './snapshot-job.ts';

const events = defineEvents({ Added: payload<{ n: number }>() });
const categories = { Cart: events, Order: events };

function foldOf<const K extends 'Cart' | 'Order'>(category: K) {
  return defineDecider({
    category,
    events,
    initialState: () => 0,
    evolve: (sum, { data }) => sum + data.n,
    decide: (n: number) => events.Added({ n }),
    snapshots: { schemaVersion: 1, when: () => false },
  });
}
const cart = foldOf('Cart');
const order = foldOf('Order');

/** A clock that goes on when it is told to; its time is the storage's, too. */
class Clock {
  time = 1_000;
  readonly #sleepers = new Set<{ readonly until: number; readonly wake: () => void }>();

  readonly now = (): number => this.time;

  readonly sleep = (milliseconds: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      this.#sleepers.add({ until: this.time + milliseconds, wake: resolve });
      signal.addEventListener('abort', () => resolve());
    });

  get sleeping(): number {
    return this.#sleepers.size;
  }

  pass(milliseconds: number): void {
    this.time += milliseconds;
    for (const sleeper of this.#sleepers) {
      if (sleeper.until > this.time) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
  }
}

let clock: Clock;
let storage: MemoryStorage;

beforeEach(() => {
  clock = new Clock();
  storage = new MemoryStorage(clock.now);
});

/** A store with a job, as of one process. */
function start(options: SnapshotJobOptions = {}) {
  const store = createEventStore(storage, { categories });
  const runs: SnapshotRun[] = [];
  const errors: unknown[] = [];
  const job = createSnapshotJob(store, [cart, order], {
    minEvents: 1,
    clock,
    onRun: (run) => runs.push(run),
    onError: (error) => errors.push(error),
    ...options,
  });
  return { store, job, runs, errors };
}

async function fill(...names: readonly string[]): Promise<void> {
  const store = createEventStore(storage);
  for (const name of names) await store.append(name, [{ type: 'Added', data: { n: 1 } }]);
}

async function made(): Promise<readonly string[]> {
  const all = await storage.listSnapshots({ category: undefined, streamName: undefined, after: undefined, limit: 100 });
  return all.map(({ streamName }) => streamName);
}

describe('the snapshot job', () => {
  test('makes snapshots at once, then at an interval, and says how far it is', async () => {
    await fill('Cart-a', 'Cart-b', 'Order-a');
    const progress: unknown[] = [];
    const { job, runs } = start({ onProgress: (it) => progress.push(it) });
    await vi.waitUntil(() => clock.sleeping === 1);
    expect(runs).toEqual([{ status: 'complete', streams: 3, created: 3, failed: 0 }]);
    expect(progress).toEqual([
      { category: 'Cart', streams: 1, created: 1, failed: 0 },
      { category: 'Cart', streams: 2, created: 2, failed: 0 },
      { category: 'Order', streams: 1, created: 1, failed: 0 },
    ]);
    await fill('Order-b');
    clock.pass(59_999);
    expect(clock.sleeping).toBe(1);
    clock.pass(1);
    await vi.waitUntil(() => runs.length === 2 && clock.sleeping === 1);
    expect(runs[1]).toEqual({ status: 'complete', streams: 4, created: 1, failed: 0 });
    await job.close();
  });

  test('a run that has looked at enough streams is gone on with by the next one, through all categories', async () => {
    await fill('Cart-a', 'Cart-b', 'Cart-c', 'Order-a', 'Order-b');
    const { job, runs } = start({ maxStreams: 2 });
    for (const [count, names] of [
      [1, ['Cart-a', 'Cart-b']],
      [2, ['Cart-a', 'Cart-b', 'Cart-c', 'Order-a']],
      [3, ['Cart-a', 'Cart-b', 'Cart-c', 'Order-a', 'Order-b']],
    ] as const) {
      await vi.waitUntil(() => runs.length === count && clock.sleeping === 1);
      expect(await made()).toEqual(names);
      clock.pass(60_000);
    }
    expect(runs.map(({ status }) => status)).toEqual(['stopped', 'stopped', 'complete']);
    await job.close();
  });

  test('a run that has taken long enough is gone on with, too', async () => {
    await fill('Cart-a', 'Cart-b', 'Cart-c');
    const { job, runs } = start({ maxTime: 10, onProgress: () => clock.pass(6) });
    await vi.waitUntil(() => clock.sleeping === 1);
    expect(runs).toEqual([{ status: 'stopped', streams: 2, created: 2, failed: 0 }]);
    await job.close();
  });

  test('of two, one works; when it is gone, the other goes on', async () => {
    await fill('Cart-a');
    const first = start();
    await vi.waitUntil(() => clock.sleeping === 1);
    const second = start();
    await vi.waitUntil(() => clock.sleeping === 2);
    expect([first.runs.map(({ status }) => status), second.runs.map(({ status }) => status)]).toEqual([
      ['complete'],
      ['elsewhere'],
    ]);
    await first.job.close();
    clock.pass(60_000);
    await vi.waitUntil(() => second.runs.length === 2);
    expect(second.runs[1]).toMatchObject({ status: 'complete', streams: 1 });
    await second.job.close();
  });

  test('one whose lease has ended while it was frozen begins no further stream', async () => {
    await fill('Cart-a', 'Cart-b');
    const frozen = start({ maxTime: 1_000_000, onProgress: () => clock.pass(60_000) });
    await vi.waitUntil(() => frozen.runs.length === 1);
    expect(frozen.runs).toEqual([{ status: 'stopped', streams: 1, created: 1, failed: 0 }]);
    await frozen.job.close();
  });

  test('jobs for other deciders do not wait for each other', async () => {
    const both = start();
    const runs: SnapshotRun[] = [];
    const other = createSnapshotJob(both.store, [cart], { clock, onRun: (run) => runs.push(run) });
    await vi.waitUntil(() => runs.length === 1 && both.runs.length === 1);
    expect([runs[0]?.status, both.runs[0]?.status]).toEqual(['complete', 'complete']);
    await Promise.all([both.job.close(), other.close()]);
  });

  test('an error is told, and the next run is made all the same', async () => {
    await fill('Cart-a');
    const listStreams = storage.listStreams.bind(storage);
    storage.listStreams = () => Promise.reject(new Error('away'));
    const { job, runs, errors } = start({
      onProgress: () => {
        throw new Error('of the listener');
      },
    });
    await vi.waitUntil(() => clock.sleeping === 1);
    expect(errors).toMatchObject([{ message: 'away' }]);
    storage.listStreams = listStreams;
    clock.pass(60_000);
    await vi.waitUntil(() => runs.length === 1);
    expect(runs[0]).toMatchObject({ status: 'complete', created: 1 });
    await job.close();
  });

  test('close brings the stream under way to its end, begins no other, and may be called again', async () => {
    await fill('Cart-a', 'Cart-b');
    let closing: Promise<void> | undefined;
    const onProgress = (): void => {
      closing = job.close();
    };
    const { job, runs } = start({ onProgress });
    await vi.waitUntil(() => closing !== undefined);
    await closing;
    await job.close();
    expect([await made(), runs]).toEqual([['Cart-a'], [{ status: 'stopped', streams: 1, created: 1, failed: 0 }]]);
    expect(clock.sleeping).toBe(0);
  });

  test('ends with its store, and without an error', async () => {
    const { store, job, errors } = start();
    await vi.waitUntil(() => clock.sleeping === 1);
    await store.close();
    clock.pass(60_000);
    await job.close();
    expect(errors).toEqual([]);
  });

  test('refuses what it cannot do', async () => {
    const store = createEventStore(storage, { categories });
    expect(() => createSnapshotJob(store, [])).toThrow('targets');
    const plain = defineDecider({ ...cart, snapshots: undefined });
    expect(() => createSnapshotJob(store, [plain])).toThrow('has none');
    for (const option of ['interval', 'minEvents', 'maxStreams', 'maxTime'] as const) {
      expect(() => createSnapshotJob(store, [cart], { [option]: 0 })).toThrow(option);
    }
    expect(() => createSnapshotJob(store, [cart], { interval: 2 ** 31 })).toThrow('interval');
  });
});
