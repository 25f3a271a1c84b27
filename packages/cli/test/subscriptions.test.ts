import { expect, test, vi } from 'vitest';
import { useDatabase } from './support/database.ts';
import { project } from './support/project.ts';
import { jsonLines, runMink } from './support/run-mink.ts';

vi.setConfig({ testTimeout: 30_000 });
const database = useDatabase();

/** A subscription that was run over two carts, of which one has an event that cannot be delivered. */
async function mails() {
  const schema = database.newSchema();
  const mink = await import('mink');
  const { createPostgresStore } = await import('mink/postgres');
  const events = mink.defineEvents({ Sent: mink.payload<{ to: string }>() });
  const store = createPostgresStore({ url: database.url(), schema, categories: { Cart: events } });
  await store.append('Cart-1', [events.Sent({ to: 'nobody' })]);
  await store.append('Cart-2', [events.Sent({ to: 'ada' })]);
  const sending = mink.defineSubscription({
    name: 'mails',
    events: { Cart: events },
    from: 'start',
    handle: async ({ data }) => {
      if (data.to === 'nobody') throw new Error('no such address');
    },
  });
  const engine = mink.createProjectionEngine(store, [sending], { tries: 1 });
  await engine.start();
  await engine.waitFor(2);
  await engine.close();
  await store.append('Cart-2', [events.Sent({ to: 'ada' })]);
  await store.close();
  const config = `
    import { defineEvents, defineSubscription, payload } from 'mink';
    import { createPostgresStore } from 'mink/postgres';
    const url = ${JSON.stringify(database.url())}, schema = ${JSON.stringify(schema)};
    const events = defineEvents({ Sent: payload() });
    export const store = createPostgresStore({ url, schema, categories: { Cart: events } });
    export const projections = [
      defineSubscription({ name: 'mails', events: { Cart: events }, from: 'start', handle: async () => undefined }),
    ];`;
  return (...args: readonly string[]) => runMink(args, { cwd: project({ 'mink.config.mjs': config }) });
}

test('subscriptions are listed apart from projections, with what they are behind', async () => {
  const mink = await mails();
  expect((await mink('subscriptions', 'list')).stdout).toMatch(/\nmails +1 +live +stopped +2 +2 +1 +yes\n$/u);
  expect((await mink('subscriptions', 'status')).stdout).toMatch(/\nmails +1 +stopped +1 +\d+\.\d +1\n$/u);
  expect((await mink('projections', 'list')).stderr).toBe('No projections.\n');
  expect((await mink('projections', 'status')).stderr).toBe('No projections in the config file.\n');
});

test('subscriptions are paused, resumed and replayed', async () => {
  const mink = await mails();
  expect((await mink('subscriptions', 'pause', 'mails')).stdout).toBe('mails version 1: paused\n');
  expect((await mink('subscriptions', 'resume', 'mails')).stdout).toBe('mails version 1: resumed\n');
  expect(await mink('subscriptions', 'replay', 'mails')).toMatchObject({ exitCode: 2 });
  expect(await mink('subscriptions', 'replay', 'mails', '--from', 'middle')).toMatchObject({ exitCode: 2 });
  expect(await mink('subscriptions', 'replay', 'mails', '--from', '9')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('beyond the end of the log'),
  });
  const replay = await mink('subscriptions', 'replay', 'mails', '--from', 'start', '--json');
  expect(jsonLines(replay.stdout)).toEqual([{ name: 'mails', version: 1, done: 'replaying' }]);
  const [listed] = jsonLines((await mink('subscriptions', 'list', '--json')).stdout);
  expect(listed).toMatchObject({ kind: 'subscription', position: 0, parkedKeys: 0 });
  expect((await mink('projections', 'reset', 'mails')).stderr).toContain('"mails" is a subscription: replay it');
});

test('dead letters of subscriptions are retried and discarded, and not tried', async () => {
  const mink = await mails();
  expect((await mink('deadletters', 'dry-run', 'mails', 'Cart-1')).stderr).toContain('without its effects');
  expect((await mink('deadletters', 'retry', 'mails', '--all')).stdout).toBe('Cart-1: 1 applied, none is left\n');
  expect((await mink('deadletters', 'list')).stderr).toBe('No dead letters.\n');
});
