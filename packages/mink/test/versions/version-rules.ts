import { deepStrictEqual, rejects, strictEqual } from 'node:assert';
import { describe, expect, test } from 'vitest';
import {
  column,
  createProjectionEngine,
  createProjectionVersions,
  defineEvents,
  defineProjection,
  defineSubscription,
  documents,
  payload,
  type AnyProjection,
  type EventStore,
} from '../../src/index.ts';

export const events = defineEvents({ Added: payload<{ n: number }>(), Cleared: payload<null>() });
export type Store = EventStore<{ Cart: typeof events }>;

/** What each cart adds up to. */
export const sumV1 = defineProjection({
  name: 'sum',
  events: { Cart: events },
  readModel: documents<{ sum: number }>(),
}).on({
  Added: (cart, { data }) => ({ sum: (cart?.sum ?? 0) + data.n }),
  Cleared: () => null,
});
/** The same, but one more from 5 on; and a column beside it. */
export const sumV2 = defineProjection({
  name: 'sum',
  version: 2,
  events: { Cart: events },
  readModel: documents<{ sum: number; last: number }>({ fields: { last: column.integer() } }),
}).on({
  Added: (cart, { data }) => ({ sum: (cart?.sum ?? 0) + data.n + (data.n >= 5 ? 1 : 0), last: data.n }),
  Cleared: () => null,
});
/** The same as the first, under another version. */
export const sameV3 = defineProjection({
  name: 'sum',
  version: 3,
  events: { Cart: events },
  readModel: documents<{ sum: number }>(),
}).on({
  Added: (cart, { data }) => ({ sum: (cart?.sum ?? 0) + data.n }),
  Cleared: () => null,
});
export const add = (n: number) => events.Added({ n });

/** Runs projections until they have applied everything. */
export async function runAll(store: Store, projections: readonly AnyProjection[]): Promise<void> {
  const { position } = await store.readBound();
  await using engine = createProjectionEngine(store, projections, { tries: 1 });
  await engine.start();
  await engine.waitFor(position);
}

/** The rules of versions, for any store. */
export function versionRules(open: () => Promise<Store>): void {
  const carts = async (): Promise<Store> => {
    const store = await open();
    await store.append('Cart-1', [add(1), add(2)]);
    await store.append('Cart-2', [add(4), add(5), add(6)]);
    await store.append('Cart-3', [add(7), events.Cleared(null)]);
    await runAll(store, [sumV1]);
    return store;
  };

  describe('a version', () => {
    test('is planned, with what there is to do and how long it takes', async () => {
      await using store = await carts();
      const plan = await createProjectionVersions(store, [sumV1, sumV2]).plan(sumV2);
      expect(plan).toMatchObject({ name: 'sum', version: 2, events: 7, parkedKeys: 0 });
      expect(plan.live).toMatchObject({ version: 1, parkedKeys: 0 });
      expect(plan.rate).toBeGreaterThan(0);
      expect(plan.duration).toBeGreaterThan(0);
      deepStrictEqual(
        (await store.projections.list()).map((it) => it.version),
        [1],
      );
    });

    test('is built beside the live one, which is read meanwhile, and then is live', async () => {
      await using store = await carts();
      const versions = createProjectionVersions(store, [sumV1, sumV2], { batchSize: 2 });
      const seen: number[] = [];
      const built = await versions.build(sumV2, { onProgress: ({ left }) => seen.push(left) });
      expect(built).toMatchObject({ version: 2, position: 7, events: 7, parkedKeys: 0 });
      expect(seen.at(-1)).toBe(0);
      strictEqual(await store.projections.liveVersion('sum'), 1);
      strictEqual(await store.projections.live([sumV1, sumV2]), sumV1);
      const switched = await versions.switchTo(sumV2);
      expect(switched).toMatchObject({ name: 'sum', from: 1, to: 2, lagEvents: 0 });
      const live = await store.projections.live([sumV1, sumV2]);
      strictEqual(live, sumV2);
      deepStrictEqual(await store.projections.readModel(live).get('Cart-2'), { sum: 17, last: 6 });
      strictEqual((await versions.switchTo(sumV2)).from, 2);
    });

    test('is read as long as it is live, or the newest that there is code for; a read that it is retired under goes on', async () => {
      await using store = await carts();
      const versions = createProjectionVersions(store, [sumV1, sumV2]);
      await versions.build(sumV2);
      const sumOf = async (of: readonly (typeof sumV1 | typeof sumV2)[]) =>
        store.projections.readLive(of, async (live) => [
          live.version,
          await store.projections.readModel(live).get('Cart-2'),
        ]);
      deepStrictEqual(await sumOf([sumV1, sumV2]), [1, { sum: 15 }]);
      await versions.switchTo(sumV2);
      deepStrictEqual(await sumOf([sumV1, sumV2]), [2, { sum: 17, last: 6 }]);
      // A process of the release before has no code for what is live now.
      deepStrictEqual(await sumOf([sumV1]), [1, { sum: 15 }]);
      await versions.rollback(sumV1);
      const tried: number[] = [];
      const found = await store.projections.readLive([sumV1, sumV2], async (live) => {
        tried.push(live.version);
        if (tried.length === 1) {
          await versions.switchTo(sumV2);
          await versions.retire(sumV1, { isForced: true });
        }
        return store.projections.readModel(live).get('Cart-2');
      });
      deepStrictEqual([tried, found], [[1, 2], { sum: 17, last: 6 }]);
      await rejects(sumOf([sumV1]), { code: 'PROJECTION_RETIRED' });
    });

    test('goes on from where an earlier build was stopped', async () => {
      await using store = await carts();
      const versions = createProjectionVersions(store, [sumV1, sumV2], { batchSize: 1 });
      const stop = new AbortController();
      const slow = versions.build(sumV2, {
        rate: 5,
        signal: stop.signal,
        onProgress: ({ events: applied }) => {
          if (applied >= 2) stop.abort(new Error('enough'));
        },
      });
      await rejects(slow, /enough/u);
      const { events: applied } = await versions.build(sumV2);
      expect(applied).toBeLessThan(7);
      const [, stored] = await store.projections.list();
      strictEqual(stored?.events, 7);
      deepStrictEqual(await store.projections.readModel(sumV2).get('Cart-1'), { sum: 3, last: 2 });
    });

    test('is compared with the live one at the same position, whichever is behind', async () => {
      await using store = await carts();
      const versions = createProjectionVersions(store, [sumV1, sumV2, sameV3]);
      await versions.build(sumV2);
      await store.append('Cart-4', [add(9)]);
      await runAll(store, [sumV1]);
      const compared = await versions.compare(sumV2);
      expect(compared).toMatchObject({ version: 2, against: 1, position: 8, isSame: false, errors: [] });
      expect(compared.tables).toMatchObject([
        { rowsBefore: 3, rowsAfter: 3, added: 0, removed: 0, changed: 3, columnsAdded: ['last'], columnsRemoved: [] },
      ]);
      const [one, two, four] = compared.tables[0]?.samples ?? [];
      expect(one).toMatchObject({ key: 'Cart-1', changes: [{ path: 'last', before: undefined, after: 2 }] });
      expect(two).toMatchObject({
        key: 'Cart-2',
        kind: 'changed',
        firstEvent: { streamName: 'Cart-2', streamVersion: 1 },
      });
      expect(two?.changes).toContainEqual({ path: 'sum', before: 15, after: 17 });
      expect(four).toMatchObject({ key: 'Cart-4', firstEvent: { globalPosition: 8 } });
      // What was applied for the comparison is not kept.
      strictEqual(await store.projections.readModel(sumV2).get('Cart-4'), undefined);
      await versions.build(sumV2);
      await store.append('Cart-5', [add(1)]);
      await versions.build(sumV2);
      expect(await versions.compare(sumV2)).toMatchObject({ position: 9, tables: [{ rowsBefore: 4, rowsAfter: 4 }] });
      await versions.build(sameV3);
      expect(await versions.compare(sameV3)).toMatchObject({ version: 3, against: 1, isSame: true });
      expect(await versions.compare(sameV3, { against: 2 })).toMatchObject({
        against: 2,
        isSame: false,
        tables: [{ columnsRemoved: ['last'], columnsAdded: [], changed: 4 }],
      });
    });

    test('shows what is added and removed, since which event, and what fails', async () => {
      await using store = await carts();
      const other = defineProjection({
        name: 'sum',
        version: 2,
        events: { Cart: events },
        readModel: documents<{ sum: number }>(),
      }).on({
        Added: (cart, { data }) => {
          if (data.n === 6) throw new Error('no six');
          return data.n === 2 ? null : { sum: (cart?.sum ?? 0) + data.n };
        },
      });
      const versions = createProjectionVersions(store, [sumV1, other], { tries: 1 });
      const built = await versions.build(other);
      strictEqual(built.parkedKeys, 1);
      const compared = await versions.compare(other);
      expect(compared.errors).toMatchObject([{ key: 'Cart-2', error: 'no six', position: 5 }]);
      expect(compared.tables).toMatchObject([
        {
          added: 1,
          removed: 1,
          changed: 1,
          samples: [
            { key: 'Cart-1', kind: 'removed', firstEvent: { globalPosition: 2, type: 'Added' } },
            { key: 'Cart-2', kind: 'changed', firstEvent: { globalPosition: 5 } },
            { key: 'Cart-3', kind: 'added', firstEvent: { globalPosition: 7, type: 'Cleared' } },
          ],
        },
      ]);
      await rejects(versions.switchTo(other), { code: 'PROJECTION_PARKED', version: 2, parkedKeys: 1 });
      await versions.switchTo(other, { isForced: true });
      strictEqual(await store.projections.liveVersion('sum'), 2);
    });

    test('can be tried against the whole log, also under the number of the live one', async () => {
      await using store = await carts();
      const changed = defineProjection({
        name: 'sum',
        events: { Cart: events },
        readModel: documents<{ sum: number }>(),
      }).on({
        Added: (cart, { data }) => ({ sum: (cart?.sum ?? 0) + data.n * (data.n === 4 ? 10 : 1) }),
        Cleared: () => null,
      });
      const compared = await createProjectionVersions(store, [changed]).whatIf(changed);
      expect(compared).toMatchObject({ version: 1, against: 1, isSame: false, position: 7 });
      expect(compared.tables).toMatchObject([{ added: 0, removed: 0, changed: 1 }]);
      expect(compared.tables[0]?.samples).toMatchObject([
        { key: 'Cart-2', changes: [{ path: 'sum', before: 15, after: 51 }], lastPosition: 5, firstEvent: undefined },
      ]);
      expect(await createProjectionVersions(store, [sumV1]).whatIf(sumV1)).toMatchObject({ isSame: true });
      deepStrictEqual(
        (await store.projections.list()).map((it) => [it.version, it.position]),
        [[1, 7]],
      );
      deepStrictEqual(await store.projections.readModel(sumV1).get('Cart-2'), { sum: 15 });
    });

    test('is switched back, after it has caught up', async () => {
      await using store = await carts();
      const versions = createProjectionVersions(store, [sumV1, sumV2]);
      await versions.build(sumV2);
      await versions.switchTo(sumV2);
      await store.append('Cart-1', [add(10), add(20)]);
      await versions.build(sumV2);
      const back = await versions.rollback(sumV1);
      expect(back).toMatchObject({ from: 2, to: 1, lagEvents: 2 });
      strictEqual(await store.projections.live([sumV1, sumV2]), sumV1);
      deepStrictEqual(await store.projections.readModel(sumV1).get('Cart-1'), { sum: 33 });
      strictEqual((await versions.rollback(sumV1)).to, 2);
    });

    test('that is behind is not switched to by a process without its code', async () => {
      await using store = await carts();
      await createProjectionVersions(store, [sumV2]).build(sumV2);
      await store.append('Cart-1', [add(1)]);
      await runAll(store, [sumV1]);
      const without = createProjectionVersions(store, [sumV1]);
      await rejects(without.switchTo(sumV2, { timeout: 0 }), {
        code: 'PROJECTION_VERSION_BEHIND',
        version: 2,
        position: 7,
        wanted: 8,
      });
      strictEqual(await store.projections.liveVersion('sum'), 1);
    });

    test('is retired for good, unless it is live or worked on', async () => {
      await using store = await carts();
      const versions = createProjectionVersions(store, [sumV1, sumV2]);
      await versions.build(sumV2);
      await rejects(versions.retire(sumV1), { code: 'LIVE_VERSION', version: 1 });
      const errors: unknown[] = [];
      const classify = (error: unknown) => void errors.push(error);
      await using old = createProjectionEngine(store, [sumV1], { leaseDuration: 900, classify });
      await old.start();
      await versions.switchTo(sumV2);
      await rejects(versions.retire(sumV1), { code: 'PROJECTION_IN_USE', version: 1 });
      await versions.retire(sumV1, { isForced: true });
      await store.append('Cart-1', [add(5)]);
      // The old process has seen it, and leaves it alone: nothing has failed.
      await expect.poll(async () => (await old.status())[0]?.state).toBe('retired');
      await store.append('Cart-1', [add(5)]);
      await old.close();
      deepStrictEqual(errors, []);
      await runAll(store, [sumV2]);
      deepStrictEqual(
        (await store.projections.list()).map((it) => [it.version, it.isLive]),
        [[2, true]],
      );
      await rejects(versions.rollback(sumV1), { code: 'PROJECTION_VERSION_UNKNOWN' });
      await rejects(versions.switchTo(sumV1), { code: 'PROJECTION_RETIRED' });
      await rejects(versions.build(sumV1), { code: 'PROJECTION_RETIRED' });
      await rejects(versions.rebuild(sumV1), { code: 'PROJECTION_RETIRED' });
      await rejects(versions.retire(sumV1), { code: 'PROJECTION_RETIRED' });
      await rejects(store.projections.live([sumV1]), { code: 'LIVE_VERSION', version: 2 });
      await rejects(store.projections.readModel(sumV1).get('Cart-1'), { code: 'PROJECTION_RETIRED' });
      await rejects(store.projections.readModel(sumV1).list().toArray(), { code: 'PROJECTION_RETIRED' });
      await rejects(store.projections.readModel(sumV1).count(), { code: 'PROJECTION_RETIRED' });
      await rejects(store.projections.reset(sumV1), { code: 'INVALID_ARGUMENT' });
      await rejects(store.projections.pause(sumV1), { code: 'INVALID_ARGUMENT' });
      await rejects(old.waitFor(1), { code: 'PROJECTION_RETIRED' });
    });

    test('is rebuilt beside itself, and takes its own place', async () => {
      await using store = await carts();
      const mended = defineProjection({
        name: 'sum',
        events: { Cart: events },
        readModel: documents<{ sum: number }>(),
      }).on({ Added: (cart, { data }) => ({ sum: (cart?.sum ?? 0) - data.n }), Cleared: () => null });
      await using engine = createProjectionEngine(store, [mended], { leaseDuration: 300 });
      await engine.start();
      const rebuilt = await createProjectionVersions(store, [mended]).rebuild(mended);
      expect(rebuilt).toMatchObject({ name: 'sum', version: 1, position: 7, events: 7 });
      deepStrictEqual(await store.projections.readModel(mended).get('Cart-2'), { sum: -15 });
      // Whoever works on it goes on.
      const { globalPosition } = await store.append('Cart-2', [add(1)]);
      await engine.waitFor(globalPosition);
      deepStrictEqual(await store.projections.readModel(mended).get('Cart-2'), { sum: -16 });
      const [stored, another] = await store.projections.list();
      expect(stored).toMatchObject({ version: 1, isLive: true, events: 8 });
      strictEqual(another, undefined);
    });

    test('is rebuilt in a shadow that there never was: who wakes with an old one takes it for no other', async () => {
      await using store = await carts();
      const versions = createProjectionVersions(store, [sumV1]);
      const shadows = new Set<number>();
      for (let times = 0; times < 2; times += 1) {
        await versions.rebuild(sumV1, { onProgress: ({ version }) => shadows.add(version) });
      }
      strictEqual(shadows.size, 2);
    });

    test('that is retired while it is rebuilt does not come back', async () => {
      await using store = await carts();
      await runAll(store, [sumV1]);
      const versions = createProjectionVersions(store, [sumV1, sumV2]);
      await versions.build(sumV2);
      let retired: Promise<void> | undefined;
      const onProgress = (): void => {
        retired ??= versions.retire(sumV2, { isForced: true });
      };
      await rejects(versions.rebuild(sumV2, { onProgress, rate: 20 }), { code: 'PROJECTION_RETIRED', version: 2 });
      await retired;
      deepStrictEqual(
        (await store.projections.list()).map(({ version }) => version),
        [1],
      );
      await rejects(store.projections.readModel(sumV2).get('Cart-1'), { code: 'PROJECTION_RETIRED' });
    });

    test('that is rebuilt stays as it is while keys of the new rows are parked, or when it is stopped', async () => {
      await using store = await carts();
      const failing = defineProjection({
        name: 'sum',
        events: { Cart: events },
        readModel: documents<{ sum: number }>(),
      }).on({
        Added: (_, { data }) => {
          if (data.n === 4) throw new Error('no four');
          return { sum: 0 };
        },
      });
      const versions = createProjectionVersions(store, [failing], { tries: 1 });
      const stop = new AbortController();
      const slow = versions.rebuild(failing, {
        batchSize: 1,
        rate: 5,
        signal: stop.signal,
        onProgress: () => stop.abort(),
      });
      await rejects(slow);
      await rejects(versions.rebuild(failing), { code: 'PROJECTION_PARKED', parkedKeys: 1 });
      deepStrictEqual(await store.projections.readModel(sumV1).get('Cart-2'), { sum: 15 });
      await versions.rebuild(failing, { isForced: true });
      deepStrictEqual(await store.projections.readModel(sumV1).get('Cart-1'), { sum: 0 });
      expect(await store.projections.list()).toMatchObject([{ version: 1, parkedKeys: 1, isLive: true }]);
      await using engine = createProjectionEngine(store, [sumV1]);
      expect(await engine.deadLetters.list().toArray()).toMatchObject([{ key: 'Cart-2', events: 3, error: 'no four' }]);
      expect(await engine.deadLetters.retry({ projection: sumV1, key: 'Cart-2' })).toMatchObject({
        applied: 3,
        left: 0,
      });
    });

    test('that cannot go on ends its build with the reason', async () => {
      await using store = await carts();
      const versions = createProjectionVersions(store, [sumV2]);
      await versions.build(sumV2);
      await store.projections.pause(sumV2);
      await rejects(versions.build(sumV2), { code: 'PROJECTION_BUILD', message: /paused/u });
      const keyless = defineProjection({
        name: 'keyless',
        events: { Cart: events },
        readModel: documents<null>(),
        key: () => '',
      }).on({ Added: () => null });
      const failing = createProjectionVersions(store, [keyless], { tries: 1 }).build(keyless);
      await rejects(failing, { code: 'PROJECTION_BUILD', position: 0, message: /key/u });
    });

    test('of a subscription is left alone: its effects would come again', async () => {
      await using store = await carts();
      const delivered: number[] = [];
      const mails = defineSubscription({
        name: 'mails',
        events: { Cart: events },
        from: 'start',
        handle: async ({ globalPosition }) => void delivered.push(globalPosition),
      });
      await runAll(store, [mails]);
      const versions = createProjectionVersions(store, [sumV1, mails]);
      const refused = { code: 'INVALID_ARGUMENT' };
      for (const verb of ['plan', 'build', 'whatIf', 'rebuild', 'compare', 'retire'] as const) {
        await rejects(versions[verb](mails), refused);
      }
      deepStrictEqual(
        (await versions.rebuildAll()).map(({ name }) => name),
        ['sum'],
      );
      deepStrictEqual(
        delivered.toSorted((left, right) => left - right),
        [1, 2, 3, 4, 5, 6, 7],
      );
    });

    test('is asked for by a name and a number that there are', async () => {
      await using store = await carts();
      const versions = createProjectionVersions(store, [sumV1, sumV2]);
      await rejects(versions.compare(sumV2), { code: 'PROJECTION_VERSION_UNKNOWN', version: 2 });
      await rejects(versions.switchTo(sumV2), { code: 'PROJECTION_VERSION_UNKNOWN', version: 2 });
      await rejects(versions.build({ name: 'sum', version: 9 }), { code: 'INVALID_ARGUMENT' });
      await rejects(versions.rollback(sumV1), { code: 'PROJECTION_VERSION_UNKNOWN' });
      await rejects(versions.retire({ name: 'nosuch', version: 1 }), { code: 'PROJECTION_VERSION_UNKNOWN' });
      await rejects(store.projections.live([]), { code: 'INVALID_ARGUMENT' });
      strictEqual(await store.projections.liveVersion('nosuch'), undefined);
      strictEqual(await versions.dropShadows(), 0);
    });
  });
}
