import { expect, test, vi } from 'vitest';
import { Pool } from 'pg';
import {
  createCommandBus,
  createProcessReport,
  createProjectionEngine,
  deciderHandlers,
  defineCommands,
  defineDecider,
  recommendedPipeline,
  payload,
} from '../../src/index.ts';
import { createPostgresStorage, createPostgresStore } from '../../src/postgres/index.ts';
import { migrations } from '../../src/postgres/migrations.generated.ts';
import { describePostgres, openClient, runSql } from '../support/databases.ts';
import { added, byCart, cartEvents, categories, openCarts } from '../support/listed-carts.ts';
import { reportRules } from './report-rules.ts';

vi.setConfig({ testTimeout: 60_000 });

describePostgres('the report of a process, on PostgreSQL', (databases) => {
  reportRules(async () => createPostgresStorage({ url: await databases.create() }));

  test('says how the pool and the server are set for this process', async () => {
    const url = await databases.create();
    const pool = new Pool({ connectionString: url, max: 4, min: 1, options: '-c synchronous_commit=off' });
    const stores = [
      createPostgresStore({ url, maxConnections: 7, schema: 'mink' }),
      createPostgresStore({ pool, wakeUp: 'poll', prepare: 'unnamed' }),
    ];
    const found = [];
    for (const store of stores) {
      await using report = createProcessReport(store, { name: 'carts' });
      await report.start();
      const [own] = await store.operations.processes();
      found.push(
        Object.fromEntries(own?.configuration.map(({ name, value, source }) => [name, [value, source]]) ?? []),
      );
      await report.close();
      await store.close();
    }
    expect(found[0]).toMatchObject({
      'storage.kind': ['postgres', 'option'],
      'storage.schema': ['mink', 'option'],
      'storage.migrate': ['auto', 'default'],
      'pool.maxConnections': [7, 'option'],
      'pool.minConnections': [0, 'default'],
      'pool.wakeUp': ['notify', 'default'],
      'database.synchronousCommit': ['on', 'database'],
      'database.fsync': [expect.stringMatching(/^o(?:n|ff)$/u), 'database'],
    });
    expect(found[1]).toMatchObject({
      'pool.maxConnections': [4, 'option'],
      'pool.minConnections': [1, 'option'],
      'pool.prepare': ['unnamed', 'option'],
      'pool.wakeUp': ['poll', 'option'],
      'database.synchronousCommit': ['off', 'database'],
    });
    expect(JSON.stringify(found)).not.toContain(new URL(url).host);
    await pool.end();
  });

  test('a database that ends its connections is reported to again; silent processes are marked, and forgotten after a day', async () => {
    const url = await databases.create();
    const store = createPostgresStore({ url });
    const errors: unknown[] = [];
    const report = createProcessReport(store, { name: 'carts', interval: 100, onError: (error) => errors.push(error) });
    await report.start();
    await runSql(
      url,
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
    );
    // By a connection of its own: the store's may still be the ones that were ended.
    const reports = async () => (await runSql(url, 'select reported_at from mink.processes'))[0]?.['reported_at'];
    const seen = await reports();
    await expect.poll(reports).not.toEqual(seen);
    await runSql(
      url,
      `insert into mink.processes
       select gen_random_uuid(), 'dead', now(), now() - make_interval(hours => h), 10000, p.report, p.server
       from mink.processes p, unnest(array[1, 25]) h`,
    );
    expect((await store.operations.processes()).map(({ name, isSilent }) => [name, isSilent])).toEqual([
      ['carts', false],
      ['dead', true],
    ]);
    await expect.poll(() => runSql(url, `select 1 from mink.processes where name = 'dead'`)).toHaveLength(1);
    await report.close();
    await store.close();
  });

  test('an interval costs one statement, and looks of an engine cost none more for the history', async () => {
    const url = await databases.create();
    const statements: string[] = [];
    const pool = new Pool({ connectionString: url });
    pool.on('connect', (client) => {
      const query = client.query.bind(client);
      Object.assign(client, {
        query: (first: string | { readonly text: string }, ...rest: never[]) => {
          statements.push(typeof first === 'string' ? first : first.text);
          return query(first as never, ...rest);
        },
      });
    });
    const store = createPostgresStore({ pool, categories, wakeUp: 'poll' });
    await using engine = createProjectionEngine(store, [byCart], { leaseDuration: 600_000 });
    await engine.start();
    const report = createProcessReport(store, { name: 'carts', interval: 600_000 });
    await report.start();
    await report.close();
    const told = statements.filter((text) => text.includes('.processes'));
    expect(told.map((text) => text.trim().split(/\s/u)[0])).toEqual(['with', 'delete']);
    await engine.close();
    const history = statements.filter((text) => text.includes('.checkpoint_history'));
    expect(history.every((text) => text.includes('projection_workers'))).toBe(true);
    await store.close();
    await pool.end();
  });

  test('the history says where the slowest partition is, and what all have applied; it forgets what is older than a week', async () => {
    const url = await databases.create();
    const store = openCarts(createPostgresStorage({ url }));
    for (let n = 0; n < 20; n += 1) await store.append(`Cart-${n}`, [added('a')]);
    await using engine = createProjectionEngine(store, [byCart]);
    await engine.start();
    await engine.partition(byCart, 4);
    await engine.waitFor(20);
    await runSql(
      url,
      `delete from mink.checkpoint_history;
       insert into mink.checkpoint_history
       values ('gone', 1, now() - interval '8 days', 1, 1), ('gone', 1, now() - interval '6 days', 2, 2)`,
    );
    // As if minutes had passed.
    const minutePasses = async (): Promise<void> => {
      await runSql(url, `update mink.checkpoint_history set at = at - interval '1 minute' where name = 'by-cart'`);
      await engine.resume(byCart);
    };
    await engine.resume(byCart);
    const { partitions = [] } = (await store.projections.list()).find(({ name }) => name === 'by-cart') ?? {};
    const lowest = Math.min(...partitions.map(({ position }) => position));
    expect(await store.projections.checkpointHistory(byCart)).toMatchObject([{ position: lowest, events: 20 }]);
    await minutePasses();
    await minutePasses();
    expect(await store.projections.checkpointHistory(byCart)).toHaveLength(1);
    await engine.waitFor(await store.append('Cart-1', [added('b')]));
    await minutePasses();
    expect((await store.projections.checkpointHistory(byCart)).map(({ events }) => events)).toEqual([20, 21]);
    expect(await store.projections.checkpointHistory({ name: 'gone', version: 1 })).toHaveLength(1);
    await engine.close();
    await store.close();
  });

  test('roles that could move checkpoints before can after the migration, too', async () => {
    const url = await databases.create();
    const role = `writer_${new URL(url).pathname.slice(1)}`;
    await runSql(
      url,
      `create role ${role} login; grant usage on schema mink to ${role};
       grant select, update on mink.projection_partitions to ${role}`,
    );
    const { sql = '' } = migrations.find(({ name }) => name === 'operations') ?? {};
    const [grants = ''] = /do \$do\$.*?\$do\$;/su.exec(sql) ?? [];
    await runSql(url, grants.replaceAll(':schema', '"mink"'));
    const [rights] = await runSql(
      url,
      `select has_table_privilege($1, 'mink.checkpoint_history', 'insert') as history,
         has_table_privilege($1, 'mink.processes', 'update') as processes,
         has_table_privilege($1, 'mink.audit_log', 'insert') as audit,
         has_table_privilege($1, 'mink.audit_log', 'delete') as prune`,
      [role],
    );
    expect(rights).toEqual({ history: true, processes: true, audit: true, prune: false });
    await runSql(url, `drop owned by ${role}; drop role ${role}`);
  });

  test('a report that is stuck does not keep its process', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url });
    const report = createProcessReport(store, { name: 'carts', interval: 100 });
    await report.start();
    const locker = await openClient(url);
    await locker.query('begin; lock table mink.processes in access exclusive mode');
    const waiting = 'select from pg_locks where relation = $$mink.processes$$::regclass and not granted';
    await expect.poll(async () => (await runSql(url, waiting)).length).toBe(1);
    await report.close();
    await locker.end();
  });

  test('a line that cannot be stored takes no other with it', async () => {
    await using store = createPostgresStore({ url: await databases.create() });
    const nobody = { userId: undefined, tenantId: undefined, correlationId: undefined, errorCode: undefined };
    const nothing = { streamName: undefined, streamVersion: undefined };
    const line = { kind: 'action', type: 'a', at: new Date(0), status: 'succeeded', ...nobody, ...nothing } as const;
    const circle: { self?: unknown } = {};
    circle.self = circle;
    const write = (id: string, changed: object = {}) => store.operations.audit.write({ ...line, id, ...changed });
    const written = await Promise.allSettled([
      write('first'),
      write('no time', { at: new Date(NaN) }),
      write('no kind', { kind: 'anything' }),
      write('no status', { status: 'anything' }),
      write('no version', { streamVersion: 1.5 }),
      write('no JSON', { details: circle }),
      write('last'),
    ]);
    expect(written.map(({ status }) => status === 'fulfilled')).toEqual([true, ...Array(5).fill(false), true]);
    for (const it of written.slice(1, -1)) expect(it).toMatchObject({ reason: { code: 'INVALID_ARGUMENT' } });
    expect((await store.operations.audit.list()).map(({ messageId }) => messageId)).toEqual(['last', 'first']);
  });

  test('the audit log of a bus is written by the pipeline alone, and what cannot be written is not done', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url, categories });
    const commands = defineCommands({ Add: payload<{ id: string }>() });
    const cart = defineDecider({
      category: 'Cart',
      events: cartEvents,
      initialState: () => ({}),
      evolve: (state) => state,
      decide: ({ data }: { type: 'Add'; data: { id: string } }) => added(data.id),
    });
    const lost: unknown[] = [];
    const audit = { write: store.operations.audit.write, onLost: (error: unknown) => void lost.push(error) };
    const bus = createCommandBus(store, {
      handlers: [deciderHandlers(commands, cart, { id: ({ data }) => data.id })],
      middleware: recommendedPipeline({ audit }),
    });
    await bus.dispatch({ ...commands.Add({ id: '1' }), metadata: { userId: 'ann' } });
    const lines = await store.operations.audit.list({ userId: 'ann' });
    expect(lines.map(({ status, streamName, streamVersion }) => [status, streamName, streamVersion])).toEqual([
      ['succeeded', 'Cart-1', 1],
      ['attempted', undefined, undefined],
    ]);
    await runSql(url, 'alter table mink.audit_log add check (type <> $$Add$$) not valid');
    await expect(bus.dispatch(commands.Add({ id: '2' }))).rejects.toMatchObject({ code: 'DATABASE_ERROR' });
    expect(await store.streamInfo('Cart-2')).toBeUndefined();
    expect(lost).toEqual([]);
  });
});
