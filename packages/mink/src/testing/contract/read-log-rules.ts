import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import type { EventStore, LogFilter, ReadAllOptions, UntypedCategories } from '../../core/index.ts';
import { counted, type Rule } from './contract-case.ts';

type Options = ReadAllOptions<string, string>;

async function read(store: EventStore<UntypedCategories>, options: Options): Promise<readonly string[]> {
  const events = await store.readAll(options).toArray();
  return events.map(({ streamName, streamVersion, type }) => `${streamName}@${streamVersion}:${type}`);
}

/** A small log over three categories, two of which begin alike. */
async function seed(store: EventStore<UntypedCategories>): Promise<readonly number[]> {
  const steps: readonly (readonly [string, string])[] = [
    ['Order-1', 'A'],
    ['OrderLine-1', 'A'],
    ['Order-2', 'B'],
    ['Cart-1', 'A'],
    ['Order-1', 'B'],
    ['Cart-1', 'C'],
    ['Order-10', 'A'],
  ];
  const positions: number[] = [];
  for (const [streamName, type] of steps) {
    positions.push((await store.append(streamName, [{ type, data: null }])).globalPosition);
  }
  return positions;
}

const everything = [
  'Order-1@1:A',
  'OrderLine-1@1:A',
  'Order-2@1:B',
  'Cart-1@1:A',
  'Order-1@2:B',
  'Cart-1@2:C',
  'Order-10@1:A',
];

/** What reading the log gives. */
export const readLogRules: readonly Rule[] = [
  {
    name: 'an empty log is empty',
    check: async ({ store }) => {
      deepStrictEqual(await store.readAll().toArray(), []);
      const bound = await store.readBound();
      deepStrictEqual([bound.position, bound.head], [0, 0]);
    },
  },
  {
    name: 'the very first event of a store is read',
    check: async ({ store }) => {
      const { globalPosition } = await store.append('Order-1', counted(1));
      ok(globalPosition > 0);
      strictEqual((await store.readAll().toArray()).length, 1);
      strictEqual((await store.readBound()).position, globalPosition);
    },
  },
  {
    name: 'reads everything in order, and backwards in reverse',
    check: async ({ store }) => {
      await seed(store);
      for (const pageSize of [1, 2, 3, 7, 100]) {
        deepStrictEqual(await read(store, { pageSize }), everything);
        deepStrictEqual(await read(store, { pageSize, direction: 'backwards' }), everything.toReversed());
      }
    },
  },
  {
    name: 'reads after a position, until a position, with a limit',
    check: async ({ store }) => {
      const positions = await seed(store);
      const [, second = 0, third = 0] = positions;
      deepStrictEqual(await read(store, { after: second }), everything.slice(2));
      deepStrictEqual(await read(store, { until: { position: third } }), everything.slice(0, 3));
      deepStrictEqual(await read(store, { after: second, limit: 2, pageSize: 1 }), everything.slice(2, 4));
      deepStrictEqual(await read(store, { direction: 'backwards', limit: 2 }), everything.toReversed().slice(0, 2));
      deepStrictEqual(
        await read(store, { direction: 'backwards', after: second, until: { position: third } }),
        everything.slice(2, 3),
      );
      deepStrictEqual(await read(store, { after: positions.at(-1) }), []);
      deepStrictEqual(await read(store, { after: 1_000_000 }), []);
    },
  },
  {
    name: 'reads until a time: everything before the first event that was recorded later',
    check: async ({ store }) => {
      await seed(store);
      const events = await store.readAll().toArray();
      for (const { recordedAt } of events) {
        const later = events.findIndex((event) => event.recordedAt > recordedAt);
        const expected = later === -1 ? everything : everything.slice(0, later);
        deepStrictEqual(await read(store, { until: { time: recordedAt } }), expected);
        deepStrictEqual(
          await read(store, { until: { time: recordedAt }, categories: ['Order'] }),
          expected.filter((event) => event.startsWith('Order-')),
        );
        deepStrictEqual(
          await read(store, { until: { time: recordedAt }, direction: 'backwards', pageSize: 2 }),
          expected.toReversed(),
        );
      }
      deepStrictEqual(await read(store, { until: { time: new Date(0) } }), []);
      deepStrictEqual(await read(store, { until: { time: new Date(Date.now() + 86_400_000) } }), everything);
    },
  },
  {
    name: 'filters by category, type, stream and prefix, and by all of them together',
    check: async ({ store }) => {
      await seed(store);
      const cases: readonly (readonly [Options, (event: string) => boolean])[] = [
        [{ categories: ['Order'] }, (event) => event.startsWith('Order-')],
        [{ categories: ['Cart', 'OrderLine'] }, (event) => /^(?:Cart|OrderLine)-/u.test(event)],
        [{ categories: ['Order', 'Order'] }, (event) => event.startsWith('Order-')],
        [{ categories: ['None'] }, () => false],
        [{ types: ['A'] }, (event) => event.endsWith(':A')],
        [{ types: ['C', 'B'] }, (event) => /:[BC]$/u.test(event)],
        [{ streamNames: ['Order-1'] }, (event) => event.startsWith('Order-1@')],
        [{ streamNames: ['Order-1', 'Cart-1'] }, (event) => /^(?:Order|Cart)-1@/u.test(event)],
        [{ streamPrefixes: ['Order-1'] }, (event) => event.startsWith('Order-1')],
        [{ streamPrefixes: ['Order'] }, (event) => event.startsWith('Order')],
        [{ streamPrefixes: ['C', 'OrderL'] }, (event) => /^(?:C|OrderL)/u.test(event)],
        [{ streamPrefixes: ['Order', 'Order-'] }, (event) => event.startsWith('Order')],
        [{ categories: ['Order'], types: ['A'] }, (event) => /^Order-.*:A$/u.test(event)],
        [{ categories: ['Order'], streamNames: ['Cart-1'] }, () => false],
        [
          { categories: ['Order', 'Cart'], types: ['A', 'B'], streamPrefixes: ['Order-1', 'Cart-'] },
          (event) => /^(?:Order-1.*:[AB]|Cart.*:[AB])$/u.test(event),
        ],
      ];
      for (const [filter, matches] of cases) {
        const expected = everything.filter(matches);
        for (const pageSize of [1, 100]) {
          deepStrictEqual(await read(store, { ...filter, pageSize }), expected, JSON.stringify(filter));
          deepStrictEqual(await read(store, { ...filter, pageSize, direction: 'backwards' }), expected.toReversed());
        }
      }
    },
  },
  {
    name: 'names are compared as they are: no wildcards, no folding',
    check: async ({ store }) => {
      for (const name of ['Order-a_b', 'Order-axb', 'Order-100%', 'Order-ä', 'order-a_b']) {
        await store.append(name, counted(1));
      }
      deepStrictEqual(await read(store, { streamPrefixes: ['Order-a_'] }), ['Order-a_b@1:Counted']);
      deepStrictEqual(await read(store, { streamPrefixes: ['%'] }), []);
      deepStrictEqual(await read(store, { streamPrefixes: ['Order-100%'] }), ['Order-100%@1:Counted']);
      deepStrictEqual(await read(store, { categories: ['order'] }), ['order-a_b@1:Counted']);
    },
  },
  {
    name: 'a reading ends at the bound of its beginning, though appends go on',
    check: async ({ store }) => {
      await store.append('Order-1', counted(3));
      let seen = 0;
      for await (const event of store.readAll({ pageSize: 1 })) {
        seen += 1;
        if (event.streamVersion < 3) await store.append('Order-2', counted(1));
      }
      strictEqual(seen, 3);
      strictEqual((await store.readAll().toArray()).length, 5);
    },
  },
  {
    name: 'pages say how far they have searched: following that finds every match, in both directions',
    check: async ({ store, storage }) => {
      const names = Array.from({ length: 30 }, (_, n) => `Order-${n % 7}`);
      for (const [n, name] of names.entries())
        await store.append(name, [{ type: n % 5 === 0 ? 'Rare' : 'A', data: n }]);
      const { position } = await store.readBound();
      const nothing = { types: undefined, categories: undefined, streamNames: undefined, streamPrefixes: undefined };
      const filters: readonly LogFilter[] = [
        nothing,
        { ...nothing, types: ['Rare'] },
        { ...nothing, streamNames: ['Order-3'] },
        { ...nothing, categories: ['Order'], types: ['Missing'] },
      ];
      for (const filter of filters) {
        const read = async (direction: 'forwards' | 'backwards'): Promise<readonly number[]> => {
          const found: number[] = [];
          for (let [after, upTo] = [0, position]; after < upTo;) {
            const page = await storage.readLogPage({ after, upTo, filter, direction, limit: 2 });
            found.push(...page.events.map(({ globalPosition }) => globalPosition));
            ok(page.searchedTo > after || page.searchedTo < upTo, 'a page comes closer to the end');
            if (direction === 'forwards') after = page.searchedTo;
            else upTo = page.searchedTo;
          }
          return found;
        };
        const all = await storage.readLogPage({ after: 0, upTo: position, filter, direction: 'forwards', limit: 100 });
        const expected = all.events.map(({ globalPosition }) => globalPosition);
        deepStrictEqual(await read('forwards'), expected);
        deepStrictEqual(await read('backwards'), expected.toReversed());
      }
    },
  },
  {
    name: 'where no append is under way, nobody holds the feed',
    check: async ({ store }) => {
      await store.append('Order-1', counted(3));
      const { position, head, incarnation, heldBy, wakeUp } = await store.feedStatus();
      deepStrictEqual({ position, head, incarnation }, await store.readBound());
      strictEqual(position, head);
      deepStrictEqual(heldBy, []);
      ok(wakeUp === 'notified' || wakeUp === 'polling');
    },
  },
  {
    name: 'what an append has returned is within the bound',
    check: async ({ store }) => {
      for (let round = 0; round < 10; round += 1) {
        const { globalPosition } = await store.append('Order-1', counted(1));
        ok((await store.readBound()).position >= globalPosition);
      }
    },
  },
  {
    name: 'options that make no sense are refused',
    check: async ({ store }) => {
      const bad: readonly Options[] = [
        { after: -1 },
        { after: 0.5 },
        { limit: 0 },
        { categories: [] },
        { streamNames: [''] },
        { streamPrefixes: [] },
        // @ts-expect-error the log has no versions
        { until: { version: 1 } },
      ];
      for (const options of bad) {
        await rejects(async () => store.readAll(options).toArray(), { code: 'INVALID_ARGUMENT' });
      }
    },
  },
];
