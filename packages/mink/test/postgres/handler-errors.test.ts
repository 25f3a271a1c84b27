import { deepStrictEqual, strictEqual } from 'node:assert';
import { drizzle } from 'drizzle-orm/node-postgres';
import { sql } from 'drizzle-orm';
import type { PoolClient } from 'pg';
import { expect, test } from 'vitest';
import {
  column,
  createProjectionEngine,
  defineEvents,
  defineSqlProjection,
  payload,
  typed,
  type ProjectionTransaction,
  type StoredEvent,
} from '../../src/core/index.ts';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { describePostgres } from '../support/databases.ts';

const events = defineEvents({ Added: payload<null>() });

/** A projection that calls `failing` with each event before it writes. */
function lines(failing: (event: Pick<StoredEvent, 'streamName'>, tx: ProjectionTransaction) => Promise<void>) {
  return defineSqlProjection({
    name: 'lines',
    events: { Cart: events },
    tables: { lines: { columns: { position: column.integer() }, key: ['position'] } },
    apply: async (batch, tx) => {
      for (const event of batch) {
        await failing(event, tx);
        await tx.query(`insert into ${tx.tables.lines} (position) values ($1)`, [event.globalPosition]);
      }
    },
  });
}

const refuse = (sqlState: string): string =>
  `do $$ begin raise exception 'refused' using errcode = '${sqlState}'; end $$`;

describePostgres('what a handler that writes SQL fails with', (databases) => {
  test.each([
    ['40P01', 'pg'],
    ['40001', 'pg'],
    ['55P03', 'pg'],
    ['40P01', 'Drizzle'],
  ] as const)('is waited out where it is %s of %s, with more failures than tries', async (sqlState, by) => {
    await using store = createPostgresStore({ url: await databases.create(), categories: { Cart: events } });
    let failures = 0;
    const projection = lines(async (_event, tx) => {
      if (failures === 5) return;
      failures += 1;
      if (by === 'pg') await tx.query(refuse(sqlState));
      else await drizzle(typed<PoolClient>(tx.client)).execute(sql.raw(refuse(sqlState)));
    });
    await using engine = createProjectionEngine(store, [projection], { tries: 2, backoff: 1 });
    await store.append('Cart-1', [events.Added(null)]);
    await engine.start();
    await expect.poll(async () => (await engine.status())[0]?.state).toBe('live');
    strictEqual(failures, 5);
    deepStrictEqual(await engine.deadLetters.list().toArray(), []);
  });

  test.each(['EPIPE', 'EPERM', 'ECONNREFUSED'])(
    'of the system, such as %s, is about its event: that is parked, and the others go on',
    async (code) => {
      await using store = createPostgresStore({ url: await databases.create(), categories: { Cart: events } });
      const projection = lines(async ({ streamName }) => {
        if (streamName === 'Cart-2') throw Object.assign(new Error(`connect ${code}`), { code, syscall: 'connect' });
      });
      await using engine = createProjectionEngine(store, [projection], { tries: 2, backoff: 1 });
      for (const id of ['Cart-1', 'Cart-2', 'Cart-3'] as const) await store.append(id, [events.Added(null)]);
      await engine.start();
      await expect.poll(async () => (await engine.status())[0]?.position).toBe(3);
      const parked = await engine.deadLetters.list().toArray();
      deepStrictEqual(
        parked.map(({ key }) => key),
        ['Cart-2'],
      );
    },
  );
});
