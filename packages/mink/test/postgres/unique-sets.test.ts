import { expect, test } from 'vitest';
import { defineEvents, payload, UniqueValueTakenError } from '../../src/index.ts';
import { createPostgresStore, withTransaction } from '../../src/postgres/index.ts';
import { Pool } from 'pg';
import { describePostgres, runSql } from '../support/databases.ts';
import { seedOf } from '../support/random.ts';

const events = defineEvents(
  { Took: payload<{ values: readonly string[] }>(), Noted: payload<null>() },
  { unique: { place: (event) => (event.type === 'Took' ? event.data.values : undefined) } },
);
const { Took, Noted } = events;
const categories = { Guest: events };

describePostgres('unique sets', (databases) => {
  test('hold in any interleaving of several stores, and agree with the events in the end', async () => {
    const { random } = seedOf('unique sets');
    const pick = (most: number): number => Math.floor(random() * most);
    const url = await databases.create();
    const stores = [1, 2, 3].map(() => createPostgresStore({ url, categories }));
    let taken = 0;
    const someValues = () => Array.from({ length: pick(4) }, () => `v${pick(8)}`);
    const write = async (): Promise<void> => {
      const store = stores[pick(stores.length)];
      const names = [...new Set([pick(6), pick(6)])].map((n) => `Guest-${n}` as const);
      try {
        const entries = names.map((streamName) => ({
          streamName,
          events: random() < 0.2 ? [Noted(null)] : [Took({ values: someValues() })],
        }));
        await store?.appendMany(entries);
      } catch (error) {
        if (!(error instanceof UniqueValueTakenError)) throw error;
        taken += 1;
      }
    };
    await Promise.all(
      Array.from({ length: 24 }, async () => {
        for (let n = 0; n < 25; n += 1) await write();
      }),
    );
    expect(taken).toBeGreaterThan(0);

    // In the order of the log, whole commits at a time, no value is ever held by two.
    const rows = await runSql(
      url,
      `select stream_name, type, data, commit_id from mink.events order by global_position`,
    );
    const held = new Map<string, readonly string[]>();
    for (const [index, row] of rows.entries()) {
      const { stream_name: name, type, data } = row;
      if (type === 'Took') held.set(String(name), [...new Set(Object(data).values as readonly string[])]);
      if (rows[index + 1]?.['commit_id'] === row['commit_id']) continue;
      const all = [...held.values()].flat();
      expect(new Set(all).size).toBe(all.length);
    }
    const claims = await runSql(url, `select value, stream_name from mink.claims order by value`);
    const expected = [...held].flatMap(([name, values]) => values.map((value) => ({ value, stream_name: name })));
    expect(claims).toEqual(expected.toSorted((left, right) => (left.value < right.value ? -1 : 1)));
    await Promise.all(stores.map((store) => store.close()));
  });

  test('follow the transaction that an append is a part of', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url, categories });
    const pool = new Pool({ connectionString: url, max: 2 });
    try {
      const failed = withTransaction(pool, async (tx) => {
        await store.append('Guest-1', [Took({ values: ['a'] })], { tx });
        throw new Error('no');
      });
      await expect(failed).rejects.toThrow('no');
      expect(await store.uniqueSets.holderOf('place', 'a')).toBeUndefined();
      await withTransaction(pool, async (tx) => {
        await store.append('Guest-1', [Took({ values: ['a'] })], { tx });
        await expect(store.append('Guest-2', [Took({ values: ['a'] })], { tx })).rejects.toMatchObject({
          code: 'UNIQUE_VALUE_TAKEN',
          heldBy: 'Guest-1',
        });
        // The transaction goes on: nothing in it has failed.
        await store.append('Guest-2', [Took({ values: ['b'] })], { tx });
      });
      expect([await store.uniqueSets.holderOf('place', 'a'), await store.uniqueSets.holderOf('place', 'b')]).toEqual([
        'Guest-1',
        'Guest-2',
      ]);
    } finally {
      await pool.end();
    }
  });

  test('wait for a transaction that claims the same value, and decide when it has ended', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url, categories });
    await using other = createPostgresStore({ url, categories });
    const pool = new Pool({ connectionString: url, max: 2 });
    try {
      let claimed: () => void = () => undefined;
      const isClaimed = new Promise<void>((resolve) => (claimed = resolve));
      // Begun outside of the transaction: inside, an append without it is refused.
      const waiting = isClaimed.then(() => other.append('Guest-2', [Took({ values: ['a'] })]));
      const rolledBack = withTransaction(pool, async (tx) => {
        await store.append('Guest-1', [Took({ values: ['a'] })], { tx });
        claimed();
        const blocked = `select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
        await expect.poll(async () => (await runSql(url, blocked))[0]?.['n']).toBe(1);
        throw new Error('back');
      });
      await expect(rolledBack).rejects.toThrow('back');
      expect(await waiting).toMatchObject({ streamVersion: 1 });
      expect(await store.uniqueSets.holderOf('place', 'a')).toBe('Guest-2');
    } finally {
      await pool.end();
    }
  });
});
