import { deepStrictEqual, rejects, strictEqual } from 'node:assert';
import { idOf, settle, type Rule } from './contract-case.ts';

const one = { id: idOf(1), type: 'Paid', data: { amount: 5, currency: 'EUR' } };
const two = { id: idOf(2), type: 'Paid', data: { amount: 6, currency: 'EUR' } };

/** What an append with ids of the caller's own does when it comes again. */
export const repeatRules: readonly Rule[] = [
  {
    name: 'the same ids again give the first result and store nothing',
    check: async ({ store }) => {
      const first = await store.append('Account-1', [one, two]);
      const again = await store.append('Account-1', [one, two]);
      deepStrictEqual(again, { ...first, repeated: true });
      strictEqual((await store.readAll().toArray()).length, 2);
    },
  },
  {
    name: 'a repeat is found whatever is expected, and whatever came after',
    check: async ({ store }) => {
      const first = await store.append('Account-1', [one], { expectedVersion: 'no_stream' });
      await store.append('Account-1', [two]);
      for (const expectedVersion of ['no_stream', 'any', 'stream_exists', 0, 1, 99] as const) {
        const again = await store.append('Account-1', [one], { expectedVersion });
        deepStrictEqual(again, { ...first, repeated: true });
      }
    },
  },
  {
    name: 'ids are compared without regard to case, keys without regard to order, metadata not at all',
    check: async ({ store }) => {
      const id = 'ABCDEF00-0000-7000-8000-00000000ABCD';
      const first = await store.append('Account-1', [{ ...one, id }], { metadata: { correlationId: 'a' } });
      const data = { currency: 'EUR', amount: 5 };
      const again = await store.append('Account-1', [{ ...one, id: id.toLowerCase(), data }], {
        metadata: { correlationId: 'b' },
      });
      deepStrictEqual([again.repeated, again.events[0]?.id], [true, id.toLowerCase()]);
      deepStrictEqual(again.events, first.events);
    },
  },
  {
    name: 'the same ids with other content are refused',
    check: async ({ store }) => {
      await store.append('Account-1', [one]);
      for (const changed of [
        { ...one, data: { amount: 7, currency: 'EUR' } },
        { ...one, type: 'Refunded' },
      ]) {
        await rejects(store.append('Account-1', [changed]), {
          code: 'IDEMPOTENCY_MISMATCH',
          streamName: 'Account-1',
          eventIds: [one.id],
        });
      }
    },
  },
  {
    name: 'some of the ids, more than the ids, and the ids in another order are refused',
    check: async ({ store }) => {
      const three = { ...one, id: idOf(3) };
      await store.append('Account-1', [one, two]);
      for (const events of [[one], [two], [one, two, three], [three, one, two], [two, one]]) {
        await rejects(store.append('Account-1', events), { code: 'IDEMPOTENCY_MISMATCH' });
      }
      strictEqual((await store.readStream('Account-1').toArray()).length, 2);
    },
  },
  {
    name: 'ids of two appends are not one append',
    check: async ({ store }) => {
      await store.append('Account-1', [one]);
      await store.append('Account-1', [two]);
      await rejects(store.append('Account-1', [one, two]), { code: 'IDEMPOTENCY_MISMATCH' });
    },
  },
  {
    name: 'an id counts within its stream only',
    check: async ({ store }) => {
      await store.append('Account-1', [one]);
      const { repeated } = await store.append('Account-2', [one]);
      strictEqual(repeated, false);
    },
  },
  {
    name: 'concurrent repeats have one effect and one answer',
    check: async ({ store }) => {
      const { values, errors } = await settle(
        Array.from({ length: 20 }, () => store.append('Account-1', [one, two], { expectedVersion: 'no_stream' })),
      );
      deepStrictEqual(errors, []);
      strictEqual(values.filter(({ repeated }) => !repeated).length, 1);
      strictEqual(new Set(values.map(({ globalPosition }) => globalPosition)).size, 1);
      strictEqual((await store.readAll().toArray()).length, 2);
    },
  },
  {
    name: 'an append to several streams is repeated whole',
    check: async ({ store }) => {
      await store.append('Customer-1', [{ type: 'Joined', data: null }]);
      const entries = [
        { streamName: 'Account-1', events: [one], expectedVersion: 'no_stream' as const },
        { streamName: 'Customer-1', expectedVersion: 1 },
        { streamName: 'Account-2', events: [two] },
      ];
      const first = await store.appendMany(entries);
      await store.append('Account-1', [{ type: 'Closed', data: null }]);
      const again = await store.appendMany(entries);
      deepStrictEqual(again, { ...first, repeated: true });
      await rejects(store.append('Account-1', [one]), { code: 'IDEMPOTENCY_MISMATCH' });
    },
  },
  {
    name: 'a lost expectation does not use up the ids',
    check: async ({ store }) => {
      await rejects(store.append('Account-1', [one], { expectedVersion: 3 }), { code: 'CONCURRENCY_CONFLICT' });
      const { repeated } = await store.append('Account-1', [one]);
      strictEqual(repeated, false);
    },
  },
  {
    name: 'ids that are no UUIDs, come twice, or are given to some events only are refused',
    check: async ({ store }) => {
      for (const events of [[{ ...one, id: 'x' }], [one, one], [one, { type: 'Paid', data: {} }]]) {
        await rejects(store.append('Account-1', events), { code: 'INVALID_ARGUMENT' });
      }
    },
  },
];
