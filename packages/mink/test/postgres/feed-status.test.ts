import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { beforeEach, expect, test } from 'vitest';
import { createHealth } from '../../src/index.ts';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { describePostgres, openClient, runSql } from '../support/databases.ts';

const event = { type: 'Noted', data: null };

describePostgres('the status of the feed', (databases) => {
  let url: string;
  beforeEach(async () => {
    url = await databases.create();
  });

  test('names whoever holds readers back: process, age, state, query, application and role', async () => {
    await using store = createPostgresStore({ url });
    await store.append('A-1', [event]);
    const holder = await openClient(`${url}?application_name=slow-import`);
    await holder.query('begin');
    await store.append('A-2', [event], { tx: holder });
    const { globalPosition } = await store.append('A-3', [event]);

    const { position, head, heldBy } = await store.feedStatus();
    strictEqual(head, globalPosition);
    ok(position < head);
    const [pid] = (await holder.query<{ pid: number }>('select pg_backend_pid() as pid')).rows;
    expect(heldBy).toEqual([
      {
        floor: position,
        pid: pid?.pid,
        age: expect.any(Number),
        state: 'idle in transaction',
        query: expect.stringContaining('append'),
        applicationName: 'slow-import',
        userName: expect.any(String),
      },
    ]);
    await holder.query('commit');
    deepStrictEqual(await store.feedStatus(), { ...(await store.readBound()), heldBy: [], wakeUp: 'polling' });
    await holder.end();
  });

  test('does not name a writer that has announced a floor at the head: it keeps nobody from reading what is there', async () => {
    await using store = createPostgresStore({ url });
    const { globalPosition } = await store.append('A-1', [event]);
    const writer = await openClient(url);
    await writer.query(`begin; select pg_advisory_xact_lock_shared(mink.floor_namespace() << 48 | ${globalPosition})`);
    const { position, head, heldBy } = await store.feedStatus();
    deepStrictEqual([position, head, heldBy], [globalPosition, globalPosition, []]);
    await writer.end();
  });

  test('tells how old the transaction is', async () => {
    await using store = createPostgresStore({ url });
    const holder = await openClient(url);
    await holder.query('begin');
    await store.append('A-1', [event], { tx: holder });
    const age = async (): Promise<number> => (await store.feedStatus()).heldBy[0]?.age ?? 0;
    await expect.poll(age).toBeGreaterThan(50);
    ok((await age()) < 60_000);
    await holder.end();
  });

  test('names every holder, the one that readers wait for first', async () => {
    await using store = createPostgresStore({ url });
    const holders = await Promise.all([openClient(url), openClient(url), openClient(url)]);
    const pids: number[] = [];
    for (const [n, holder] of holders.entries()) {
      await holder.query('begin');
      await store.append(`A-${n}`, [event], { tx: holder });
      const { rows } = await holder.query<{ pid: number }>('select pg_backend_pid() as pid');
      pids.push(...rows.map(({ pid }) => pid));
    }
    deepStrictEqual(
      (await store.feedStatus()).heldBy.map(({ pid }) => pid),
      pids,
    );
    await Promise.all(holders.map((holder) => holder.end()));
  });

  test('a prepared transaction is named, and has no process', async (context) => {
    const [row] = await runSql(url, 'show max_prepared_transactions');
    if (row?.['max_prepared_transactions'] === '0') return context.skip('prepared transactions are off on this server');
    await using store = createPostgresStore({ url });
    const client = await openClient(url);
    await client.query('begin');
    await store.append('A-1', [event], { tx: client });
    const name = `held ${process.pid}`;
    await client.query(`prepare transaction '${name}'`);
    await client.end();
    const { heldBy } = await store.feedStatus();
    expect(heldBy).toMatchObject([{ floor: 0, preparedTransaction: name, age: expect.any(Number) }]);
    strictEqual(heldBy[0]?.pid, undefined);
    await runSql(url, `rollback prepared '${name}'`);
    deepStrictEqual((await store.feedStatus()).heldBy, []);
  });

  test('a role that may not look at others still sees who holds, but not what he does', async () => {
    await using store = createPostgresStore({ url });
    const holder = await openClient(url);
    await holder.query('begin');
    await store.append('A-1', [event], { tx: holder });
    const role = `watcher_${process.pid}_${new URL(url).pathname.slice(1)}`;
    await runSql(
      url,
      `create role ${role} login password 'w'; grant usage on schema mink to ${role};
       grant select on all tables in schema mink to ${role}; grant select on all sequences in schema mink to ${role}`,
    );
    const limited = new URL(url);
    limited.username = role;
    limited.password = 'w';
    await using watching = createPostgresStore({ url: limited.href });
    const { heldBy } = await watching.feedStatus();
    expect(heldBy).toMatchObject([{ floor: 0, pid: expect.any(Number) }]);
    deepStrictEqual([heldBy[0]?.query, heldBy[0]?.age], [undefined, undefined]);
    await holder.end();
    await watching.close();
    await runSql(url, `drop owned by ${role}; drop role ${role}`);
  });

  test('other stores and other transactions hold nobody', async () => {
    await using store = createPostgresStore({ url });
    await using other = createPostgresStore({ url, schema: 'other' });
    await other.readBound();
    const [writer, locker] = [await openClient(url), await openClient(url)];
    await writer.query('begin');
    await other.append('A-1', [event], { tx: writer });
    await locker.query('begin; create table bystander (id int); select pg_advisory_xact_lock_shared(42)');
    await store.append('A-1', [event]);
    const { position, head, heldBy } = await store.feedStatus();
    deepStrictEqual({ position, heldBy }, { position: head, heldBy: [] });
    await Promise.all([writer.end(), locker.end()]);
  });

  test('has a clock, which health compares with that of the process, and with what was recorded', async () => {
    await using store = createPostgresStore({ url });
    const reasonsAt = async (skew: number) =>
      (await createHealth({ store, now: () => Date.now() + skew }).details()).body.reasons;
    // Nothing was recorded yet.
    deepStrictEqual(await reasonsAt(0), []);
    await store.append('A-1', [event]);
    deepStrictEqual(await reasonsAt(0), []);
    expect(await reasonsAt(60_000)).toEqual([
      expect.stringMatching(/is (?:59|60)\d{3} ms ahead of that of the database/u),
    ]);
    await runSql(
      url,
      `alter table mink.events disable trigger refuse_change;
       update mink.events set recorded_at = clock_timestamp() + interval '1 hour'`,
    );
    expect(await reasonsAt(0)).toEqual([
      expect.stringMatching(/^events were recorded (?:35|36)\d{5} ms in the future/u),
    ]);
  });
});
