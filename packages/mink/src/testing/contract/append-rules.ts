import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import { ConcurrencyConflictError } from '../../core/index.ts';
import { counted, settle, type Rule } from './contract-case.ts';

const created = { type: 'Created', data: { by: 'me' } };

/** What an append to one stream does. */
export const appendRules: readonly Rule[] = [
  {
    name: 'the first event of a stream has version 1',
    check: async ({ store }) => {
      const result = await store.append('Order-1', [created]);
      deepStrictEqual([result.streamVersion, result.events[0]?.streamVersion, result.repeated], [1, 1, false]);
    },
  },
  {
    name: 'returns the events as they are stored, with id, version, position and time',
    check: async ({ store }) => {
      const before = Date.now() - 60_000;
      const result = await store.append('Order-1', [created, { type: 'Closed', data: { why: null } }]);
      const stored = await store.readStream('Order-1').toArray();
      deepStrictEqual(result.events, stored);
      strictEqual(result.globalPosition, stored[1]?.globalPosition);
      ok((stored[0]?.recordedAt.getTime() ?? 0) > before);
      deepStrictEqual(
        stored.map(({ type, category, streamName }) => [type, category, streamName]),
        [
          ['Created', 'Order', 'Order-1'],
          ['Closed', 'Order', 'Order-1'],
        ],
      );
    },
  },
  {
    name: 'versions are counted for each stream, positions rise over all',
    check: async ({ store }) => {
      const a = await store.append('Order-1', counted(2));
      const b = await store.append('Order-2', counted(1));
      const c = await store.append('Order-1', counted(1));
      deepStrictEqual([a.streamVersion, b.streamVersion, c.streamVersion], [2, 1, 3]);
      ok(a.globalPosition < b.globalPosition && b.globalPosition < c.globalPosition);
    },
  },
  {
    name: "'any' appends to a missing and to an existing stream",
    check: async ({ store }) => {
      await store.append('Order-1', [created], { expectedVersion: 'any' });
      const { streamVersion } = await store.append('Order-1', [created], { expectedVersion: 'any' });
      strictEqual(streamVersion, 2);
    },
  },
  {
    name: "'no_stream' and 0 append to a missing stream and refuse an existing one",
    check: async ({ store }) => {
      await store.append('Order-1', [created], { expectedVersion: 'no_stream' });
      await store.append('Order-2', [created], { expectedVersion: 0 });
      for (const expectedVersion of ['no_stream', 0] as const) {
        await rejects(store.append('Order-1', [created], { expectedVersion }), {
          code: 'CONCURRENCY_CONFLICT',
          streamName: 'Order-1',
          expectedVersion,
          actualVersion: 1,
        });
      }
    },
  },
  {
    name: "'stream_exists' appends to an existing stream and refuses a missing one",
    check: async ({ store }) => {
      await rejects(store.append('Order-1', [created], { expectedVersion: 'stream_exists' }), {
        code: 'CONCURRENCY_CONFLICT',
        actualVersion: 0,
      });
      await store.append('Order-1', [created]);
      await store.append('Order-1', [created], { expectedVersion: 'stream_exists' });
    },
  },
  {
    name: 'a number appends at exactly that version and names the actual one otherwise',
    check: async ({ store }) => {
      await store.append('Order-1', counted(3));
      for (const expectedVersion of [1, 2, 4, 1_000_000]) {
        await rejects(store.append('Order-1', [created], { expectedVersion }), {
          code: 'CONCURRENCY_CONFLICT',
          expectedVersion,
          actualVersion: 3,
        });
      }
      const { streamVersion } = await store.append('Order-1', [created], { expectedVersion: 3 });
      strictEqual(streamVersion, 4);
    },
  },
  {
    name: 'an append that lost has written nothing, and made no stream',
    check: async ({ store }) => {
      await store.append('Order-1', [created]);
      await rejects(store.append('Order-1', counted(5), { expectedVersion: 7 }), ConcurrencyConflictError);
      await rejects(store.append('Order-2', counted(5), { expectedVersion: 7 }), ConcurrencyConflictError);
      strictEqual((await store.readAll().toArray()).length, 1);
      strictEqual(await store.streamInfo('Order-2'), undefined);
      strictEqual((await store.listStreams().toArray()).length, 1);
      await store.append('Order-2', [created], { expectedVersion: 'no_stream' });
    },
  },
  {
    name: 'of many writers that open a stream at once, exactly one wins',
    check: async ({ store }) => {
      const { values, errors } = await settle(
        Array.from({ length: 20 }, () => store.append('Order-1', counted(2), { expectedVersion: 'no_stream' })),
      );
      strictEqual(values.length, 1);
      ok(errors.every((error) => error instanceof ConcurrencyConflictError && error.actualVersion === 2));
      strictEqual((await store.streamInfo('Order-1'))?.version, 2);
    },
  },
  {
    name: 'of many writers at one version, exactly one wins',
    check: async ({ store }) => {
      await store.append('Order-1', [created]);
      const { values } = await settle(
        Array.from({ length: 20 }, () => store.append('Order-1', [created], { expectedVersion: 1 })),
      );
      strictEqual(values.length, 1);
    },
  },
  {
    name: "'any' never conflicts: many writers share a stream without a gap",
    check: async ({ store }) => {
      const { values, errors } = await settle(
        Array.from({ length: 40 }, (_, index) => store.append('Order-1', counted(1 + (index % 3)))),
      );
      deepStrictEqual(errors, []);
      strictEqual(values.length, 40);
      const stored = await store.readStream('Order-1').toArray();
      deepStrictEqual(
        stored.map(({ streamVersion }) => streamVersion),
        stored.map((_, index) => index + 1),
      );
      const positions = stored.map(({ globalPosition }) => globalPosition);
      deepStrictEqual(
        positions,
        positions.toSorted((left, right) => left - right),
      );
      strictEqual(new Set(positions).size, positions.length);
    },
  },
  {
    name: 'takes 10,000 events at once and keeps their order',
    check: async ({ store }) => {
      const result = await store.append('Order-1', counted(10_000));
      strictEqual(result.streamVersion, 10_000);
      let expected = 0;
      for await (const event of store.readStream('Order-1')) {
        expected += 1;
        deepStrictEqual([event.streamVersion, event.data], [expected, { n: expected }]);
      }
      strictEqual(expected, 10_000);
    },
  },
  {
    name: 'an aborted signal keeps the append from happening',
    check: async ({ store }) => {
      const reason = new Error('changed my mind');
      await rejects(store.append('Order-1', [created], { signal: AbortSignal.abort(reason) }), reason);
      strictEqual(await store.streamInfo('Order-1'), undefined);
    },
  },
  {
    name: 'recorded times never fall within a stream',
    check: async ({ store }) => {
      for (let round = 0; round < 5; round += 1) await store.append('Order-1', counted(2));
      const times = (await store.readStream('Order-1').toArray()).map(({ recordedAt }) => recordedAt.getTime());
      deepStrictEqual(
        times,
        times.toSorted((left, right) => left - right),
      );
      ok(times.every(Number.isInteger));
    },
  },
  {
    name: 'a closed store refuses every call with a typed error',
    check: async ({ store }) => {
      await store.close();
      await store.close();
      await rejects(store.append('Order-1', [created]), { code: 'STORE_CLOSED' });
      await rejects(async () => store.readAll().toArray(), { code: 'STORE_CLOSED' });
      await rejects(store.streamInfo('Order-1'), { code: 'STORE_CLOSED' });
    },
  },
];
