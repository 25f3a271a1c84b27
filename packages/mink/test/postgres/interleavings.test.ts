import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import { afterEach, expect, test } from 'vitest';
import type { Client } from 'pg';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { appendFunctions } from '../support/append-functions.ts';
import { describePostgres, openClient, runSql } from '../support/databases.ts';
import { seedOf } from '../support/random.ts';

for (const { name, append: appendOn } of appendFunctions) {
  describePostgres(`the bound of the log under ${name}`, (databases) => {
    const clients: Client[] = [];
    const connect = async (url: string): Promise<Client> => {
      const client = await openClient(url);
      clients.push(client);
      return client;
    };
    afterEach(async () => {
      await Promise.all(clients.splice(0).map((client) => client.end()));
    });

    test('an event that is committed late is not passed over by one that is committed early', async () => {
      const url = await databases.create();
      await using store = createPostgresStore({ url });
      const slow = await connect(url);
      await slow.query('begin');
      const first = await appendOn(slow, 'Slow-1');
      const { globalPosition: second } = await store.append('Fast-1', [{ type: 'Quick', data: null }]);
      ok(second > first);

      deepStrictEqual(await store.readAll().toArray(), [], 'nothing may be read beyond the held floor');
      const naive = await runSql(url, 'select global_position from mink.events order by 1');
      strictEqual(Number(naive[0]?.['global_position']), second, 'control: a naive cursor is at the second event now');

      await slow.query('commit');
      const read = (await store.readAll().toArray()).map(({ globalPosition }) => globalPosition);
      deepStrictEqual(read, [first, second]);
      const skipped = await runSql(url, 'select global_position from mink.events where global_position > $1', [second]);
      strictEqual(skipped.length, 0, 'control: the naive cursor has lost the first event for good');
    });

    test('a rolled-back append leaves a gap that stops nobody', async () => {
      const url = await databases.create();
      await using store = createPostgresStore({ url });
      const client = await connect(url);
      await client.query('begin');
      const lost = await appendOn(client, 'Lost-1');
      await client.query('rollback');
      const { globalPosition } = await store.append('Kept-1', [{ type: 'Kept', data: null }]);
      ok(globalPosition > lost);
      strictEqual((await store.readAll().toArray()).length, 1);
      strictEqual((await store.readBound()).position, globalPosition);
    });

    test('only appends hold the bound back: not an idle writer, not another database', async () => {
      const url = await databases.create();
      await using store = createPostgresStore({ url });
      await runSql(url, 'create table other (id int)');
      const [here, elsewhere] = [await connect(url), await connect(await databases.create())];
      await here.query('begin; insert into other values (1); select pg_current_xact_id()');
      await elsewhere.query('begin');
      await appendOn(elsewhere, 'Other-1');
      const { globalPosition } = await store.append('Kept-1', [{ type: 'Kept', data: null }]);
      strictEqual((await store.readBound()).position, globalPosition);
    });

    test('a floor below what was read before never moves readers back past new events', async () => {
      const url = await databases.create();
      await using store = createPostgresStore({ url });
      await store.append('A-1', [
        { type: 'A', data: 1 },
        { type: 'A', data: 2 },
      ]);
      // A writer that has read the sequence, and was stopped before it took its lock: its floor is older than our bound.
      const late = await connect(url);
      await late.query('begin');
      await late.query('select pg_advisory_xact_lock_shared(mink.floor_namespace() << 48 | 0)');
      const { globalPosition } = await store.append('A-1', [{ type: 'A', data: 3 }]);
      ok((await store.readBound()).position < globalPosition, 'its events may come anywhere after now');
      await late.query('commit');
      strictEqual((await store.readAll().toArray()).length, 3);
    });

    test('a second append in one transaction keeps the first floor, and a savepoint gives it back', async () => {
      const url = await databases.create();
      await using store = createPostgresStore({ url });
      const client = await connect(url);
      await client.query('begin');
      const first = await appendOn(client, 'A-1');
      await store.append('B-1', [{ type: 'B', data: null }]);
      await appendOn(client, 'A-1');
      strictEqual((await store.readBound()).position, first - 1);
      await client.query('commit');

      await client.query('begin; savepoint before');
      await appendOn(client, 'A-2');
      await client.query('rollback to before');
      await store.append('B-1', [{ type: 'B', data: null }]);
      const second = await appendOn(client, 'A-3');
      strictEqual((await store.readBound()).position < second, true, 'the floor was taken anew after the savepoint');
      await client.query('commit');
      const log = await store.readAll().toArray();
      deepStrictEqual(
        log.map(({ streamName, streamVersion }) => `${streamName}@${streamVersion}`),
        ['A-1@1', 'B-1@1', 'A-1@2', 'B-1@2', 'A-3@1'],
      );
    });

    test('the writer of a stream waits for the writer before it; versions and positions never contradict', async () => {
      const url = await databases.create();
      await using store = createPostgresStore({ url });
      const slow = await connect(url);
      await slow.query('begin');
      const first = await appendOn(slow, 'Hot-1');
      let finished = false;
      const waiting = store.append('Hot-1', [{ type: 'Second', data: null }]).finally(() => {
        finished = true;
      });
      await untilBlocked(url);
      strictEqual(finished, false);
      await slow.query('commit');
      const { streamVersion, globalPosition } = await waiting;
      strictEqual(streamVersion, 2);
      ok(globalPosition > first);
    });

    test('an expectation is checked after the writer before has committed, not against what was there before', async () => {
      const url = await databases.create();
      await using store = createPostgresStore({ url });
      await store.append('Hot-1', [{ type: 'First', data: null }]);
      const slow = await connect(url);
      await slow.query('begin');
      await appendOn(slow, 'Hot-1');
      const late = store.append('Hot-1', [{ type: 'Late', data: null }], { expectedVersion: 1 });
      const outcome = rejects(late, { code: 'CONCURRENCY_CONFLICT', actualVersion: 2 });
      await untilBlocked(url);
      await slow.query('commit');
      await outcome;
    });

    test('of two instances that race for a version, or require the other stream to be missing, one wins', async () => {
      const url = await databases.create();
      await using left = createPostgresStore({ url });
      await using right = createPostgresStore({ url });
      const note = { type: 'Note', data: null };
      for (let round = 0; round < 40; round += 1) {
        const [one, other] = [`One-${round}`, `Other-${round}`];
        const races = [
          () => [left, right].map((store) => store.append(`Race-${round}`, [note], { expectedVersion: 'no_stream' })),
          () => [left, right].map((store) => store.append('Race-all', [note], { expectedVersion: round })),
          () => [
            left.appendMany([
              { streamName: one, events: [note] },
              { streamName: other, expectedVersion: 'no_stream' },
            ]),
            right.appendMany([
              { streamName: other, events: [note] },
              { streamName: one, expectedVersion: 'no_stream' },
            ]),
          ],
        ];
        for (const race of races) {
          const results = await Promise.allSettled<unknown>(race());
          const codes = results.map((result) => (result.status === 'rejected' ? String(result.reason.code) : 'won'));
          deepStrictEqual(codes.toSorted(), ['CONCURRENCY_CONFLICT', 'won'], `round ${round}`);
        }
      }
    });

    test('a prepared transaction holds the bound until it is finished', async (context) => {
      const url = await databases.create();
      const [setting] = await runSql(url, 'show max_prepared_transactions');
      if (setting?.['max_prepared_transactions'] === '0') return context.skip('max_prepared_transactions is 0');
      await using store = createPostgresStore({ url });
      const client = await connect(url);
      await client.query('begin');
      const held = await appendOn(client, 'Two-1');
      await client.query("prepare transaction 'held'");
      await store.append('One-1', [{ type: 'One', data: null }]);
      strictEqual((await store.readBound()).position, held - 1);
      await client.query("commit prepared 'held'");
      strictEqual((await store.readAll().toArray()).length, 2);
      return undefined;
    });

    test('a subscription delivers every event once while random writers hold, commit and roll back', async () => {
      const { random } = seedOf(`random writers by ${name}`);
      const url = await databases.create();
      await using store = createPostgresStore({ url, pollInterval: 5 });
      const committed = new Set<number>();
      const naive: number[] = [];
      const stop = new AbortController();
      const delivered: number[] = [];
      const reading = (async () => {
        for await (const event of store.subscribe({ pageSize: 7, signal: stop.signal }))
          delivered.push(event.globalPosition);
      })();
      const naiveReader = (async () => {
        const client = await connect(url);
        while (!stop.signal.aborted) {
          const { rows } = await client.query<{ p: string }>(
            'select global_position p from mink.events where global_position > $1 order by 1',
            [naive.at(-1) ?? 0],
          );
          naive.push(...rows.map(({ p }) => Number(p)));
        }
      })();
      await Promise.all(
        Array.from({ length: 8 }, async (_, writer) => {
          const client = await connect(url);
          for (let round = 0; round < 30; round += 1) {
            await client.query('begin');
            const position = await appendOn(client, `Writer-${writer}`);
            if (random() < 0.5) await client.query('select pg_sleep($1)', [random() * 0.02]);
            if (random() < 0.25) {
              await client.query('rollback');
            } else {
              await client.query('commit');
              committed.add(position);
            }
          }
        }),
      );
      await expect.poll(() => delivered.length, { timeout: 10_000 }).toBe(committed.size);
      stop.abort();
      await Promise.all([reading, naiveReader]);
      deepStrictEqual(
        delivered,
        [...committed].toSorted((left, right) => left - right),
      );
      ok(
        naive.length < committed.size,
        `control: a naive cursor must lose events (it read ${naive.length} of ${committed.size})`,
      );
    });
  });
}

/** Resolves once some backend of this database waits for a lock. */
async function untilBlocked(url: string): Promise<void> {
  const client = await openClient(url);
  try {
    await expect
      .poll(
        async () => {
          const { rows } = await client.query(
            "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
          );
          return rows.length;
        },
        { timeout: 10_000 },
      )
      .toBeGreaterThan(0);
  } finally {
    await client.end();
  }
}
