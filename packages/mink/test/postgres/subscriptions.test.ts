import { deepStrictEqual } from 'node:assert';
import { expect, test } from 'vitest';
import { createProjectionEngine, defineEvents, defineSubscription, payload } from '../../src/index.ts';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { describePostgres, runSql } from '../support/databases.ts';

const events = defineEvents({ Sent: payload<{ n: number }>() });
const sent = (n: number) => events.Sent({ n });

describePostgres('a subscription', (databases) => {
  const open = (url: string) => createPostgresStore({ url, categories: { Cart: events } });
  const sending = (handle: (n: number) => Promise<void> | void, from: 'start' | 'end' = 'start') => {
    const delivered: number[] = [];
    const subscription = defineSubscription({
      name: 'mails',
      events: { Cart: events },
      from,
      handle: async ({ data }) => {
        await handle(data.n);
        delivered.push(data.n);
      },
    });
    return { delivered, subscription };
  };

  test('has a checkpoint and dead letters, and no tables', async () => {
    const url = await databases.create();
    await using store = open(url);
    let isBroken = true;
    const { delivered, subscription } = sending((n) => {
      if (n === 2 && isBroken) throw new Error('no such address');
    });
    await store.append('Cart-1', [sent(1), sent(2), sent(3)]);
    await store.append('Cart-2', [sent(4)]);
    await using engine = createProjectionEngine(store, [subscription], { tries: 2, backoff: 1 });
    await engine.start();
    await engine.waitFor(4);
    expect(await engine.status()).toMatchObject([{ kind: 'subscription', isLive: true, position: 4, parkedKeys: 1 }]);
    const [parked] = await engine.deadLetters.list().toArray();
    expect((await engine.status())[0]?.oldestParkedAt?.getTime()).toBe(parked?.firstFailedAt);
    expect(await engine.deadLetters.list().toArray()).toMatchObject([{ key: 'Cart-1', events: 2, attempts: 2 }]);
    const of = { projection: subscription, key: 'Cart-1' };
    expect(await engine.deadLetters.retry(of)).toEqual({ applied: 0, left: 2, error: 'no such address' });
    expect(await engine.deadLetters.list().toArray()).toMatchObject([{ key: 'Cart-1', attempts: 3 }]);
    isBroken = false;
    expect(await engine.deadLetters.retry(of)).toEqual({ applied: 2, left: 0, error: undefined });
    await store.append('Cart-1', [sent(5)]).then((done) => engine.waitFor(done.globalPosition));
    expect(delivered.filter((n) => n !== 4)).toEqual([1, 2, 3, 5]);
    deepStrictEqual(await runSql(url, `select 1 from pg_class where relnamespace = 'mink_read'::regnamespace`), []);
  });

  test('is retried by one process at a time, and takes in what comes meanwhile', async () => {
    const url = await databases.create();
    await using store = open(url);
    await using elsewhere = open(url);
    let isBroken = true;
    let resolve = (): void => undefined;
    const promise = new Promise<void>((done) => (resolve = done));
    let isRetried = false;
    const { delivered, subscription } = sending(async () => {
      if (isBroken) throw new Error('no');
      isRetried = true;
      await promise;
    });
    await store.append('Cart-1', [sent(1), sent(2)]);
    await using engine = createProjectionEngine(store, [subscription], { tries: 1 });
    await engine.start();
    await engine.waitFor(2);
    isBroken = false;
    const of = { projection: subscription, key: 'Cart-1' };
    const retried = engine.deadLetters.retry(of);
    await expect.poll(() => isRetried).toBe(true);
    await using other = createProjectionEngine(elsewhere, [subscription]);
    await expect(other.deadLetters.retry(of)).rejects.toMatchObject({ code: 'KEY_BEING_RETRIED' });
    // The worker is not kept by it.
    await store.append('Cart-1', [sent(3)]).then((done) => engine.waitFor(done.globalPosition));
    resolve();
    expect(await retried).toMatchObject({ applied: 3, left: 0 });
    expect(delivered).toEqual([1, 2, 3]);
  });

  test('is replayed from a position; what is parked before it stays, what comes again does not wait twice', async () => {
    const url = await databases.create();
    await using store = open(url);
    const { delivered, subscription } = sending((n) => {
      if (n === 2) throw new Error('no');
    });
    await store.append('Cart-1', [sent(1), sent(2), sent(3)]);
    await store.append('Cart-2', [sent(4)]);
    await using engine = createProjectionEngine(store, [subscription], { tries: 1 });
    await engine.start();
    await engine.waitFor(4);
    await engine.replay(subscription, { from: 2 });
    await engine.waitFor(4);
    expect(await engine.deadLetters.list().toArray()).toMatchObject([{ key: 'Cart-1', events: 2, position: 2 }]);
    await engine.replay(subscription, { from: 'start' });
    await engine.waitFor(4);
    expect(await engine.deadLetters.list().toArray()).toMatchObject([{ key: 'Cart-1', events: 2, position: 2 }]);
    expect(delivered.toSorted((left, right) => left - right)).toEqual([1, 1, 4, 4, 4]);
  });

  test('begins again where it began when its checkpoint is deleted: nothing is left out', async () => {
    const url = await databases.create();
    await using store = open(url);
    await store.append('Cart-1', [sent(1)]);
    const { delivered, subscription } = sending(() => undefined, 'end');
    const engine = createProjectionEngine(store, [subscription], { leaseDuration: 300 });
    await engine.start();
    await store.append('Cart-1', [sent(2)]).then((done) => engine.waitFor(done.globalPosition));
    await runSql(url, 'delete from mink.projection_partitions');
    await expect.poll(() => delivered, { timeout: 10_000 }).toEqual([2, 2]);
    await engine.close();
    await runSql(url, 'delete from mink.projection_partitions');
    await store.append('Cart-1', [sent(3)]);
    await using again = createProjectionEngine(store, [subscription]);
    await again.start();
    await again.waitFor(3);
    expect(delivered).toEqual([2, 2, 2, 3]);
  });

  test('is paused by another process: what it acknowledges later is refused, and comes again', async () => {
    const url = await databases.create();
    await using store = open(url);
    await using elsewhere = open(url);
    let resolve = (): void => undefined;
    const promise = new Promise<void>((done) => (resolve = done));
    let begun = 0;
    const { delivered, subscription } = sending(async () => {
      begun += 1;
      if (begun === 1) await promise;
    });
    await store.append('Cart-1', [sent(1), sent(2)]);
    await using engine = createProjectionEngine(store, [subscription], { leaseDuration: 60_000 });
    await engine.start();
    await expect.poll(() => begun).toBe(1);
    await elsewhere.projections.pause(subscription);
    resolve();
    await expect.poll(() => delivered).toEqual([1, 2]);
    await expect
      .poll(async () => (await engine.status())[0])
      .toMatchObject({ state: 'paused', position: 0, events: 0 });
    await engine.resume(subscription);
    await engine.waitFor(2);
    expect(delivered).toEqual([1, 2, 1, 2]);
  });
});
