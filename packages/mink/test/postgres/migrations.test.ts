import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import { test } from 'vitest';
import { createMigrator, createPostgresStore } from '../../src/postgres/index.ts';
import { migrations as known } from '../../src/postgres/migrations.generated.ts';
import { describePostgres, openClient, runSql } from '../support/databases.ts';

const event = { type: 'Noted', data: { n: 1 } };
const versions = known.map(({ version }) => version);
const [latest = 0] = versions.slice(-1);

describePostgres('migrations', (databases) => {
  test('the first call of a store makes the schema; many instances may start at once', async () => {
    const url = await databases.createEmpty();
    const stores = Array.from({ length: 8 }, () => createPostgresStore({ url }));
    await Promise.all(stores.map((store, n) => store.append(`Note-${n}`, [event])));
    const migrations = await runSql(url, 'select version from mink.migrations order by 1');
    deepStrictEqual(
      migrations.map(({ version }) => version),
      versions,
    );
    strictEqual((await stores[0]?.readAll().toArray())?.length, 8);
    await Promise.all(stores.map((store) => store.close()));
  });

  test('status and pending change nothing; up applies once', async () => {
    const url = await databases.createEmpty();
    await using migrator = createMigrator({ url });
    const before = await migrator.status();
    deepStrictEqual([before.databaseVersion, before.codeVersion], [0, latest]);
    const pending = await migrator.pending();
    strictEqual(pending.length, versions.length);
    ok(pending[0]?.sql.includes('create table "mink".events'));
    deepStrictEqual(await runSql(url, "select 1 from pg_namespace where nspname = 'mink'"), []);
    deepStrictEqual(
      (await migrator.up()).map(({ version }) => version),
      versions,
    );
    deepStrictEqual(await migrator.up(), []);
    const after = await migrator.status();
    strictEqual(after.databaseVersion, latest);
    ok(after.migrations[0]?.appliedAt instanceof Date);
  });

  test('waits for another process that migrates', async () => {
    const url = await databases.createEmpty();
    const other = await openClient(url);
    await other.query('begin; select pg_advisory_xact_lock(7236179148)');
    await using migrator = createMigrator({ url });
    let done = false;
    const up = migrator.up().finally(() => {
      done = true;
    });
    await runSql(url, 'select pg_sleep(0.1)');
    strictEqual(done, false);
    await other.query('rollback');
    strictEqual((await up).length, versions.length);
    await other.end();
  });

  test('a migration that fails leaves nothing behind', async () => {
    const url = await databases.createEmpty();
    await runSql(url, 'create schema mink; create table mink.streams (id int)');
    await using migrator = createMigrator({ url });
    await rejects(migrator.up(), { code: 'DATABASE_ERROR', sqlState: '42P07' });
    const tables = await runSql(
      url,
      "select relname from pg_class where relnamespace = 'mink'::regnamespace and relkind = 'r'",
    );
    deepStrictEqual(tables, [{ relname: 'streams' }]);
  });

  test('a database that needs newer code is refused before anything is touched', async () => {
    const url = await databases.create();
    await runSql(
      url,
      `insert into mink.migrations (version, name, min_compatible_code) values (${latest + 1}, 'future', 99)`,
    );
    await using store = createPostgresStore({ url });
    await rejects(store.append('Note-1', [event]), {
      code: 'SCHEMA_VERSION',
      schema: 'mink',
      databaseVersion: latest + 1,
    });
    await rejects(store.readAll().toArray(), { code: 'SCHEMA_VERSION' });
    await using migrator = createMigrator({ url });
    await rejects(migrator.up(), { code: 'SCHEMA_VERSION' });
    await rejects(migrator.pending(), { code: 'SCHEMA_VERSION' });
    strictEqual((await migrator.status()).minCompatibleCode, 99);
    deepStrictEqual(await runSql(url, 'select 1 from mink.events'), []);
  });

  test('a newer database that old code still understands is used', async () => {
    const url = await databases.create();
    await runSql(
      url,
      `insert into mink.migrations (version, name, min_compatible_code) values (${latest + 1}, 'expanded', 1)`,
    );
    await using store = createPostgresStore({ url });
    strictEqual((await store.append('Note-1', [event])).streamVersion, 1);
  });

  test("with migrate: 'never' a missing schema is an error that names the command", async () => {
    const url = await databases.createEmpty();
    await using store = createPostgresStore({ url, migrate: 'never' });
    await rejects(store.append('Note-1', [event]), { code: 'SCHEMA_VERSION', message: /mink migrate/u });
    deepStrictEqual(await runSql(url, "select 1 from pg_namespace where nspname = 'mink'"), []);
    await using migrator = createMigrator({ url });
    await migrator.up();
    strictEqual((await store.append('Note-1', [event])).streamVersion, 1);
  });

  test('stores in one database are apart: schema, floor and bound', async () => {
    const url = await databases.create();
    await using mink = createPostgresStore({ url });
    await using other = createPostgresStore({ url, schema: 'Other "schema" ä' });
    await mink.append('Note-1', [event]);
    await other.append('Note-1', [event, event]);
    const [here] = await runSql(url, 'select mink.floor_namespace() as namespace');
    const [there] = await runSql(url, 'select "Other ""schema"" ä".floor_namespace() as namespace');
    ok(here?.['namespace'] !== there?.['namespace']);

    const holder = await openClient(url);
    await holder.query('begin');
    await holder.query('select pg_advisory_xact_lock_shared("Other ""schema"" ä".floor_namespace() << 48 | 1)');
    strictEqual((await mink.readAll().toArray()).length, 1);
    strictEqual((await other.readAll().toArray()).length, 1);
    await holder.query('commit');
    strictEqual((await other.readAll().toArray()).length, 2);
    await holder.end();
  });

  test('an existing schema is used by a role that may not create one', async () => {
    const url = await databases.createEmpty();
    const role = `owner_${Date.now()}_${Math.floor(Math.random() * 1e6)}`;
    await runSql(url, `create role ${role} login; create schema mink authorization ${role}`);
    const asRole = new URL(url);
    asRole.username = role;
    await using store = createPostgresStore({ url: asRole.href });
    strictEqual((await store.append('Note-1', [event])).streamVersion, 1);
    strictEqual((await store.readAll().toArray()).length, 1);
    await store.close();
    await runSql(url, `drop owned by ${role} cascade; drop role ${role}`);
  });
});
