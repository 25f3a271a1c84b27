import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import type { EventStore, ListStreamsOptions, UntypedCategories } from '../../core/index.ts';
import { counted, type Rule } from './contract-case.ts';

async function names(
  store: EventStore<UntypedCategories>,
  options: ListStreamsOptions<string>,
): Promise<readonly string[]> {
  return (await store.listStreams(options).toArray()).map(({ streamName }) => streamName);
}

/** What is known about streams. */
export const streamRules: readonly Rule[] = [
  {
    name: 'a stream is described by name, category, version and times',
    check: async ({ store }) => {
      const first = await store.append('Order-1-2', counted(2));
      const last = await store.append('Order-1-2', counted(1));
      const info = await store.streamInfo('Order-1-2');
      ok(info !== undefined);
      deepStrictEqual(
        { ...info },
        {
          streamName: 'Order-1-2',
          category: 'Order',
          version: 3,
          createdAt: first.events[0]?.recordedAt,
          lastRecordedAt: last.events[0]?.recordedAt,
          state: 'live',
        },
      );
    },
  },
  {
    name: 'streams are listed by name in code point order, page by page',
    check: async ({ store }) => {
      const all = ['B-1', 'A-2', 'a-1', 'A-10', 'A-1', 'Ä-1', 'A-\uffe0', 'A-😀', 'AB-1'];
      for (const name of all) await store.append(name, counted(1));
      const sorted = ['A-1', 'A-10', 'A-2', 'A-\uffe0', 'A-😀', 'AB-1', 'B-1', 'a-1', 'Ä-1'];
      for (const pageSize of [1, 2, 9, 10]) deepStrictEqual(await names(store, { pageSize }), sorted);
      deepStrictEqual(await names(store, { category: 'A' }), sorted.slice(0, 5));
      deepStrictEqual(await names(store, { category: 'A', pageSize: 2 }), sorted.slice(0, 5));
      deepStrictEqual(await names(store, { prefix: 'A' }), sorted.slice(0, 6));
      deepStrictEqual(await names(store, { category: 'A', prefix: 'A-1' }), sorted.slice(0, 2));
      deepStrictEqual(await names(store, { category: 'A', prefix: 'B' }), []);
      deepStrictEqual(await names(store, { prefix: 'A-1', limit: 1 }), ['A-1']);
      deepStrictEqual(await names(store, { limit: 3, pageSize: 2 }), sorted.slice(0, 3));
    },
  },
  {
    name: 'a storage without streams lists none',
    check: async ({ store }) => {
      strictEqual((await store.listStreams().toArray()).length, 0);
    },
  },
];
