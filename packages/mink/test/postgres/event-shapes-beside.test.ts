import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { Pool } from 'pg';
import { createPostgresStore, withTransaction } from '../../src/postgres/index.ts';
import { describePostgres, lastServer, openClient, runSql } from '../support/databases.ts';

const added = (data: unknown, type = 'Added'): { readonly type: string; readonly data: unknown } => ({ type, data });

/** 'late' where it takes longer. */
async function within<T>(work: Promise<T>, milliseconds = 15_000): Promise<T | 'late'> {
  const over = new AbortController();
  try {
    return await Promise.race([work, sleep(milliseconds, 'late' as const, { signal: over.signal })]);
  } finally {
    over.abort();
  }
}

describePostgres(
  'shapes beside transactions',
  (databases) => {
    let url: string;

    beforeEach(async () => {
      url = await databases.create();
    });

    /** As many shapes as are told apart, and a rest that does not have `again`. */
    const fill = async (store: {
      append(name: string, events: readonly { readonly type: string; readonly data: unknown }[]): Promise<unknown>;
    }): Promise<void> => {
      const events = Array.from({ length: 258 }, (_, n) => added({ [`name${n}x`]: n }));
      await store.append('Cart-0', events);
    };

    test('an open transaction that widens the rest keeps nobody waiting', async () => {
      await using store = createPostgresStore({ url });
      await fill(store);
      await store.append('Known-1', [added(1, 'Known')]);
      const tx = await openClient(url);
      await tx.query('begin');
      await store.append('Cart-1', [added('text')], { tx });
      const sameType = store.append('Cart-2', [added(null)]);
      const knownShape = store.append('Known-2', [added(2, 'Known')]);
      const settled = [await within(sameType.then(() => 'stored')), await within(knownShape.then(() => 'stored'))];
      await tx.query('commit');
      await tx.end();
      await Promise.all([sameType, knownShape]);
      expect(settled).toEqual(['stored', 'stored']);
    });

    test('two transactions that widen the rests of two types do not deadlock', async () => {
      await using store = createPostgresStore({ url });
      for (const type of ['One', 'Two']) {
        await store.append(
          'Cart-0',
          Array.from({ length: 258 }, (_, n) => added({ [`name${n}x`]: n }, type)),
        );
      }
      const [left, right] = [await openClient(url), await openClient(url)];
      await left.query('begin');
      await right.query('begin');
      await store.append('Cart-Left1', [added('text', 'One')], { tx: left });
      await store.append('Cart-Right1', [added('text', 'Two')], { tx: right });
      const first = store.append('Cart-Left2', [added('text', 'Two')], { tx: left }).then(() => left.query('commit'));
      const second = store
        .append('Cart-Right2', [added('text', 'One')], { tx: right })
        .then(() => right.query('commit'));
      const outcomes = await Promise.allSettled([first, second]);
      await left.query('rollback');
      await right.query('rollback');
      await left.end();
      await right.end();
      expect(outcomes.map((it) => (it.status === 'rejected' ? String(it.reason) : 'stored'))).toEqual([
        'stored',
        'stored',
      ]);
    });

    test('a forgotten tx is told at once, with a pool of one connection', async () => {
      const pool = new Pool({ connectionString: url, max: 1 });
      const store = createPostgresStore({ pool });
      await store.append('Known-1', [added(1, 'Known')]);
      let other: unknown;
      const forgotten = await withTransaction(pool, async (tx) => {
        const first = await within(
          store.append('Cart-1', [added({ brand: 'new' })]).catch((error: unknown) => String(error)),
        );
        other = await within(store.append('Known-1', [added(2, 'Known')], { tx }).then(() => 'stored'));
        return first;
      });
      await sleep(200);
      await store.close();
      await pool.end();
      expect([forgotten, other]).toEqual([expect.stringContaining('TransactionOpenError'), 'stored']);
    });

    test('appends of a transaction keep the order they were made in', async () => {
      const pool = new Pool({ connectionString: url, max: 2 });
      const store = createPostgresStore({ pool });
      await store.append('Cart-0', [added(1, 'Known')]);
      await withTransaction(pool, async (tx) => {
        await Promise.all([
          store.append('Cart-1', [added({ brand: 'new' })], { tx }),
          store.append('Cart-1', [added(2, 'Known')], { tx }),
        ]);
      });
      const types = (await store.readStream('Cart-1').toArray()).map(({ type }) => type);
      await store.close();
      await pool.end();
      expect(types).toEqual(['Added', 'Known']);
    });

    test('more than 1,000 shapes, of several transactions at once, do not keep appends from ending', async () => {
      // The first one is open until the last one is done, however slow the machine is.
      await using store = createPostgresStore({ url, holdTimeout: 60_000 });
      const clients = await Promise.all(Array.from({ length: 6 }, () => openClient(url)));
      for (const [index, tx] of clients.entries()) {
        await tx.query('begin');
        const events = Array.from({ length: 240 }, (_, n) => added({ [`name${index}of${n}x`]: n }));
        await store.append(`Cart-${index}`, events, { tx });
      }
      for (const tx of clients) await tx.query('commit');
      for (const tx of clients) await tx.end();
      const count = await runSql(url, 'select count(*)::int as n from mink.event_shapes');
      expect(count[0]?.['n']).toBeGreaterThan(500);
      const append = store.append('Cart-9', [added('text')]).then(
        () => 'stored',
        (error: unknown) => String(error),
      );
      expect(await within(append)).toBe('stored');
    });

    test('shapes are recorded again where the database went back behind them', async () => {
      await using store = createPostgresStore({ url });
      await store.append('Cart-1', [added({ sku: 'a' })]);
      // As a standby that had not got them yet and took over, or a server that crashed with synchronous_commit = off.
      await runSql(
        url,
        'alter table mink.events disable trigger all; alter table mink.streams disable trigger all; delete from mink.event_shapes; delete from mink.events; delete from mink.streams; alter table mink.events enable trigger all; alter table mink.streams enable trigger all',
      );
      await runSql(
        url,
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
      );
      await sleep(300);
      await store.append('Cart-2', [added({ sku: 'b' })]).catch(() => store.append('Cart-2', [added({ sku: 'b' })]));
      expect(await runSql(url, 'select shape::text from mink.event_shapes')).toHaveLength(1);
    });

    test('an append of many events in a transaction reads shapes once for a type, not once for an event', async () => {
      await using store = createPostgresStore({ url });
      const tx = await openClient(url);
      let statements = 0;
      const counting: typeof tx = new Proxy(tx, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name);
          if (name === 'query') statements += 1;
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
      await tx.query('begin');
      await store.append('Cart-0', [added({ sku: 'a' })], { tx: counting });
      statements = 0;
      await store.append(
        'Cart-1',
        Array.from({ length: 500 }, () => added({ sku: 'a' })),
        { tx: counting },
      );
      await tx.query('commit');
      await tx.end();
      expect(statements).toBeLessThan(10);
    });
  },
  lastServer(),
);
