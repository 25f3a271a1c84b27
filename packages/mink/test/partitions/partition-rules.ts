import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import { afterEach, describe, expect, test } from 'vitest';
import {
  createProjectionEngine,
  type EventStorage,
  type ProjectionEngine,
  type ProjectionEngineOptions,
} from '../../src/index.ts';
import {
  added,
  bad,
  byCart,
  byLetter,
  folded,
  kept,
  leaseByHand,
  moveByHand,
  openCarts,
  readModelsOf,
  type CartStore,
} from '../support/listed-carts.ts';

const FAST = { leaseDuration: 300, backoff: 1, tries: 2 };

async function countOf(store: CartStore): Promise<number> {
  const all = await store.projections.list();
  return all.find(({ name }) => name === byCart.name)?.partitions.length ?? 0;
}

/** What partitions do behind every store. */
export function partitionRules(openStorage: () => Promise<EventStorage>): void {
  const engineOf = (store: CartStore, options: ProjectionEngineOptions = {}): ProjectionEngine =>
    createProjectionEngine(store, [byCart], { ...FAST, ...options });
  const fill = async (store: CartStore, from: number, to: number): Promise<void> => {
    for (let n = from; n < to; n += 1) await store.append(`Cart-${n % 13}`, [added(`s${n}`)]);
  };
  const settled = async (store: CartStore, engine: ProjectionEngine, count: number): Promise<void> => {
    await expect.poll(() => countOf(store), { timeout: 10_000 }).toBe(count);
    const { position } = await store.readBound();
    await engine.waitFor(position);
  };
  afterEach(() => bad.clear());

  describe('partitions', () => {
    test('change while they work: nothing is lost, and nothing applied twice', async () => {
      await using store = openCarts(await openStorage());
      await using engine = engineOf(store, { batchSize: 3 });
      await engine.start();
      let n = 0;
      for (const count of [4, 3, 7, 2, 1, 5]) {
        await fill(store, n, n + 40);
        n += 40;
        const writing = fill(store, n, n + 40);
        n += 40;
        strictEqual((await engine.partition(byCart, count)).wanted, count);
        await writing;
        await settled(store, engine, count);
        deepStrictEqual(await kept(store), await folded(store));
        expect(await store.projections.verify(byCart)).toMatchObject({ ok: true, pairs: n, first: undefined });
      }
      const [status] = await engine.status();
      expect(status).toMatchObject({ events: n, lagEvents: 0, state: 'live', wantedPartitions: 5 });
    });

    test('that are unequally far wait for each other before they are merged; whoever runs finishes it', async () => {
      const storage = await openStorage();
      await using store = openCarts(storage);
      await fill(store, 0, 40);
      const readModels = readModelsOf(storage);
      await readModels.prepareProjection({ ...byCart, partitions: 2 });
      await using first = engineOf(store);
      await first.start();
      await first.waitFor(40);
      await first.close();
      await fill(store, 40, 80);
      // Somebody dies who had one of them only; nothing of this one is between.
      const [lower] = await leaseByHand(readModels, byCart);
      ok(lower !== undefined);
      deepStrictEqual(await store.projections.partition(byCart, 1), { partitions: 2, wanted: 1 });
      const [held] = await store.projections.list();
      const ends = held?.partitions.map(({ position }) => position) ?? [];
      strictEqual(held?.position, Math.min(...ends));
      deepStrictEqual(
        held?.partitions.map(({ holdAt }) => holdAt),
        [Math.max(...ends), Math.max(...ends)],
      );
      // The one that waits is given to nobody, and what was under way is refused.
      const given = await leaseByHand(readModels, byCart);
      deepStrictEqual(
        given.map(({ position, holdAt }) => [position, holdAt]),
        [[Math.min(...ends), Math.max(...ends)]],
      );
      await rejects(moveByHand(readModels, lower, { to: 80 }), /lost/u);
      await using engine = engineOf(store);
      await engine.start();
      await settled(store, engine, 1);
      deepStrictEqual(await kept(store), await folded(store));
      ok((await store.projections.verify(byCart)).ok);
    });

    test('that wait go on where the change is taken back', async () => {
      const storage = await openStorage();
      await using store = openCarts(storage);
      await fill(store, 0, 20);
      const readModels = readModelsOf(storage);
      await readModels.prepareProjection({ ...byCart, partitions: 2 });
      const [lower] = await leaseByHand(readModels, byCart);
      ok(lower !== undefined);
      await moveByHand(readModels, lower, { to: 5 });
      strictEqual((await store.projections.partition(byCart, 1)).partitions, 2);
      deepStrictEqual(await store.projections.partition(byCart, 2), { partitions: 2, wanted: 2 });
      const [back] = await store.projections.list();
      deepStrictEqual(
        back?.partitions.map(({ position, holdAt }) => [position, holdAt]),
        [
          [5, undefined],
          [0, undefined],
        ],
      );
    });

    test('have the keys of their slots, also where an event has several', async () => {
      await using store = openCarts(await openStorage());
      await using engine = createProjectionEngine(store, [byLetter], FAST);
      await engine.start();
      await engine.partition(byLetter, 8);
      for (let n = 0; n < 60; n += 1) await store.append(`Cart-${n % 3}`, [added(`a${n}bcz`)]);
      await engine.partition(byLetter, 3);
      const { globalPosition } = await store.append('Cart-1', [added('xyz')]);
      await engine.waitFor(globalPosition);
      deepStrictEqual(await kept(store, byLetter), await folded(store, byLetter));
      ok((await store.projections.verify(byLetter)).ok);
    });

    test('fail alone: the others go on, and it is tried again when somebody resumes it', async () => {
      await using store = openCarts(await openStorage());
      await using engine = engineOf(store, { maxParkedKeys: 0 });
      await engine.start();
      await engine.partition(byCart, 4);
      bad.add('bad');
      await store.append('Cart-0', [added('bad')]);
      await expect.poll(async () => (await engine.status())[0]?.state).toBe('faulted');
      await fill(store, 1, 40);
      const others = async () => {
        const partitions = (await engine.status())[0]?.partitions ?? [];
        return partitions.map(({ state }) => state).toSorted();
      };
      await expect.poll(async () => (await engine.status())[0]?.events).toBeGreaterThan(20);
      deepStrictEqual(await others(), ['faulted', 'working', 'working', 'working']);
      bad.clear();
      // From another process.
      await store.projections.resume(byCart);
      await engine.waitFor(40);
      deepStrictEqual(await others(), ['working', 'working', 'working', 'working']);
      deepStrictEqual(await kept(store), await folded(store));
    });

    test('need nothing done about keys that are parked', async () => {
      await using store = openCarts(await openStorage());
      await using engine = engineOf(store);
      await engine.start();
      bad.add('bad');
      await store.append('Cart-99', [added('a'), added('bad'), added('b')]);
      await engine.waitFor(3);
      for (const count of [4, 2, 1]) {
        await engine.partition(byCart, count);
        await store.append('Cart-99', [added(`c${count}`)]);
        await fill(store, 0, 20);
        await settled(store, engine, count);
      }
      expect(await store.projections.verify(byCart)).toMatchObject({ ok: true, parked: 5 });
      bad.clear();
      expect(await engine.deadLetters.retry({ projection: byCart, key: 'Cart-99' })).toMatchObject({ applied: 5 });
      deepStrictEqual(await kept(store), await folded(store));
      expect(await store.projections.verify(byCart)).toMatchObject({ ok: true, parked: 0, pairs: 66 });
    });

    test('are paused, resumed and reset as one', async () => {
      await using store = openCarts(await openStorage());
      await using engine = engineOf(store);
      await engine.start();
      await engine.partition(byCart, 3);
      await fill(store, 0, 30);
      await engine.waitFor(30);
      await engine.pause(byCart);
      await fill(store, 30, 60);
      deepStrictEqual(
        (await engine.status())[0]?.partitions.map(({ state }) => state),
        ['paused', 'paused', 'paused'],
      );
      await engine.resume(byCart);
      await engine.waitFor(60);
      await engine.reset(byCart);
      await engine.waitFor(60);
      deepStrictEqual(await kept(store), await folded(store));
      expect(await store.projections.verify(byCart)).toMatchObject({ ok: true, pairs: 60 });
    });

    test('are shared evenly, and taken over when an engine is closed', async () => {
      const storage = await openStorage();
      await using store = openCarts(storage);
      await readModelsOf(storage).prepareProjection({ ...byCart, partitions: 4 });
      const shares = async (): Promise<readonly number[]> => {
        const owners = (await store.projections.list())[0]?.partitions.map(({ owner }) => owner) ?? [];
        const known = new Set(owners.filter((owner) => owner !== undefined));
        return [...known].map((owner) => owners.filter((it) => it === owner).length).toSorted((a, b) => b - a);
      };
      const engines: ProjectionEngine[] = [];
      for (const expected of [[4], [2, 2], [2, 1, 1], [1, 1, 1, 1]]) {
        const engine = engineOf(store);
        engines.push(engine);
        await engine.start();
        await expect.poll(shares, { timeout: 5_000 }).toEqual(expected);
      }
      for (const expected of [[2, 1, 1], [2, 2], [4]]) {
        await engines.shift()?.close();
        await expect.poll(shares, { timeout: 5_000 }).toEqual(expected);
      }
      await engines[0]?.close();
    });

    test('of an engine that is closed are free at once, and its share with them', async () => {
      const storage = await openStorage();
      await using store = openCarts(storage);
      await readModelsOf(storage).prepareProjection({ ...byCart, partitions: 2 });
      const long = { leaseDuration: 600_000 };
      const [first, second] = [engineOf(store, long), engineOf(store, long)];
      const owners = async () => {
        // Each of them looks.
        for (const engine of [first, second, first, second]) await engine.partition(byCart, 2).catch(() => undefined);
        return (await store.projections.list())[0]?.partitions.map(({ owner }) => owner) ?? [];
      };
      await first.start();
      await second.start();
      strictEqual(new Set(await owners()).size, 2);
      await first.close();
      const [one, two] = await owners();
      ok(one !== undefined && one === two);
      await second.close();
    });

    test('are from 1 to 64, of a projection that there is', async () => {
      await using store = openCarts(await openStorage());
      await using engine = engineOf(store);
      for (const count of [0, 65, 1.5]) {
        await rejects(engine.partition(byCart, count), { code: 'INVALID_ARGUMENT', argument: 'partitions' });
      }
      await rejects(engine.partition(byCart, 2), { code: 'INVALID_ARGUMENT', argument: 'projection' });
      await rejects(store.projections.verify(byCart), { code: 'INVALID_ARGUMENT', argument: 'projection' });
    });
  });

  describe('the state', () => {
    test('says whether it is behind, and whether it moves', async () => {
      const storage = await openStorage();
      await using store = openCarts(storage);
      await using engine = engineOf(store, { stalledAfter: 1_000_000 });
      const state = async (of = engine) => (await of.status())[0]?.state;
      strictEqual(await state(), 'stopped');
      await engine.start();
      strictEqual(await state(), 'live');
      await engine.close();
      strictEqual(await state(), 'stopped');
      await fill(store, 0, 3);
      // Somebody has it, and does nothing.
      const readModels = readModelsOf(storage);
      const request = { owner: 'idle', duration: 60_000, projections: [byCart], held: [] };
      const { leases } = await readModels.leaseProjections(request);
      strictEqual(await state(), 'catching_up');
      await using impatient = engineOf(store, { stalledAfter: 1 });
      await expect.poll(() => state(impatient)).toBe('stalled');
      await store.projections.pause(byCart);
      strictEqual(await state(), 'paused');
      await store.projections.resume(byCart);
      strictEqual(await state(), 'stopped');
      strictEqual(leases.length, 1);
    });

    test('of a version that is behind and not live is rebuilding', async () => {
      const storage = await openStorage();
      await using store = openCarts(storage);
      await fill(store, 0, 3);
      const next = { ...byCart, version: 2 };
      const readModels = readModelsOf(storage);
      await readModels.prepareProjection(byCart);
      await readModels.prepareProjection(next);
      await readModels.leaseProjections({ owner: 'idle', duration: 60_000, projections: [byCart, next], held: [] });
      const engine = createProjectionEngine(store, [byCart, next]);
      deepStrictEqual(
        (await engine.status()).map(({ state }) => state),
        ['catching_up', 'rebuilding'],
      );
    });
  });
}
