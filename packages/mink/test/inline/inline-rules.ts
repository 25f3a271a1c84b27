import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import { describe, test } from 'vitest';
import {
  column,
  ConcurrencyConflictError,
  createCommandBus,
  createEventStore,
  createProjectionEngine,
  deciderHandlers,
  defineCommands,
  defineDecider,
  defineEvents,
  defineProjection,
  defineSqlProjection,
  documents,
  idempotency,
  InlineProjectionError,
  InlineSetChangedError,
  InvalidArgumentError,
  payload,
  table,
  UniqueValueTakenError,
  type CommandOf,
  type EventStorage,
  type EventStore,
  type SlowInline,
} from '../../src/index.ts';
import { typed } from '../../src/core/index.ts';
import {
  added,
  bySku,
  cartEvents,
  cartSummary,
  folded,
  kept,
  type CartCategories,
  type CartStoreOptions,
} from '../support/inline-carts.ts';

const categories = { Cart: cartEvents };
const both = [cartSummary, bySku];
const broken = (): ReturnType<typeof cartEvents.Broken> => cartEvents.Broken(null);

const NOTHING_VERIFIED = { ok: true, events: 0, pairs: 0, parked: 0, discarded: 0, inline: 0, first: undefined };

/** What inline projections do behind every store. */
export function inlineRules(openStorage: () => Promise<EventStorage>): void {
  const open = async (options: CartStoreOptions = { inline: both }): Promise<EventStore<CartCategories>> =>
    createEventStore(await openStorage(), { categories, ...options });
  /** Two stores on one storage. */
  const openTwo = async (first: CartStoreOptions, second: CartStoreOptions) => {
    const storage = await openStorage();
    return [
      createEventStore(storage, { categories, ...first }),
      createEventStore(storage, { categories, ...second }),
    ] as const;
  };
  const checkFold = async (store: EventStore<CartCategories>): Promise<void> =>
    deepStrictEqual(await kept(store), await folded(store));

  describe('appends', () => {
    test('apply every projection: the rows are there when the append is', async () => {
      await using store = await open();
      await store.append('Cart-1', [added('a'), added('b', 2)]);
      await store.append('Cart-2', [added('a', 5), cartEvents.Noted(null)]);
      deepStrictEqual(await store.projections.readModel(cartSummary).get('Cart-1'), { items: 3, versions: [1, 2] });
      await checkFold(store);
      await store.append('Cart-1', [cartEvents.Cleared(null)]);
      strictEqual(await store.projections.readModel(cartSummary).get('Cart-1'), undefined);
      await store.append('Cart-1', [added('a'), cartEvents.Cleared(null), added('c')]);
      await checkFold(store);
    });

    test('to several streams apply all of them in the order of the log', async () => {
      await using store = await open();
      await store.appendMany([
        { streamName: 'Cart-2', events: [added('a'), added('a')] },
        { streamName: 'Cart-1', events: [added('a')] },
        { streamName: 'Cart-3', expectedVersion: 'no_stream' },
      ]);
      await checkFold(store);
    });

    test('that lose change no row', async () => {
      await using store = await open();
      await store.append('Cart-1', [added('a')]);
      const both = [added('a'), added('b')];
      await rejects(store.append('Cart-1', both, { expectedVersion: 'no_stream' }), ConcurrencyConflictError);
      await Promise.allSettled([
        store.append('Cart-1', both, { expectedVersion: 7 }),
        store.append('Cart-2', both),
        store.appendMany([
          { streamName: 'Cart-3', events: both },
          { streamName: 'Cart-1', expectedVersion: 'no_stream' },
        ]),
      ]);
      strictEqual((await store.readAll().toArray()).length, 3);
      await checkFold(store);
    });

    test('that are repeated with their ids are applied once', async () => {
      await using store = await open();
      const events = [{ ...added('a'), id: '00000000-0000-7000-8000-000000000001' }];
      await store.append('Cart-1', events);
      strictEqual((await store.append('Cart-1', events)).repeated, true);
      await checkFold(store);
    });

    test('of many writers to few rows leave the fold of the log', async () => {
      await using store = await open();
      const writer = async (n: number): Promise<void> => {
        for (let i = 0; i < 20; i += 1) await store.append(`Cart-${(n + i) % 5}`, [added(`sku-${(n * i) % 3}`)]);
      };
      await Promise.all(Array.from({ length: 16 }, (_, n) => writer(n)));
      await checkFold(store);
    });
  });

  describe('a handler that fails', () => {
    test('fails its append with what it was about, and nothing of it is stored', async () => {
      await using store = await open();
      await store.append('Cart-1', [added('a')]);
      await rejects(store.append('Cart-1', [added('b'), broken()]), (error) => {
        ok(error instanceof InlineProjectionError);
        const { projection, eventType, streamName, key, cause } = error;
        deepStrictEqual([projection, eventType, streamName, key], ['cart-summary', 'Broken', 'Cart-1', 'Cart-1']);
        return cause instanceof Error && cause.message === 'it is broken';
      });
      strictEqual((await store.readAll().toArray()).length, 1);
      await checkFold(store);
    });

    test('harms none of the appends that are made with it', async () => {
      await using store = await open();
      const results = await Promise.allSettled(
        Array.from({ length: 32 }, (_, n) =>
          store.append(`Cart-${n}`, n % 10 === 3 ? [added('a'), broken()] : [added('a')]),
        ),
      );
      const failed = results.flatMap(({ status }, n) => (status === 'rejected' ? [n] : []));
      deepStrictEqual(failed, [3, 13, 23]);
      strictEqual((await store.readAll().toArray()).length, 29);
      await checkFold(store);
    });

    test('fails also where its document is no JSON, or it waits for something', async () => {
      const bad = defineProjection({
        name: 'bad',
        events: categories,
        readModel: documents<unknown>(),
      }).on({ ItemAdded: () => ({ at: new Date(0) }), Noted: async () => ({}) });
      await using store = await open({ inline: [bad] });
      await rejects(store.append('Cart-1', [added('a')]), /at of the document .*Date/u);
      await rejects(store.append('Cart-1', [cartEvents.Noted(null)]), InlineProjectionError);
      strictEqual((await store.readAll().toArray()).length, 0);
    });

    test('fails where it takes longer than it may, and is told of before', async () => {
      const slow: SlowInline[] = [];
      await using store = await open({
        inline: both,
        inlineTimeout: 500,
        onSlowInline: (it) => {
          slow.push(it);
          throw new Error('nobody wants to know');
        },
      });
      await store.append('Cart-1', [added('a')]);
      await store.append('Cart-1', [cartEvents.Slow({ milliseconds: 100 })]);
      deepStrictEqual(
        slow.map(({ projection, eventType, streamName, key, duration }) => [
          projection,
          eventType,
          streamName,
          key,
          duration >= 100,
        ]),
        [['cart-summary', 'Slow', 'Cart-1', 'Cart-1', true]],
      );
      const results = await Promise.allSettled([
        store.append('Cart-1', [cartEvents.Slow({ milliseconds: 300 }), cartEvents.Slow({ milliseconds: 300 })]),
        store.append('Cart-2', [added('a')]),
      ]);
      deepStrictEqual(
        results.map(({ status }) => status),
        ['rejected', 'fulfilled'],
      );
      await checkFold(store);
    });
  });

  test('appends with keys and unique values apply what they store, once', async () => {
    const events = defineEvents(
      { Named: payload<{ email: string }>() },
      { unique: { email: ({ data }) => data.email } },
    );
    const names = defineProjection({
      name: 'names',
      events: { User: events },
      readModel: documents<{ emails: readonly string[] }>(),
    }).on({ Named: (user, { data }) => ({ emails: [...(user?.emails ?? []), data.email] }) });
    const commands = defineCommands({ Name: payload<{ id: string; email: string }>() });
    await using store = createEventStore(await openStorage(), { categories: { User: events }, inline: [names] });
    const user = defineDecider({
      category: 'User',
      events,
      initialState: () => ({}),
      evolve: (state) => state,
      decide: ({ data }: CommandOf<typeof commands>) => events.Named({ email: data.email }),
    });
    const handlers = [deciderHandlers(commands, user, { id: ({ data }) => data.id })];
    const bus = createCommandBus(store, { handlers, middleware: [idempotency()] });
    const name = (id: string, email: string, key: string) => bus.dispatch(commands.Name({ id, email }, { id: key }));
    await Promise.all([name('1', 'a', 'k1'), name('1', 'a', 'k1'), name('2', 'b', 'k2')]);
    await name('1', 'a', 'k1');
    await rejects(name('3', 'b', 'k3'), UniqueValueTakenError);
    const all = await store.projections.readModel(names).list().toArray();
    deepStrictEqual(
      all.map(({ key, model }) => [key, model.emails]),
      [
        ['User-1', ['a']],
        ['User-2', ['b']],
      ],
    );
  });

  test('unique sets are rebuilt where projections are inline', async () => {
    const storage = await openStorage();
    const openShelves = (unique: { readonly sku?: () => string }) => {
      const events = defineEvents({ Stocked: payload<null>() }, { unique });
      const stock = defineProjection({ name: 'stock', events: { Shelf: events }, readModel: documents<string>() });
      const inline = [stock.on({ Stocked: () => 'full' })];
      return { events, store: createEventStore(storage, { categories: { Shelf: events }, inline }) };
    };
    const before = openShelves({});
    await before.store.append('Shelf-1', [before.events.Stocked(null)]);
    await using store = openShelves({ sku: () => 'a' }).store;
    deepStrictEqual(await store.uniqueSets.rebuild('Shelf'), { streams: 1, conflicts: [] });
    strictEqual(await store.uniqueSets.holderOf('sku', 'a'), 'Shelf-1');
  });

  test('tables with columns of their own are kept, too', async () => {
    const lines = defineProjection({
      name: 'lines',
      events: categories,
      readModel: table({
        key: 'cart',
        columns: { cart: column.text(), items: column.integer(), skus: column.json<readonly string[]>() },
      }),
    }).on({
      ItemAdded: (cart, { data, streamName }) => ({
        cart: streamName,
        items: (cart?.items ?? 0) + data.quantity,
        skus: [...(cart?.skus ?? []), data.sku],
      }),
      Cleared: () => null,
    });
    const storage = await openStorage();
    await using store = createEventStore(storage, { categories, inline: [lines] });
    await Promise.all([store.append('Cart-1', [added('a', 2), added('b')]), store.append('Cart-2', [added('c')])]);
    await store.append('Cart-2', [cartEvents.Cleared(null)]);
    const rows = await storage.readModels?.listRows(lines, { after: undefined, limit: 10 });
    deepStrictEqual(
      rows?.map(({ row }) => row),
      [{ cart: 'Cart-1', items: 3, skus: ['a', 'b'] }],
    );
  });

  test('a key that depends on the place of the event is refused', async () => {
    const byPosition = defineProjection({
      name: 'by-position',
      events: categories,
      readModel: documents<{ seen: boolean }>(),
      key: ({ globalPosition }) => String(globalPosition),
    }).on({ ItemAdded: () => ({ seen: true }) });
    await using store = await open({ inline: [byPosition] });
    await rejects(store.append('Cart-1', [added('a')]), (error) => {
      ok(error instanceof InlineProjectionError && error.key === undefined);
      return error.cause instanceof InvalidArgumentError && error.message.includes('globalPosition');
    });
    strictEqual((await store.readAll().toArray()).length, 0);
  });

  describe('the active set', () => {
    test('begins by itself where the log has nothing to catch up with', async () => {
      const [store, other] = await openTwo({ inline: both }, {});
      await other.append('Cart-1', [cartEvents.Noted(null)]);
      await store.append('Cart-1', [added('a')]);
      await checkFold(store);
      const states = (await store.projections.list()).map(({ name, state }) => [name, state]);
      deepStrictEqual(states, [
        ['by-sku', 'inline'],
        ['cart-summary', 'inline'],
      ]);
      await store.close();
    });

    test('is not begun silently where it would lack rows; activating catches up', async () => {
      const [store, other] = await openTwo({ inline: both }, {});
      await other.append('Cart-1', [added('a'), added('b')]);
      await rejects(store.append('Cart-1', [added('c')]), (error) => {
        ok(error instanceof InlineSetChangedError);
        deepStrictEqual(error.inactive, ['"cart-summary" version 1', '"by-sku" version 1']);
        return true;
      });
      await store.projections.activateInline();
      await store.projections.activateInline();
      await store.append('Cart-1', [added('c')]);
      strictEqual((await store.readAll().toArray()).length, 3);
      await checkFold(store);
      await store.close();
    });

    test('is applied by every append, or the append is refused', async () => {
      const [store, other] = await openTwo({ inline: both }, {});
      await other.append('Cart-9', [cartEvents.Noted(null)]);
      await store.append('Cart-1', [added('a')]);
      await rejects(other.append('Cart-1', [added('b')]), (error) => {
        ok(error instanceof InlineSetChangedError);
        deepStrictEqual(error.missing, ['"cart-summary" version 1', '"by-sku" version 1']);
        return true;
      });
      await rejects(other.append('Cart-1', [cartEvents.Noted(null)]), InlineSetChangedError);
      await checkFold(store);
      await store.projections.deactivateInline(both);
      // Nothing that was taken out comes back by itself.
      await rejects(store.append('Cart-1', [added('c')]), InlineSetChangedError);
      await other.append('Cart-1', [added('b')]);
      await store.close();
    });

    test('may change under a store that has all of it', async () => {
      const [store, other] = await openTwo({ inline: both, whenInlineInactive: 'skip' }, {});
      await other.append('Cart-1', [added('a')]);
      await store.append('Cart-1', [added('b')]);
      await other.projections.activateInline([cartSummary]);
      await store.append('Cart-1', [added('c')]);
      await other.projections.activateInline([bySku]);
      await Promise.all([1, 2, 3].map((n) => store.append(`Cart-${n}`, [added('d')])));
      await checkFold(store);
      await other.projections.deactivateInline([cartSummary]);
      await store.append('Cart-1', [added('e')]);
      const engine = createProjectionEngine(store, both);
      await engine.start();
      await engine.waitFor((await store.readBound()).position);
      await checkFold(store);
      await engine.close();
      await store.close();
    });

    test('leaves nothing missing in a verification: what appends applied themselves is counted apart', async () => {
      const store = await open({ inline: [cartSummary], whenInlineInactive: 'skip' });
      const append = (letter: string) => store.append('Cart-1', [added(letter)]);
      const run = async (): Promise<void> => createProjectionEngine(store, [cartSummary]).catchUp();
      const verify = () => store.projections.verify(cartSummary);
      await store.projections.activateInline();
      for (const letter of ['a', 'b']) await append(letter);
      deepStrictEqual(await verify(), { ...NOTHING_VERIFIED });
      await store.projections.deactivateInline([cartSummary]);
      await append('c');
      await run();
      deepStrictEqual(await verify(), { ...NOTHING_VERIFIED, events: 3, pairs: 1, inline: 2 });
      await store.projections.activateInline([cartSummary]);
      await append('d');
      deepStrictEqual(await verify(), { ...NOTHING_VERIFIED, events: 3, pairs: 1, inline: 2 });
      await store.projections.deactivateInline([cartSummary]);
      await append('e');
      await run();
      deepStrictEqual(await verify(), { ...NOTHING_VERIFIED, events: 5, pairs: 2, inline: 3 });
      await store.projections.reset(cartSummary);
      await run();
      deepStrictEqual(await verify(), { ...NOTHING_VERIFIED, events: 5, pairs: 5 });
      await store.close();
    });

    test('holds one version of a projection: the new one takes the place of the old', async () => {
      const next = defineProjection({
        name: 'cart-summary',
        version: 2,
        events: categories,
        readModel: documents<{ events: number }>(),
      }).on({ ItemAdded: (cart) => ({ events: (cart?.events ?? 0) + 1 }) });
      const [store, newer] = await openTwo({ inline: [cartSummary] }, { inline: [next] });
      await store.append('Cart-1', [added('a', 7)]);
      await rejects(newer.append('Cart-1', [added('a')]), InlineSetChangedError);
      await newer.projections.activateInline();
      await newer.append('Cart-1', [added('a')]);
      await rejects(store.append('Cart-1', [added('a')]), InlineSetChangedError);
      deepStrictEqual(await newer.projections.readModel(next).get('Cart-1'), { events: 2 });
      deepStrictEqual((await newer.projections.readModel(cartSummary).get('Cart-1'))?.items, 7);
      await store.close();
    });

    test('is no work for an engine, which says that it is not behind', async () => {
      await using store = await open();
      await store.append('Cart-1', [added('a')]);
      await using engine = createProjectionEngine(store, both);
      await engine.start();
      const appended = await store.append('Cart-1', [added('a')]);
      const { globalPosition } = appended;
      await engine.waitFor(appended);
      await engine.catchUp(appended);
      const reader = store.projections.readModel(cartSummary);
      deepStrictEqual((await reader.get('Cart-1', { afterWrite: appended, timeout: 0 }))?.items, 2);
      const status = await engine.status();
      deepStrictEqual(
        status.map(({ name, state, lagEvents, lagTime, position }) => [name, state, lagEvents, lagTime, position]),
        [
          ['cart-summary', 'inline', 0, 0, globalPosition],
          ['by-sku', 'inline', 0, 0, globalPosition],
        ],
      );
      await checkFold(store);
      await rejects(store.projections.reset(cartSummary), InvalidArgumentError);
      await rejects(store.projections.pause(cartSummary), InvalidArgumentError);
      await checkFold(store);
    });

    test('takes no projection with parked keys, and none that fails on the log', async () => {
      const [store, other] = await openTwo({ inline: both }, {});
      await other.append('Cart-1', [added('a'), broken()]);
      await rejects(store.projections.activateInline(), /it is broken/u);
      const engine = createProjectionEngine(store, [cartSummary], { tries: 1 });
      await engine.start();
      await engine.waitFor((await store.readBound()).position);
      await engine.close();
      await rejects(store.projections.activateInline([cartSummary]), /parked keys \(1\)/u);
      await other.append('Cart-1', [added('b')]);
      await store.close();
    });
  });

  test('refuses options that cannot be', async () => {
    const lines = { columns: { sku: column.text() }, key: 'sku' };
    const sql = { events: categories, tables: { lines }, apply: async () => undefined };
    // As code without types might.
    const untyped = typed<typeof cartSummary>(defineSqlProjection({ name: 'sql', ...sql }));
    for (const options of [
      { inline: [cartSummary, cartSummary] },
      { inline: both, inlineTimeout: 0 },
      { inline: [untyped] },
    ]) {
      await rejects(open(options), InvalidArgumentError);
    }
  });
}
