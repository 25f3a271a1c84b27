import { deepStrictEqual, rejects, strictEqual } from 'node:assert';
import type { AppendCommand, AppendOutcome, EventStorage, NewKeyedResult, PreparedEvent } from '../../core/index.ts';
import { idOf, type Rule } from './contract-case.ts';

const DAY = 86_400_000;

function event(n: number): PreparedEvent {
  return { id: idOf(n), type: 'Paid', schemaVersion: 1, data: { n }, metadata: {}, hasNegativeZero: false };
}

function command(
  key: string,
  options: { readonly stream?: string; readonly n?: number; readonly ttl?: number } = {},
): AppendCommand {
  const { stream = 'Account-1', n = 1, ttl = DAY } = options;
  return {
    entries: [{ streamName: stream, category: 'Account', expectedVersion: 'any', events: [event(n)] }],
    mayBeRepeated: false,
    key: { key, messageType: 'Pay', fingerprint: 'f', ttl, value: { receipt: 'r-1' } },
  };
}

const refused: NewKeyedResult = {
  key: 'k',
  messageType: 'Pay',
  fingerprint: 'f',
  ttl: DAY,
  value: undefined,
  error: { message: 'no money', code: 'NO_MONEY' },
  streams: [],
};

/** The first result of a key, which the storage must have. */
function knownOf(outcome: AppendOutcome) {
  if (outcome.status !== 'known') throw new Error(`expected a known result, got ${outcome.status}`);
  return outcome.result;
}

async function expired(storage: EventStorage, key: string): Promise<void> {
  while ((await storage.readResult(key)) !== undefined);
}

/** What a storage does with the keys of commands. */
export const keyRules: readonly Rule[] = [
  {
    name: 'the result is stored with the append, and the next append with the key finds it instead',
    check: async ({ storage }) => {
      const first = await storage.append(command('k'));
      const result = knownOf(await storage.append(command('k', { stream: 'Account-2', n: 2 })));
      const { recordedAt, ...facts } = result;
      const entries = first.status === 'appended' ? first.entries : [];
      deepStrictEqual(facts, {
        key: 'k',
        messageType: 'Pay',
        fingerprint: 'f',
        outcome: {
          status: 'appended',
          entries: entries.map((entry) => ({ ...entry, streamName: 'Account-1' })),
          value: { receipt: 'r-1' },
        },
      });
      strictEqual(Number.isSafeInteger(recordedAt), true);
      deepStrictEqual(await storage.readResult('k'), result);
      strictEqual(await storage.streamInfo('Account-2'), undefined);
    },
  },
  {
    name: 'a key is not spent on an append whose event ids belong to another one',
    check: async ({ storage }) => {
      const { key: _key, ...first } = command('k');
      await storage.append(first);
      const again = { ...command('k'), mayBeRepeated: true };
      const [entry] = again.entries;
      const other = { ...event(1), data: { n: 2 } };
      const changed = { ...again, entries: entry === undefined ? [] : [{ ...entry, events: [other] }] };
      strictEqual((await storage.append(changed)).status, 'mismatch');
      strictEqual(await storage.readResult('k'), undefined);
      strictEqual((await storage.append(again)).status, 'appended');
      strictEqual((await storage.readResult('k'))?.outcome.status, 'appended');
    },
  },
  {
    name: 'a repeat by its event ids becomes the result of its key, in whatever order its payload has its fields',
    check: async ({ storage }) => {
      const { key: _key, ...first } = command('k');
      const [entry] = first.entries;
      if (entry === undefined) throw new Error('no entry');
      const withData = (data: PreparedEvent['data']) => [{ ...entry, events: [{ ...event(1), data }] }];
      await storage.append({ ...first, entries: withData({ a: 1, b: 2 }) });
      const again = { ...command('k'), mayBeRepeated: true, entries: withData({ b: 2, a: 1 }) };
      const outcome = await storage.append(again);
      deepStrictEqual([outcome.status, outcome.status === 'appended' && outcome.repeated], ['appended', true]);
      const result = knownOf(await storage.append(command('k', { n: 2 })));
      const entries = outcome.status === 'appended' ? outcome.entries : [];
      deepStrictEqual(result.outcome, {
        status: 'appended',
        entries: entries.map((it) => ({ ...it, streamName: 'Account-1' })),
        value: { receipt: 'r-1' },
      });
    },
  },
  {
    name: 'a key that is not there has no result',
    check: async ({ storage }) => {
      strictEqual(await storage.readResult('k'), undefined);
      await storage.append(command('k'));
      strictEqual(await storage.readResult('K'), undefined);
    },
  },
  {
    name: 'an append that loses leaves its key free',
    check: async ({ storage }) => {
      const { entries, ...rest } = command('k');
      const [entry] = entries;
      if (entry === undefined) throw new Error('no entry');
      const lost = await storage.append({ ...rest, entries: [{ ...entry, expectedVersion: 7 }] });
      deepStrictEqual(lost, { status: 'conflict', streamName: 'Account-1', actualVersion: 0 });
      strictEqual(await storage.readResult('k'), undefined);
      strictEqual((await storage.append(command('k'))).status, 'appended');
    },
  },
  {
    name: 'of many appends with one key at once, one is stored and the others find its result',
    check: async ({ storage }) => {
      const outcomes = await Promise.all(
        Array.from({ length: 16 }, (_, n) => storage.append(command('k', { stream: `Account-${n}`, n }))),
      );
      const appended = outcomes.filter(({ status }) => status === 'appended');
      strictEqual(appended.length, 1);
      const results = outcomes.filter(({ status }) => status === 'known').map(knownOf);
      deepStrictEqual(
        results,
        Array.from({ length: 15 }, () => results[0]),
      );
      const { events } = await storage.readLogPage({
        after: 0,
        upTo: (await storage.readBound()).head,
        filter: { types: undefined, categories: undefined, streamNames: undefined, streamPrefixes: undefined },
        direction: 'forwards',
        limit: 100,
      });
      strictEqual(events.length, 1);
    },
  },
  {
    name: 'keys, and appends without one, travel together and do not get in each other’s way',
    check: async ({ storage, store }) => {
      await storage.append(command('old'));
      const appends = Array.from({ length: 12 }, (_, n) =>
        storage.append(command(n % 3 === 0 ? 'old' : `new-${n}`, { stream: `Account-new-${n}`, n: 100 + n })),
      );
      const plain = Array.from({ length: 12 }, (_, n) => store.append(`Plain-${n}`, [{ type: 'A', data: n }]));
      const statuses = (await Promise.all(appends)).map(({ status }) => status);
      deepStrictEqual(
        statuses,
        Array.from({ length: 12 }, (_, n) => (n % 3 === 0 ? 'known' : 'appended')),
      );
      deepStrictEqual(
        (await Promise.all(plain)).map(({ streamVersion }) => streamVersion),
        Array.from({ length: 12 }, () => 1),
      );
    },
  },
  {
    name: 'the result of an append to several streams names them all, those that were only checked too',
    check: async ({ storage, store }) => {
      await store.append('Customer-9', [{ type: 'A', data: 1 }]);
      const { key, mayBeRepeated } = command('k');
      const entries = [
        { streamName: 'Account-2', category: 'Account', expectedVersion: 'any', events: [event(1), event(2)] },
        { streamName: 'Customer-9', category: 'Customer', expectedVersion: 1, events: [] },
        { streamName: 'Account-1', category: 'Account', expectedVersion: 'no_stream', events: [event(3)] },
      ] as const;
      await storage.append({ entries, key, mayBeRepeated });
      const outcome = (await storage.readResult('k'))?.outcome;
      if (outcome?.status !== 'appended') throw new Error('no result');
      deepStrictEqual(
        outcome.entries.map((it) => [it.streamName, it.streamVersion, it.events.map(({ id }) => id)]),
        [
          ['Account-2', 2, [idOf(1), idOf(2)]],
          ['Customer-9', 1, []],
          ['Account-1', 1, [idOf(3)]],
        ],
      );
    },
  },
  {
    name: 'a result without an append is kept if its key is free',
    check: async ({ storage }) => {
      const value: NewKeyedResult = {
        ...refused,
        error: undefined,
        value: { n: 5 },
        streams: [{ streamName: 'Account-1', streamVersion: 3 }],
      };
      strictEqual(await storage.keepResult(value), undefined);
      const entries = [{ streamName: 'Account-1', streamVersion: 3, events: [] }];
      const kept = await storage.keepResult(refused);
      deepStrictEqual(kept?.outcome, { status: 'value', entries, value: { n: 5 } });
      deepStrictEqual(knownOf(await storage.append(command('k'))), kept);

      strictEqual(await storage.keepResult({ ...refused, key: 'l' }), undefined);
      deepStrictEqual((await storage.readResult('l'))?.outcome, { status: 'refused', error: refused.error });

      await storage.append(command('m', { n: 2 }));
      strictEqual((await storage.keepResult({ ...refused, key: 'm' }))?.outcome.status, 'appended');
    },
  },
  {
    name: 'a result expires: then its key is free, and it can be forgotten',
    check: async ({ storage }) => {
      await storage.append(command('a', { ttl: 1 }));
      await storage.append(command('b', { ttl: 1, n: 2 }));
      await storage.keepResult({ ...refused, key: 'c', ttl: 1 });
      await storage.append(command('d', { n: 3 }));
      for (const key of ['a', 'b', 'c']) await expired(storage, key);
      strictEqual((await storage.append(command('a', { n: 4 }))).status, 'appended');
      strictEqual(await storage.keepResult({ ...refused, key: 'b' }), undefined);
      strictEqual((await storage.readResult('b'))?.outcome.status, 'refused');
      deepStrictEqual([await storage.deleteExpiredResults(10), await storage.deleteExpiredResults(10)], [1, 0]);
      strictEqual((await storage.readResult('a'))?.outcome.status, 'appended');
      strictEqual((await storage.readResult('d'))?.outcome.status, 'appended');
    },
  },
  {
    name: 'no more expired results are forgotten than asked for',
    check: async ({ storage }) => {
      for (const key of ['a', 'b', 'c']) await storage.keepResult({ ...refused, key, ttl: 1 });
      for (const key of ['a', 'b', 'c']) await expired(storage, key);
      deepStrictEqual([await storage.deleteExpiredResults(2), await storage.deleteExpiredResults(2)], [2, 1]);
    },
  },
  {
    name: 'keys may be any text, and values any JSON',
    check: async ({ storage }) => {
      // As with payloads of events: what comes back is what went in, -0 included.
      const keys = ["'; drop table x --", 'ключ', '🔑', 'a,b', '{"a":1}', 'null', ' ', '"'];
      for (const [n, key] of keys.entries()) {
        const { key: whole, ...rest } = command(key, { n });
        const value = n % 2 === 0 ? [key, null, { [key]: 0.1, zero: -0 }] : key;
        await storage.append({ ...rest, key: whole === undefined ? undefined : { ...whole, value } });
        const outcome = (await storage.readResult(key))?.outcome;
        deepStrictEqual(outcome?.status === 'appended' ? outcome.value : undefined, value);
        await storage.keepResult({ ...refused, key: `not ${key}`, error: [value] });
        const kept = (await storage.readResult(`not ${key}`))?.outcome;
        deepStrictEqual(kept, { status: 'refused', error: [value] });
      }
    },
  },
  {
    name: 'a closed storage keeps and finds nothing',
    check: async ({ storage }) => {
      await storage.close();
      await rejects(storage.readResult('k'), { code: 'STORE_CLOSED' });
      await rejects(storage.keepResult(refused), { code: 'STORE_CLOSED' });
    },
  },
];
