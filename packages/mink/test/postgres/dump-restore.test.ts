import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import { execFile } from 'node:child_process';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createTemporaryPostgres, findSystemPostgres, type RunningPostgres } from '@mink/dev';
import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest';
import { SequenceBehindError } from '../../src/index.ts';
import { createMigrator, createPostgresStore } from '../../src/postgres/index.ts';
import { openClient, runSql } from '../support/databases.ts';

const run = promisify(execFile);
const event = { type: 'Noted', data: { n: 1 } };
const system = await findSystemPostgres();
const hasPgDump =
  system !== undefined &&
  (await access(join(system.binDir, 'pg_dump')).then(
    () => true,
    () => false,
  ));

/** Everything about the schema that a restore must bring back, but its rows. */
const CATALOG = `
  select 'trigger' as kind, t.tgname::text as name, format('%s enabled %s', pg_get_triggerdef(t.oid), t.tgenabled) as definition
  from pg_trigger t join pg_class c on c.oid = t.tgrelid
  where c.relnamespace = 'mink'::regnamespace and not t.tgisinternal
  union all
  select 'function', p.proname, pg_get_functiondef(p.oid)
  from pg_proc p where p.pronamespace = 'mink'::regnamespace
  union all
  select 'index', c.relname, pg_get_indexdef(c.oid)
  from pg_class c where c.relnamespace = 'mink'::regnamespace and c.relkind = 'i'
  union all
  select 'constraint', c.conname, pg_get_constraintdef(c.oid)
  from pg_constraint c where c.connamespace = 'mink'::regnamespace and c.contype <> 'n'
  union all
  select 'sequence', s.sequencename, format('cache %s, last %s', s.cache_size, s.last_value)
  from pg_sequences s where s.schemaname = 'mink'
  union all
  select 'table', c.relname, format('%s %s', c.reloptions, c.relkind)
  from pg_class c where c.relnamespace = 'mink'::regnamespace and c.relkind in ('r', 'S')
  union all
  select 'meta', 'store', m.store_id::text from mink.meta m
  order by 1, 2, 3`;

describe('dump and restore', () => {
  let source: RunningPostgres;
  let target: RunningPostgres;
  let directory = '';
  let made = 0;

  beforeAll(async () => {
    if (!hasPgDump) return;
    const start = (): Promise<RunningPostgres> => createTemporaryPostgres({ binDir: system.binDir, durable: false });
    [source, target] = await Promise.all([start(), start()]);
    directory = await mkdtemp(join(tmpdir(), 'mink-dump-'));
  });
  afterAll(async () => {
    if (!hasPgDump) return;
    await Promise.all([source.stop(), target.stop()]);
    await rm(directory, { recursive: true, force: true });
  });

  const needsPgDump = (context: TestContext): void => {
    context.skip(!hasPgDump, 'there is no system PostgreSQL with pg_dump');
  };
  const program = (name: string, args: readonly string[]): Promise<unknown> =>
    run(join(system?.binDir ?? '', name), args, { maxBuffer: 1e9 });

  async function newDatabase(server: RunningPostgres): Promise<string> {
    made += 1;
    await runSql(server.url, `create database restored_${made}`);
    const url = new URL(server.url);
    url.pathname = `/restored_${made}`;
    return url.href;
  }

  /** A store with gaps, several categories and one stream of each kind. */
  async function fill(): Promise<string> {
    const url = await newDatabase(source);
    await using store = createPostgresStore({ url });
    for (let round = 0; round < 10; round += 1) {
      await store.append('Order-1', [event, { type: 'Odd', data: ['\u0000', '\ud800', -0, { a: 1 }] }]);
      await store.appendMany([
        { streamName: `Cart-${round}`, events: [event] },
        { streamName: "订单-😀 'x'", events: [event] },
      ]);
      const client = await openClient(url);
      await client.query(`begin; select nextval('mink.global_position') from generate_series(1, 5); rollback`);
      await client.end();
    }
    await store.append('Order-2', [{ ...event, id: '0190f0f0-0000-7000-8000-000000000001' }], {
      metadata: { tenantId: 'acme' },
    });
    const client = await openClient(url);
    await client.query(`begin; select nextval('mink.global_position'); rollback`);
    await client.end();
    return url;
  }

  async function plain(url: string, to: string, options: readonly string[] = []): Promise<void> {
    const file = join(directory, `${made}.sql`);
    await program('pg_dump', ['--dbname', url, '--file', file, ...options]);
    await program('psql', ['--dbname', to, '--file', file, '--quiet', '--set', 'ON_ERROR_STOP=1']);
  }

  async function custom(url: string, to: string, options: readonly string[] = []): Promise<void> {
    const file = join(directory, `${made}.dump`);
    await program('pg_dump', ['--dbname', url, '--file', file, '--format', 'custom']);
    await program('pg_restore', ['--dbname', to, '--exit-on-error', ...options, file]);
  }

  const ways: Readonly<Record<string, (from: string, to: string) => Promise<void>>> = {
    plain: (from, to) => plain(from, to),
    'plain, with inserts': (from, to) => plain(from, to, ['--inserts']),
    'one schema of the database, plain': (from, to) => plain(from, to, ['--schema', 'mink']),
    custom: (from, to) => custom(from, to),
    'custom, with two jobs': (from, to) => custom(from, to, ['--jobs', '2']),
  };
  for (const [name, way] of Object.entries(ways)) {
    test(`a restored store (${name}) is the same store: it is read and appended to with old checkpoints`, async (context) => {
      needsPgDump(context);
      const from = await fill();
      const to = await newDatabase(target);
      await way(from, to);
      deepStrictEqual(await runSql(to, CATALOG), await runSql(from, CATALOG));
      await using before = createPostgresStore({ url: from });
      await using after = createPostgresStore({ url: to, pollInterval: 10 });
      const log = await before.readAll().toArray();
      deepStrictEqual(await after.readAll().toArray(), log);
      deepStrictEqual(await after.listStreams().toArray(), await before.listStreams().toArray());

      // Old checkpoints: of an event, of a gap, of the end.
      const { head } = await before.readBound();
      const last = log.at(-1)?.globalPosition ?? 0;
      for (const checkpoint of [0, log[7]?.globalPosition ?? 0, (log[7]?.globalPosition ?? 0) + 3, last, head]) {
        const wanted = log.filter(({ globalPosition }) => globalPosition > checkpoint).map(({ id }) => id);
        const stop = new AbortController();
        const seen: string[] = [];
        const reading = (async () => {
          for await (const item of after.subscribe({ after: checkpoint, signal: stop.signal })) seen.push(item.id);
        })();
        const { globalPosition, events } = await after.append('Order-1', [event]);
        ok(globalPosition > head, 'positions go on above everything that was ever drawn');
        wanted.push(...events.map(({ id }) => id));
        log.push(...events);
        await expect.poll(() => seen.length).toBe(wanted.length);
        deepStrictEqual(seen, wanted);
        stop.abort();
        await reading;
      }
      // Expectations and repeats are those of the old store.
      await rejects(after.append('Order-2', [event], { expectedVersion: 'no_stream' }), { actualVersion: 1 });
      const repeat = [{ ...event, id: '0190f0f0-0000-7000-8000-000000000001' }];
      strictEqual((await after.append('Order-2', repeat)).repeated, true);
      await rejects(runSql(to, 'delete from mink.events'), { code: 'MK001' });
      await rejects(runSql(to, 'set session_replication_role = replica; truncate mink.events cascade'), {
        code: 'MK001',
      });
    });
  }

  test('a dump made while others append is a whole prefix, and nothing is put below what it holds', async (context) => {
    needsPgDump(context);
    const from = await newDatabase(source);
    const to = await newDatabase(target);
    await using store = createPostgresStore({ url: from });
    const acknowledged: string[] = [];
    const stop = new AbortController();
    const writing = Promise.all(
      Array.from({ length: 4 }, async (_, writer) => {
        while (!stop.signal.aborted) {
          const { events } = await store.append(`Note-${writer}`, [event, event]);
          acknowledged.push(...events.map(({ id }) => id));
        }
      }),
    );
    await expect.poll(() => acknowledged.length).toBeGreaterThan(100);
    const atStart = [...acknowledged];
    await plain(from, to);
    stop.abort();
    await writing;

    await using restored = createPostgresStore({ url: to });
    const log = await restored.readAll().toArray();
    const ids = new Set(log.map(({ id }) => id));
    ok(
      atStart.every((id) => ids.has(id)),
      'what was acknowledged before the dump began is in it',
    );
    for await (const { streamName, version } of restored.listStreams()) {
      const versions = (await restored.readStream(streamName).toArray()).map(({ streamVersion }) => streamVersion);
      deepStrictEqual(
        versions,
        Array.from({ length: version }, (_, index) => index + 1),
      );
    }
    const { globalPosition } = await restored.append('Note-0', [event]);
    ok(globalPosition > (log.at(-1)?.globalPosition ?? 0));
  });

  test('the data alone does not go into a schema with guards; with --disable-triggers and mink migrate it does', async (context) => {
    needsPgDump(context);
    const from = await fill();
    const to = await newDatabase(target);
    await plain(from, to, ['--schema-only']);
    await rejects(plain(from, to, ['--data-only']), /MK002|events are inserted by the append functions/u);

    const other = await newDatabase(target);
    await plain(from, other, ['--schema-only']);
    await plain(from, other, ['--data-only', '--disable-triggers', '--schema', 'mink']);
    const guards = `select tgname, tgenabled from pg_trigger t join pg_class c on c.oid = t.tgrelid
      where c.relnamespace = 'mink'::regnamespace and not tgisinternal and tgenabled <> 'A'`;
    ok((await runSql(other, guards)).length > 0, 'control: the guards have become ordinary triggers');
    await using migrator = createMigrator({ url: other });
    deepStrictEqual(await migrator.up(), []);
    deepStrictEqual(await runSql(other, guards), []);
    deepStrictEqual(await runSql(other, CATALOG), await runSql(from, CATALOG));
    await using before = createPostgresStore({ url: from });
    await using after = createPostgresStore({ url: other, migrate: 'never' });
    deepStrictEqual(await after.readAll().toArray(), await before.readAll().toArray());
    const { head } = await before.readBound();
    ok((await after.append('Order-1', [event])).globalPosition > head);
  });

  describe('a sequence behind the log', () => {
    /** As logical replication leaves it: the rows are there, the sequence is where it began. */
    async function restoredWithoutSequence(): Promise<{ readonly url: string; readonly highest: number }> {
      const url = await fill();
      await runSql(url, 'alter sequence mink.global_position restart');
      const [row] = await runSql(url, 'select max(global_position)::int as highest from mink.events');
      return { url, highest: Number(row?.['highest']) };
    }

    test('control: an append would be put into an old gap, where every reader has passed', async (context) => {
      needsPgDump(context);
      const { url, highest } = await restoredWithoutSequence();
      await runSql(url, "select setval('mink.global_position', 4)");
      const [row] = await runSql(
        url,
        `select positions[1]::int as position from mink.append_v1(
          array[1], array['Lost-1'], array['Lost'], array[0::smallint], array[-1::bigint], array[1], array[false],
          array[1], array[gen_random_uuid()], array['Lost'], array[1], array[''], array['{}'::json], array['{}'::json], 0, 0)`,
      );
      ok(Number(row?.['position']) < highest);
    });

    test('is raised before the first append, by one of the instances that start at once', async (context) => {
      needsPgDump(context);
      const { url, highest } = await restoredWithoutSequence();
      const stores = Array.from({ length: 6 }, () => createPostgresStore({ url }));
      const results = await Promise.all(
        stores.map((store, n) => (n % 2 === 0 ? store.append(`New-${n}`, [event]) : store.readBound())),
      );
      for (const result of results) {
        ok(('position' in result ? result.position : result.globalPosition - 1) >= highest);
      }
      const [first] = stores;
      strictEqual((await first?.readAll({ after: highest }).toArray())?.length, 3);
      await Promise.all(stores.map((store) => store.close()));
    });

    test('waits for an append under way, and is never lowered', async (context) => {
      needsPgDump(context);
      const { url, highest } = await restoredWithoutSequence();
      const client = await openClient(url);
      await client.query('begin; lock table mink.events in row exclusive mode');
      await using store = createPostgresStore({ url });
      const appended = store.append('New-1', [event]);
      const waiting = `select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
      await expect.poll(() => runSql(url, waiting).then(({ length }) => length)).toBe(1);
      // Meanwhile somebody else raises it further.
      await client.query(`select setval('mink.global_position', $1)`, [highest + 1_000]);
      await client.query('commit');
      await client.end();
      strictEqual((await appended).globalPosition, highest + 1_001);
      await using migrator = createMigrator({ url });
      await migrator.up();
      strictEqual((await store.append('New-1', [event])).globalPosition, highest + 1_002);
    });

    test("is a typed error with migrate: 'never', or without the rights, until mink migrate has run", async (context) => {
      needsPgDump(context);
      const { url, highest } = await restoredWithoutSequence();
      await runSql(
        url,
        `create role orders_writer login;
        grant usage on schema mink to orders_writer;
        grant select on all tables in schema mink to orders_writer;
        grant select, usage on all sequences in schema mink to orders_writer;
        grant insert on mink.events to orders_writer;
        grant insert, update, delete on mink.streams to orders_writer`,
      );
      const asWriter = new URL(url);
      asWriter.username = 'orders_writer';
      await using never = createPostgresStore({ url, migrate: 'never' });
      await using writer = createPostgresStore({ url: asWriter.href });
      for (const store of [never, writer]) {
        for (const work of [
          () => store.append('New-1', [event]),
          () => store.readBound(),
          () => store.readAll().toArray(),
          () => store.subscribe({ after: highest }).first(),
        ]) {
          await rejects(work, (error: unknown) => {
            ok(error instanceof SequenceBehindError);
            deepStrictEqual([error.schema, error.lastDrawn, error.highest], ['mink', 0, highest]);
            return true;
          });
        }
        // Streams have no positions to lose.
        strictEqual((await store.readStream('Order-1').toArray()).length, 20);
      }
      await using migrator = createMigrator({ url });
      deepStrictEqual(await migrator.up(), []);
      for (const store of [never, writer]) {
        ok((await store.append('New-1', [event])).globalPosition > highest);
      }
      await Promise.all([never.close(), writer.close()]);
      await runSql(url, 'drop owned by orders_writer; drop role orders_writer');
    });
  });
});
