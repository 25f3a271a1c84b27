import { createTemporaryPostgres, findSystemPostgres } from '@mink/dev';
import { expect, test, vi } from 'vitest';
import {
  createDoctor,
  createHealth,
  createMetrics,
  createProcessReport,
  createProjectionEngine,
  defineDecider,
  defineEvents,
  defineProjection,
  documents,
  logObserver,
  observers,
  payload,
  type DoctorOptions,
  type Finding,
} from '../../src/index.ts';
import { createBackup, createMigrator, createPostgresStore } from '../../src/postgres/index.ts';
import { knownIndexes } from '../../src/postgres/facts/known-indexes.ts';
import { schemaName } from '../../src/postgres/schema-name.ts';
import { describePostgres, openClient, runSql } from '../support/databases.ts';
import { findPgBouncer, startPgBouncer } from '../support/pgbouncer.ts';

vi.setConfig({ testTimeout: 60_000 });

const cartEvents = defineEvents({ ItemAdded: payload<{ sku: string }>() });
const categories = { Cart: cartEvents };
const added = (sku: string) => cartEvents.ItemAdded({ sku });
const cart = defineDecider({
  category: 'Cart',
  events: cartEvents,
  initialState: () => ({ skus: 0 }),
  evolve: ({ skus }) => ({ skus: skus + 1 }),
  decide: ({ sku }: { sku: string }) => added(sku),
});
const kept = defineDecider({ ...cart, snapshots: { schemaVersion: 1, when: () => false } });
const bad = new Set<string>();
const carts = defineProjection({
  name: 'carts',
  events: categories,
  readModel: documents<{ skus: number }>(),
}).on({
  ItemAdded: (row, { data }) => {
    if (bad.has(data.sku)) throw new Error(`cannot take ${data.sku}`);
    return { skus: (row?.skus ?? 0) + 1 };
  },
});

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const open = (url: string) => createPostgresStore({ url, categories });
type Store = ReturnType<typeof open>;

/** What one check says. */
async function find(store: Store, id: string, options: DoctorOptions<typeof cart> = {}): Promise<Finding> {
  for (const scope of ['store', 'performance'] as const) {
    const { findings } = await createDoctor(store, options).examine({ scope });
    const found = findings.find((finding) => finding.id === id);
    if (found !== undefined) return found;
  }
  throw new Error(`no check ${id}`);
}

const failed = { status: 'failed' };
const ok = { status: 'ok', mend: undefined };

describePostgres('a doctor', (databases) => {
  /** Where what mends it is a statement. */
  async function isMendedBySql(of: {
    readonly url: string;
    readonly store: Store;
    readonly id: string;
  }): Promise<void> {
    const { mend = '' } = await find(of.store, of.id);
    for (const statement of mend.split('; ')) await runSql(of.url, statement);
    expect(await find(of.store, of.id)).toMatchObject({ status: 'ok' });
  }

  test('says so where the database is away, and rejects in no case', async () => {
    await using store = open('postgres://postgres@127.0.0.1:1/mink');
    const { ok: isOk, findings } = await createDoctor(store).examine();
    expect(isOk).toBe(false);
    expect(findings[0]).toMatchObject({ id: 'connection', status: 'failed' });
    expect(new Set(findings.slice(1).map(({ status }) => status))).toEqual(new Set(['unknown']));
    for (const scope of ['production', 'performance'] as const) {
      const examined = await createDoctor(store).examine({ scope });
      expect([examined.ok, examined.findings[0]?.id]).toEqual([false, 'connection']);
    }
  });

  test('finds a schema that is not there, without making it, until it was migrated', async () => {
    const url = await databases.createEmpty();
    await using store = open(url);
    expect(await find(store, 'migrations')).toMatchObject({ ...failed, mend: 'mink migrate' });
    expect(await find(store, 'indexes')).toMatchObject(failed);
    expect(await find(store, 'events-registered')).toMatchObject({ status: 'unknown' });
    expect(await runSql(url, `select 1 from pg_namespace where nspname = 'mink'`)).toEqual([]);
    await using migrator = createMigrator({ url });
    await migrator.up();
    expect(await find(store, 'migrations')).toMatchObject(ok);
    expect(await find(store, 'indexes')).toMatchObject(ok);
    expect(await find(store, 'connection')).toMatchObject(ok);
    expect(await find(store, 'server-version')).toMatchObject(ok);
  });

  test('finds a database that takes no more events', async () => {
    const url = await databases.create();
    await runSql(url, `alter database ${new URL(url).pathname.slice(1)} set default_transaction_read_only = on`);
    await using store = open(url);
    expect(await find(store, 'connection')).toMatchObject({
      ...failed,
      seen: 'Transactions are read-only here: nothing can be appended.',
    });
  });

  test('is loud about settings that lose what was acknowledged, whoever has turned them off', async () => {
    const url = await databases.create();
    const name = new URL(url).pathname.slice(1);
    await runSql(url, `alter database ${name} set synchronous_commit = off`);
    const first = open(url);
    // The servers of these tests have no fsync.
    expect(await find(first, 'durability')).toMatchObject({
      ...failed,
      seen: expect.stringMatching(/fsync IS OFF .*synchronous_commit IS OFF \(this session\)/u),
      mend: expect.stringContaining('alter system set synchronous_commit = on'),
    });
    await using report = createProcessReport(first, { name: 'carts' });
    await report.start();
    await runSql(url, `alter database ${name} reset synchronous_commit`);
    const second = open(url);
    expect((await find(second, 'durability')).seen).toContain('synchronous_commit IS OFF (process carts)');
    await report.close();
    expect((await find(second, 'durability')).seen).not.toContain('synchronous_commit');
    await Promise.all([first.close(), second.close()]);
  });

  test('finds rights that are missing, and too many', async () => {
    const url = await databases.create();
    const role = `reader_${new URL(url).pathname.slice(1)}`;
    await runSql(
      url,
      `create role ${role} login; grant usage on schema mink to ${role}; grant select on all tables in schema mink to ${role}`,
    );
    const asRole = new URL(url);
    asRole.username = role;
    const [reader, owner] = [open(asRole.href), open(url)];
    expect(await find(reader, 'connection')).toMatchObject({
      ...failed,
      seen: expect.stringContaining('permission denied'),
      mend: expect.stringContaining('docs/postgres.md#rights'),
    });
    await runSql(url, `grant select on all sequences in schema mink to ${role}`);
    expect(await find(reader, 'rights')).toMatchObject({
      ...failed,
      seen: expect.stringContaining('insert on events'),
    });
    expect(await find(owner, 'rights')).toMatchObject({
      status: 'warning',
      seen: expect.stringContaining('superuser'),
    });
    await runSql(url, `grant select, insert, update, delete on all tables in schema mink to ${role}`);
    await expect(reader.append('Cart-1', [added('a')])).rejects.toMatchObject({ sqlState: '42501' });
    expect(await find(reader, 'rights')).toMatchObject({
      ...failed,
      seen: expect.stringMatching(/usage on global_position, .*create on schema mink_read/u),
    });
    await runSql(
      url,
      `grant usage on all sequences in schema mink to ${role}; grant usage, create on schema mink_read to ${role};
       revoke insert on mink.dead_letters from ${role}`,
    );
    await reader.append('Cart-1', [added('a')]);
    expect(await find(reader, 'rights')).toMatchObject({ ...failed, seen: expect.stringContaining('dead_letters') });
    await runSql(url, `grant insert on mink.dead_letters to ${role}`);
    expect(await find(reader, 'rights')).toMatchObject(ok);
    await Promise.all([reader.close(), owner.close()]);
    await runSql(url, `drop owned by ${role}; drop role ${role}`);
  });

  test('tells a pooler from a server', async (context) => {
    const binary = await findPgBouncer();
    if (binary === undefined) return context.skip('PgBouncer is not installed');
    const url = await databases.create();
    const bouncer = await startPgBouncer(binary, { url, poolSize: 5 });
    try {
      const [direct, pooled] = [open(url), open(bouncer.through(url))];
      const single = createPostgresStore({ url: bouncer.through(url), categories, maxConnections: 1 });
      expect(await find(direct, 'pooler')).toMatchObject(ok);
      expect(await find(pooled, 'pooler')).toMatchObject({
        status: 'warning',
        mend: expect.stringContaining('listenUrl'),
      });
      expect(await find(single, 'pooler')).toMatchObject({ status: 'unknown' });
      const many = createPostgresStore({ url, maxConnections: 10_000 });
      const report = createProcessReport(many, { name: 'many' });
      await report.start();
      expect(await find(direct, 'connection-pooling')).toMatchObject(failed);
      expect(await find(pooled, 'connection-pooling')).toMatchObject(ok);
      await report.close();
      await many.close();
      await Promise.all([direct.close(), pooled.close(), single.close()]);
    } finally {
      await bouncer.stop();
    }
  });

  test('finds tables that nobody cleans up, and what mends them does', async () => {
    const url = await databases.create();
    await using store = open(url);
    await runSql(url, 'alter table mink.streams set (autovacuum_enabled = off)');
    await runSql(url, 'alter table mink.events set (autovacuum_enabled = 0)');
    const seen = 'autovacuum is off for mink.events, mink.streams.';
    expect(await find(store, 'autovacuum')).toMatchObject({ ...failed, seen });
    await isMendedBySql({ url, store, id: 'autovacuum' });
  });

  test('finds indexes that are missing or invalid, and what mends them does', async () => {
    const url = await databases.create();
    await using store = open(url);
    await runSql(url, 'drop index mink.events_category; drop index mink.audit_log_user');
    expect((await find(store, 'indexes')).seen).toBe('audit_log_user is missing, events_category is missing.');
    await isMendedBySql({ url, store, id: 'indexes' });
    await runSql(url, `update pg_index set indisvalid = false where indexrelid = 'mink.events_recorded_at'::regclass`);
    expect((await find(store, 'indexes')).seen).toBe('events_recorded_at is invalid.');
    await isMendedBySql({ url, store, id: 'indexes' });
  });

  test('knows every index of a new schema', async () => {
    const url = await databases.create();
    const rows = await runSql(
      url,
      `select c.relname as name from pg_index i join pg_class c on c.oid = i.indexrelid
       where c.relnamespace = 'mink'::regnamespace and (not i.indisunique or i.indrelid in ('mink.events'::regclass, 'mink.streams'::regclass))`,
    );
    const known = knownIndexes(schemaName());
    expect(rows.map(({ name }) => String(name)).toSorted()).toEqual([...known.keys()].toSorted());
  });

  test('finds guards that are off, until the schema was migrated again', async () => {
    const url = await databases.create();
    await using store = open(url);
    await runSql(url, 'alter table mink.events enable trigger refuse_change');
    expect(await find(store, 'guards')).toMatchObject({
      ...failed,
      seen: expect.stringContaining('refuse_change of events'),
    });
    await using migrator = createMigrator({ url });
    await migrator.up();
    expect(await find(store, 'guards')).toMatchObject(ok);
  });

  test('finds types that nobody has registered, and shapes that the code cannot read', async () => {
    const url = await databases.create();
    const untyped = createPostgresStore({ url });
    await using store = open(url);
    const deciders = [cart];
    await store.append('Cart-1', [added('a')]);
    expect(await find(store, 'events-registered', { deciders })).toMatchObject(ok);
    expect(await find(store, 'shapes', { deciders })).toMatchObject(ok);
    await untyped.append('Cart-2', [{ type: 'Gone', data: {} }]);
    expect(await find(store, 'events-registered', { deciders })).toMatchObject({
      ...failed,
      seen: expect.stringContaining('Cart Gone version 1'),
    });
    expect(await find(store, 'shapes', { deciders })).toMatchObject(ok);
    const more = defineEvents({ ItemAdded: payload<{ sku: string }>(), Gone: payload<object>() });
    await using registered = createPostgresStore({ url, categories: { Cart: more } });
    const { findings } = await createDoctor(registered).examine();
    expect(findings.find(({ id }) => id === 'events-registered')).toMatchObject(ok);
    const odd = defineDecider({
      ...cart,
      evolve: (state, { data }) => ({ skus: state.skus + data.sku.length }),
    });
    await untyped.append('Cart-3', [{ type: 'ItemAdded', data: {} }]);
    expect(await find(store, 'shapes', { deciders: [odd] })).toMatchObject({ ...failed, mend: /mink schema check/u });
    const { findings: blind } = await createDoctor(untyped).examine();
    expect(blind.find(({ id }) => id === 'shapes')).toMatchObject({ status: 'unknown' });
    await untyped.close();
  });

  test('finds streams whose snapshots are due, until they are made', async () => {
    const url = await databases.create();
    await using store = open(url);
    await store.append(
      'Cart-1',
      Array.from({ length: 1_200 }, () => added('a')),
    );
    expect(await find(store, 'snapshots')).toMatchObject({ status: 'unknown' });
    expect(await find(store, 'snapshots', { deciders: [cart] })).toMatchObject({
      ...failed,
      seen: 'Events since the last snapshot: Cart-1 (1200).',
      mend: expect.stringContaining('snapshots: { schemaVersion: 1 }'),
    });
    const deciders = [kept];
    expect(await find(store, 'snapshots', { deciders })).toMatchObject({ mend: 'mink snapshots run --category Cart' });
    await store.snapshots.create(kept);
    expect(await find(store, 'snapshots', { deciders })).toMatchObject(ok);
  });

  test('finds projections that stand still, were never started, are not verified, or have dead letters', async () => {
    const url = await databases.create();
    await using store = open(url);
    const options = { projections: [carts] };
    const says = (id: string) => find(store, id, options);
    await store.append('Cart-1', [added('a')]);
    expect(await says('checkpoints')).toMatchObject({ ...failed, seen: 'Never started: carts version 1.' });
    await using engine = createProjectionEngine(store, [carts], { tries: 1, backoff: 0 });
    await engine.start();
    await engine.waitFor(1);
    expect(await says('checkpoints')).toMatchObject(ok);
    expect(await says('projections')).toMatchObject(ok);
    await engine.pause(carts);
    expect(await says('projections')).toMatchObject({ status: 'warning', mend: 'mink projections resume carts' });
    await engine.resume(carts);
    expect(await says('projections')).toMatchObject(ok);

    expect(await says('verification')).toMatchObject({ status: 'warning', mend: 'mink projections verify carts' });
    await store.projections.verify(carts);
    expect(await says('verification')).toMatchObject(ok);
    await runSql(url, 'update mink.projection_digests set count = count + 1');
    await store.projections.verify(carts);
    expect(await says('verification')).toMatchObject({ ...failed, mend: 'mink projections rebuild carts' });

    bad.add('x');
    await store.append('Cart-2', [added('x')]);
    await expect.poll(async () => (await says('dead-letters')).status).toBe('failed');
    bad.delete('x');
    await engine.deadLetters.retry({ projection: carts, key: 'Cart-2' });
    expect(await says('dead-letters')).toMatchObject({ status: 'unknown' });
    await using report = createProcessReport(store, { name: 'carts', engine });
    await report.start();
    expect(await says('dead-letters')).toMatchObject(ok);
    await report.close();
    await engine.close();
    // It is live: retiring it would be refused.
    expect(await says('projections')).toMatchObject({
      status: 'warning',
      mend: 'start a process that runs it: createProjectionEngine',
    });
  });

  test('names the version in what mends it, where there are several', async () => {
    const url = await databases.create();
    await using store = open(url);
    const next = defineProjection({
      name: 'carts',
      version: 2,
      events: categories,
      readModel: documents<{ skus: number }>(),
    }).on({
      ItemAdded: () => {
        throw new Error('postgres://ann:s3cret@db/x is away');
      },
    });
    await store.append('Cart-1', [added('a')]);
    await using engine = createProjectionEngine(store, [carts, next], { tries: 1, maxParkedKeys: 0 });
    await engine.start();
    await expect.poll(async () => (await find(store, 'projections')).status).toBe('failed');
    const resume = 'mink projections resume carts --of 2, when its cause is mended';
    const { seen, mend } = await find(store, 'projections');
    expect([mend, seen.includes('s3cret')]).toEqual([resume, false]);
    expect(await find(store, 'verification')).toMatchObject({ mend: 'mink projections verify carts --of 1' });
  });

  test('finds who holds readers back', async () => {
    const url = await databases.create();
    await using store = open(url);
    const holder = await openClient(url);
    await holder.query('begin');
    await store.append('Cart-1', [added('a')], { tx: holder });
    await expect
      .poll(() => find(store, 'feed', { limits: { heldAge: 1 } }))
      .toMatchObject({ ...failed, mend: expect.stringMatching(/select pg_terminate_backend\(\d+\)/u) });
    expect(await find(store, 'feed')).toMatchObject(ok);
    await holder.query('rollback');
    expect(await find(store, 'feed', { limits: { heldAge: 1 } })).toMatchObject(ok);
    await holder.end();
  });

  test('finds processes that do not measure, log or answer, until they do', async () => {
    const url = await databases.create();
    const ids = ['processes', 'connection-pooling', 'metrics', 'health', 'logging'];
    const says = async (store: Store): Promise<Record<string, string>> => {
      const { findings } = await createDoctor(store).examine();
      return Object.fromEntries(findings.filter(({ id }) => ids.includes(id)).map(({ id, status }) => [id, status]));
    };
    const plain = createPostgresStore({ url, categories, maxConnections: 3 });
    expect(await says(plain)).toEqual(Object.fromEntries(ids.map((id) => [id, 'unknown'])));
    const bare = createProcessReport(plain, { name: 'bare' });
    await bare.start();
    expect(await says(plain)).toEqual({
      processes: 'ok',
      'connection-pooling': 'ok',
      metrics: 'failed',
      health: 'failed',
      logging: 'failed',
    });
    await bare.close();
    const metrics = createMetrics();
    const observer = observers(metrics.observer, logObserver(silent));
    await using store = createPostgresStore({ url, categories, observer });
    const health = createHealth({ store });
    const report = createProcessReport(store, { name: 'carts', metrics, health, interval: 100 });
    await report.start();
    expect(await says(store)).toMatchObject({ metrics: 'failed', health: 'failed', logging: 'ok' });
    await metrics.collect();
    await health.ready();
    await expect.poll(() => says(store)).toEqual(Object.fromEntries(ids.map((id) => [id, 'ok'])));
    await report.close();
    await plain.close();
  });

  test('judges nobody by processes that are silent', async () => {
    const url = await databases.create();
    const lax = `${url}?options=${encodeURIComponent('-c synchronous_commit=off')}`;
    await using store = createPostgresStore({ url: lax, categories });
    const engine = createProjectionEngine(store, [carts], { maxParkedKeys: 0 });
    const metrics = createMetrics();
    await using report = createProcessReport(store, { name: 'lax', engine, metrics, interval: 3_600_000 });
    await report.start();
    await using other = open(url);
    const says = async () => ({
      durability: (await find(other, 'durability')).seen.includes('process lax'),
      checkpoints: (await find(other, 'checkpoints')).status,
      deadLetters: (await find(other, 'dead-letters')).status,
      eventLoop: (await find(other, 'event-loop')).status,
    });
    const alive = { durability: true, checkpoints: 'failed', deadLetters: 'warning', eventLoop: expect.any(String) };
    expect(await says()).toEqual(alive);
    await runSql(url, `update mink.processes set reported_at = reported_at - interval '4 hours'`);
    const unknown = { checkpoints: 'unknown', deadLetters: 'unknown', eventLoop: 'unknown' };
    expect(await says()).toEqual({ durability: false, ...unknown });
  });

  test('says of what others have written that it cannot see what it does', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url, categories, observer: { appended: () => undefined } });
    await using report = createProcessReport(store, { name: 'carts' });
    await report.start();
    expect(await find(store, 'logging')).toMatchObject({ status: 'unknown', seen: expect.stringContaining('carts') });
    expect(await find(store, 'metrics')).toMatchObject({ status: 'unknown', seen: expect.stringContaining('carts') });
  });

  test('finds that there is no fresh backup, until there is one', async () => {
    const url = await databases.create();
    await using store = open(url);
    await store.append('Cart-1', [added('a')]);
    expect(await find(store, 'backups')).toMatchObject({ ...failed, seen: 'The store knows of no backup.' });
    for await (const line of createBackup({ url })) expect(line).not.toBe('');
    expect(await find(store, 'backups')).toMatchObject({ ...ok, seen: expect.stringContaining('position 1 of 1') });
    await runSql(url, `update mink.backups set taken_at = taken_at - interval '27 hours'`);
    expect(await find(store, 'backups')).toMatchObject({ ...failed, seen: expect.stringContaining('27 hours old') });
    expect(await find(store, 'backups', { limits: { backupAge: 1e9 } })).toMatchObject(ok);
  });

  test('finds tables with dead rows, until they are vacuumed', async () => {
    const url = await databases.create();
    await using store = open(url);
    await runSql(
      url,
      `alter table mink.checkpoint_history set (autovacuum_enabled = off);
       insert into mink.checkpoint_history select 'p', 1, to_timestamp(n * 60), n, n from generate_series(1, 30000) n`,
    );
    await runSql(url, 'delete from mink.checkpoint_history where position > 5000');
    await expect
      .poll(() => find(store, 'bloat'), { timeout: 20_000 })
      .toMatchObject({
        ...failed,
        seen: expect.stringContaining('checkpoint_history (25000 beside 5000)'),
        mend: 'vacuum (analyze) mink.checkpoint_history',
      });
    await runSql(url, 'vacuum (analyze) mink.checkpoint_history');
    await expect.poll(() => find(store, 'bloat'), { timeout: 20_000 }).toMatchObject(ok);
  });

  test('says that nobody counts statements', async () => {
    await using store = open(await databases.create());
    expect(await find(store, 'slow-statements')).toMatchObject({ status: 'unknown' });
  });
});

test('a doctor is content with a server that is durable, and names the statements that are slow there', async (context) => {
  const system = await findSystemPostgres();
  if (system === undefined) return context.skip('no PostgreSQL with its extensions is installed');
  const server = await createTemporaryPostgres({
    binDir: system.binDir,
    settings: { shared_preload_libraries: 'pg_stat_statements' },
  });
  try {
    await using store = open(server.url);
    await store.append('Cart-1', [added('a')]);
    expect(await find(store, 'durability')).toMatchObject(ok);
    expect(await find(store, 'slow-statements')).toMatchObject({ status: 'unknown' });
    await runSql(server.url, 'create extension pg_stat_statements');
    await store.append('Cart-1', [added('a')]);
    expect(await find(store, 'slow-statements')).toMatchObject(ok);
    await runSql(server.url, 'select pg_sleep(0.2) from "mink".streams');
    expect(await find(store, 'slow-statements')).toMatchObject({
      status: 'warning',
      seen: expect.stringContaining('pg_sleep'),
    });
    await runSql(server.url, 'select pg_stat_statements_reset()');
    expect(await find(store, 'slow-statements')).toMatchObject(ok);
  } finally {
    await server.stop();
  }
});
