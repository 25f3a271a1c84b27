import { describe, expect, test, vi } from 'vitest';
import { createMemoryStorage, createMemoryStore } from '../../memory/index.ts';
import { defineEvents } from '../events/define-events.ts';
import { payload } from '../events/event-schema.ts';
import { createEventStore } from '../store/event-store.ts';
import { defineProjection } from './define-projection.ts';
import { documents } from './read-model.ts';
import { readModelsOf } from './read-model-reader.ts';
import { createProjectionEngine } from './projection-engine.ts';
import { newsOf } from './projection-news.ts';
import { parseToken } from './token.ts';

const cartEvents = defineEvents({ ItemAdded: payload<{ sku: string }>(), Noted: payload<null>() });
const add = (sku: string) => cartEvents.ItemAdded({ sku });
const skus = defineProjection({
  name: 'skus',
  events: { Cart: cartEvents },
  readModel: documents<{ skus: string }>(),
}).on({
  ItemAdded: (cart, { data }) => {
    if (data.sku === 'x') throw new Error('no x');
    return { skus: (cart?.skus ?? '') + data.sku };
  },
});
const openStore = () => createMemoryStore({ categories: { Cart: cartEvents } });

describe('a wait for a write', () => {
  test('takes the result of an append, its token or its position', async () => {
    const store = openStore();
    await using engine = createProjectionEngine(store, [skus]);
    await engine.start();
    for (const what of ['result', 'token', 'globalPosition'] as const) {
      const appended = await store.append('Cart-1', [add('a')]);
      await engine.waitFor(what === 'result' ? appended : appended[what]);
      await store.projections.waitFor(appended, { projections: [skus] });
    }
    expect(await store.projections.readModel(skus).get('Cart-1')).toEqual({ skus: 'aaa' });
  });

  test('is a part of a read with afterWrite', async () => {
    const store = openStore();
    await using engine = createProjectionEngine(store, [skus]);
    await engine.start();
    const carts = store.projections.readModel(skus);
    for (let n = 1; n <= 100; n += 1) {
      const { token } = await store.append('Cart-1', [add('a')]);
      expect((await carts.get('Cart-1', { afterWrite: token }))?.skus.length).toBe(n);
    }
    const { token } = await store.append('Cart-2', [add('b')]);
    expect(await carts.list({ afterWrite: token }).toArray()).toHaveLength(2);
    expect(await carts.list({ afterWrite: token, after: 'Cart-1' }).toArray()).toHaveLength(1);
    const { token: third } = await store.append('Cart-3', [add('c')]);
    expect((await carts.find({ afterWrite: third })).items).toHaveLength(3);
    expect(await carts.count({ afterWrite: await store.append('Cart-4', [add('d')]) })).toBe(4);
  });

  test('is over at once for a write that the projection does not read, and for none', async () => {
    const store = openStore();
    await using engine = createProjectionEngine(store, [skus]);
    await engine.waitFor(undefined, { timeout: 0 });
    await engine.waitFor({ token: undefined }, { timeout: 0 });
    await engine.waitFor(await store.append('Cart-1', [cartEvents.Noted(null)]), { timeout: 0 });
  });

  test('is woken by what is applied in this process, not by looking', async () => {
    const storage = createMemoryStorage();
    const store = createEventStore(storage, { categories: { Cart: cartEvents } });
    await using engine = createProjectionEngine(store, [skus]);
    const appended = await store.append('Cart-1', [add('a')]);
    const news = newsOf(readModelsOf(storage));
    const after = news.after.bind(news);
    // A pause that never ends by itself.
    news.after = (count, _milliseconds, signal) => after(count, 2 ** 30, signal);
    const waiting = engine.waitFor(appended);
    await engine.start();
    await waiting;
  });

  test('costs little beside others: they look together, and each asks once whether its event is read', async () => {
    const storage = createMemoryStorage();
    const store = createEventStore(storage, { categories: { Cart: cartEvents } });
    await using engine = createProjectionEngine(store, [skus]);
    const appended = await Promise.all(Array.from({ length: 100 }, () => store.append('Cart-1', [add('a')])));
    const readModels = readModelsOf(storage);
    let answer = (): void => undefined;
    const answered = new Promise<void>((resolve) => (answer = resolve));
    const look = readModels.listProjections.bind(readModels);
    const list = vi.spyOn(readModels, 'listProjections').mockImplementation(() => answered.then(look));
    const measure = vi.spyOn(readModels, 'measureLag');
    const waits = appended.map(({ globalPosition }) => engine.waitFor(globalPosition));
    // All have asked by then, and the first look has no answer yet.
    await new Promise(setImmediate);
    expect(list).toHaveBeenCalledTimes(1);
    answer();
    await expect.poll(() => list.mock.calls.length).toBeGreaterThan(3);
    expect(measure).toHaveBeenCalledTimes(100);
    await engine.start();
    await Promise.all(waits);
    expect(measure).toHaveBeenCalledTimes(100);
  });

  test('asks the database nothing where a worker of this process comes to the write', async () => {
    const storage = createMemoryStorage();
    const store = createEventStore(storage, { categories: { Cart: cartEvents } });
    await using engine = createProjectionEngine(store, [skus]);
    await engine.start();
    await engine.waitFor(await store.append('Cart-1', [add('a')]));
    const list = vi.spyOn(readModelsOf(storage), 'listProjections');
    const letters = vi.spyOn(readModelsOf(storage), 'findDeadLetters');
    await engine.waitFor(await store.append('Cart-1', [cartEvents.Noted(null), add('b')]));
    // It has seen the very event of the token, and parked nothing.
    expect(letters).not.toHaveBeenCalled();
    for (const events of [[cartEvents.Noted(null)], [add('c'), cartEvents.Noted(null)]]) {
      await engine.waitFor(await store.append('Cart-1', events));
    }
    expect(list).not.toHaveBeenCalled();
    // What it does not read, it cannot have seen.
    expect(letters).toHaveBeenCalledTimes(2);
    expect(await store.projections.readModel(skus).get('Cart-1')).toEqual({ skus: 'abc' });
    await engine.waitFor(1);
    expect(list).toHaveBeenCalled();
  });

  test('believes a worker that applied another event at that position nothing about the token', async () => {
    const storage = createMemoryStorage();
    const store = createEventStore(storage, { categories: { Cart: cartEvents } });
    const { token } = await store.append('Cart-1', [add('a')]);
    const bytes = Buffer.from(token, 'base64url');
    bytes.write('0123456789ab', 7, 'hex');
    const lost = bytes.toString('base64url');
    expect(parseToken(lost)).toMatchObject({ position: 1, event: '0123456789ab' });
    const worker = newsOf(readModelsOf(storage)).follow(skus, { from: 0, to: 1_024 }, 0);
    const waiting = store.projections.waitFor(lost, { projections: [skus] });
    await new Promise(setImmediate);
    const [event] = await store.readAll().toArray();
    worker.stored(1, () => [{ globalPosition: 1, id: event?.id ?? '' }], 0);
    await expect(waiting).rejects.toMatchObject({ code: 'LOG_REWOUND' });
    worker.end();
  });

  test('looks for those who have come further elsewhere, where the worker of this process gets no further', async () => {
    const storage = createMemoryStorage();
    const store = createEventStore(storage, { categories: { Cart: cartEvents } });
    const readModels = readModelsOf(storage);
    // A worker that has hung, and does not know that it has lost its lease.
    const hung = newsOf(readModels).follow(skus, { from: 0, to: 1_024 }, 0);
    const appended = await store.append('Cart-1', [add('a')]);
    await createProjectionEngine(store, [skus]).catchUp();
    await store.projections.waitFor(appended, { projections: [skus], timeout: 1_000 });
    hung.end();
  });

  test('does not take for applied what a worker passed before the rows were cleared', async () => {
    const storage = createMemoryStorage();
    const store = createEventStore(storage, { categories: { Cart: cartEvents } });
    const engine = createProjectionEngine(store, [skus]);
    const appended = await store.append('Cart-1', [add('a')]);
    await engine.catchUp();
    const late = newsOf(readModelsOf(storage)).follow(skus, { from: 0, to: 1_024 }, appended.globalPosition);
    await store.projections.reset(skus);
    const behind = { code: 'PROJECTION_BEHIND', position: 0 };
    await expect(engine.waitFor(appended, { timeout: 0 })).rejects.toMatchObject(behind);
    late.end();
  });

  test('believes workers of this process only where they cover what was written', async () => {
    const storage = createMemoryStorage();
    const store = createEventStore(storage, { categories: { Cart: cartEvents } });
    const news = newsOf(readModelsOf(storage));
    const engine = createProjectionEngine(store, [skus]);
    const appended = await store.append('Cart-1', [add('a')]);
    const { globalPosition } = appended;
    const [slot = 0] = parseToken(appended.token).slots ?? [];
    const foreign = slot < 512 ? { from: 512, to: 1_024 } : { from: 0, to: 512 };
    const halves = [news.follow(skus, foreign, 0), news.follow(skus, foreign, 0)];
    const waiting = engine.waitFor(appended, { timeout: 20 });
    for (const half of halves) half.passed(globalPosition);
    await expect(waiting).rejects.toMatchObject({ code: 'PROJECTION_BEHIND', position: 0 });
    for (const half of halves) half.end();
    const other = news.follow(skus, { from: 512, to: 1_024 }, 0);
    const one = news.follow(skus, { from: 0, to: 512 }, 0);
    const both = engine.waitFor(appended);
    other.passed(globalPosition);
    one.passed(globalPosition);
    await both;
    expect(news.passed(skus, new Set([slot]))).toBe(globalPosition);
    one.end();
    expect(news.passed(skus, new Set([slot]))).toBe(slot < 512 ? undefined : globalPosition);
    expect(news.passed(skus, undefined)).toBeUndefined();
  });

  test('says who is behind, and why', async () => {
    const store = openStore();
    await using engine = createProjectionEngine(store, [skus], { tries: 1, maxParkedKeys: 0 });
    await store.append('Cart-1', [add('a'), add('b')]);
    const late = { timeout: 0 };
    const behind = { code: 'PROJECTION_BEHIND', projection: 'skus', position: 0, wanted: 2, lagEvents: 2 };
    const nobody = { ...behind, state: 'stopped', message: expect.stringContaining('Nobody works on it') };
    await expect(engine.waitFor(2, late)).rejects.toMatchObject(nobody);
    await expect(store.projections.waitFor(2, { ...late, projections: [skus] })).rejects.toMatchObject(nobody);
    await engine.start();
    const bad = await store.append('Cart-1', [add('x')]);
    await expect.poll(async () => (await engine.status())[0]?.state).toBe('faulted');
    await expect(engine.waitFor(bad, late)).rejects.toMatchObject({
      state: 'faulted',
      position: 2,
      error: expect.stringContaining('parked keys'),
    });
    await expect(store.projections.readModel(skus).get('Cart-1', { afterWrite: 3, ...late })).rejects.toMatchObject({
      code: 'PROJECTION_BEHIND',
    });
  });

  test('says so where an event of the write is parked, and only then', async () => {
    const store = openStore();
    await using engine = createProjectionEngine(store, [skus], { tries: 1 });
    await engine.start();
    const failed = await store.append('Cart-1', [add('a'), add('x')]);
    const parked = { code: 'KEY_PARKED', projection: 'skus', key: 'Cart-1', position: 2 };
    await expect(engine.waitFor(failed)).rejects.toMatchObject(parked);
    await expect(engine.waitFor(await store.append('Cart-1', [add('b')]))).rejects.toMatchObject({
      ...parked,
      position: 3,
    });
    const other = await store.append('Cart-3', [add('c')]);
    await engine.waitFor(other);
    // One that was appended in two parts, between which others have come: theirs are not its own.
    const bytes = Buffer.from(other.token, 'base64url');
    bytes.writeUIntBE(2, bytes.length - 2 - 6, 6);
    const spread = bytes.toString('base64url');
    expect(parseToken(spread)).toMatchObject({ first: 2, position: 4 });
    await engine.waitFor(spread);
    // A position says nothing about whose it is.
    await engine.waitFor(failed.globalPosition);
  });

  test('tells a log that has lost the write from one that has not', async () => {
    const storeId = crypto.randomUUID();
    const open = () => createMemoryStore({ categories: { Cart: cartEvents }, storeId });
    const lost = open();
    const { token: first } = await lost.append('Cart-1', [add('a')]);
    const { token: second } = await lost.append('Cart-1', [add('b')]);
    const store = open();
    await store.append('Cart-1', [add('c')]);
    await using engine = createProjectionEngine(store, [skus]);
    await engine.start();
    await expect(engine.waitFor(second)).rejects.toMatchObject({ code: 'LOG_REWOUND', after: 2, head: 1 });
    await expect(engine.waitFor(first)).rejects.toMatchObject({ code: 'LOG_REWOUND', after: 1, head: 1 });
    await expect(engine.waitFor(2)).rejects.toMatchObject({ code: 'LOG_REWOUND', after: 2, head: 1 });
    const { token } = await openStore().append('Cart-1', [add('a')]);
    await expect(engine.waitFor(token)).rejects.toMatchObject({ code: 'INVALID_TOKEN' });
  });

  test('can be given up', async () => {
    const store = openStore();
    await using engine = createProjectionEngine(store, [skus]);
    const appended = await store.append('Cart-1', [add('a')]);
    const stop = new AbortController();
    const waiting = engine.waitFor(appended, { signal: stop.signal });
    stop.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    await expect(engine.waitFor(appended, { projections: [{ name: 'nosuch' }] })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });
});

describe('catching up in the call itself', () => {
  test('needs no engine that runs, and leaves the lease', async () => {
    const store = openStore();
    const engine = createProjectionEngine(store, [skus], { batchSize: 2 });
    await store.append('Cart-1', ['a', 'b', 'c', 'd', 'e'].map(add));
    await engine.catchUp();
    expect(await store.projections.readModel(skus).get('Cart-1')).toEqual({ skus: 'abcde' });
    expect(await store.projections.list()).toMatchObject([{ position: 5, state: 'stopped', owner: undefined }]);
  });

  test('goes no further than the write', async () => {
    const store = openStore();
    const engine = createProjectionEngine(store, [skus]);
    const appended = await store.append('Cart-1', [add('a')]);
    await store.append('Cart-1', [add('b')]);
    await engine.catchUp(appended);
    expect(await store.projections.list()).toMatchObject([{ position: 1 }]);
  });

  test('waits for whoever works on it', async () => {
    const store = openStore();
    await using running = createProjectionEngine(store, [skus]);
    await running.start();
    const other = createProjectionEngine(store, [skus]);
    const epochOf = async () => (await store.projections.list())[0]?.epoch;
    const before = await epochOf();
    for (let n = 0; n < 20; n += 1) await other.catchUp(await store.append('Cart-1', [add('a')]));
    await running.catchUp(await store.append('Cart-1', [add('a')]));
    expect(await epochOf()).toBe(before);
    await running.pause(skus);
    const late = await store.append('Cart-1', [add('a')]);
    await expect(other.catchUp(late, { timeout: 30 })).rejects.toMatchObject({ state: 'paused', lagEvents: 1 });
  });

  test('from several sides applies each event once', async () => {
    const store = openStore();
    const engines = Array.from({ length: 4 }, () => createProjectionEngine(store, [skus], { batchSize: 3 }));
    for (let n = 0; n < 30; n += 1) await store.append('Cart-1', [add('a')]);
    await Promise.all(engines.map((engine) => engine.catchUp()));
    expect(await store.projections.readModel(skus).get('Cart-1')).toEqual({ skus: 'a'.repeat(30) });
  });

  test('stops at what faults it, with the reason', async () => {
    const store = openStore();
    const engine = createProjectionEngine(store, [skus], { tries: 2, backoff: 0, maxParkedKeys: 0 });
    await store.append('Cart-1', [add('a'), add('x')]);
    await expect(engine.catchUp()).rejects.toMatchObject({ code: 'PROJECTION_BEHIND', state: 'faulted', position: 1 });
    const parking = createProjectionEngine(store, [skus], { tries: 1 });
    await parking.catchUp();
    expect(await parking.deadLetters.list().toArray()).toMatchObject([{ key: 'Cart-1', events: 1 }]);
  });
});
