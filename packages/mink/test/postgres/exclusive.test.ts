import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Pool } from 'pg';
import { expect, test } from 'vitest';
import { defineDecider, defineEvents, defineProjection, documents, payload } from '../../src/index.ts';
import { createPostgresStore, withTransaction } from '../../src/postgres/index.ts';
import { describePostgres, runSql } from '../support/databases.ts';

const program = fileURLToPath(new URL('../support/count-exclusively.js', import.meta.url));
const events = defineEvents({ Added: payload<{ total: number }>() });
const counter = defineDecider({
  category: 'Counter',
  events,
  initialState: () => 0,
  evolve: (total) => total + 1,
  decide: (_command: undefined, total) => events.Added({ total: total + 1 }),
});

const totals = defineProjection({ name: 'totals', events: { Counter: events }, readModel: documents<number>() }).on({
  Added: (_, { data }) => data.total,
});

describePostgres('exclusive mode', (databases) => {
  test('three processes with many writers each lose nothing and fail nobody on one stream', async () => {
    const url = await databases.create();
    const processes = [1, 2, 3].map(() => {
      const child = spawn(process.execPath, [program, url, '16', '20'], { stdio: ['pipe', 'pipe', 'inherit'] });
      const lines: string[] = [];
      const reader = createInterface(child.stdout);
      reader.on('line', (line) => lines.push(line));
      return { child, lines, ready: once(reader, 'line'), ended: once(child, 'close') };
    });
    await Promise.all(processes.map(({ ready }) => ready));
    for (const { child } of processes) child.stdin.write('go\n');
    const codes = await Promise.all(processes.map(({ ended }) => ended));
    expect(codes.map(([code]) => code)).toEqual([0, 0, 0]);
    const results = processes.flatMap(({ lines }) => lines.slice(1).map((line) => JSON.parse(line)));
    const totals = results.map(({ total }) => Number(total)).toSorted((left, right) => left - right);
    expect(totals).toEqual(Array.from({ length: 3 * 16 * 20 }, (_, index) => index + 1));
    expect(results.every(({ total, state }) => total === state)).toBe(true);
    const [row] = await runSql(url, `select version::int from mink.streams where stream_name = 'Counter-1'`);
    expect(row).toEqual({ version: 960 });
  });

  test.each([
    ['', [], undefined],
    [', and applies inline projections', [totals], 3],
  ])('waits for the row that another process holds, and decides on what that has left%s', async (_, inline, row) => {
    const url = await databases.create();
    await using store = createPostgresStore({ url, categories: { Counter: events }, inline });
    if (inline.length > 0) await store.projections.activateInline();
    const pool = new Pool({ connectionString: url, max: 2 });
    try {
      let started: () => void = () => undefined;
      const isHeld = new Promise<void>((resolve) => (started = resolve));
      const waiting = isHeld.then(() =>
        Promise.all([1, 2].map(() => store.executeWithRetry(counter, '1', undefined, { exclusive: true }))),
      );
      await withTransaction(pool, async (tx) => {
        await store.append('Counter-1', [events.Added({ total: 1 })], { tx });
        started();
        const blocked = `select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
        await expect.poll(async () => (await runSql(url, blocked))[0]?.['n']).toBe(1);
      });
      expect((await waiting).map(({ state }) => state)).toEqual([2, 3]);
      const rows = inline.map((projection) => store.projections.readModel(projection).get('Counter-1'));
      expect(await rows[0]).toBe(row);
    } finally {
      await pool.end();
    }
  });

  test('is refused inside a transaction, of which it would be no part', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url, categories: { Counter: events } });
    const pool = new Pool({ connectionString: url, max: 2 });
    try {
      const inside = withTransaction(pool, () => store.executeWithRetry(counter, '1', undefined, { exclusive: true }));
      await expect(inside).rejects.toMatchObject({ code: 'TRANSACTION_OPEN', streamNames: ['Counter-1'] });
    } finally {
      await pool.end();
    }
  });
});
