import { describe, expect, test, vi } from 'vitest';
import { createMemoryStore } from '../../memory/index.ts';
import { defineEvents } from '../events/define-events.ts';
import { payload } from '../events/event-schema.ts';
import { splitInto, upcastFrom } from '../events/upcasting.ts';
import { createEventStore } from '../store/event-store.ts';
import { createMemoryStorage } from '../../memory/index.ts';
import { column } from './columns.ts';
import { defineProjection } from './define-projection.ts';
import { defineSqlProjection } from './define-sql-projection.ts';
import { documents, table } from './read-model.ts';
import { createProjectionEngine } from './projection-engine.ts';
import { readModelsOf } from './read-model-reader.ts';

const events = defineEvents(
  {
    ItemAdded: upcastFrom(payload<{ item: string }>())
      .to(2, ({ item }) => ({ sku: item }))
      .now(payload<{ sku: string }>()),
    Cleared: payload<null>(),
  },
  {
    past: {
      ItemsAdded: splitInto(payload<{ skus: string[] }>(), ({ skus }) =>
        skus.map((sku) => ({ type: 'ItemAdded', data: { sku } }) as const),
      ),
    },
  },
);
const add = (sku: string) => events.ItemAdded({ sku });

const skus = defineProjection({
  name: 'skus',
  events: { Cart: events },
  readModel: documents<{ skus: string }>(),
}).on({
  ItemAdded: (cart, event) => {
    if (event.data.sku === 'x') throw new Error('no x');
    return { skus: (cart?.skus ?? '') + event.data.sku };
  },
  Cleared: () => null,
});

describe('a projection', () => {
  test('sees events as they are today, all parts of one that was split or none', async () => {
    const storage = createMemoryStorage();
    const old = createEventStore(storage);
    await old.append('Cart-1', [{ type: 'ItemAdded', data: { item: 'a' } }]);
    await old.append('Cart-1', [{ type: 'ItemsAdded', data: { skus: ['b', 'x'] } }]);
    await old.append('Cart-2', [{ type: 'ItemsAdded', data: { skus: ['c', 'd'] } }]);
    const store = createEventStore(storage, { categories: { Cart: events } });
    await using engine = createProjectionEngine(store, [skus], { tries: 2, backoff: 0 });
    await engine.start();
    await engine.waitFor(3);
    expect(await store.projections.readModel(skus).get('Cart-1')).toEqual({ skus: 'a' });
    expect(await store.projections.readModel(skus).get('Cart-2')).toEqual({ skus: 'cd' });
    expect(await engine.deadLetters.list().toArray()).toMatchObject([{ key: 'Cart-1', events: 1, error: 'no x' }]);
  });

  test('cannot change what it gets, nor keep what is no JSON', async () => {
    const store = createMemoryStore({ categories: { Cart: events } });
    const changing = defineProjection({
      name: 'changing',
      events: { Cart: events },
      readModel: documents<{ skus: string[] }>(),
    }).on({
      ItemAdded: (cart, { data }) => {
        if (cart === null) return { skus: [data.sku] };
        cart.skus.push(data.sku);
        return cart;
      },
    });
    const dated = defineProjection({
      name: 'dated',
      events: { Cart: events },
      readModel: documents<{ at: Date }>(),
    }).on({ ItemAdded: (_, event) => ({ at: event.recordedAt }) });
    await store.append('Cart-1', [add('a'), add('b')]);
    await using engine = createProjectionEngine(store, [changing, dated], { tries: 1 });
    await engine.start();
    await engine.waitFor(2);
    const parked = await engine.deadLetters.list().toArray();
    expect(parked.map(({ name, error }) => [name, error])).toEqual([
      ['changing', expect.stringContaining('not extensible')],
      ['dated', expect.stringContaining('at of the document is a Date')],
    ]);
  });

  test('is about the keys that it says; one that is parked for one of them is applied to the others', async () => {
    const store = createMemoryStore({ categories: { Cart: events } });
    const byLetter = defineProjection({
      name: 'by-letter',
      events: { Cart: events },
      readModel: documents<{ count: number }>(),
      key: (event) => (event.type === 'ItemAdded' ? Array.from(event.data.sku) : null),
    }).on({
      ItemAdded: (letter, _event, key) => {
        if (key === 'x') throw new Error('no x');
        return { count: (letter?.count ?? 0) + 1 };
      },
      Cleared: () => null,
    });
    await store.append('Cart-1', [add('ab'), add('bxb'), events.Cleared(null), add('x')]);
    await using engine = createProjectionEngine(store, [byLetter], { tries: 1 });
    await engine.start();
    await engine.waitFor(4);
    const list = await store.projections.readModel(byLetter).list().toArray();
    expect(list.map(({ key, model }) => [key, model.count])).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
    expect(await engine.deadLetters.list().toArray()).toMatchObject([{ key: 'x', events: 2 }]);
  });

  test('is not asked about types that it does not handle, parts of a split event included', async () => {
    const storage = createMemoryStorage();
    await createEventStore(storage).append('Cart-1', [{ type: 'ItemsAdded', data: { skus: ['a'] } }]);
    const store = createEventStore(storage, { categories: { Cart: events } });
    const asked: string[] = [];
    const clearing = defineProjection({
      name: 'clearing',
      events: { Cart: events },
      readModel: documents<{ cleared: number }>(),
      key: (event) => {
        asked.push(event.type);
        return event.streamName;
      },
    }).on({ Cleared: () => ({ cleared: 1 }) });
    await store.append('Cart-1', [add('b'), events.Cleared(null)]);
    await using engine = createProjectionEngine(store, [clearing]);
    await engine.start();
    await engine.waitFor(3);
    expect(asked).toEqual(['Cleared']);
  });

  test.each(['', 'a\0b', '\ud800', 'x'.repeat(1_001)])('has no key like %j', async (key) => {
    const store = createMemoryStore({ categories: { Cart: events } });
    const wrong = defineProjection({
      name: 'wrong',
      events: { Cart: events },
      readModel: documents<null>(),
      key: () => key,
    }).on({ ItemAdded: () => null });
    await store.append('Cart-1', [add('a')]);
    await using engine = createProjectionEngine(store, [wrong], { tries: 1 });
    await engine.start();
    await expect.poll(async () => (await engine.status())[0]?.state).toBe('faulted');
  });

  test('whose keys cannot be told stands still: the order of one would be lost', async () => {
    const store = createMemoryStore({ categories: { Cart: events } });
    const keyless = defineProjection({
      name: 'keyless',
      events: { Cart: events },
      readModel: documents<null>(),
      key: () => '',
    }).on({ ItemAdded: () => null });
    await store.append('Cart-1', [add('a')]);
    await using engine = createProjectionEngine(store, [keyless], { tries: 1 });
    await engine.start();
    await expect
      .poll(async () => (await engine.status())[0])
      .toMatchObject({
        state: 'faulted',
        position: 0,
        error: expect.stringContaining('key: of projection "keyless" gives ""'),
      });
  });

  test('tells its errors apart as it is told', async () => {
    const store = createMemoryStore({ categories: { Cart: events } });
    let tries = 0;
    const failing = defineProjection({
      name: 'failing',
      events: { Cart: events },
      readModel: documents<{ n: number }>(),
    }).on({
      ItemAdded: (_, { data }) => {
        tries += 1;
        if (data.sku === 'later' && tries < 5) throw new Error('wait');
        if (data.sku === 'never') throw new Error('never');
        return { n: tries };
      },
    });
    const classify = (error: unknown) =>
      error instanceof Error && error.message === 'wait' ? ('transient' as const) : ('permanent' as const);
    await store.append('Cart-1', [add('later')]);
    await using engine = createProjectionEngine(store, [failing], { tries: 2, backoff: 0, classify });
    await engine.start();
    await engine.waitFor(1);
    expect(await store.projections.readModel(failing).get('Cart-1')).toEqual({ n: 5 });
    tries = 0;
    await store.append('Cart-2', [add('never')]).then((done) => engine.waitFor(done.globalPosition));
    // Once to see that it fails, and once to park it.
    expect(tries).toBe(2);
  });
});

describe('a worker', () => {
  test('waits for a batch to be filled, once it has caught up, and ends at once when it is told to', async () => {
    const storage = createMemoryStorage();
    const store = createEventStore(storage, { categories: { Cart: events } });
    const commit = vi.spyOn(readModelsOf(storage), 'commitProjection');
    const batches = () => commit.mock.calls.map(([batch]) => batch.events);
    await store.append('Cart-1', [add('a'), add('b')]);
    const engine = createProjectionEngine(store, [skus], { batchSize: 3, batchTimeout: 60_000 });
    await engine.start();
    // What was there already is not waited in.
    await expect.poll(batches).toEqual([2]);
    for (const sku of ['c', 'd']) await store.append('Cart-1', [add(sku)]);
    await engine.waitFor(4, { timeout: 20 }).catch(() => undefined);
    expect(batches()).toEqual([2]);
    await store.append('Cart-1', [add('e')]);
    await engine.waitFor(5);
    expect(batches()).toEqual([2, 3]);
    await store.append('Cart-1', [add('f')]);
    await engine.close();
    await using hasty = createProjectionEngine(store, [skus], { batchSize: 3, batchTimeout: 1 });
    await hasty.start();
    await hasty.waitFor(await store.append('Cart-1', [add('g')]));
    expect(await store.projections.readModel(skus).get('Cart-1')).toEqual({ skus: 'abcdefg' });
  });

  test('that has lost its lease ends, whatever else fails', async () => {
    const storage = createMemoryStorage();
    const { readModels } = storage;
    if (readModels === undefined) throw new Error('no read models');
    const commit = readModels.commitProjection.bind(readModels);
    let commits = 0;
    readModels.commitProjection = async (batch) => {
      commits += 1;
      // Somebody pauses it just now. A turn for the others, if it goes round in a circle.
      await readModels.pauseProjection(skus, true);
      await new Promise(setImmediate);
      return commit(batch);
    };
    const store = createEventStore(storage, { categories: { Cart: events } });
    for (const cart of ['Cart-1', 'Cart-2'] as const) await store.append(cart, [add('x')]);
    await using engine = createProjectionEngine(store, [skus], { tries: 1 });
    await engine.start();
    await expect.poll(() => commits).toBeGreaterThan(0);
    for (let n = 0; n < 50; n += 1) await new Promise(setImmediate);
    expect(commits).toBe(1);
  });
});

describe('an event that fails', () => {
  test('has all of its tries, whatever failed before it', async () => {
    const store = createMemoryStore({ categories: { Cart: events } });
    const left = new Map([
      ['never', Infinity],
      ['third', 2],
      ['later', 5],
    ]);
    const failing = defineProjection({
      name: 'failing',
      events: { Cart: events },
      readModel: documents<{ skus: string }>(),
    }).on({
      ItemAdded: (cart, { data: { sku } }) => {
        const failures = left.get(sku) ?? 0;
        left.set(sku, failures - 1);
        if (failures > 0) throw new Error(sku);
        return { skus: `${cart?.skus ?? ''}${sku} ` };
      },
    });
    const classify = (error: unknown) =>
      error instanceof Error && error.message === 'later' ? ('transient' as const) : undefined;
    await store.append('Cart-1', [add('never')]);
    await store.append('Cart-2', [add('third')]);
    await store.append('Cart-3', [add('later')]);
    left.set('third too', 2);
    await store.append('Cart-4', [add('third too')]);
    await using engine = createProjectionEngine(store, [failing], { tries: 3, backoff: 0, classify });
    await engine.start();
    await engine.waitFor(4);
    const parked = await engine.deadLetters.list().toArray();
    expect(parked).toMatchObject([{ key: 'Cart-1', error: 'never', attempts: 3 }]);
    expect(await store.projections.readModel(failing).get('Cart-4')).toEqual({ skus: 'third too ' });
  });
});

describe('what is no projection', () => {
  const definition = { events: { Cart: events }, readModel: documents<null>() };

  test.each([
    ['name', { ...definition, name: 'Not A Name' }],
    ['name', { ...definition, name: `a${'b'.repeat(40)}` }],
    ['name', { ...definition, name: 'a-v2' }],
    ['name', { ...definition, name: 'a_v1_b' }],
    ['version', { ...definition, name: 'a', version: 0 }],
  ])('%s is refused', (argument, wrong) => {
    expect(() => defineProjection(wrong)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT', argument }));
  });

  test('names that are too long for PostgreSQL together are refused', () => {
    const tables = { [`t${'b'.repeat(29)}`]: { columns: { id: column.text() }, key: 'id' } };
    const apply = async () => undefined;
    const define = (name: string) => () => defineSqlProjection({ name, events: { Cart: events }, tables, apply });
    expect(define(`a${'b'.repeat(20)}`)).not.toThrow();
    expect(define(`a${'b'.repeat(21)}`)).toThrow('longer than 55 bytes');
  });

  test('a handler that writes SQL with several keys for one event is refused: it would be applied for each of them', async () => {
    const store = createMemoryStore({ categories: { Cart: events } });
    const several = defineSqlProjection({
      name: 'several',
      events: { Cart: events },
      tables: { rows: { columns: { id: column.text() }, key: 'id' } },
      // @ts-expect-error one key, or none
      key: () => ['a', 'b'],
      apply: async () => undefined,
    });
    await store.append('Cart-1', [add('a')]);
    const [event] = await store.readAll().toArray();
    if (event === undefined) throw new Error('no event');
    expect(() => several.keysOf(event)).toThrow('gives several for event "ItemAdded"');
  });

  test.each([0, 65, 1.5])('%d partitions are refused', (partitions) => {
    expect(() => defineProjection({ ...definition, name: 'a', partitions })).toThrow('from 1 to 64');
  });

  test('a column that JavaScript would take for something else is refused', () => {
    expect(() => table({ key: 'id', columns: { id: column.text(), ['__proto__']: column.json() } })).toThrow(
      '__proto__',
    );
  });

  test('a handler of an unknown type, one that is no function, no handler, and two of one name, are refused', () => {
    const orders = defineProjection({ ...definition, name: 'a' });
    const unknown: object = { Nope: () => null };
    const wrong: object = { ItemAdded: null };
    expect(() => orders.on(unknown)).toThrow('on.Nope');
    expect(() => orders.on(wrong)).toThrow('on.ItemAdded');
    expect(() => orders.on({})).toThrow('handles no event');
    const store = createMemoryStore({ categories: { Cart: events } });
    expect(() => createProjectionEngine(store, [skus, skus])).toThrow('twice');
    expect(() => createProjectionEngine(store, [])).toThrow('empty');
    // @ts-expect-error: no handlers
    expect(() => createProjectionEngine(store, [orders])).toThrow('without handlers');
    expect(() => createProjectionEngine(store, [skus], { tries: 0 })).toThrow('tries');
    expect(() => createProjectionEngine(store, [skus], { batchTimeout: -1 })).toThrow('batchTimeout');
    const other = createMemoryStore({ categories: { Cart: defineEvents({ ItemAdded: payload<null>() }) } });
    expect(() => createProjectionEngine(other, [skus])).toThrow('other events');
  });
});
