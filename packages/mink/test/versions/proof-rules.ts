import { deepStrictEqual, notDeepStrictEqual, rejects, strictEqual } from 'node:assert';
import { describe, expect, test } from 'vitest';
import {
  createProjectionEngine,
  createProjectionVersions,
  defineProjection,
  documents,
  type ComparedVersions,
  type Projection,
} from '../../src/index.ts';
import { add, events, runAll, sumV1, type Store } from './version-rules.ts';

type SumHandler = (sum: number, n: number) => number;

/** The projection of the sums, with other code under the same version. */
const sumWith = (add: SumHandler) =>
  defineProjection({ name: 'sum', events: { Cart: events }, readModel: documents<{ sum: number }>() }).on({
    Added: (cart, { data }) => ({ sum: add(cart?.sum ?? 0, data.n) }),
    Cleared: () => null,
  });
const failsAt = (bad: number) =>
  sumWith((sum, n) => {
    if (n === bad) throw new Error(`no ${bad}`);
    return sum + n;
  });

const keysIn = ({ tables }: ComparedVersions): unknown => tables[0]?.samples.map(({ key }) => key);

/** The rules of the proof of rows, for any store. */
export function proofRules(open: (inline: readonly Projection[]) => Promise<Store>): void {
  const fill = async (store: Store): Promise<Store> => {
    await store.append('Cart-1', [add(1), add(2)]);
    await store.append('Cart-2', [add(4), add(5), add(6)]);
    await store.append('Cart-3', [add(7), events.Cleared(null)]);
    return store;
  };
  const worked = async (projection = sumV1): Promise<Store> => {
    const store = await fill(await open([]));
    await runAll(store, [projection]);
    return store;
  };

  describe('the rows of a version', () => {
    test('are proven, of one that workers apply and of one that appends do', async () => {
      const proven = { name: 'sum', version: 1, ok: true, position: 7, errors: [], keysApart: 0 };
      for (const store of [await worked(), await fill(await open([sumV1]))]) {
        await using _ = store;
        const seen: number[] = [];
        const versions = createProjectionVersions(store, [sumV1]);
        const found = await versions.verifyRows(sumV1, { onProgress: ({ left }) => seen.push(left) });
        expect(found).toMatchObject({ ...proven, tables: [{ rowsBefore: 2, rowsAfter: 2, samples: [] }] });
        strictEqual(seen.at(-1), 0);
        deepStrictEqual(
          (await store.projections.list()).map(({ version, isLive }) => [version, isLive]),
          [[1, true]],
        );
        strictEqual(await versions.dropShadows(), 0);
      }
    });

    test('that are behind are proven as far as they are', async () => {
      await using store = await worked();
      await store.append('Cart-1', [add(3)]);
      const found = await createProjectionVersions(store, [sumV1]).verifyRows(sumV1);
      expect(found).toMatchObject({ ok: true, position: 8 });
      deepStrictEqual(await store.projections.readModel(sumV1).get('Cart-1'), { sum: 3 });
    });

    test('of other code under the same version are found, since the first event that they lack if that can be told', async () => {
      const other = sumWith((sum, n) => (n === 6 ? sum : n === 1 ? 100 : sum + n));
      for (const store of [await worked(other), await fill(await open([other]))]) {
        await using _ = store;
        const found = await createProjectionVersions(store, [sumV1]).verifyRows(sumV1);
        expect(found).toMatchObject({ ok: false, tables: [{ added: 0, removed: 0, changed: 2 }] });
        expect(found.tables[0]?.samples).toMatchObject([
          { key: 'Cart-1', changes: [{ path: 'sum', before: 102, after: 3 }], firstEvent: undefined, lastPosition: 2 },
          { key: 'Cart-2', changes: [{ path: 'sum', before: 9, after: 15 }], firstEvent: { globalPosition: 5 } },
        ]);
        // Nothing was mended.
        deepStrictEqual(await store.projections.readModel(sumV1).get('Cart-1'), { sum: 102 });
      }
    });

    test('are wrong where the code fails at an event that was applied', async () => {
      await using store = await worked();
      const found = await createProjectionVersions(store, [failsAt(5)], { tries: 1 }).verifyRows(sumV1);
      expect(found).toMatchObject({ ok: false, errors: [{ version: 1, key: 'Cart-2', error: 'no 5' }], keysApart: 0 });
    });

    test('of keys that wait, or whose events were given up, are left out', async () => {
      await using store = await worked(failsAt(5));
      const versions = createProjectionVersions(store, [sumV1], { tries: 1 });
      // The code is mended: the row lacks what waits, and nothing is wrong about that.
      const apart = { ok: true, keysApart: 1, tables: [{ rowsBefore: 1, rowsAfter: 1 }] };
      expect(await versions.verifyRows(sumV1)).toMatchObject(apart);
      await using engine = createProjectionEngine(store, [sumV1]);
      await engine.deadLetters.discard({ projection: sumV1, key: 'Cart-2' }, { reason: 'given up' });
      expect(await versions.verifyRows(sumV1)).toMatchObject(apart);
      await store.projections.reset(sumV1);
      await runAll(store, [sumV1]);
      expect(await versions.verifyRows(sumV1)).toMatchObject({ ok: true, keysApart: 0, tables: [{ rowsBefore: 2 }] });
    });

    test('are compared at a part of the keys, the same in both, where all would take too long', async () => {
      const none = defineProjection({
        name: 'sum',
        version: 2,
        events: { Cart: events },
        readModel: documents<{ sum: number }>(),
      }).on({ Added: () => null });
      await using store = await open([]);
      for (let n = 0; n < 200; n += 1) await store.append(`Cart-${n}`, [add(1)]);
      await runAll(store, [sumV1]);
      const versions = createProjectionVersions(store, [sumV1, none]);
      const counts: number[] = [];
      for (const seed of [1, 1, 2]) {
        const found = await versions.verifyRows(sumV1, { sample: 4, seed });
        expect(found).toMatchObject({ ok: true, sample: { oneIn: 4, seed } });
        counts.push(found.tables[0]?.rowsBefore ?? 0, found.tables[0]?.rowsAfter ?? 0);
        expect(counts.at(-1)).toBeGreaterThan(20);
        expect(counts.at(-1)).toBeLessThan(90);
      }
      strictEqual(new Set(counts.slice(0, 4)).size, 1);
      await versions.build(none);
      const compared = await versions.compare(none, { sample: 4, seed: 1, samples: 200 });
      expect(compared).toMatchObject({ isSame: false, tables: [{ rowsBefore: counts[0], removed: counts[0] }] });
      const all = await versions.compare(none, { samples: 200 });
      expect(all).toMatchObject({ sample: undefined, tables: [{ removed: 200 }] });
      const other = await versions.compare(none, { sample: 4, seed: 2, samples: 200 });
      notDeepStrictEqual(keysIn(other), keysIn(compared));
      expect((await versions.compare(none, { sample: 4 })).sample?.seed).toBeGreaterThanOrEqual(0);
      await rejects(versions.compare(none, { sample: 0 }), { code: 'INVALID_ARGUMENT' });
    });

    test('are asked for of a version that there is, and is not retired', async () => {
      await using store = await fill(await open([]));
      const versions = createProjectionVersions(store, [sumV1]);
      await rejects(versions.verifyRows(sumV1), { code: 'PROJECTION_VERSION_UNKNOWN', version: 1 });
      await rejects(versions.verifyRows({ name: 'nosuch', version: 1 }), { code: 'INVALID_ARGUMENT' });
      await runAll(store, [sumV1]);
      await rejects(versions.verifyRows(sumV1, { signal: AbortSignal.abort(new Error('stopped')) }), /stopped/u);
      await rejects(versions.verifyRows(sumV1, { samples: -1 }), { code: 'INVALID_ARGUMENT' });
    });
  });
}
