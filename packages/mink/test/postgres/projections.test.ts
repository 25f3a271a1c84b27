import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import { expect, test } from 'vitest';
import { createProjectionEngine, defineEvents, defineProjection, documents, payload } from '../../src/index.ts';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { describePostgres, runSql } from '../support/databases.ts';

const events = defineEvents({
  ItemAdded: payload<{ sku: string; quantity: number }>(),
  Cleared: payload<null>(),
  Noted: payload<null>(),
});
const cartSummary = defineProjection({
  name: 'cart-summary',
  events: { Cart: events },
  readModel: documents<{ items: number }>(),
}).on({
  ItemAdded: (cart, event) => ({ items: (cart?.items ?? 0) + event.data.quantity }),
  Cleared: () => null,
});
const bySku = defineProjection({
  name: 'by-sku',
  events: { Cart: events },
  readModel: documents<{ carts: readonly string[] }>(),
  key: (event) => (event.type === 'ItemAdded' ? event.data.sku : null),
}).on({ ItemAdded: (sku, { streamName }) => ({ carts: [...(sku?.carts ?? []), streamName] }) });

describePostgres('projections', (databases) => {
  const open = (url: string) => createPostgresStore({ url, categories: { Cart: events } });
  const add = (sku: string, quantity = 1) => events.ItemAdded({ sku, quantity });

  test('follow the log, and say how far they are', async () => {
    const url = await databases.create();
    await using store = open(url);
    await store.append('Cart-1', [add('a'), add('b', 2)]);
    await using engine = createProjectionEngine(store, [cartSummary, bySku]);
    await engine.start();
    const { globalPosition } = await store.append('Cart-2', [add('a', 5), events.Noted(null)]);
    await engine.waitFor(globalPosition);
    deepStrictEqual(await store.projections.readModel(cartSummary).get('Cart-1'), { items: 3 });
    deepStrictEqual(
      (await store.projections.readModel(bySku).list().toArray()).map(({ key, model }) => [key, model.carts]),
      [
        ['a', ['Cart-1', 'Cart-2']],
        ['b', ['Cart-1']],
      ],
    );
    await store.append('Cart-1', [events.Cleared(null)]).then((done) => engine.waitFor(done.globalPosition));
    strictEqual(await store.projections.readModel(cartSummary).get('Cart-1'), undefined);
    const [status] = await engine.status();
    ok(status?.state === 'live' && status.lagEvents === 0 && status.lagTime === 0 && status.events === 4);
  });

  test('are worked on by one process at a time, and taken over', async () => {
    const url = await databases.create();
    const store = open(url);
    const stores = [store, open(url), open(url)];
    const engines = stores.map((store) => createProjectionEngine(store, [cartSummary], { leaseDuration: 300 }));
    await Promise.all(engines.map((engine) => engine.start()));
    for (let n = 0; n < 30; n += 1) {
      await stores[n % 3]?.append(`Cart-${n % 7}`, [add('a')]);
      // Whoever it is that works on it now.
      if (n % 10 === 5) await runSql(url, 'update mink.projection_partitions set epoch = epoch + 1, owner = null');
    }
    const [first, second] = engines;
    const { position } = await store.readBound();
    await second?.waitFor(position);
    await first?.close();
    await stores[1]?.append('Cart-0', [add('a')]).then((done) => second?.waitFor(done.globalPosition));
    const all = await store.projections.readModel(cartSummary).list().toArray();
    strictEqual(
      all.reduce((sum, { model }) => sum + model.items, 0),
      31,
    );
    for (const engine of engines) await engine.close();
    await Promise.all(stores.map((one) => one.close()));
  });

  test('pass over nothing: an event that fails stops them, after everything before it', async () => {
    const url = await databases.create();
    await using store = open(url);
    let isBroken = true;
    const failing = defineProjection({
      name: 'failing',
      events: { Cart: events },
      readModel: documents<{ items: number }>(),
    }).on({
      ItemAdded: (cart, event) => {
        if (event.data.sku === 'bad' && isBroken) throw new Error('cannot');
        return { items: (cart?.items ?? 0) + 1 };
      },
    });
    await store.append('Cart-1', [add('a'), add('b'), add('bad'), add('c')]);
    await using engine = createProjectionEngine(store, [failing], { tries: 2, backoff: 1, maxParkedKeys: 0 });
    await engine.start();
    await expect.poll(async () => (await engine.status())[0]?.state).toBe('faulted');
    const [status] = await engine.status();
    expect(status).toMatchObject({
      events: 2,
      lagEvents: 2,
      error: 'there are 0 parked keys already',
    });
    deepStrictEqual(await store.projections.readModel(failing).get('Cart-1'), { items: 2 });
    await rejects(engine.waitFor(4, { timeout: 20 }), { code: 'PROJECTION_BEHIND', projection: 'failing', wanted: 4 });
    isBroken = false;
    await engine.close();
    await using again = createProjectionEngine(store, [failing]);
    await again.start();
    await again.waitFor(4);
    deepStrictEqual(await store.projections.readModel(failing).get('Cart-1'), { items: 4 });
  });
});

describePostgres('dead letters', (databases) => {
  const open = (url: string) => createPostgresStore({ url, categories: { Cart: events } });
  const add = (sku: string, quantity = 1) => events.ItemAdded({ sku, quantity });
  const bad = new Set<string>();
  const fragile = defineProjection({
    name: 'fragile',
    events: { Cart: events },
    readModel: documents<{ skus: string }>(),
  }).on({
    ItemAdded: (cart, event) => {
      if (bad.has(event.data.sku)) throw new Error(`cannot take ${event.data.sku}`);
      return { skus: (cart?.skus ?? '') + event.data.sku };
    },
  });

  test('keep the order of their key; other keys go on; retried, nothing is missing', async () => {
    const url = await databases.create();
    await using store = open(url);
    await using engine = createProjectionEngine(store, [fragile], { tries: 2, backoff: 1, batchSize: 3 });
    bad.clear();
    bad.add('x').add('y');
    await store.append('Cart-1', [add('a'), add('x'), add('b')]);
    await store.append('Cart-2', [add('c')]);
    await engine.start();
    await store.append('Cart-1', [add('y'), add('d')]);
    const { globalPosition } = await store.append('Cart-2', [add('e')]);
    await engine.waitFor(globalPosition);
    const list = async () =>
      (await store.projections.readModel(fragile).list().toArray()).map(({ key, model, isStale }) => [
        key,
        model.skus,
        isStale,
      ]);
    deepStrictEqual(await list(), [
      ['Cart-1', 'a', true],
      ['Cart-2', 'ce', false],
    ]);
    const parked = await engine.deadLetters.list().toArray();
    expect(parked).toMatchObject([
      { name: 'fragile', key: 'Cart-1', events: 4, position: 2, error: 'cannot take x', attempts: 2 },
    ]);
    expect((await engine.status())[0]).toMatchObject({ state: 'live', parkedKeys: 1, lagEvents: 0 });
    const of = { projection: fragile, key: 'Cart-1' };
    deepStrictEqual(
      (await engine.deadLetters.show(of).toArray()).map(({ streamVersion }) => streamVersion),
      [2, 3, 4, 5],
    );
    bad.delete('x');
    expect(await engine.deadLetters.dryRun(of)).toEqual({
      applied: 2,
      left: 2,
      error: 'cannot take y',
      changes: [{ path: 'skus', before: 'a', after: 'axb' }],
    });
    expect(await engine.deadLetters.retry(of)).toEqual({ applied: 2, left: 2, error: 'cannot take y' });
    deepStrictEqual((await list())[0], ['Cart-1', 'axb', true]);
    await store.append('Cart-1', [add('f')]).then((done) => engine.waitFor(done.globalPosition));
    bad.clear();
    expect(await engine.deadLetters.retry(of)).toEqual({ applied: 3, left: 0, error: undefined });
    await store.append('Cart-1', [add('g')]).then((done) => engine.waitFor(done.globalPosition));
    deepStrictEqual((await list())[0], ['Cart-1', 'axbydfg', false]);
    deepStrictEqual(await engine.deadLetters.list().toArray(), []);
  });

  test('are given up with a reason, and the model says that it lacks them', async () => {
    const url = await databases.create();
    await using store = open(url);
    await using engine = createProjectionEngine(store, [fragile], { tries: 1 });
    bad.clear();
    bad.add('x');
    await store.append('Cart-1', [add('a'), add('x')]);
    await engine.start();
    await engine.waitFor(2);
    const of = { projection: fragile, key: 'Cart-1' };
    strictEqual(await engine.deadLetters.discard(of, { reason: 'never existed' }), 1);
    await store.append('Cart-1', [add('b')]).then((done) => engine.waitFor(done.globalPosition));
    const [found] = await store.projections.readModel(fragile).list().toArray();
    expect(found).toMatchObject({ model: { skus: 'ab' } });
    const kept = await runSql(url, 'select position, error, reason from mink.discarded_letters');
    expect(kept).toEqual([{ position: '2', error: 'cannot take x', reason: 'never existed' }]);
  });

  test('stop the projection where there is no room for more', async () => {
    const url = await databases.create();
    await using store = open(url);
    await using engine = createProjectionEngine(store, [fragile], { tries: 1, maxParkedKeys: 1 });
    bad.clear();
    bad.add('x');
    for (const cart of ['Cart-1', 'Cart-2', 'Cart-3'] as const) await store.append(cart, [add('x')]);
    await engine.start();
    await expect.poll(async () => (await engine.status())[0]?.state).toBe('faulted');
    expect((await engine.status())[0]).toMatchObject({ parkedKeys: 1, lagEvents: 2, position: 1 });
  });

  test('retried while others come lose none and keep the order', async () => {
    const url = await databases.create();
    await using store = open(url);
    await using engine = createProjectionEngine(store, [fragile], { tries: 1, batchSize: 5 });
    bad.clear();
    bad.add('x');
    await engine.start();
    let expected = '';
    const writing = new AbortController();
    const retrying = (async () => {
      while (!writing.signal.aborted) {
        for (const { key } of await engine.deadLetters.list().toArray()) {
          bad.delete('x');
          await engine.deadLetters.retry({ projection: fragile, key });
          bad.add('x');
        }
      }
    })();
    for (let n = 0; n < 200; n += 1) {
      const sku = n % 7 === 3 ? 'x' : String.fromCodePoint(97 + (n % 20));
      expected += sku;
      await store.append('Cart-1', [add(sku)]);
    }
    writing.abort();
    await retrying;
    bad.clear();
    const { position } = await store.readBound();
    await engine.waitFor(position);
    await engine.deadLetters.retry({ projection: fragile, key: 'Cart-1' });
    deepStrictEqual(await store.projections.readModel(fragile).get('Cart-1'), { skus: expected });
  });
});

describePostgres('a projection', (databases) => {
  const open = (url: string) => createPostgresStore({ url, categories: { Cart: events } });
  const add = (sku: string, quantity = 1) => events.ItemAdded({ sku, quantity });

  test('can be paused, wherever it runs, and resumed', async () => {
    const url = await databases.create();
    await using store = open(url);
    await using engine = createProjectionEngine(store, [cartSummary], { leaseDuration: 300 });
    await engine.start();
    await store.append('Cart-1', [add('a')]).then((done) => engine.waitFor(done.globalPosition));
    await using other = createProjectionEngine(store, [cartSummary]);
    await other.pause(cartSummary);
    const { globalPosition } = await store.append('Cart-1', [add('b')]);
    await rejects(engine.waitFor(globalPosition, { timeout: 500 }), { code: 'PROJECTION_BEHIND' });
    expect((await engine.status())[0]).toMatchObject({ state: 'paused', lagEvents: 1, position: 1 });
    await other.resume(cartSummary);
    await engine.waitFor(globalPosition);
    await rejects(other.pause({ name: 'nosuch', version: 1 }), { code: 'INVALID_ARGUMENT' });
  });

  test('can be reset while it runs', async () => {
    const url = await databases.create();
    await using store = open(url);
    await using engine = createProjectionEngine(store, [cartSummary], { batchSize: 1 });
    await engine.start();
    for (let n = 0; n < 50; n += 1) {
      await store.append('Cart-1', [add('a')]);
      if (n % 10 === 5) await engine.reset(cartSummary);
    }
    await engine.waitFor(50);
    deepStrictEqual(await store.projections.readModel(cartSummary).get('Cart-1'), { items: 50 });
  });

  test('of rows that were deleted by hand goes on, and is right again after a reset', async () => {
    const url = await databases.create();
    await using store = open(url);
    await using engine = createProjectionEngine(store, [cartSummary]);
    await engine.start();
    await store.append('Cart-1', [add('a')]).then((done) => engine.waitFor(done.globalPosition));
    await runSql(url, 'truncate mink_read.cart_summary_v1');
    await store.append('Cart-1', [add('a')]).then((done) => engine.waitFor(done.globalPosition));
    deepStrictEqual(await store.projections.readModel(cartSummary).get('Cart-1'), { items: 1 });
    await runSql(url, 'delete from mink.projection_partitions');
    await engine.close();
    await using again = createProjectionEngine(store, [cartSummary]);
    await again.start();
    await again.reset(cartSummary);
    await again.waitFor(2);
    deepStrictEqual(await store.projections.readModel(cartSummary).get('Cart-1'), { items: 2 });
  });
});
