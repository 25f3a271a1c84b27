import { createServer } from 'node:http';
import { once } from 'node:events';
import {
  createHealth,
  createMetrics,
  createProcessReport,
  createProjectionEngine,
  defineEvents,
  defineProjection,
  documents,
  logObserver,
  observers,
  payload,
} from 'mink';
import { createPostgresStore } from 'mink/postgres';
import { alertRules } from 'mink/prometheus';
import { describe, expect, onTestFinished, test } from 'vitest';
import { useDatabase } from './support/database.ts';
import { project } from './support/project.ts';
import { jsonLines, runMink } from './support/run-mink.ts';

const database = useDatabase();
const events = defineEvents({ ItemAdded: payload<{ sku: string }>() });
const carts = defineProjection({
  name: 'carts',
  events: { Cart: events },
  readModel: documents<{ skus: number }>(),
}).on({ ItemAdded: (row) => ({ skus: (row?.skus ?? 0) + 1 }) });

const config = (schema: string): string => `
  import { defineEvents, defineProjection, documents, payload } from 'mink';
  import { createPostgresStore } from 'mink/postgres';
  const events = defineEvents({ ItemAdded: payload() });
  export const url = ${JSON.stringify(database.url())};
  export const schema = ${JSON.stringify(schema)};
  export const store = createPostgresStore({ url, schema, categories: { Cart: events } });
  export const projections = [
    defineProjection({ name: 'carts', events: { Cart: events }, readModel: documents() }).on({ ItemAdded: () => ({}) }),
  ];`;

/** A Prometheus that has loaded the rules of mink. */
async function prometheus(): Promise<string> {
  const rules = alertRules().groups.flatMap((group) =>
    group.rules.map(({ alert, expr }) => ({ name: alert, query: expr, health: 'ok' })),
  );
  const server = createServer((request, response) => {
    const isRules = request.url?.includes('/rules') === true;
    response.end(
      JSON.stringify({
        status: 'success',
        data: isRules ? { groups: [{ rules }] } : { result: [{ value: [0, '1'] }] },
      }),
    );
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}

/** A service with all that the checklist asks for. */
async function service(schema: string) {
  const metrics = createMetrics();
  const logger = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const observer = observers(metrics.observer, logObserver(logger));
  const store = createPostgresStore({ url: database.url(), schema, categories: { Cart: events }, observer });
  const engine = createProjectionEngine(store, [carts]);
  const health = createHealth({ store, engine });
  await engine.start();
  await engine.waitFor(await store.append('Cart-1', [events.ItemAdded({ sku: 'a' })]));
  await health.ready();
  await metrics.collect();
  const report = createProcessReport(store, { name: 'carts', engine, metrics, health });
  await report.start();
  return async (): Promise<void> => {
    await report.close();
    await engine.close();
    await store.close();
  };
}

describe('doctor', () => {
  test('--production passes a service that has everything, once it is backed up', async () => {
    const schema = database.newSchema();
    const stop = await service(schema);
    // A config file is read once in a process.
    const run = (args: readonly string[]) => runMink(args, { cwd: project({ 'mink.config.mjs': config(schema) }) });
    const dashboard = await runMink(['monitoring', 'dashboard']);
    const files = project({ 'dashboard.json': dashboard.stdout });
    const args = [
      'doctor',
      '--production',
      '--prometheus',
      await prometheus(),
      '--dashboard',
      `${files}/dashboard.json`,
    ];
    const before = await run(args);
    expect(before.exitCode).toBe(1);
    expect(before.stdout).toMatch(
      /^FAILED {3}backups: Backups are fresh\n {9}The store knows of no backup\.\n {9}-> mink backup /mu,
    );
    expect(before.stdout).toContain('14 checks: 13 ok, 0 warnings, 1 failed, 0 unknown');
    expect(before.stderr).toContain('backups');
    await run(['backup', `${files}/carts.mink.gz`]);
    const after = await run([...args, '--strict']);
    expect(after).toMatchObject({ exitCode: 0, stderr: '' });
    expect(after.stdout).toContain('14 checks: 14 ok');
    await stop();
    const dead = await run([...args, '--json']);
    expect(jsonLines(dead.stdout)).toHaveLength(14);
    expect(dead.exitCode).toBe(0);
    expect((await run([...args, '--strict'])).exitCode).toBe(1);
  });

  test('examines the store of a URL, and says what it cannot know', async () => {
    const { schema, store } = database.openStore();
    await store.append('Cart-1', [{ type: 'ItemAdded', data: {} }]);
    await store.close();
    const args = ['doctor', '--url', database.url(), '--schema', schema];
    const { exitCode, stdout, stderr } = await runMink(args);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^FAILED {3}durability: .*\n {9}fsync IS OFF \(this session\): /mu);
    expect(stdout).toMatch(/^unknown {2}events-registered: /mu);
    expect(stdout).toMatch(/^ok {7}indexes: /mu);
    expect(stderr).toMatch(/^error: \d checks have not passed: durability, /u);
    const found = jsonLines((await runMink([...args, '--json'])).stdout);
    expect(found.find(({ id }) => id === 'migrations')).toMatchObject({
      status: 'ok',
      title: 'The schema is up to date',
    });
    expect((await runMink([...args, '--performance'])).stdout).toMatch(/^unknown {2}slow-statements: /mu);
  });

  test('migrates nothing, also with a store that would', async () => {
    const schema = database.newSchema();
    const cwd = project({ 'mink.config.mjs': config(schema) });
    const { exitCode, stdout } = await runMink(['doctor'], { cwd });
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^FAILED {3}migrations: .*\n {9}Schema ".*" does not exist\.\n {9}-> mink migrate$/mu);
    expect(
      (await runMink(['migrate', 'status'], { cwd: project({ 'mink.config.mjs': config(schema) }) })).stdout,
    ).toContain('does not exist yet');
  });

  test('says so where the database is away, without its password', async () => {
    const url = 'postgres://me:secret@127.0.0.1:1/mink';
    const { exitCode, stdout, stderr } = await runMink(['doctor', '--url', url, '--schema', 'mink']);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^FAILED {3}connection: /u);
    expect(stdout + stderr).not.toContain('secret');
  });

  test('refuses options that make no sense', async () => {
    for (const args of [
      ['--production', '--performance'],
      ['--prometheus', 'nowhere'],
      ['--backup-hours', '0'],
    ]) {
      expect(await runMink(['doctor', ...args, '--url', database.url(), '--schema', 'x'])).toMatchObject({
        exitCode: 2,
      });
    }
  });
});
