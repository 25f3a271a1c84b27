import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import { ConcurrencyConflictError } from '../../core/index.ts';
import { counted, settle, type Rule } from './contract-case.ts';

/** What an append to several streams does. */
export const appendManyRules: readonly Rule[] = [
  {
    name: 'appends to several streams in the order of the entries',
    check: async ({ store }) => {
      await store.append('Account-2', counted(3));
      const result = await store.appendMany([
        { streamName: 'Account-9', events: counted(2), expectedVersion: 'no_stream' },
        { streamName: 'Account-2', events: counted(1), expectedVersion: 3 },
      ]);
      deepStrictEqual(
        result.streams.map(({ streamName, streamVersion, events }) => [streamName, streamVersion, events.length]),
        [
          ['Account-9', 2, 2],
          ['Account-2', 4, 1],
        ],
      );
      const log = await store.readAll({ after: result.streams[0]?.events[0]?.globalPosition ?? 0 }).toArray();
      deepStrictEqual(
        log.map(({ streamName, streamVersion }) => [streamName, streamVersion]),
        [
          ['Account-9', 2],
          ['Account-2', 4],
        ],
      );
      strictEqual(result.globalPosition, log.at(-1)?.globalPosition);
    },
  },
  {
    name: 'one lost expectation loses all of it',
    check: async ({ store }) => {
      await store.append('Account-2', counted(1));
      await rejects(
        store.appendMany([
          { streamName: 'Account-1', events: counted(1) },
          { streamName: 'Account-2', events: counted(1), expectedVersion: 5 },
        ]),
        { code: 'CONCURRENCY_CONFLICT', streamName: 'Account-2', expectedVersion: 5, actualVersion: 1 },
      );
      strictEqual(await store.streamInfo('Account-1'), undefined);
      strictEqual((await store.readAll().toArray()).length, 1);
    },
  },
  {
    name: 'an entry without events checks its stream and leaves it as it is',
    check: async ({ store }) => {
      await store.append('Customer-1', counted(2));
      const result = await store.appendMany([
        { streamName: 'Order-1', events: counted(1) },
        { streamName: 'Customer-1', expectedVersion: 2 },
        { streamName: 'Customer-2', expectedVersion: 'no_stream' },
      ]);
      deepStrictEqual(
        result.streams.map(({ streamVersion, events }) => [streamVersion, events.length]),
        [
          [1, 1],
          [2, 0],
          [0, 0],
        ],
      );
      strictEqual((await store.streamInfo('Customer-1'))?.version, 2);
      strictEqual(await store.streamInfo('Customer-2'), undefined);
    },
  },
  {
    name: 'a lost check loses all of it',
    check: async ({ store }) => {
      await store.append('Customer-1', counted(2));
      for (const entry of [
        { streamName: 'Customer-1', expectedVersion: 'no_stream' as const, actualVersion: 2 },
        { streamName: 'Customer-9', expectedVersion: 'stream_exists' as const, actualVersion: 0 },
      ]) {
        const { actualVersion, ...check } = entry;
        await rejects(store.appendMany([{ streamName: 'Order-1', events: counted(1) }, check]), {
          code: 'CONCURRENCY_CONFLICT',
          streamName: entry.streamName,
          actualVersion,
        });
      }
      strictEqual(await store.streamInfo('Order-1'), undefined);
    },
  },
  {
    name: 'two writers that each require the other stream to be missing cannot both win',
    check: async ({ store }) => {
      for (let round = 0; round < 10; round += 1) {
        const [left, right] = [`Left-${round}`, `Right-${round}`];
        const { values, errors } = await settle([
          store.appendMany([
            { streamName: left, events: counted(1) },
            { streamName: right, expectedVersion: 'no_stream' },
          ]),
          store.appendMany([
            { streamName: right, events: counted(1) },
            { streamName: left, expectedVersion: 'no_stream' },
          ]),
        ]);
        deepStrictEqual([values.length, errors.length], [1, 1]);
        ok(errors[0] instanceof ConcurrencyConflictError);
      }
    },
  },
  {
    name: 'writers that name the same streams in opposite orders do not deadlock',
    check: async ({ store }) => {
      const names = ['Hot-a', 'Hot-b', 'Hot-c', 'Hot-ä', 'Hot-Z', 'Hot-😀', 'Hot-\uffe0'];
      const { errors } = await settle(
        Array.from({ length: 30 }, (_, index) =>
          store.appendMany(
            names
              .toSorted((left, right) => (index % 2 === 0 ? 1 : -1) * (left < right ? -1 : 1))
              .map((streamName) => ({ streamName, events: counted(1) })),
          ),
        ),
      );
      deepStrictEqual(errors, []);
      for (const name of names) strictEqual((await store.streamInfo(name))?.version, 30);
    },
  },
  {
    name: 'a stream that comes twice, no entry, or no event at all is refused',
    check: async ({ store }) => {
      const twice = { streamName: 'Order-1', events: counted(1) };
      await rejects(store.appendMany([twice, twice]), { code: 'INVALID_ARGUMENT' });
      await rejects(store.appendMany([]), { code: 'INVALID_ARGUMENT' });
      await rejects(store.appendMany([{ streamName: 'Order-1', expectedVersion: 'no_stream' }]), { code: 'NO_EVENTS' });
      // @ts-expect-error an entry needs events or an expectation
      await rejects(store.appendMany([twice, { streamName: 'Order-2' }]), { code: 'INVALID_ARGUMENT' });
    },
  },
];
