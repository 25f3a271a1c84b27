import { deepStrictEqual, rejects, strictEqual } from 'node:assert';
import type { EventStorage, NewSnapshot, SnapshotQuery } from '../../core/index.ts';
import { idOf, type Rule } from './contract-case.ts';

function snapshot(streamVersion: number, change: Partial<NewSnapshot> = {}): NewSnapshot {
  return {
    streamName: 'Order-1',
    category: 'Order',
    name: 'Order',
    streamVersion,
    globalPosition: streamVersion * 10,
    lastEventId: idOf(streamVersion),
    lastRecordedAt: Date.UTC(2026, 0, streamVersion),
    schemaVersion: 1,
    shape: 's',
    state: `{"n":${streamVersion}}`,
    checksum: `c${streamVersion}`,
    ...change,
  };
}

const any: SnapshotQuery = {
  streamName: 'Order-1',
  name: 'Order',
  untilVersion: undefined,
  untilPosition: undefined,
  untilTime: undefined,
};

async function keysOf(storage: EventStorage, streamName?: string): Promise<readonly string[]> {
  const all = await storage.listSnapshots({ category: undefined, streamName, after: undefined, limit: 100 });
  return all.map((it) => `${it.streamName} ${it.name} ${it.streamVersion}`);
}

/** What a storage does with snapshots. */
export const snapshotRules: readonly Rule[] = [
  {
    name: 'the last one of a stream and a name is found, as it was saved',
    check: async ({ storage }) => {
      strictEqual(await storage.readSnapshot(any), undefined);
      const state = '{"text":"ü\\u0000 \'\\"","list":[1.5,-0,null]}';
      for (const version of [10, 2, 9]) await storage.saveSnapshot(snapshot(version, { state }));
      await storage.saveSnapshot(snapshot(99, { streamName: 'Order-2' }));
      await storage.saveSnapshot(snapshot(99, { name: 'Total' }));
      const found = await storage.readSnapshot(any);
      if (found === undefined) throw new Error('no snapshot');
      const { createdAt, ...rest } = found;
      deepStrictEqual(rest, { ...snapshot(10, { state }), size: state.length });
      strictEqual(Number.isSafeInteger(createdAt), true);
    },
  },
  {
    name: 'a limit by version, position or time finds the last one within it',
    check: async ({ storage }) => {
      for (const version of [2, 4, 6]) await storage.saveSnapshot(snapshot(version));
      const versionAt = async (change: Partial<SnapshotQuery>): Promise<number | undefined> =>
        (await storage.readSnapshot({ ...any, ...change }))?.streamVersion;
      deepStrictEqual(
        [
          await versionAt({ untilVersion: 5 }),
          await versionAt({ untilVersion: 4 }),
          await versionAt({ untilVersion: 1 }),
          await versionAt({ untilPosition: 59 }),
          await versionAt({ untilTime: Date.UTC(2026, 0, 4) }),
          await versionAt({ untilTime: Date.UTC(2026, 0, 4) - 1 }),
        ],
        [4, 4, undefined, 4, 4, 2],
      );
    },
  },
  {
    name: 'one of the same version is replaced',
    check: async ({ storage }) => {
      await storage.saveSnapshot(snapshot(1));
      await storage.saveSnapshot(snapshot(1, { state: '{"n":2}', schemaVersion: 2, checksum: 'd' }));
      const found = await storage.readSnapshot(any);
      deepStrictEqual([found?.state, found?.schemaVersion, found?.checksum], ['{"n":2}', 2, 'd']);
      strictEqual((await keysOf(storage)).length, 1);
    },
  },
  {
    name: 'they are listed by stream, name and version, page by page',
    check: async ({ storage }) => {
      const saved = [
        snapshot(2),
        snapshot(10),
        snapshot(1, { name: 'Total' }),
        snapshot(3, { streamName: 'Order-10' }),
        snapshot(4, { streamName: 'Cart-1', category: 'Cart' }),
      ];
      for (const one of saved) await storage.saveSnapshot(one);
      const all = ['Cart-1 Order 4', 'Order-1 Order 2', 'Order-1 Order 10', 'Order-1 Total 1', 'Order-10 Order 3'];
      deepStrictEqual(await keysOf(storage), all);
      deepStrictEqual(await keysOf(storage, 'Order-10'), ['Order-10 Order 3']);
      const paged: string[] = [];
      let after: { streamName: string; name: string; streamVersion: number } | undefined;
      for (;;) {
        const page = await storage.listSnapshots({ category: 'Order', streamName: undefined, after, limit: 2 });
        paged.push(...page.map((it) => `${it.streamName} ${it.name} ${it.streamVersion}`));
        after = page.at(-1);
        if (page.length < 2) break;
      }
      deepStrictEqual(paged, all.slice(1));
      const [info] = await storage.listSnapshots({
        category: 'Cart',
        streamName: undefined,
        after: undefined,
        limit: 1,
      });
      deepStrictEqual([info?.size, info === undefined ? true : 'state' in info], [7, false]);
    },
  },
  {
    name: 'they are deleted by stream, name, category and age, and so many are kept',
    check: async ({ storage }) => {
      for (const version of [1, 2, 3, 4]) await storage.saveSnapshot(snapshot(version));
      for (const version of [1, 2]) await storage.saveSnapshot(snapshot(version, { streamName: 'Order-2' }));
      await storage.saveSnapshot(snapshot(1, { streamName: 'Cart-1', category: 'Cart' }));
      strictEqual(await storage.deleteSnapshots({}), 0);
      strictEqual(await storage.deleteSnapshots({ streamName: 'Order-1', keep: 3 }), 1);
      strictEqual(await storage.deleteSnapshots({ keep: 1 }), 3);
      deepStrictEqual(await keysOf(storage), ['Cart-1 Order 1', 'Order-1 Order 4', 'Order-2 Order 2']);
      strictEqual(await storage.deleteSnapshots({ before: 0 }), 0);
      strictEqual(await storage.deleteSnapshots({ category: 'Order', name: 'Total' }), 0);
      strictEqual(await storage.deleteSnapshots({ category: 'Order', name: 'Order' }), 2);
      strictEqual(await storage.deleteSnapshots({ before: Date.now() + 60_000 }), 1);
    },
  },
  {
    name: 'a closed storage has none',
    check: async ({ storage }) => {
      await storage.close();
      await rejects(storage.readSnapshot(any), { code: 'STORE_CLOSED' });
      await rejects(storage.saveSnapshot(snapshot(1)), { code: 'STORE_CLOSED' });
    },
  },
];
