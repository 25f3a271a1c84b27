import { beforeEach, describe, expect, test } from 'vitest';
import { MemoryStorage } from '../../memory/memory-storage.ts';
import { defineDecider } from '../deciders/decider.ts';
import { defineEvents } from '../events/define-events.ts';
import { payload } from '../events/event-schema.ts';
import { createEventStore } from '../store/event-store.ts';
import type { SnapshotProblem } from './snapshot-writer.ts';

const events = defineEvents({ Added: payload<{ n: number }>() });
const account = (factor: number, schemaVersion = 1, name?: string) =>
  defineDecider({
    category: 'Account',
    events,
    initialState: () => ({ sum: 0 }),
    evolve: ({ sum }, { data }) => ({ sum: sum + factor * data.n }),
    decide: (n: number) => events.Added({ n }),
    snapshots: { schemaVersion, name, when: () => false },
  });

let now = 0;
let storage: MemoryStorage;
let problems: SnapshotProblem[];

beforeEach(() => {
  now = 0;
  storage = new MemoryStorage(() => now);
  problems = [];
});

function openStore() {
  return createEventStore(storage, {
    categories: { Account: events },
    onSnapshotProblem: (problem) => problems.push(problem),
  });
}

async function filled() {
  const store = openStore();
  for (const id of ['a', 'b', 'c'])
    await store.append(`Account-${id}`, [events.Added({ n: 1 }), events.Added({ n: 2 })]);
  await store.snapshots.create(account(1), { minEvents: 1 });
  return store;
}

async function states(): Promise<readonly string[]> {
  const all = await storage.listSnapshots({ category: 'Account', streamName: undefined, after: undefined, limit: 100 });
  const whole = { untilVersion: undefined, untilPosition: undefined, untilTime: undefined };
  const found = await Promise.all(
    all.map(({ streamName, name, streamVersion }) =>
      storage.readSnapshot({ streamName, name, ...whole, untilVersion: streamVersion }),
    ),
  );
  return found.map((it) => `${it?.streamName} ${it?.streamVersion} v${it?.schemaVersion} ${it?.state}`);
}

describe('recreating snapshots', () => {
  test('makes those anew that are wrong, with what has come since, and once only', async () => {
    const store = await filled();
    await store.append('Account-b', [events.Added({ n: 3 })]);
    expect(await store.snapshots.recreate(account(1))).toEqual({ streams: 3, recreated: 0, failed: 0 });
    // evolve has changed, and its version has not.
    const next = openStore();
    const progress: unknown[] = [];
    const done = await next.snapshots.recreate(account(10), { onProgress: (it) => progress.push(it) });
    expect([done, progress.length]).toEqual([{ streams: 3, recreated: 3, failed: 0 }, 3]);
    expect(await states()).toEqual([
      'Account-a 2 v1 {"sum":30}',
      'Account-b 3 v1 {"sum":60}',
      'Account-c 2 v1 {"sum":30}',
    ]);
    expect(await next.snapshots.recreate(account(10))).toMatchObject({ recreated: 0 });
  });

  test('makes those anew that are of an older version; those of a newer one are not its own', async () => {
    const store = await filled();
    expect(await store.snapshots.recreate(account(1, 2))).toEqual({ streams: 3, recreated: 3, failed: 0 });
    expect(await store.snapshots.recreate(account(1, 1))).toEqual({ streams: 3, recreated: 0, failed: 0 });
    expect((await states())[0]).toBe('Account-a 2 v2 {"sum":3}');
  });

  test('makes all anew where that is asked for, and goes on after it was stopped', async () => {
    const store = await filled();
    now = 1_000;
    const controller = new AbortController();
    const reason = new Error('enough');
    const stopped = store.snapshots.recreate(account(1), {
      all: true,
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    });
    await expect(stopped).rejects.toBe(reason);
    const rest = await store.snapshots.recreate(account(1), { all: true, madeBefore: 1_000 });
    expect(rest).toEqual({ streams: 2, recreated: 2, failed: 0 });
    expect(await store.snapshots.recreate(account(1), { all: true })).toMatchObject({ recreated: 3 });
    await expect(store.snapshots.recreate(account(1), { madeBefore: Number.NaN })).rejects.toThrow('madeBefore');
  });

  test('replaces what a stream has of this name, leaves the others alone, and makes none where there was none', async () => {
    const store = await filled();
    await store.snapshots.create(account(1, 1, 'other'), { minEvents: 1 });
    await store.append('Account-a', [events.Added({ n: 3 })]);
    await store.snapshots.create(account(1), { minEvents: 1 });
    await store.append('Account-d', [events.Added({ n: 3 })]);
    expect((await states()).length).toBe(7);
    expect(await store.snapshots.recreate(account(1), { all: true })).toMatchObject({ streams: 3, recreated: 3 });
    expect((await states()).length).toBe(6);
  });

  test('and verifying go on after a stream that cannot be loaded, and say which', async () => {
    const store = await filled();
    await createEventStore(storage).append('Account-b', [{ type: 'Unheard', data: null }]);
    await store.snapshots.delete({ streamName: 'Account-c' });
    const snapshot = await storage.readSnapshot({
      streamName: 'Account-a',
      name: 'Account',
      untilVersion: undefined,
      untilPosition: undefined,
      untilTime: undefined,
    });
    if (snapshot === undefined) throw new Error('no snapshot');
    await storage.saveSnapshot({ ...snapshot, state: '{}' });
    // Up to its snapshot, the stream can be read; the next one of it cannot be made.
    expect(await store.snapshots.verify(account(1))).toMatchObject({ checked: 2, wrong: [{ flaw: 'corrupt' }] });
    expect(await store.snapshots.recreate(account(1), { all: true })).toEqual({ streams: 2, recreated: 1, failed: 1 });
    const error = { code: 'UNKNOWN_EVENT_TYPE' };
    expect(problems).toMatchObject([{ streamName: 'Account-b', flaw: 'failed', error }]);
    // Nothing of it can be read: what the snapshot says cannot be compared.
    const unread = defineEvents({ Renamed: payload<{ n: number }>() });
    const other = defineDecider({ ...account(1), events: unread, evolve: (state) => state, decide: () => [] });
    const blind = createEventStore(storage, { categories: { Account: unread } });
    const { checked, unchecked } = await blind.snapshots.verify(other);
    expect([checked, unchecked.map(({ streamName, streamVersion }) => [streamName, streamVersion])]).toEqual([
      0,
      [
        ['Account-a', 2],
        ['Account-b', 2],
      ],
    ]);
    expect(unchecked[0]?.error).toMatchObject(error);
    expect(await blind.snapshots.recreate(other)).toEqual({ streams: 2, recreated: 0, failed: 2 });
    storage.readStreamPage = () => Promise.reject(new Error('away'));
    await expect(store.snapshots.verify(account(1))).rejects.toThrow('away');
    await expect(store.snapshots.recreate(account(1))).rejects.toThrow('away');
  });
});

describe('deciders of one category', () => {
  const other = defineDecider({
    category: 'Account',
    events,
    initialState: () => ({ sum: 0 }),
    evolve: ({ sum }) => ({ sum: sum + 1 }),
    decide: (n: number) => events.Added({ n }),
    snapshots: { schemaVersion: 1, when: () => true },
  });

  test('that keep their states without names are refused, before one goes on from the state of the other', async () => {
    const store = openStore();
    await store.execute(account(1), '1', 5);
    await expect(store.execute(other, '1', 5)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('snapshots.name'),
    });
    await expect(store.snapshots.create(other)).rejects.toThrow('snapshots.name');
  });

  test('go apart with a name, and one that is made anew by the same code is the same', async () => {
    const store = openStore();
    const named = defineDecider({ ...other, snapshots: { schemaVersion: 1, name: 'count', when: () => true } });
    await store.execute(account(1), '1', 5);
    expect((await store.execute(named, '1', 5)).state).toEqual({ sum: 2 });
    expect((await store.execute(account(1), '1', 5)).state).toEqual({ sum: 15 });
  });
});
