import { deepStrictEqual, rejects, strictEqual } from 'node:assert';
import { causedBy, withMetadata } from '../../core/index.ts';
import type { Rule } from './contract-case.ts';

/** Values that databases, drivers and JSON itself like to change. */
const awkward: readonly unknown[] = [
  null,
  true,
  0,
  -0,
  1e21,
  5e-324,
  Number.MAX_SAFE_INTEGER,
  '',
  '12345678901234567890',
  'quotes \' " ` \\ and $1 {brackets} \n\r\t',
  'nul \u0000 inside',
  'half a pair \ud800 and \udc00',
  '😀 ä ﷽ \u2028',
  [],
  {},
  [[[]], [null], { a: [] }],
  { nested: { deep: [{ er: [-0, -0.5] }] } },
  JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1, "toString": "x"}'),
  { 'key with " and \u0000': 1, '': 2, ' ': 3, '0': 4 },
  '2026-01-31T10:00:00.000Z',
];

/** What becomes of payloads and metadata. */
export const payloadRules: readonly Rule[] = [
  {
    name: 'every JSON value comes back exactly as it went in',
    check: async ({ store }) => {
      const result = await store.append(
        'Odd-1',
        awkward.map((data) => ({ type: 'Odd', data })),
      );
      const stored = await store.readStream('Odd-1').toArray();
      for (const [index, data] of awkward.entries()) {
        deepStrictEqual(stored[index]?.data, data);
        deepStrictEqual(result.events[index]?.data, data);
      }
      strictEqual(Object.hasOwn({}, 'polluted'), false);
    },
  },
  {
    name: 'a property that is undefined is left out',
    check: async ({ store }) => {
      const { events } = await store.append('Odd-1', [{ type: 'Odd', data: { a: 1, b: undefined } }]);
      deepStrictEqual(events[0]?.data, { a: 1 });
      deepStrictEqual((await store.readStream('Odd-1').first())?.data, { a: 1 });
    },
  },
  {
    name: 'what JSON cannot hold is refused, with its path, and nothing is written',
    check: async ({ store }) => {
      class Money {
        readonly amount = 1;
      }
      const circular: { self?: unknown } = {};
      circular.self = circular;
      const refused: readonly (readonly [unknown, string])[] = [
        [{ at: new Date(0) }, 'at'],
        [{ list: [1, 2n] }, 'list[1]'],
        [{ a: { b: Number.NaN } }, 'a.b'],
        [{ a: Infinity }, 'a'],
        [{ map: new Map() }, 'map'],
        [{ money: new Money() }, 'money'],
        [{ run: () => 1 }, 'run'],
        [[1, undefined], '[1]'],
        [undefined, ''],
        [Symbol('x'), ''],
        [{ [Symbol('x')]: 1 }, ''],
        [new Uint8Array(2), ''],
      ];
      for (const [data, path] of refused) {
        await rejects(store.append('Odd-1', [{ type: 'Odd', data }]), {
          code: 'INVALID_EVENT_DATA',
          eventType: 'Odd',
          path,
        });
      }
      await rejects(store.append('Odd-1', [{ type: 'Odd', data: circular }]), { code: 'INVALID_EVENT_DATA' });
      strictEqual(await store.streamInfo('Odd-1'), undefined);
    },
  },
  {
    name: 'changing what was appended, or what was read, changes nothing in the log',
    check: async ({ store }) => {
      const data = { list: [1] };
      const { events } = await store.append('Odd-1', [{ type: 'Odd', data }]);
      data.list.push(2);
      events[0]?.recordedAt.setTime(0);
      const read = await store.readStream('Odd-1').first();
      read?.recordedAt.setTime(0);
      const again = await store.readStream('Odd-1').first();
      deepStrictEqual(again?.data, { list: [1] });
      strictEqual(again?.recordedAt.getTime() === 0, false);
    },
  },
  {
    name: 'metadata of the context, of the append and of the event are recorded, the nearest wins',
    check: async ({ store }) => {
      await withMetadata({ correlationId: 'outer', userId: 'u-1', tenantId: 't-1' }, () =>
        withMetadata({ correlationId: 'inner' }, () =>
          store.append(
            'Odd-1',
            [
              { type: 'Odd', data: 1, metadata: { ip: '::1' } },
              { type: 'Odd', data: 2 },
            ],
            {
              metadata: { userId: 'u-2', ip: 'none' },
            },
          ),
        ),
      );
      const metadata = (await store.readStream('Odd-1').toArray()).map((event) => event.metadata);
      deepStrictEqual(metadata, [
        { correlationId: 'inner', userId: 'u-2', tenantId: 't-1', ip: '::1' },
        { correlationId: 'inner', userId: 'u-2', tenantId: 't-1', ip: 'none' },
      ]);
    },
  },
  {
    name: 'what an event causes carries its correlation and names it as the cause',
    check: async ({ store }) => {
      const { events } = await store.append('Odd-1', [{ type: 'Odd', data: 1 }], { metadata: { userId: 'u-1' } });
      const [cause] = events;
      if (cause === undefined) throw new Error('nothing was returned');
      const caused = await withMetadata(causedBy(cause), () => store.append('Odd-2', [{ type: 'Odd', data: 2 }]));
      deepStrictEqual(caused.events[0]?.metadata, { correlationId: cause.id, causationId: cause.id, userId: 'u-1' });
    },
  },
  {
    name: 'any name that is a category, a "-" and an id is a stream of its own',
    check: async ({ store }) => {
      const names = [
        'Order-1',
        'order-1',
        'Order-1 ',
        "Order-it's",
        'Order-"x"',
        'Order-a-b-c',
        'Order--',
        'Order-%_\\',
        'Ord_er-1',
        'Bestellung-ä',
        'Bestellung-a\u0308',
        '订单-😀',
        `Long-${'x'.repeat(507)}`,
      ];
      for (const [index, name] of names.entries()) {
        const { streamVersion } = await store.append(name, [{ type: 'Odd', data: index }]);
        strictEqual(streamVersion, 1, name);
      }
      for (const [index, name] of names.entries()) {
        deepStrictEqual((await store.readStream(name).toArray())[0]?.data, index);
        strictEqual((await store.streamInfo(name))?.streamName, name);
      }
    },
  },
  {
    name: 'malformed stream names are refused everywhere',
    check: async ({ store }) => {
      const names = [
        '',
        '-',
        'Order',
        '-1',
        'Order-',
        'Order-\u0000',
        'Order-\n',
        'Order-\ud800',
        `O-${'x'.repeat(511)}`,
      ];
      for (const name of names) {
        const expected = { code: 'INVALID_STREAM_NAME', streamName: name };
        await rejects(store.append(name, [{ type: 'Odd', data: 1 }]), expected);
        await rejects(async () => store.readStream(name).toArray(), expected);
        await rejects(store.streamInfo(name), expected);
      }
    },
  },
  {
    name: 'event types are stored as written; empty and unprintable ones are refused',
    check: async ({ store }) => {
      const types = ['order.created/v1', 'Ünïcode 😀', "it's", '__proto__'];
      await store.append(
        'Odd-1',
        types.map((type) => ({ type, data: 1 })),
      );
      deepStrictEqual(
        (await store.readStream('Odd-1').toArray()).map(({ type }) => type),
        types,
      );
      for (const type of ['', 'a\u0000', 'x'.repeat(257)]) {
        await rejects(store.append('Odd-1', [{ type, data: 1 }]), { code: 'INVALID_ARGUMENT' });
      }
    },
  },
];
