import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import { Pool } from 'pg';
import { expect, onTestFinished, test, vi } from 'vitest';
import {
  column,
  createProjectionEngine,
  DatabaseUnavailableError,
  defineEvents,
  defineSqlProjection,
  HandlerTimeoutError,
  payload,
} from '../../src/index.ts';
import { createPostgresStore, withTransaction, type PoolClientLike } from '../../src/postgres/index.ts';
import { describePostgres } from '../support/databases.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';

const events = defineEvents({ Added: payload<null>() });

/** A projection whose handler loses its connection with the first of its batches. */
function losing(proxy: Proxy, applied: number[]) {
  let isCut = false;
  return defineSqlProjection({
    name: 'lines',
    events: { Cart: events },
    tables: { lines: { columns: { position: column.integer() }, key: ['position'] } },
    apply: async (batch, tx) => {
      if (!isCut) proxy.cut();
      isCut = true;
      for (const { globalPosition } of batch) {
        await tx.query(`insert into ${tx.tables.lines} (position) values ($1)`, [globalPosition]);
        applied.push(globalPosition);
      }
    },
  });
}

describePostgres('a connection that breaks under a statement of the application', (databases) => {
  test('is no failure of the event that a handler was given: nothing is parked', async () => {
    const proxy = await startProxy(await databases.create());
    const applied: number[] = [];
    await using store = createPostgresStore({ url: proxy.url, categories: { Cart: events } });
    await using engine = createProjectionEngine(store, [losing(proxy, applied)], { tries: 1, backoff: 10 });
    await store.append('Cart-1', [events.Added(null)]);
    await engine.start();
    // The cut may hit whoever waits, too.
    const position = async () => (await engine.status())[0]?.position;
    await expect.poll(() => position().catch(() => undefined), { timeout: 10_000 }).toBe(1);
    deepStrictEqual(await engine.deadLetters.list().toArray(), []);
    deepStrictEqual(applied, [1]);
    await engine.close();
    await store.close();
    await proxy.close();
  });

  test('says with its code that the database is away, and keeps what the statement failed with', async () => {
    const proxy = await startProxy(await databases.create());
    const pool = new Pool({ connectionString: proxy.url });
    pool.on('error', () => undefined);
    const failed = await withTransaction(pool, async (tx) => {
      proxy.cut();
      await tx.query('select 1');
    }).catch((error: unknown) => error);
    ok(failed instanceof DatabaseUnavailableError, String(failed));
    ok(failed.cause instanceof Error && !(failed.cause instanceof DatabaseUnavailableError));
    const own = new Error('changed my mind');
    await rejects(
      withTransaction(pool, async () => {
        throw own;
      }),
      own,
    );
    await pool.end();
    await proxy.close();
  });

  test('is thrown away where it swallows the rollback, and a handler that had no answer has not failed', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const released: unknown[] = [];
    const client: PoolClientLike = {
      query: ({ text }) => (text === 'rollback' ? new Promise(() => {}) : Promise.resolve({ command: '', rows: [] })),
      release: (error) => void released.push(error),
      on: () => undefined,
      off: () => undefined,
    };
    const failing = async (thrown: Error): Promise<unknown> => {
      const fail = async (): Promise<void> => {
        throw thrown;
      };
      const failed = withTransaction({ connect: async () => client }, fail);
      const [end] = await Promise.allSettled([failed, vi.advanceTimersByTimeAsync(60_000)]);
      return end.status === 'rejected' ? end.reason : undefined;
    };
    const late = new HandlerTimeoutError('lines', 1_000);
    const away = await failing(late);
    ok(away instanceof DatabaseUnavailableError && away.cause === late, String(away));
    const own = new Error('changed my mind');
    strictEqual(await failing(own), own);
    strictEqual(released.length, 2);
    ok(released.every((error) => error instanceof Error));
  });
});
