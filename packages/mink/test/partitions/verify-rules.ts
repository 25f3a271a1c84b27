import { deepStrictEqual, rejects } from 'node:assert';
import { afterEach, describe, expect, test } from 'vitest';
import { DigestSum, LANE, pairHash } from '../../src/core/projections/digest.ts';
import {
  createProjectionEngine,
  partitionKey,
  type Digest,
  type EventStorage,
  type Lease,
  type Partition,
} from '../../src/index.ts';
import {
  added,
  bad,
  byCart,
  byLetter,
  cartEvents,
  leaseByHand,
  moveByHand,
  openCarts,
  readModelsOf,
  type CartStore,
} from '../support/listed-carts.ts';

const BUCKET = 65_536;

function firstIs(kind: string, position: number | undefined, pairs: number, from = 0): object {
  return { ok: false, first: { kind, position, pairs, from, to: from + BUCKET - 1 } };
}

/** The half of the slots that a stream is in. */
function partitionOf(streamName: string): Partition {
  return partitionKey(streamName) < 512 ? { from: 0, to: 512 } : { from: 512, to: 1_024 };
}

/** What a verification says of every store. */
export function verifyRules(openStorage: () => Promise<EventStorage>): void {
  const open = async (partitions = 1): Promise<{ readonly storage: EventStorage; readonly store: CartStore }> => {
    const storage = await openStorage();
    await readModelsOf(storage).prepareProjection({ ...byCart, partitions });
    return { storage, store: openCarts(storage) };
  };
  const fill = async (store: CartStore, count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) await store.append(`Cart-${n % 5}`, [added(`s${n}`)]);
  };
  /** Runs until everything is applied. */
  const run = async (store: CartStore): Promise<void> => {
    await using engine = createProjectionEngine(store, [byCart], { tries: 1, batchSize: 7 });
    await engine.start();
    const { position } = await store.readBound();
    await engine.waitFor(position);
  };
  /** Moves checkpoints without applying anything, and tells what it should not. */
  const move = async (
    storage: EventStorage,
    { to, digests, only = () => true }: { to?: number; digests?: readonly Digest[]; only?: (lease: Lease) => boolean },
  ): Promise<void> => {
    const leases = await leaseByHand(readModelsOf(storage), byCart);
    for (const lease of leases.filter((it) => only(it))) {
      await moveByHand(readModelsOf(storage), lease, { to: to ?? lease.position, digests });
    }
  };
  const hashAt = async (store: CartStore, position: number): Promise<Digest> => {
    const [event] = await store.readAll({ after: position - 1, limit: 1 }).toArray();
    const hash = pairHash(position, event?.id ?? '', event?.streamName ?? '');
    return { bucket: Math.floor(position / BUCKET), count: 1, ...hash };
  };
  const lessThan = ({ bucket, count, low, high }: Digest): Digest => {
    return { bucket, count: -count, low: (LANE - low) % LANE, high: (LANE - high) % LANE };
  };
  afterEach(() => bad.clear());

  describe('a verification', () => {
    test('counts what was applied, what waits and what was given up, up to where each partition is', async () => {
      const { store } = await open(4);
      bad.add('bad').add('worse');
      await store.append('Cart-1', [added('a'), added('bad'), added('b')]);
      await store.append('Cart-2', [added('worse'), cartEvents.Noted(null), added('c')]);
      await fill(store, 20);
      await using engine = createProjectionEngine(store, [byCart], { tries: 1 });
      await engine.start();
      await engine.waitFor(26);
      await engine.deadLetters.discard({ projection: byCart, key: 'Cart-2' }, { reason: 'never bought' });
      await engine.close();
      // Nobody has applied these yet.
      await fill(store, 10);
      const progress: number[] = [];
      const found = await store.projections.verify(byCart, { onProgress: ({ events }) => progress.push(events) });
      expect(found).toMatchObject({ ok: true, parked: 2 + 4, discarded: 2 + 4, pairs: 25 - 12, first: undefined });
      deepStrictEqual(progress.at(-1), found.events);
      await store.close();
    });

    test('takes each partition as far as it is, however far others are', async () => {
      const { storage, store } = await open(2);
      await fill(store, 20);
      const sum = new DigestSum();
      let own = 0;
      for await (const { globalPosition, id, streamName } of store.readAll()) {
        if (partitionOf(streamName).from !== 0) continue;
        sum.add(globalPosition, pairHash(globalPosition, id, streamName));
        own += 1;
      }
      await move(storage, { to: 20, digests: sum.digests(), only: ({ partition }) => partition.from === 0 });
      expect(await store.projections.verify(byCart)).toMatchObject({ ok: true, pairs: own, first: undefined });
      await store.close();
    });

    test.each([1, 4])('names an event that was skipped, of %i partitions', async (partitions) => {
      const { storage, store } = await open(partitions);
      await fill(store, 10);
      await run(store);
      await store.append('Cart-3', [added('skipped')]);
      await move(storage, { to: 11 });
      await fill(store, 10);
      await run(store);
      expect(await store.projections.verify(byCart)).toMatchObject(firstIs('missing', 11, 1));
      await store.close();
    });

    test('names the first of several that were skipped, in all partitions or in one', async () => {
      for (const only of [() => true, ({ partition }: Lease) => partition.from === 0]) {
        const { storage, store } = await open(2);
        await fill(store, 10);
        await run(store);
        await fill(store, 20);
        await move(storage, { to: 30, only });
        await fill(store, 10);
        await run(store);
        const skipped = (await store.readAll({ after: 10, limit: 20 }).toArray()).filter(({ streamName }) => {
          return only({ ...byCart, partition: partitionOf(streamName), epoch: 0, position: 0, holdAt: undefined });
        });
        const [first] = skipped;
        expect(await store.projections.verify(byCart)).toMatchObject(
          firstIs('missing', first?.globalPosition, skipped.length),
        );
        await store.close();
      }
    });

    test('names an event that was applied twice, or though it waits', async () => {
      const { storage, store } = await open();
      bad.add('bad');
      await fill(store, 10);
      await store.append('Cart-9', [added('bad')]);
      await run(store);
      for (const position of [4, 11]) {
        const twice = await hashAt(store, position);
        await move(storage, { digests: [twice] });
        expect(await store.projections.verify(byCart)).toMatchObject(firstIs('repeated', position, 1));
        await move(storage, { digests: [lessThan(twice)] });
        expect(await store.projections.verify(byCart)).toMatchObject({ ok: true, parked: 1 });
      }
      await store.close();
    });

    test('gives the range where it cannot tell what is wrong', async () => {
      const { storage, store } = await open();
      await fill(store, 10);
      await run(store);
      await move(storage, { digests: [await hashAt(store, 3)] });
      await move(storage, { digests: [lessThan(await hashAt(store, 7))] });
      expect(await store.projections.verify(byCart)).toMatchObject(firstIs('unknown', undefined, 0));
      for (const position of [3, 5]) await move(storage, { digests: [lessThan(await hashAt(store, position))] });
      await move(storage, { digests: [lessThan(await hashAt(store, 9))] });
      expect(await store.projections.verify(byCart)).toMatchObject(firstIs('missing', undefined, 3));
      await store.close();
    });

    test('names the bucket, where there are many events', { timeout: 60_000 }, async () => {
      const { storage, store } = await open();
      const sum = new DigestSum();
      const missing = 66_010;
      for (let n = 0; n < 67; n += 1) {
        const streamName = `Cart-${n % 5}` as const;
        const { events } = await store.append(
          streamName,
          Array.from({ length: 1_000 }, () => added('a')),
        );
        for (const { globalPosition, id } of events) {
          if (globalPosition !== missing) sum.add(globalPosition, pairHash(globalPosition, id, streamName));
        }
      }
      await move(storage, { to: 67_000, digests: sum.digests() });
      const found = await store.projections.verify(byCart);
      expect(found).toMatchObject({ events: 67_000, ...firstIs('missing', missing, 1, BUCKET) });
      await store.close();
    });

    test('holds after a reset, of what was given up before it, too', async () => {
      const { store } = await open(3);
      bad.add('bad');
      await store.append('Cart-1', [added('a'), added('bad'), added('b')]);
      const discard = async (): Promise<number> => {
        await using engine = createProjectionEngine(store, [byCart], { tries: 1 });
        return engine.deadLetters.discard({ projection: byCart, key: 'Cart-1' }, { reason: 'never bought' });
      };
      for (let n = 0; n < 2; n += 1) {
        await run(store);
        deepStrictEqual(await discard(), 2);
        expect(await store.projections.verify(byCart)).toMatchObject({ ok: true, pairs: 1, discarded: 2 });
        await store.projections.reset(byCart);
        expect(await store.projections.verify(byCart)).toMatchObject({ ok: true, pairs: 0, discarded: 0 });
      }
      bad.clear();
      await run(store);
      expect(await store.projections.verify(byCart)).toMatchObject({ ok: true, pairs: 3, discarded: 0 });
      await store.close();
    });

    test('needs to tell the keys, and can be stopped', async () => {
      const { storage, store } = await open();
      await fill(store, 3);
      await using engine = createProjectionEngine(store, [byLetter]);
      await engine.start();
      await engine.waitFor(3);
      const broken = {
        ...byLetter,
        keysOf: (): readonly string[] => {
          throw new Error('no key');
        },
      };
      await rejects(store.projections.verify(broken), { code: 'PROJECTION_FAILED', globalPosition: 1 });
      await move(storage, { to: 3 });
      await rejects(store.projections.verify(byCart, { signal: AbortSignal.abort() }), { name: 'AbortError' });
      await engine.close();
      await store.close();
    });
  });
}
