import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import { Pool, type PoolClient } from 'pg';
import { afterEach, test } from 'vitest';
import { Aggregate, AppendOutcomeUnknownError, defineEvents, payload } from '../../src/index.ts';
import { createPostgresStore, withTransaction } from '../../src/postgres/index.ts';
import { describePostgres } from '../support/databases.ts';

const event = { type: 'Noted', data: { n: 1 } };

const counterEvents = defineEvents({ Counted: payload<{ by: number }>() });

class Counter extends Aggregate({
  category: 'Counter',
  events: counterEvents,
  initialState: () => 0,
  evolve: (total: number, { data }) => total + data.by,
}) {
  add(by: number): void {
    this.apply(counterEvents.Counted({ by }));
  }
}

describePostgres("a caller's transaction that is misused", (databases) => {
  const pools: Pool[] = [];
  afterEach(async () => {
    await Promise.all(pools.splice(0).map((pool) => pool.end()));
  });

  async function open(max: number): Promise<{ readonly url: string; readonly pool: Pool }> {
    const url = await databases.create();
    const pool = new Pool({ connectionString: url, max, connectionTimeoutMillis: 3_000 });
    pool.on('error', () => undefined);
    pools.push(pool);
    return { url, pool };
  }

  test('an append that is made while its transaction is rolled back is refused, not stored alone', async () => {
    const { url, pool } = await open(2);
    await using store = createPostgresStore({ url });
    await store.append('Note-0', [event]);
    let late: Promise<unknown> | undefined;
    const failing = withTransaction(pool, async (tx) => {
      // A few turns later the rollback is under way, and its answer is not here yet.
      late = turns(10).then(() => store.append('Note-1', [event], { tx }));
      late.catch(() => undefined);
      throw new Error('changed my mind');
    });
    await rejects(failing, { message: 'changed my mind' });
    await rejects(late ?? Promise.resolve(), { code: 'INVALID_ARGUMENT', argument: 'tx' });
    strictEqual((await store.readAll().toArray()).length, 1);
  });

  test('an append that is made while its transaction is committed is refused', async () => {
    const { url, pool } = await open(2);
    await using store = createPostgresStore({ url });
    await store.append('Note-0', [event]);
    let late: Promise<unknown> | undefined;
    await withTransaction(pool, async (tx) => {
      await store.append('Note-1', [event], { tx });
      late = turns(10).then(() => store.append('Note-1', [event], { tx }));
      late.catch(() => undefined);
    });
    await rejects(late ?? Promise.resolve(), { code: 'INVALID_ARGUMENT', argument: 'tx', message: /Await/u });
    strictEqual((await store.readAll().toArray()).length, 2);
  });

  test('an append or a read that outlives its transaction does not slip into the next one on that connection', async () => {
    const { url, pool } = await open(1);
    await using store = createPostgresStore({ url });
    await store.append('Note-0', [event]);
    let go: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const late: Promise<unknown>[] = [];
    await withTransaction(pool, async (tx) => {
      late.push(gate.then(() => store.append('Note-1', [event], { tx })));
      late.push(gate.then(() => store.readStream('Note-1', { tx }).toArray()));
    });
    await withTransaction(pool, async (tx) => {
      await store.append('Note-2', [event], { tx });
      go();
      for (const call of late) await rejects(call, { code: 'INVALID_ARGUMENT', argument: 'tx' });
    });
    deepStrictEqual(
      (await store.readAll().toArray()).map(({ streamName }) => streamName),
      ['Note-0', 'Note-2'],
    );
  });

  test('the first append of a store needs no connection beside its transaction', async () => {
    const { pool } = await open(2);
    const store = createPostgresStore({ pool });
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        withTransaction(pool, async (tx) => (await store.append(`Note-${n}`, [event], { tx })).streamVersion),
      ),
    );
    deepStrictEqual(results, [1, 1, 1, 1, 1, 1, 1, 1]);
    const { pool: single } = await open(1);
    const reader = createPostgresStore({ pool: single });
    await withTransaction(single, async (tx) => {
      deepStrictEqual(await reader.readStream('Note-1', { tx }).toArray(), []);
    });
  });

  test('an aggregate whose transaction was rolled back is saved by saving it again, and once only', async () => {
    const { pool } = await open(2);
    const store = createPostgresStore({ pool });
    const counted = new Counter('1');
    counted.add(5);
    const failing = withTransaction(pool, async (tx) => {
      await store.save(counted, { tx });
      throw new Error('changed my mind');
    });
    await rejects(failing, { message: 'changed my mind' });
    for (let round = 0; round < 3; round += 1) {
      const { streamVersion, events } = await withTransaction(pool, (tx) => store.save(counted, { tx }));
      deepStrictEqual([streamVersion, events.length, counted.state, counted.version], [1, 1, 5, 1]);
    }
    await withTransaction(pool, async (tx) => {
      counted.add(1);
      await store.save(counted, { tx });
      counted.add(2);
      await store.save(counted, { tx });
      await store.save(counted, { tx });
    });
    strictEqual((await store.save(counted)).streamVersion, 3);
    strictEqual((await store.save(counted)).events.length, 0);
    strictEqual((await store.load(Counter, '1')).state, 8);
    strictEqual((await store.readAll().toArray()).length, 3);
  });

  test('a commit whose answer is lost names the appends of its own transaction, also around another one', async () => {
    const { url, pool } = await open(4);
    await using store = createPostgresStore({ url });
    const error: unknown = await withTransaction(losingCommits(pool), async (outer) => {
      await withTransaction(pool, async (inner) => {
        await store.append('Outer-1', [event], { tx: outer });
        await store.append('Inner-1', [event], { tx: inner });
      });
    }).catch((reason: unknown) => reason);
    ok(error instanceof AppendOutcomeUnknownError, String(error));
    deepStrictEqual(error.streamNames, ['Outer-1']);
  });
});

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
}

/** Clients whose commit takes place, and whose answer does not arrive. */
function losingCommits(pool: Pool): { connect(): Promise<PoolClient> } {
  return {
    connect: async () => {
      const client = await pool.connect();
      const query = client.query.bind(client);
      return new Proxy(client, {
        get(target, key) {
          if (key === 'query') {
            return async (config: { readonly text: string }) => {
              const result = await query(config);
              if (config.text === 'commit') throw new Error('read ECONNRESET');
              return result;
            };
          }
          const value: unknown = Reflect.get(target, key);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    },
  };
}
