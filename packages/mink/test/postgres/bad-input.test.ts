import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import { expect, test } from 'vitest';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { describePostgres, openClient, runSql } from '../support/databases.ts';

const event = { type: 'Noted', data: { n: 1 } };
const LIMIT = 1_048_576;

/** A payload of so many bytes of JSON. */
const ofSize = (bytes: number): { type: string; data: string } => ({ type: 'Large', data: 'x'.repeat(bytes - 2) });

describePostgres('bad input', (databases) => {
  test('a payload at the limit is stored, one byte above it is refused, in a crowd too', async () => {
    await using store = createPostgresStore({ url: await databases.create() });
    const results = await Promise.allSettled(
      Array.from({ length: 12 }, (_, n) => store.append(`Large-${n}`, [ofSize(LIMIT + (n % 3 === 0 ? 1 : 0))])),
    );
    for (const [n, result] of results.entries()) {
      if (n % 3 === 0) {
        ok(result.status === 'rejected');
        strictEqual(result.reason.code, 'PAYLOAD_TOO_LARGE');
        deepStrictEqual([result.reason.bytes, result.reason.maxPayloadBytes], [LIMIT + 1, LIMIT]);
      } else {
        strictEqual(result.status, 'fulfilled');
        const [stored] = await store.readStream(`Large-${n}`).toArray();
        deepStrictEqual(stored?.data, ofSize(LIMIT).data);
      }
    }
    strictEqual((await store.listStreams().toArray()).length, 8);
    // Characters of several bytes, and those that JSON escapes, are counted as they are stored.
    const half = '\u00e4'.repeat((LIMIT - 2) / 2);
    await store.append('Large-99', [{ type: 'Large', data: half }]);
    await rejects(store.append('Large-99', [{ type: 'Large', data: `${half}\n` }]), { bytes: LIMIT + 2 });
    strictEqual((await store.streamInfo('Large-99'))?.version, 1);
  });

  test('10,000 events in one append are stored whole, or not at all, beside small appends', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url });
    const many = Array.from({ length: 10_000 }, (_, n) => ({ type: 'Counted', data: { n } }));
    const sizes = store.subscribe({ types: ['Counted'], pageSize: 20_000 }).pages();
    const [large, ...small] = await Promise.all([
      store.append('Bulk-1', many, { expectedVersion: 0 }),
      ...Array.from({ length: 50 }, (_, n) => store.append(`Note-${n}`, [event])),
    ]);
    strictEqual(large.streamVersion, 10_000);
    strictEqual(small.length, 50);
    // No reader sees a part of it.
    const first = await sizes.next();
    strictEqual(first.done === true ? 0 : first.value.length, 10_000);
    await sizes.return();
    await rejects(store.append('Bulk-1', many, { expectedVersion: 1 }), { code: 'CONCURRENCY_CONFLICT' });
    const log = await store.readAll().toArray();
    strictEqual(log.length, 10_050);
    strictEqual(new Set(log.map(({ globalPosition }) => globalPosition)).size, 10_050);
  });

  test('a full queue refuses appends at once, keeps what it has, and takes more when there is room', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url, maxQueuedAppends: 20 });
    await store.append('Held-1', [event]);
    const holder = await openClient(url);
    await holder.query('begin; select 1 from mink.streams for update');
    const queued = Array.from({ length: 60 }, () => store.append('Held-1', [event]));
    const settled = Promise.allSettled(queued);
    const refused = await Promise.race(
      queued.map((append) =>
        append.then(
          () => undefined,
          (error: unknown) => error,
        ),
      ),
    );
    deepStrictEqual([(refused as { code: string }).code], ['OVERLOADED']);
    await holder.query('commit');
    await holder.end();
    const outcomes = await settled;
    const stored = outcomes.filter(({ status }) => status === 'fulfilled').length;
    ok(stored >= 20 && stored <= 22, `${stored} were taken`);
    strictEqual((await store.streamInfo('Held-1'))?.version, 1 + stored);
    strictEqual((await store.append('Held-1', [event])).streamVersion, 2 + stored);
  });

  test('a database that takes no connections is unavailable, and the same store goes on when it does', async () => {
    const url = await databases.create();
    const name = new URL(url).pathname.slice(1);
    const admin = new URL(url);
    admin.pathname = '/postgres';
    await using store = createPostgresStore({ url, pollInterval: 10, connectTimeout: 5_000 });
    await store.append('Note-1', [event]);
    const seen: number[] = [];
    const stop = new AbortController();
    const reading = (async () => {
      for await (const { streamVersion } of store.subscribe({ signal: stop.signal })) seen.push(streamVersion);
    })();
    await expect.poll(() => seen.length).toBe(1);
    await runSql(admin.href, `alter database ${name} allow_connections false`);
    await runSql(admin.href, 'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name]);
    const unavailable = { code: 'DATABASE_UNAVAILABLE' };
    // The first one may still be sent on a connection that is just ending.
    await rejects(store.append('Note-1', [event]), (error: { code: string }) =>
      ['DATABASE_UNAVAILABLE', 'APPEND_OUTCOME_UNKNOWN'].includes(error.code),
    );
    await rejects(store.append('Note-1', [event]), unavailable);
    await rejects(store.readStream('Note-1').toArray(), unavailable);
    await rejects(store.readBound(), unavailable);
    await runSql(admin.href, `alter database ${name} allow_connections true`);
    await store.append('Note-1', [event]);
    const version = (await store.streamInfo('Note-1'))?.version ?? 0;
    await expect.poll(() => seen.length, { timeout: 20_000 }).toBe(version);
    deepStrictEqual(
      seen,
      Array.from({ length: version }, (_, index) => index + 1),
    );
    stop.abort();
    await reading;
  });

  test('a role at its limit of connections is unavailable until one is free', async () => {
    const url = await databases.create();
    const role = `limited_${new URL(url).pathname.slice(1)}`;
    const limited = new URL(url);
    limited.username = role;
    await runSql(
      url,
      `create role ${role} login connection limit 0;
      grant usage on schema mink to ${role};
      grant select on all tables in schema mink to ${role}; grant select on all sequences in schema mink to ${role}`,
    );
    await using store = createPostgresStore({ url: limited.href });
    await rejects(store.readAll().toArray(), { code: 'DATABASE_UNAVAILABLE', message: /too many connections/u });
    await runSql(url, `alter role ${role} connection limit 2`);
    deepStrictEqual(await store.readAll().toArray(), []);
    await store.close();
    await runSql(url, `drop owned by ${role}; drop role ${role}`);
  });

  test('a role gets its rights one by one, and the same store does what they allow', async () => {
    const url = await databases.create();
    const role = `writer_${new URL(url).pathname.slice(1)}`;
    await runSql(url, `create role ${role} login`);
    const asRole = new URL(url);
    asRole.username = role;
    await using store = createPostgresStore({ url: asRole.href });
    const forbidden = { code: 'DATABASE_ERROR', sqlState: '42501', message: /Grant the role the missing right/u };
    await rejects(store.readStream('Note-1').toArray(), forbidden);
    await runSql(url, `grant usage on schema mink to ${role}; grant select on all tables in schema mink to ${role}`);
    deepStrictEqual(await store.readStream('Note-1').toArray(), []);
    // Without the sequence there is no bound: an error, never a log that ends too early.
    await rejects(store.readAll().toArray(), forbidden);
    await runSql(url, `grant select on all sequences in schema mink to ${role}`);
    deepStrictEqual(await store.readAll().toArray(), []);
    await rejects(store.append('Note-1', [event]), forbidden);
    await runSql(url, `grant insert, update on mink.event_shapes to ${role}`);
    await rejects(store.append('Note-1', [event]), forbidden);
    await runSql(url, `grant insert, update, delete on mink.streams to ${role}`);
    await rejects(store.append('Note-1', [event]), forbidden);
    await runSql(url, `grant insert on mink.events to ${role}`);
    await rejects(store.append('Note-1', [event]), forbidden);
    await runSql(url, `grant usage on all sequences in schema mink to ${role}`);
    const { streamVersion } = await store.append('Note-1', [event]);
    strictEqual(streamVersion, 1);
    strictEqual((await store.readAll().toArray()).length, 1);
    await runSql(url, `revoke insert on mink.events from ${role}`);
    await rejects(store.append('Note-1', [event]), forbidden);
    strictEqual((await store.streamInfo('Note-1'))?.version, 1);
    await store.close();
    await runSql(url, `drop owned by ${role}; drop role ${role}`);
  });

  test('a database that is read-only for a while refuses appends, not reads, and takes them again', async () => {
    const url = await databases.create();
    const name = new URL(url).pathname.slice(1);
    await using store = createPostgresStore({ url });
    await store.append('Note-1', [event]);
    const reconnect =
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()';
    await runSql(url, `alter database ${name} set default_transaction_read_only to on`);
    await runSql(url, reconnect);
    await expect
      .poll(() =>
        store.append('Note-1', [event]).then(
          () => 'appended',
          (error: { sqlState?: string }) => error.sqlState,
        ),
      )
      .toBe('25006');
    strictEqual((await store.readAll().toArray()).length, 1);
    const admin = new URL(url);
    admin.pathname = '/postgres';
    await runSql(admin.href, `alter database ${name} reset default_transaction_read_only`);
    await runSql(url, reconnect);
    await expect
      .poll(() =>
        store.append('Note-1', [event]).then(
          ({ streamVersion }) => streamVersion,
          () => 0,
        ),
      )
      .toBe(2);
  });
});
