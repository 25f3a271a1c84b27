import { deepStrictEqual, rejects, strictEqual } from 'node:assert';
import * as fc from 'fast-check';
import { Pool } from 'pg';
import { expectTypeOf, test } from 'vitest';
import {
  column,
  createProjectionEngine,
  defineEvents,
  defineProjection,
  documents,
  payload,
  table,
  type FindOptions,
} from '../../src/index.ts';
import { createMemoryStore } from '../../src/memory/index.ts';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { describePostgres } from '../support/databases.ts';

interface Item {
  readonly id: string;
  readonly name: string;
  readonly count: number;
  readonly ratio: number;
  readonly isOld: boolean;
  readonly at: string;
  readonly note: string | null;
}

const events = defineEvents({ ItemSet: payload<Item>() });
const items = defineProjection({
  name: 'items',
  events: { Item: events },
  key: (event) => event.data.id,
  readModel: table({
    key: 'id',
    columns: {
      id: column.text(),
      name: column.text(),
      count: column.integer(),
      ratio: column.number(),
      isOld: column.boolean(),
      at: column.timestamp(),
      note: column.nullable(column.text()),
    },
    indexes: [['count', 'id']],
  }),
}).on({ ItemSet: (_, { data }) => data });

const few = fc.constantFrom('a', 'b', 'ab', 'B', 'ä', '😀', '￿', '', "o'k", '%_');
const time = fc.integer({ min: 0, max: 5 }).map((n) => new Date(n * 86_400_000 + n).toISOString());
const item = fc.record({
  name: few,
  count: fc.integer({ min: -2, max: 2 }),
  ratio: fc.constantFrom(-1.5, 0, 0.1, 1e100),
  isOld: fc.boolean(),
  at: time,
  note: fc.option(few),
});
const comparable = { count: fc.integer({ min: -2, max: 2 }), name: few, at: time, ratio: fc.constantFrom(0, 0.1) };
const comparisons = <T>(value: fc.Arbitrary<T>) =>
  fc.oneof(
    value,
    fc.record({ ne: value, gt: value, gte: value, lt: value, lte: value, in: fc.array(value) }, { requiredKeys: [] }),
  );
const where = fc.record(
  {
    count: comparisons(comparable.count),
    name: fc.oneof(comparisons(comparable.name), fc.record({ startsWith: few })),
    at: comparisons(comparable.at),
    ratio: comparisons(comparable.ratio),
    isOld: fc.boolean(),
    note: fc.oneof(fc.constant(null), few, fc.record({ ne: fc.option(few) }), fc.record({ gt: few })),
  },
  { requiredKeys: [] },
);
const orderBy = fc.uniqueArray(
  fc.tuple(fc.constantFrom('count', 'name', 'at', 'ratio', 'isOld', 'note', 'id'), fc.constantFrom('asc', 'desc')),
  { maxLength: 3, selector: ([name]) => name },
);

describePostgres('finding in a read model', (databases) => {
  test(
    'finds the same in both stores, page by page, by any condition and in any order',
    { timeout: 120_000 },
    async () => {
      const url = await databases.create();
      const seed = Math.floor(Math.random() * 2 ** 31);
      console.log(`finding in a read model: SEED=${seed}`);
      const [all = []] = fc.sample(fc.array(item, { minLength: 60, maxLength: 60 }), { seed, numRuns: 1 });
      await using postgres = createPostgresStore({ url, categories: { Item: events } });
      await using memory = createMemoryStore({ categories: { Item: events } });
      const stores = [postgres, memory];
      for (const store of stores) {
        await store.append(
          'Item-1',
          all.map((data, n) => events.ItemSet({ ...data, id: `id-${n}` })),
        );
        await using engine = createProjectionEngine(store, [items]);
        await engine.start();
        await engine.waitFor(60);
      }
      await fc.assert(
        fc.asyncProperty(where, orderBy, fc.integer({ min: 1, max: 30 }), async (conditions, order, limit) => {
          const [left = [], right = []] = await Promise.all(
            stores.map(async (store) => {
              const reader = store.projections.readModel(items);
              const found: string[] = [];
              for (let after: string | undefined; ;) {
                const options: FindOptions<Item> = { where: conditions, orderBy: order, limit, after };
                const page = await reader.find(options);
                found.push(...page.items.map(({ key }) => key));
                if (page.next === undefined) break;
                after = page.next;
              }
              deepStrictEqual(found.length, await reader.count({ where: conditions }));
              return found;
            }),
          );
          deepStrictEqual(left, right);
        }),
        { seed, numRuns: 300 },
      );
    },
  );

  test('finds nothing where the projection was never started, in either store', async () => {
    await using postgres = createPostgresStore({ url: await databases.create(), categories: { Item: events } });
    await using memory = createMemoryStore({ categories: { Item: events } });
    for (const store of [postgres, memory]) {
      const reader = store.projections.readModel(items);
      deepStrictEqual(
        [
          await reader.get('1'),
          await reader.list().toArray(),
          await reader.find({ where: { count: 1 } }),
          await reader.count(),
        ],
        [undefined, [], { items: [], next: undefined }, 0],
      );
    }
  });

  test('finds no rows, instead of no table, also where the projection is started while they are looked for', async () => {
    const pool = new Pool({ connectionString: await databases.create() });
    await using writer = createPostgresStore({ pool, categories: { Item: events } });
    await using engine = createProjectionEngine(writer, [items]);
    const refused: unknown[] = [];
    pool.on('connect', (client) => {
      const query = client.query.bind(client);
      const late = async (...given: readonly unknown[]): Promise<unknown> => {
        try {
          return await Reflect.apply(query, client, given);
        } catch (error) {
          refused.push(Object(error).code);
          await engine.start();
          throw error;
        }
      };
      Object.assign(client, { query: late });
    });
    const reader = writer.projections.readModel(items);
    strictEqual(await reader.get('1'), undefined);
    deepStrictEqual(refused, ['42P01']);
    // Somebody has dropped the table of one that was started: that is no model without rows.
    await pool.query('drop table mink_read.items_v1 cascade');
    await rejects(reader.get('1'), { code: 'DATABASE_ERROR', sqlState: '42P01' });
    await engine.close();
    await writer.close();
    await pool.end();
  });

  test('refuses fields that are no columns, when it compiles and when it runs', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url, categories: { Item: events } });
    const named = defineProjection({
      name: 'named',
      events: { Item: events },
      readModel: documents<Item>({ fields: { name: column.text() } }),
    }).on({ ItemSet: (_, { data }) => data });
    await store.append('Item-1', [
      events.ItemSet({ id: '1', name: 'a', count: 1, ratio: 1, isOld: false, at: '2026-01-01', note: null }),
    ]);
    await using engine = createProjectionEngine(store, [named]);
    await engine.start();
    await engine.waitFor(1);
    const reader = store.projections.readModel(named);
    const { items: found, next } = await reader.find({ where: { name: { startsWith: 'a' } } });
    deepStrictEqual([found.map(({ key }) => key), next], [['Item-1'], undefined]);
    expectTypeOf(found[0]?.model).toEqualTypeOf<Item | undefined>();
    // @ts-expect-error it has no such field
    await rejects(reader.find({ where: { nothing: 1 } }), { code: 'INVALID_ARGUMENT', argument: 'where' });
    // @ts-expect-error it is a number
    await rejects(store.projections.readModel(items).find({ where: { count: 'x' } }), { argument: 'where.count' });
    await rejects(reader.find({ where: { count: 1 } }), /name it in "fields"/u);
    await rejects(reader.find({ orderBy: ['count'] }), { argument: 'orderBy' });
    await rejects(reader.find({ limit: 0 }), { argument: 'limit' });
    await rejects(reader.find({ after: 'x' }), { argument: 'after' });
    const { next: other } = await store.projections
      .readModel(items)
      .find({ orderBy: ['count'] })
      .catch(() => ({ next: '' }));
    await rejects(reader.find({ after: other ?? '' }), { argument: 'after' });
  });
});
