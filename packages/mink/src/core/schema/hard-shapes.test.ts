import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { storageWith } from '../../../test/support/storage-with.ts';
import { createMemoryStorage } from '../../memory/index.ts';
import { defineDecider } from '../deciders/decider.ts';
import { defineEvents } from '../events/define-events.ts';
import { payload } from '../events/event-schema.ts';
import { createEventStore } from '../store/event-store.ts';
import { join, shapeOf } from './shape.ts';
import { ShapeCatalogue } from './shape-catalogue.ts';

interface Line {
  readonly sku: string;
}
const placed = (data: unknown, type = 'Placed') => ({ type, data });

describe('check', () => {
  test.each(['lines', 'items', 'rows', 'entries'])(
    'tries %s that are not empty, before a scan and after',
    async (name) => {
      const storage = createMemoryStorage();
      const writer = createEventStore(storage);
      await writer.append('Order-1', [placed({ [name]: [] })]);
      await writer.append('Order-2', [placed({ [name]: [{ sku: 7 }] })]);
      await writer.append('Order-3', [placed({ [name]: [] })]);
      const events = defineEvents({ Placed: payload<Readonly<Record<string, readonly Line[]>>>() });
      const order = defineDecider({
        category: 'Order',
        events,
        initialState: () => ({ skus: [''] }),
        evolve: (_state, { data }) => ({ skus: (data[name] ?? []).map(({ sku }) => sku.trim()) }),
        decide: () => [],
      });
      const { schema } = createEventStore(storage, { categories: { Order: events } });
      const check = async () => (await schema.check([order])).broken.map(({ event }) => event?.streamName);
      const before = await check();
      await schema.scan();
      expect([before, await check()]).toEqual([['Order-2'], ['Order-2']]);
    },
  );

  test('tries a list that was empty once', async () => {
    const storage = createMemoryStorage();
    const untyped = createEventStore(storage);
    for (const [index, lines] of [[{ sku: 'a' }], [], [{ sku: 'b' }]].entries()) {
      await untyped.append(`Order-${index}`, [placed({ lines })]);
    }
    const events = defineEvents({ Placed: payload<{ lines: readonly Line[] }>() });
    const order = defineDecider({
      category: 'Order',
      events,
      initialState: () => ({ first: '' }),
      evolve: (_state, { data: { lines } }) => {
        const [first] = lines;
        if (first === undefined) throw new Error('there is no line');
        return { first: first.sku };
      },
      decide: () => [],
    });
    const { schema } = createEventStore(storage, { categories: { Order: events } });
    await schema.scan();
    expect((await schema.check([order])).broken).toHaveLength(1);
  });

  test('goes on to the other folds where one has no first state', async () => {
    const storage = createMemoryStorage();
    const events = defineEvents({ Placed: payload<number>() });
    const store = createEventStore(storage, { categories: { Order: events } });
    await store.append('Order-1', [events.Placed(1)]);
    const order = defineDecider({
      category: 'Order',
      events,
      initialState: (): number => {
        throw new Error('no first state');
      },
      evolve: (state) => state,
      decide: () => [],
    });
    const checked = await store.schema.check([order]).then(({ broken }) => broken.length, String);
    expect(checked).toBe(1);
  });

  test.each(['lines', 'items', 'rows'])(
    'raises no alarm where %s were once empty, and the log can be read',
    async (name) => {
      const storage = createMemoryStorage();
      const events = defineEvents({
        Placed: z.object({ currency: z.enum(['EUR', 'USD']), [name]: z.array(z.number()) }),
      });
      const store = createEventStore(storage, { categories: { Order: events } });
      const untyped = createEventStore(storage);
      await untyped.append('Order-1', [placed({ currency: 'EUR', [name]: [] })]);
      for (let n = 0; n < 300; n += 1) await untyped.append('Order-2', [placed({ currency: 'EUR', [name]: [n] })]);
      await store.schema.scan();
      const { generated, broken } = await store.schema.check([]);
      expect({ generated, broken: broken.map(({ error }) => String(error)) }).toEqual({ generated: 0, broken: [] });
    },
  );

  test('of a type with many shapes still knows where the events of each are', async () => {
    const storage = createMemoryStorage();
    const untyped = createEventStore(storage);
    const events = defineEvents({ Placed: z.looseObject({ currency: z.enum(['EUR', 'USD']) }) });
    for (let n = 0; n < 800; n += 1) {
      await untyped.append('Order-2', [placed({ currency: 'EUR', [`name${n % 400}x`]: n })]);
    }
    const { schema } = createEventStore(storage, { categories: { Order: events } });
    await schema.scan({ rebuild: true });
    const { shapes, generated, broken } = await schema.check([]);
    expect({ shapes, generated, broken: broken.length }).toEqual({ shapes: 257, generated: 0, broken: 0 });
  });
});

describe('scan', () => {
  test('counts exactly while another one runs', async () => {
    const inner = createMemoryStorage();
    const writer = createEventStore(inner);
    for (let n = 0; n < 10; n += 1) await writer.append('Order-1', [placed(n, 'One')]);
    for (let n = 0; n < 10; n += 1) await writer.append('Order-1', [placed(n, 'Two')]);
    let pages = 0;
    const storage = storageWith(inner, {
      readLogPage: async (query) => {
        pages += 1;
        if (pages === 2) await createEventStore(inner).schema.scan();
        return inner.readLogPage(query);
      },
    });
    await createEventStore(storage, { pageSize: 10 }).schema.scan();
    const shapes = await inner.listShapes({ limit: 10 });
    expect(shapes.map(({ type, eventCount }) => [type, eventCount])).toEqual([
      ['One', 10],
      ['Two', 10],
    ]);
  });
});

describe('rewrite', () => {
  test('leaves out what cannot be written, instead of throwing', () => {
    const events = defineEvents({ Placed: z.object({ count: z.string().transform(Number) }) });
    const { schema } = createEventStore(createMemoryStorage(), { categories: { Order: events } });
    const samples = [{ category: 'Order', type: 'Placed', schemaVersion: 1, data: { count: '12' } }];
    expect(() => schema.rewrite(samples)).not.toThrow();
  });
});

describe('changelog', () => {
  test('tells every part that has changed', async () => {
    const storage = createMemoryStorage();
    const owner = { category: 'Order', type: 'Placed' };
    const record = async (schemaVersion: number, values: readonly unknown[]) => {
      const shape = values.map((value) => shapeOf(JSON.parse(JSON.stringify(value)))).reduce(join);
      await storage.recordShape({ ...owner, schemaVersion, hash: 'h', shape, replaces: undefined });
    };
    await record(1, [{ a: 1 }, ['x']]);
    await record(2, [{ a: 1 }, [1]]);
    const [history] = await createEventStore(storage).schema.changelog();
    expect(history?.versions[1]?.changes).not.toEqual([]);
  });
});

describe('the gate', () => {
  test('keeps only those appends waiting that are of the same stream', async () => {
    const inner = createMemoryStorage();
    const storage = storageWith(inner, {
      recordShape: (shape) => (shape.type === 'Hangs' ? new Promise<never>(() => undefined) : inner.recordShape(shape)),
    });
    const store = createEventStore(storage);
    await store.append('Order-1', [placed(1)]);
    void store.append('Cart-1', [placed(1, 'Hangs')]);
    const other = store.append('Order-1', [placed(2)]).then(() => 'stored');
    const late = new Promise((resolve) => setTimeout(() => resolve('late'), 10_000));
    expect(await Promise.race([other, late])).toBe('stored');
  });

  test('knows a list of lines with optional fields again', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    let seed = 1;
    const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    const order = () => ({
      lines: Array.from({ length: 100 }, () =>
        Object.fromEntries(names.filter(() => random() < 0.5).map((name) => [name, 1])),
      ),
    });
    const catalogue = new ShapeCatalogue(createMemoryStorage());
    const admit = () => {
      const event = { id: '', type: 'Placed', schemaVersion: 1, data: order(), metadata: {}, hasNegativeZero: false };
      const entry = { streamName: 'Order-1', category: 'Order', expectedVersion: 'any' as const, events: [event] };
      return catalogue.admit([entry], undefined);
    };
    for (let n = 0; n < 50; n += 1) await admit();
    await new Promise(setImmediate);
    let waited = 0;
    for (let n = 0; n < 100; n += 1) {
      const admitted = admit();
      if (admitted !== undefined) waited += 1;
      await admitted;
      await new Promise(setImmediate);
    }
    expect(waited).toBeLessThan(10);
  });
});
