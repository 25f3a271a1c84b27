import { deepStrictEqual, rejects, strictEqual } from 'node:assert';
import type { EventStore, ReadStreamOptions, UntypedCategories } from '../../core/index.ts';
import { counted, type Rule } from './contract-case.ts';

async function versions(
  store: EventStore<UntypedCategories>,
  options: ReadStreamOptions<string>,
  name = 'Order-1',
): Promise<readonly number[]> {
  return (await store.readStream(name, options).toArray()).map(({ streamVersion }) => streamVersion);
}

/** What reading one stream gives. */
export const readStreamRules: readonly Rule[] = [
  {
    name: 'a missing stream is empty, and an error where that is asked for',
    check: async ({ store }) => {
      deepStrictEqual(await store.readStream('Order-1').toArray(), []);
      strictEqual(await store.readStream('Order-1').first(), undefined);
      strictEqual(await store.streamInfo('Order-1'), undefined);
      const expected = { code: 'STREAM_NOT_FOUND', streamName: 'Order-1' };
      await rejects(store.readStreamOrThrow('Order-1').toArray(), expected);
      await rejects(store.streamInfoOrThrow('Order-1'), expected);
      await store.append('Order-1', counted(1));
      strictEqual((await store.readStreamOrThrow('Order-1').toArray()).length, 1);
      strictEqual((await store.streamInfoOrThrow('Order-1')).version, 1);
    },
  },
  {
    name: 'reads forwards and backwards, from a version, until a version, with a limit',
    check: async ({ store }) => {
      await store.append('Order-1', counted(6));
      await store.append('Order-2', counted(6));
      deepStrictEqual(await versions(store, {}), [1, 2, 3, 4, 5, 6]);
      deepStrictEqual(await versions(store, { direction: 'backwards' }), [6, 5, 4, 3, 2, 1]);
      deepStrictEqual(await versions(store, { fromVersion: 4 }), [4, 5, 6]);
      deepStrictEqual(await versions(store, { fromVersion: 4, direction: 'backwards' }), [6, 5, 4]);
      deepStrictEqual(await versions(store, { until: { version: 3 } }), [1, 2, 3]);
      deepStrictEqual(await versions(store, { until: { version: 3 }, direction: 'backwards' }), [3, 2, 1]);
      deepStrictEqual(await versions(store, { fromVersion: 2, until: { version: 5 }, limit: 2 }), [2, 3]);
      deepStrictEqual(await versions(store, { direction: 'backwards', limit: 1 }), [6]);
      deepStrictEqual(await versions(store, { fromVersion: 7 }), []);
      deepStrictEqual(await versions(store, { until: { version: 0 } }), []);
      deepStrictEqual(await versions(store, { fromVersion: 0, until: { version: 99 } }), [1, 2, 3, 4, 5, 6]);
    },
  },
  {
    name: 'the page size never changes what is read',
    check: async ({ store }) => {
      await store.append('Order-1', counted(7));
      for (const pageSize of [1, 2, 3, 6, 7, 8]) {
        deepStrictEqual(await versions(store, { pageSize }), [1, 2, 3, 4, 5, 6, 7]);
        deepStrictEqual(await versions(store, { pageSize, direction: 'backwards' }), [7, 6, 5, 4, 3, 2, 1]);
        deepStrictEqual(await versions(store, { pageSize, limit: 5, fromVersion: 2 }), [2, 3, 4, 5, 6]);
      }
    },
  },
  {
    name: 'reads until a position of the log',
    check: async ({ store }) => {
      await store.append('Order-1', counted(2));
      const { globalPosition } = await store.append('Order-2', counted(1));
      await store.append('Order-1', counted(2));
      deepStrictEqual(await versions(store, { until: { position: globalPosition } }), [1, 2]);
      deepStrictEqual(await versions(store, { until: { position: globalPosition }, direction: 'backwards' }), [2, 1]);
      deepStrictEqual(await versions(store, { until: { position: 0 } }), []);
    },
  },
  {
    name: 'reads until a recorded time, inclusive',
    check: async ({ store }) => {
      for (let round = 0; round < 4; round += 1) {
        await store.append('Order-1', counted(1));
        await nextMillisecond();
      }
      const events = await store.readStream('Order-1').toArray();
      for (const [index, { recordedAt }] of events.entries()) {
        strictEqual((await versions(store, { until: { time: recordedAt } })).length, index + 1);
        const before = new Date(recordedAt.getTime() - 1);
        strictEqual((await versions(store, { until: { time: before } })).length, index);
      }
    },
  },
  {
    name: 'reads some types only',
    check: async ({ store }) => {
      await store.append('Order-1', [
        { type: 'A', data: 1 },
        { type: 'B', data: 2 },
        { type: 'A', data: 3 },
        { type: 'C', data: 4 },
      ]);
      deepStrictEqual(await versions(store, { types: ['A'] }), [1, 3]);
      deepStrictEqual(await versions(store, { types: ['C', 'B'], pageSize: 1 }), [2, 4]);
      deepStrictEqual(await versions(store, { types: ['D'] }), []);
    },
  },
  {
    name: 'a sequence can be read more than once, and left at any time',
    check: async ({ store }) => {
      await store.append('Order-1', counted(5));
      const sequence = store.readStream('Order-1', { pageSize: 2 });
      for await (const event of sequence) if (event.streamVersion === 3) break;
      strictEqual((await sequence.toArray()).length, 5);
      await store.append('Order-1', counted(1));
      strictEqual((await sequence.toArray()).length, 6);
    },
  },
  {
    name: 'an aborted signal ends the reading with its reason',
    check: async ({ store }) => {
      await store.append('Order-1', counted(3));
      const controller = new AbortController();
      const reason = new Error('enough');
      await rejects(async () => {
        for await (const event of store.readStream('Order-1', { pageSize: 1, signal: controller.signal })) {
          if (event.streamVersion === 2) controller.abort(reason);
        }
      }, reason);
    },
  },
  {
    name: 'options that make no sense are refused',
    check: async ({ store }) => {
      const bad: readonly ReadStreamOptions<string>[] = [
        { fromVersion: -1 },
        { fromVersion: 1.5 },
        { limit: 0 },
        { limit: Number.NaN },
        { pageSize: 0 },
        { types: [] },
        { types: [''] },
        { until: { version: -1 } },
        { until: { time: new Date(Number.NaN) } },
        // @ts-expect-error two ends at once
        { until: { version: 1, position: 'x' } },
        // @ts-expect-error no direction
        { direction: 'sideways' },
      ];
      for (const options of bad) {
        await rejects(async () => store.readStream('Order-1', options).toArray(), { code: 'INVALID_ARGUMENT' });
      }
    },
  },
];

async function nextMillisecond(): Promise<void> {
  const now = Date.now();
  while (Date.now() <= now + 1) await new Promise(setImmediate);
}
