import { deepStrictEqual, rejects, strictEqual } from 'node:assert';
import { describe, expect, test } from 'vitest';
import { createProjectionVersions, defineProjection, documents, type Projection } from '../../src/index.ts';
import { add, events, runAll, sameV3, sumV1, sumV2, type Store } from './version-rules.ts';

/** The rules of versions of which one is applied by every append, for any store. */
export function inlineVersionRules(open: (inline: readonly Projection[]) => Promise<Store>): void {
  const carts = async (): Promise<Store> => {
    const store = await open([sumV1]);
    await store.append('Cart-1', [add(1), add(2)]);
    await store.append('Cart-2', [add(4), add(5), add(6)]);
    await store.append('Cart-3', [add(7), events.Cleared(null)]);
    return store;
  };

  describe('an inline version', () => {
    test('is compared with at the end of the log, whatever its checkpoint says', async () => {
      await using store = await carts();
      const versions = createProjectionVersions(store, [sumV1, sumV2, sameV3]);
      await versions.build(sameV3);
      await versions.build(sumV2);
      await store.append('Cart-4', [add(9)]);
      await store.append('Cart-1', [events.Cleared(null)]);
      expect(await versions.compare(sameV3)).toMatchObject({ against: 1, position: 9, isSame: true, errors: [] });
      const compared = await versions.compare(sumV2);
      expect(compared).toMatchObject({
        position: 9,
        isSame: false,
        tables: [{ rowsBefore: 2, rowsAfter: 2, changed: 2 }],
      });
      expect(compared.tables[0]?.samples).toMatchObject([
        { key: 'Cart-2', firstEvent: { streamVersion: 1 } },
        { key: 'Cart-4', firstEvent: { globalPosition: 8 } },
      ]);
      // What was applied for the comparison is not kept, and appends go on.
      strictEqual(await store.projections.readModel(sameV3).get('Cart-4'), undefined);
      await store.append('Cart-4', [add(1)]);
      deepStrictEqual(await store.projections.readModel(sumV1).get('Cart-4'), { sum: 10 });
    });

    test('is compared itself, while the live one stands still', async () => {
      await using store = await open([sameV3]);
      const versions = createProjectionVersions(store, [sumV1, sameV3]);
      await versions.build(sumV1);
      await store.append('Cart-1', [add(1), add(2)]);
      strictEqual(await store.projections.liveVersion('sum'), 1);
      expect(await versions.compare(sameV3)).toMatchObject({ version: 3, against: 1, position: 2, isSame: true });
      const without = createProjectionVersions(store, [sameV3]);
      await rejects(without.compare(sameV3), { code: 'PROJECTION_VERSION_BEHIND', version: 1 });
    });

    test('can be tried against the whole log, and what fails is told', async () => {
      await using store = await carts();
      const versions = createProjectionVersions(store, [sumV1, sumV2]);
      expect(await versions.whatIf(sumV1)).toMatchObject({ against: 1, position: 7, isSame: true });
      expect(await versions.whatIf(sumV2)).toMatchObject({ version: 2, against: 1, isSame: false });
      const failing = defineProjection({
        name: 'sum',
        version: 2,
        events: { Cart: events },
        readModel: documents<{ sum: number }>(),
      }).on({
        Added: (cart, { data }) => {
          if (data.n === 8) throw new Error('no eight');
          return { sum: (cart?.sum ?? 0) + data.n };
        },
        Cleared: () => null,
      });
      const beside = createProjectionVersions(store, [sumV1, failing], { tries: 1 });
      await beside.build(failing);
      await store.append('Cart-2', [add(8), add(1)]);
      expect(await beside.compare(failing)).toMatchObject({
        isSame: false,
        errors: [{ key: 'Cart-2', error: 'no eight', position: 8, events: 2 }],
        tables: [{ changed: 1, samples: [{ key: 'Cart-2', firstEvent: { globalPosition: 8 } }] }],
      });
      expect((await store.projections.list()).map(({ version, parkedKeys }) => [version, parkedKeys])).toEqual([
        [1, 0],
        [2, 0],
      ]);
    });

    test('becomes the live one as it is, and goes only when workers have it', async () => {
      await using store = await open([sameV3]);
      const versions = createProjectionVersions(store, [sumV1, sameV3]);
      await versions.build(sumV1);
      await store.append('Cart-1', [add(1), add(2)]);
      // Further than the checkpoint that the inline one had when appends began to apply it.
      await runAll(store, [sumV1]);
      expect(await versions.switchTo(sameV3)).toMatchObject({ from: 1, to: 3, lagEvents: 0 });
      strictEqual((await versions.switchTo(sameV3)).from, 3);
      deepStrictEqual(await store.projections.readModel(sameV3).get('Cart-1'), { sum: 3 });
      const refused = { code: 'INVALID_ARGUMENT', message: /"sum" version 3 is inline.*deactivateInline/u };
      await rejects(versions.switchTo(sumV1), refused);
      await rejects(versions.rollback(sumV1), refused);
      await rejects(versions.retire(sameV3, { isForced: true }), refused);
      await rejects(versions.rebuild(sameV3), refused);
      await store.projections.deactivateInline([sameV3]);
      strictEqual((await versions.rollback(sumV1)).to, 1);
    });
  });
}
