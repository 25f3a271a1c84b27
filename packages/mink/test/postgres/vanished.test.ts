import { deepStrictEqual, strictEqual } from 'node:assert';
import { Pool } from 'pg';
import { expect, test } from 'vitest';
import { defineEvents, defineProjection, documents, payload } from '../../src/index.ts';
import { createBackup, createPostgresStore, withTransaction } from '../../src/postgres/index.ts';
import { withOwnTransaction } from '../../src/postgres/transaction.ts';
import { describePostgres, openClient, runSql } from '../support/databases.ts';
import { startProxy } from '../support/proxy.ts';

const events = defineEvents({ Added: payload<null>() });
const counts = defineProjection({ name: 'counts', events: { Cart: events }, readModel: documents<number>() }).on({
  Added: (count) => (count ?? 0) + 1,
});

/** A machine that lost its power says nothing more, nor that it is gone: to the server its transaction is open, for hours. */
describePostgres('what keeps appends out, and vanishes with its machine', (databases) => {
  const open = async () => {
    const url = await databases.create();
    const store = createPostgresStore({ url, categories: { Cart: events }, inline: [counts] });
    await store.projections.activateInline([counts]);
    await store.append('Cart-1', [events.Added(null)]);
    const proxy = await startProxy(url);
    const blocker = await openClient(url);
    await blocker.query('begin');
    /** Whether appends wait for it, and it for the blocker. */
    const isInTheMiddle = async (mode: string, relation: string): Promise<boolean> => {
      const sql = `select from pg_locks where mode = '${mode}' and relation = '${relation}'::regclass and granted`;
      return (await runSql(url, sql)).length > 0;
    };
    /** It vanishes; then appends go on. */
    const vanish = async (work: Promise<unknown>): Promise<void> => {
      proxy.swallow(true);
      await blocker.query('rollback');
      await store.append('Cart-1', [events.Added(null)]);
      strictEqual(await store.projections.readModel(counts).get('Cart-1'), 2);
      proxy.swallow(false);
      await expect(work).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
      await blocker.end();
      await proxy.close();
      await store.close();
    };
    return { proxy, blocker, isInTheMiddle, vanish };
  };

  test('a backup does so for seconds, not hours', { timeout: 60_000 }, async () => {
    const { proxy, blocker, isInTheMiddle, vanish } = await open();
    await blocker.query(
      `insert into mink.audit_log (at, log_position, kind, type, message_id, status) values (now(), 1, 'action', 'a', 'slow', 'failed')`,
    );
    const taking = createBackup({ url: proxy.url }).next();
    await expect.poll(() => isInTheMiddle('ExclusiveLock', 'mink.streams'), { interval: 5 }).toBe(true);
    await vanish(taking);
  });

  test('a change of the inline projections does so for seconds, not hours', { timeout: 60_000 }, async () => {
    const { proxy, blocker, isInTheMiddle, vanish } = await open();
    await blocker.query('select from mink.projections for update');
    const remote = createPostgresStore({ url: proxy.url, categories: { Cart: events } });
    const changing = remote.projections.deactivateInline([counts]);
    await expect.poll(() => isInTheMiddle('ShareRowExclusiveLock', 'mink.events'), { interval: 5 }).toBe(true);
    await vanish(changing);
    await remote.close();
  });
});

describePostgres('a transaction of the store itself', (databases) => {
  test('is ended by the server when it has heard nothing for a minute; one of the user is not', async () => {
    const pool = new Pool({ connectionString: await databases.create() });
    const limit = async (tx: { query: (sql: string) => Promise<{ rows: readonly unknown[] }> }) =>
      (await tx.query('show idle_in_transaction_session_timeout')).rows[0];
    deepStrictEqual(await withOwnTransaction(pool, limit), { idle_in_transaction_session_timeout: '1min' });
    deepStrictEqual(await withTransaction(pool, limit), { idle_in_transaction_session_timeout: '0' });
    await pool.end();
  });
});
