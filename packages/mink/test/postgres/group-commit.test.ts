import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import { Pool } from 'pg';
import { afterEach, expect, test } from 'vitest';
import { AppendOutcomeUnknownError, OverloadedError } from '../../src/index.ts';
import { createPostgresStore, type PoolLike } from '../../src/postgres/index.ts';
import { describePostgres, openClient, runSql } from '../support/databases.ts';

const event = { type: 'Noted', data: { n: 1 } };

/** How many commands a call of an append function carries: one, or an element each in one of its arrays. */
function commandsIn({ text, values }: { readonly text: string; readonly values: readonly unknown[] }): number {
  if (text.includes('append_one_v1')) return 1;
  const list = text.includes('append_simple_v1') ? values[4] : text.includes('append_v1') ? values[6] : undefined;
  return typeof list === 'string' ? list.split(',').length : 0;
}

describePostgres('group commit', (databases) => {
  const pools: Pool[] = [];
  afterEach(async () => {
    await Promise.all(pools.splice(0).map((pool) => pool.end()));
  });

  /** A pool that counts the calls of the append function, and how many commands each had. */
  function counting(url: string): { readonly pool: PoolLike; readonly batches: number[]; readonly cut: () => void } {
    const pool = new Pool({ connectionString: url, max: 10 });
    pool.on('error', () => undefined);
    pools.push(pool);
    const batches: number[] = [];
    let isCut = false;
    return {
      batches,
      cut: () => {
        isCut = true;
      },
      pool: {
        connect: async () => {
          const client = await pool.connect();
          return {
            query: async (query) => {
              const commands = commandsIn(query);
              if (commands > 0) {
                batches.push(commands);
                if (isCut) {
                  isCut = false;
                  await client.query(query);
                  throw new Error('read ECONNRESET');
                }
              }
              return client.query(query);
            },
            release: (error) => client.release(error),
            on: (name, listener) => client.on(name, listener),
            off: (name, listener) => client.off(name, listener),
          };
        },
      },
    };
  }

  async function hold(url: string, streamName: string): Promise<() => Promise<void>> {
    const client = await openClient(url);
    await client.query('begin');
    await client.query('select 1 from mink.streams where stream_name = $1 for update', [streamName]);
    return async () => {
      await client.query('commit');
      await client.end();
    };
  }

  test('appends that are made together travel together, each with its own answer', async () => {
    const { pool, batches } = counting(await databases.create());
    await using store = createPostgresStore({ pool });
    await store.append('Note-0', [event]);
    batches.length = 0;
    const results = await Promise.allSettled(
      Array.from({ length: 300 }, (_, n) =>
        store.append(`Note-${n}`, [event], { expectedVersion: n % 3 === 0 ? 5 : 'any' }),
      ),
    );
    for (const [n, result] of results.entries()) {
      if (n % 3 === 0) strictEqual(result.status === 'rejected' && result.reason.code, 'CONCURRENCY_CONFLICT');
      else ok(result.status === 'fulfilled' && result.value.streamName === `Note-${n}`);
    }
    ok(batches.length <= 6, `300 appends took ${batches.length} calls`);
    strictEqual(
      batches.reduce((sum, size) => sum + size, 0),
      300,
    );
    strictEqual((await store.readAll().toArray()).length, 201);
  });

  test('an append alone waits for nobody: it is a call of its own', async () => {
    const { pool, batches } = counting(await databases.create());
    await using store = createPostgresStore({ pool });
    for (let n = 0; n < 5; n += 1) await store.append('Note-1', [event]);
    deepStrictEqual(batches, [1, 1, 1, 1, 1]);
  });

  test('appends to one stream keep the order in which they were made, also past appends to several', async () => {
    await using store = createPostgresStore({ url: await databases.create() });
    await Promise.all(
      Array.from({ length: 200 }, (_, n) => {
        const events = [{ type: 'Noted', data: { n } }];
        const side = `Side-${Math.floor(n / 2) % 4}`;
        if (n % 4 === 0) {
          return store.appendMany([
            { streamName: 'Hot-1', events },
            { streamName: side, events },
          ]);
        }
        return store.append(n % 4 === 1 ? side : 'Hot-1', events);
      }),
    );
    for (const name of ['Hot-1', 'Side-0', 'Side-2']) {
      const stored = (await store.readStream(name).toArray()).map(({ data }) => JSON.stringify(data));
      const made = stored.toSorted((left, right) => JSON.parse(left).n - JSON.parse(right).n);
      ok(stored.length >= 50, name);
      deepStrictEqual(stored, made, name);
    }
  });

  test('commands that wait behind a winner of their stream are refused without being sent', async () => {
    const { pool, batches } = counting(await databases.create());
    await using store = createPostgresStore({ pool });
    await store.append('Hot-1', [event, event]);
    batches.length = 0;
    const expectations = [2, 2, 1, 'no_stream', 'any', 3, 2, 'stream_exists', 9] as const;
    const results = await Promise.allSettled(
      expectations.map((expectedVersion) => store.append('Hot-1', [event], { expectedVersion })),
    );
    const outcomes = results.map((result) =>
      result.status === 'fulfilled' ? result.value.streamVersion : `conflict at ${result.reason.actualVersion}`,
    );
    deepStrictEqual(outcomes, [
      3,
      'conflict at 3',
      'conflict at 3',
      'conflict at 3',
      4,
      // It had not passed when the first one was appended: it expected what the second one changed.
      'conflict at 4',
      'conflict at 3',
      5,
      'conflict at 5',
    ]);
    ok(batches.length <= 4, `it took ${batches.length} calls`);
    strictEqual((await store.readStream('Hot-1').toArray()).length, 5);
  });

  test('a command with ids of its own is sent, whatever its stream has come to: it may be a repeat', async () => {
    await using store = createPostgresStore({ url: await databases.create() });
    const withId = { ...event, id: '0190f0f0-0000-7000-8000-000000000001' };
    await store.append('Hot-1', [withId], { expectedVersion: 'no_stream' });
    const [, again] = await Promise.all([
      store.append('Hot-1', [event]),
      store.append('Hot-1', [withId], { expectedVersion: 'no_stream' }),
    ]);
    deepStrictEqual([again.repeated, again.streamVersion], [true, 1]);
  });

  test('a command that the database refuses fails alone', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url });
    await store.append('Note-0', [event]);
    await runSql(
      url,
      `create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no' using errcode = '53100'; end $$;
      create trigger refuse before insert on mink.events for each row when (new.type = 'Refused') execute function refuse()`,
    );
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, (_, n) =>
        store.append(`Note-${n}`, [{ type: n % 13 === 7 ? 'Refused' : 'Noted', data: n }]),
      ),
    );
    for (const [n, result] of results.entries()) {
      if (n % 13 === 7) strictEqual(result.status === 'rejected' && result.reason.sqlState, '53100');
      else strictEqual(result.status, 'fulfilled');
    }
  });

  test('a stream that somebody holds stops nobody but its own writers', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url });
    await store.append('Held-1', [event]);
    const release = await hold(url, 'Held-1');
    const held = [
      store.append('Held-1', [{ type: 'First', data: 1 }]),
      store.append('Held-1', [{ type: 'Second', data: 2 }]),
    ];
    let isOver = false;
    const over = Promise.all(held).then((results) => {
      isOver = true;
      return results;
    });
    for (let round = 0; round < 20; round += 1) {
      await Promise.all(Array.from({ length: 31 }, (_, n) => store.append(`Free-${n}`, [event])));
    }
    strictEqual(isOver, false);
    await release();
    deepStrictEqual(
      (await over).map(({ streamVersion }) => streamVersion),
      [2, 3],
    );
  });

  test('held streams leave half of a small pool to everybody else', async () => {
    const url = await databases.create();
    const pool = new Pool({ connectionString: url, max: 2 });
    pools.push(pool);
    await using store = createPostgresStore({ pool });
    const names = ['Held-1', 'Held-2', 'Held-3'];
    for (const name of names) await store.append(name, [event]);
    const releases = await Promise.all(names.map((name) => hold(url, name)));
    const held = Promise.all(names.map((name) => store.append(name, [event])));
    for (let round = 0; round < 10; round += 1) await store.append('Free-1', [event]);
    strictEqual((await store.readStream('Free-1').toArray()).length, 10);
    for (const release of releases) await release();
    strictEqual((await held).length, 3);
  });

  test('waiting for a held stream has an end', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url, lockTimeout: 100 });
    await store.append('Held-1', [event]);
    const release = await hold(url, 'Held-1');
    await rejects(store.append('Held-1', [event]), { code: 'DATABASE_ERROR', sqlState: '55P03' });
    await release();
    strictEqual((await store.append('Held-1', [event])).streamVersion, 2);
  });

  test('a full queue refuses an append, and recovers', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url, maxQueuedAppends: 10 });
    await store.append('Note-0', [event]);
    const results = await Promise.allSettled(Array.from({ length: 50 }, (_, n) => store.append(`Note-${n}`, [event])));
    const refused = results.filter((result) => result.status === 'rejected');
    ok(refused.length > 0 && refused.every(({ reason }) => reason instanceof OverloadedError));
    strictEqual((await store.readAll().toArray()).length, 1 + results.length - refused.length);
    await store.append('Note-1', [event]);
  });

  test('aborting takes an append out of the queue; once sent, it cannot be taken back', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url });
    await store.append('Held-1', [event]);
    const release = await hold(url, 'Held-1');
    const controller = new AbortController();
    const reason = new Error('enough');
    const sent = store.append('Held-1', [event], { signal: controller.signal });
    await expect
      .poll(() =>
        runSql(url, "select 1 from pg_stat_activity where wait_event_type = 'Lock'").then(({ length }) => length),
      )
      .toBeGreaterThan(0);
    const queued = store.append('Held-1', [event], { signal: controller.signal });
    queued.catch(() => undefined);
    await new Promise(setImmediate);
    controller.abort(reason);
    await rejects(queued, reason);
    await release();
    strictEqual((await sent).streamVersion, 2);
    strictEqual((await store.streamInfo('Held-1'))?.version, 2);
  });

  test('when the connection breaks, each append of the call learns its own ids, and a retry is safe', async () => {
    const { pool, cut } = counting(await databases.create());
    await using store = createPostgresStore({ pool });
    await store.append('Note-0', [event]);
    cut();
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) => store.append(`Lost-${n}`, [event, event])),
    );
    const lost = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    ok(lost.length > 0);
    for (const error of lost) {
      ok(error instanceof AppendOutcomeUnknownError);
      const [streamName = ''] = error.streamNames;
      strictEqual(error.eventIds.length, 2);
      const again = await store.append(
        streamName,
        error.eventIds.map((id) => ({ ...event, id })),
      );
      deepStrictEqual([again.repeated, again.streamVersion], [true, 2]);
    }
  });
});
