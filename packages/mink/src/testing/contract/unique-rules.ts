import { deepStrictEqual, rejects, strictEqual } from 'node:assert';
import { createEventStore, defineDecider, defineEvents, payload, type EventStorage } from '../../core/index.ts';
import { idOf, settle, type Rule } from './contract-case.ts';

interface Named {
  readonly email?: string | readonly string[] | null;
  readonly number?: string | null;
}

const userEvents = defineEvents(
  { Named: payload<Named>(), Noted: payload<null>() },
  {
    unique: {
      email: (event) => (event.type === 'Named' ? event.data.email : undefined),
      number: { values: (event) => (event.type === 'Named' ? event.data.number : undefined), forever: true },
    },
  },
);
const { Named, Noted } = userEvents;

const user = defineDecider({
  category: 'User',
  events: userEvents,
  initialState: () => null,
  evolve: (state) => state,
  decide: (named: Named) => Named(named),
});

function usersOn(storage: EventStorage) {
  return createEventStore(storage, { categories: { User: userEvents } });
}

/** What a storage does with values that no two streams may have. */
export const uniqueRules: readonly Rule[] = [
  {
    name: 'a value that another stream has is refused, and nothing is appended',
    check: async ({ storage }) => {
      const users = usersOn(storage);
      await users.append('User-1', [Named({ email: 'ann@x' })]);
      await rejects(users.append('User-2', [Noted(null), Named({ email: 'ann@x' })]), {
        code: 'UNIQUE_VALUE_TAKEN',
        streamName: 'User-2',
        set: 'email',
        value: 'ann@x',
        heldBy: 'User-1',
      });
      strictEqual(await users.streamInfo('User-2'), undefined);
      await users.append('User-2', [Named({ email: 'Ann@x' })]);
      deepStrictEqual(
        await Promise.all(['ann@x', 'Ann@x', 'bob@x'].map((value) => users.uniqueSets.holderOf('email', value))),
        ['User-1', 'User-2', undefined],
      );
    },
  },
  {
    name: 'a stream may have again what it has, and gives up what its events no longer say',
    check: async ({ storage }) => {
      const users = usersOn(storage);
      await users.append('User-1', [Named({ email: 'a' })]);
      await users.append('User-1', [Named({ email: 'a' }), Noted(null)]);
      await users.append('User-1', [Named({ email: 'b' })]);
      await users.append('User-2', [Named({ email: 'a' })]);
      await users.append('User-2', [Named({ email: 'c' }), Named({ email: 'd' })]);
      await users.append('User-3', [Named({ email: ['a', 'c'] })]);
      await users.append('User-3', [Named({ email: null })]);
      await users.append('User-4', [Named({ email: ['a', 'c', 'a'] })]);
      const holders = ['a', 'b', 'c', 'd'].map((value) => users.uniqueSets.holderOf('email', value));
      deepStrictEqual(await Promise.all(holders), ['User-4', 'User-1', 'User-4', 'User-2']);
    },
  },
  {
    name: 'an event that says nothing of a set leaves it as it is',
    check: async ({ storage }) => {
      const users = usersOn(storage);
      await users.append('User-1', [Named({ email: 'a', number: '1' })]);
      await users.append('User-1', [Noted(null)]);
      await users.append('User-1', [Named({ number: '2' })]);
      deepStrictEqual(await users.uniqueSets.holderOf('email', 'a'), 'User-1');
    },
  },
  {
    name: 'in a set for all time, a value never goes to another stream, but back to its own',
    check: async ({ storage }) => {
      const users = usersOn(storage);
      await users.append('User-1', [Named({ number: '1' })]);
      await users.append('User-1', [Named({ number: '2' })]);
      strictEqual(await users.uniqueSets.holderOf('number', '1'), undefined);
      await rejects(users.append('User-2', [Named({ number: '1' })]), { code: 'UNIQUE_VALUE_TAKEN', heldBy: 'User-1' });
      await users.append('User-1', [Named({ number: '1' })]);
      strictEqual(await users.uniqueSets.holderOf('number', '1'), 'User-1');
      await users.append('User-1', [Named({ number: null })]);
      await rejects(users.append('User-2', [Named({ number: '2' })]), { code: 'UNIQUE_VALUE_TAKEN', heldBy: 'User-1' });
    },
  },
  {
    name: 'in a set for all time, a value stays with its stream that got it and gave it up within one append',
    check: async ({ storage }) => {
      const users = usersOn(storage);
      await users.append('User-1', [Named({ number: '1' }), Named({ number: '2' }), Named({ email: 'a' })]);
      await users.append('User-1', [Named({ number: '3' }), Named({ number: null })]);
      const holders = ['1', '2', '3'].map((value) => users.uniqueSets.holderOf('number', value));
      deepStrictEqual(await Promise.all(holders), [undefined, undefined, undefined]);
      for (const number of ['1', '2', '3']) {
        await rejects(users.append('User-2', [Named({ number })]), { code: 'UNIQUE_VALUE_TAKEN', heldBy: 'User-1' });
        await rejects(users.append('User-2', [Named({ number }), Named({ number: 'own' })]), {
          code: 'UNIQUE_VALUE_TAKEN',
          value: number,
        });
      }
      strictEqual(await users.streamInfo('User-2'), undefined);
      await users.append('User-1', [Named({ number: '1' })]);
      strictEqual(await users.uniqueSets.holderOf('number', '1'), 'User-1');
    },
  },
  {
    name: 'in a set for all time, a value stays with its stream also when decisions that get and give it up go together',
    check: async ({ storage }) => {
      const users = usersOn(storage);
      const numbers = ['1', '2', '3', '4'];
      // In exclusive mode, what waits while the first one is under way is appended at once.
      await Promise.all(
        numbers.map((number) => users.executeWithRetry(user, '1', { number }, { exclusive: true, tries: 20 })),
      );
      for (const number of numbers) {
        await rejects(users.append('User-2', [Named({ number })]), { code: 'UNIQUE_VALUE_TAKEN', heldBy: 'User-1' });
      }
    },
  },
  {
    name: 'one append may pass a value from one of its streams to another, and swap two',
    check: async ({ storage }) => {
      const users = usersOn(storage);
      await users.append('User-1', [Named({ email: 'a' })]);
      await users.append('User-2', [Named({ email: 'b' })]);
      await users.appendMany([
        { streamName: 'User-1', events: [Named({ email: 'b' })] },
        { streamName: 'User-2', events: [Named({ email: 'a' })] },
      ]);
      deepStrictEqual(
        [await users.uniqueSets.holderOf('email', 'a'), await users.uniqueSets.holderOf('email', 'b')],
        ['User-2', 'User-1'],
      );
      await rejects(
        users.appendMany([
          { streamName: 'User-3', events: [Named({ email: 'c' })] },
          { streamName: 'User-4', events: [Named({ email: 'c' })] },
        ]),
        { code: 'UNIQUE_VALUE_TAKEN', streamName: 'User-4', heldBy: 'User-3' },
      );
      await rejects(
        users.appendMany([
          { streamName: 'User-1', events: [Noted(null)] },
          { streamName: 'User-3', events: [Named({ email: 'b' })] },
        ]),
        { code: 'UNIQUE_VALUE_TAKEN', streamName: 'User-3', heldBy: 'User-1' },
      );
      strictEqual((await users.streamInfo('User-1'))?.version, 2);
    },
  },
  {
    name: 'an append that loses claims nothing and gives nothing up',
    check: async ({ storage }) => {
      const users = usersOn(storage);
      await users.append('User-1', [Named({ email: 'a' })]);
      await rejects(users.append('User-1', [Named({ email: 'b' })], { expectedVersion: 7 }), {
        code: 'CONCURRENCY_CONFLICT',
      });
      deepStrictEqual(
        [await users.uniqueSets.holderOf('email', 'a'), await users.uniqueSets.holderOf('email', 'b')],
        ['User-1', undefined],
      );
      await users.append('User-2', [Named({ email: 'b' })]);
    },
  },
  {
    name: 'a repeat is answered as the first time, whoever has its values by now, and takes none',
    check: async ({ storage }) => {
      const users = usersOn(storage);
      const first = [{ ...Named({ email: 'a' }), id: idOf(1) }];
      await users.append('User-1', first);
      await users.append('User-1', [Named({ email: null })]);
      await users.append('User-2', [Named({ email: 'a' })]);
      const { repeated, streamVersion } = await users.append('User-1', first);
      deepStrictEqual([repeated, streamVersion], [true, 1]);
      await rejects(users.append('User-1', [{ ...Named({ email: 'a', number: '1' }), id: idOf(1) }]), {
        code: 'IDEMPOTENCY_MISMATCH',
      });
      await rejects(users.append('User-1', [{ ...Named({ email: 'a' }), id: idOf(2) }]), {
        code: 'UNIQUE_VALUE_TAKEN',
      });
      deepStrictEqual(
        [await users.uniqueSets.holderOf('email', 'a'), await users.uniqueSets.holderOf('number', '1')],
        ['User-2', undefined],
      );
    },
  },
  {
    name: 'of many streams that want one value at once, one gets it',
    check: async ({ storage }) => {
      const users = usersOn(storage);
      const names = Array.from({ length: 16 }, (_, n) => `User-${n}` as const);
      const { values, errors } = await settle(
        names.map((name, n) => users.append(name, [Named({ email: ['wanted', `own-${n}`] })])),
      );
      deepStrictEqual([values.length, errors.length], [1, 15]);
      const [winner] = values;
      for (const error of errors) {
        const { code, value, heldBy } = Object(error);
        deepStrictEqual([code, value, heldBy], ['UNIQUE_VALUE_TAKEN', 'wanted', winner?.streamName]);
      }
      const own = await Promise.all(names.map((_, n) => users.uniqueSets.holderOf('email', `own-${n}`)));
      deepStrictEqual(
        own.filter((name) => name !== undefined),
        [winner?.streamName],
      );
    },
  },
  {
    name: 'values, and appends without any, travel together and do not get in each other’s way',
    check: async ({ storage }) => {
      const users = usersOn(storage);
      await users.append('User-0', [Named({ email: 'taken' })]);
      const { values, errors } = await settle(
        Array.from({ length: 24 }, (_, n) =>
          users.append(`User-${n + 1}`, [
            n % 3 === 0 ? Named({ email: 'taken' }) : n % 3 === 1 ? Named({ email: `free-${n}` }) : Noted(null),
          ]),
        ),
      );
      deepStrictEqual([values.length, errors.length], [16, 8]);
    },
  },
  {
    name: 'the sets can be rebuilt from the events, and say which streams have the same value',
    check: async ({ storage, store }) => {
      const users = usersOn(storage);
      // Written without the definition: nobody has claimed anything.
      for (const [name, email] of [
        ['User-1', 'a'],
        ['User-2', 'b'],
        ['User-3', 'a'],
        ['User-4', 'c'],
      ] as const) {
        await store.append(name, [{ type: 'Named', data: { email } }]);
      }
      await users.append('User-2', [Named({ email: 'd' })]);
      await store.append('User-2', [{ type: 'Named', data: { email: 'e' } }]);
      const progress: number[] = [];
      const rebuilt = await users.uniqueSets.rebuild('User', { onProgress: (streams) => progress.push(streams) });
      deepStrictEqual(rebuilt, {
        streams: 4,
        conflicts: [{ set: 'email', value: 'a', streamName: 'User-3', heldBy: 'User-1' }],
      });
      deepStrictEqual(progress, [1, 2, 3, 4]);
      const holders = ['a', 'b', 'c', 'd', 'e'].map((value) => users.uniqueSets.holderOf('email', value));
      deepStrictEqual(await Promise.all(holders), ['User-1', undefined, 'User-4', undefined, 'User-2']);
      deepStrictEqual(await users.uniqueSets.rebuild('User'), { ...rebuilt });
    },
  },
  {
    name: 'a rebuild tells of no conflict that is over before it is done with the stream',
    check: async ({ storage }) => {
      const users = usersOn(storage);
      await users.append('User-1', [Named({ email: 'a' })]);
      let append: EventStorage['append'] = async (command, options) => {
        append = (...others) => storage.append(...others);
        // Between what the rebuild has read of User-1 and what it does about it.
        await users.append('User-1', [Named({ email: null })]);
        await users.append('User-2', [Named({ email: 'a' })]);
        return append(command, options);
      };
      const slow: EventStorage = new Proxy(storage, {
        get: (target, name) => {
          if (name === 'append') return append;
          const member: unknown = Reflect.get(target, name);
          return typeof member === 'function' ? member.bind(target) : member;
        },
      });
      deepStrictEqual(await usersOn(slow).uniqueSets.rebuild('User'), { streams: 1, conflicts: [] });
      strictEqual(await users.uniqueSets.holderOf('email', 'a'), 'User-2');
    },
  },
  {
    name: 'a set for all time is rebuilt with what was given up',
    check: async ({ storage, store }) => {
      const users = usersOn(storage);
      for (const number of ['1', '2', null, '3']) await store.append('User-1', [{ type: 'Named', data: { number } }]);
      await store.append('User-2', [{ type: 'Named', data: { number: '2' } }]);
      const rebuilt = {
        streams: 2,
        conflicts: [{ set: 'number', value: '2', streamName: 'User-2', heldBy: 'User-1' }],
      };
      deepStrictEqual(await users.uniqueSets.rebuild('User'), rebuilt);
      deepStrictEqual(await users.uniqueSets.rebuild('User'), rebuilt);
      const holders = ['1', '2', '3'].map((value) => users.uniqueSets.holderOf('number', value));
      deepStrictEqual(await Promise.all(holders), [undefined, undefined, 'User-1']);
      await rejects(users.append('User-3', [Named({ number: '1' })]), {
        code: 'UNIQUE_VALUE_TAKEN',
        heldBy: 'User-1',
      });
      await users.append('User-1', [Named({ number: '1' })]);
    },
  },
];
