import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { createPostgresStore } from 'mink/postgres';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { useDatabase } from './support/database.ts';
import { project } from './support/project.ts';
import { appendUntilEnded, jsonLines } from './support/run-mink.ts';
import { build, spawnMink } from './support/spawn-mink.ts';

const database = useDatabase();

vi.setConfig({ testTimeout: 60_000 });
beforeAll(build, 120_000);

describe('the built program', () => {
  test('runs a development server that only one process can run, and that Ctrl-C stops', async () => {
    const cwd = project();
    const server = spawnMink(['dev', '--json'], { cwd });
    await server.untilPrinted('\n');
    const { url, pid } = JSON.parse(server.stdout());
    const store = createPostgresStore({ url, migrate: 'never' });
    await store.append('Order-1', [{ type: 'OrderCreated', data: {} }]);
    await store.close();

    const streams = await spawnMink(['streams'], { cwd }).done;
    expect(streams.stdout, 'without a URL, the development server of the folder is asked').toContain('Order-1');

    const second = await spawnMink(['dev'], { cwd }).done;
    expect([second.exitCode, second.stdout]).toEqual([1, '']);
    expect(second.stderr).toMatch(/^error: A PostgreSQL in ".*" is running \(pid \d+\) on port \d+[^\n]*\n$/u);

    server.child.kill('SIGINT');
    expect(await server.done).toMatchObject({ exitCode: 0, stderr: '' });
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    const afterwards = await spawnMink(['streams'], { cwd }).done;
    expect([afterwards.exitCode, afterwards.stderr]).toEqual([1, expect.stringContaining('mink dev')]);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('follows the log until %s', async (signal) => {
    const { schema, store } = database.openStore();
    await store.append('Order-1', [{ type: 'OrderCreated', data: { n: 1 } }]);
    const args = ['events', '--follow', '--json', '--schema', schema];
    const tail = spawnMink(args, { cwd: project(), url: database.url() });
    await tail.untilPrinted('{"n":1}');
    await store.append('Order-1', [{ type: 'OrderShipped', data: { n: 2 } }]);
    await tail.untilPrinted('{"n":2}');
    tail.child.kill(signal);
    const { exitCode, stderr } = await tail.done;
    expect([exitCode, stderr]).toEqual([0, '']);
    await store.close();
  });

  test('writes all of its output before it ends, and stops quietly when nobody reads it any more', async () => {
    const { schema, store } = database.openStore();
    const text = 'x'.repeat(200);
    const events = Array.from({ length: 5_000 }, (_, n) => ({ type: 'Counted', data: { n, text } }));
    await store.append('Counter-1', events);
    await store.close();
    const args = ['events', '--json', '--schema', schema];
    const options = { cwd: project(), url: database.url() };
    const all = await spawnMink(args, options).done;
    expect(all).toMatchObject({ exitCode: 0, stderr: '' });
    expect(jsonLines(all.stdout).map(({ data }) => data.n)).toEqual(events.map((_, n) => n));

    const head = spawnMink(args, options);
    await once(head.child.stdout, 'data');
    head.child.stdout.destroy();
    const { exitCode, stderr, stdout } = await head.done;
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout.length).toBeLessThan(all.stdout.length);
  });

  test('restores what comes in through a pipe, compressed or not', async () => {
    const { schema, store } = database.openStore();
    await store.append('Order-1', [{ type: 'OrderCreated', data: {} }]);
    await store.close();
    const options = { cwd: project(), url: database.url() };
    const { stdout: lines } = await spawnMink(['backup', '-', '--schema', schema], options).done;
    for (const [to, input] of [
      [`${schema}_lines`, lines],
      [`${schema}_packed`, gzipSync(lines)],
    ] as const) {
      const restored = await spawnMink(['restore', '-', '--schema', to], { ...options, input }).done;
      expect(restored).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^1 event restored/u) });
    }
  });

  test('ends although the config file keeps a timer running', async () => {
    const { schema, store } = database.openStore();
    await store.append('Order-1', [{ type: 'OrderCreated', data: {} }]);
    await store.close();
    const cwd = project({ 'mink.config.ts': `setInterval(() => {}, 1000); export const schema = '${schema}';` });
    const { exitCode, stdout } = await spawnMink(['streams'], { cwd, url: database.url() }).done;
    expect(exitCode).toBe(0);
    expect(stdout).toContain('Order-1');
  });
});

describe('with a typed store of the config file', () => {
  const config = (schema: string): string => `
    import { defineEvents, dropped } from 'mink';
    import { createPostgresStore } from 'mink/postgres';
    import { z } from 'zod';

    const days = z.codec(z.string(), z.number(), { decode: Number, encode: String });
    const orderEvents = defineEvents(
      { OrderCreated: z.object({ days }), OrderShipped: z.object({}) },
      { past: { OrderViewed: dropped('in the access log') } },
    );
    const url: string = process.env.DATABASE_URL ?? '';
    export const store = createPostgresStore({ url, schema: '${schema}', categories: { Order: orderEvents } });
  `;

  /** Versions 1 and 4 are known; what is recorded as text is a number to the store's readers. */
  async function aMixedStore() {
    const { schema, store } = database.openStore();
    await store.append('Order-1', [{ type: 'OrderCreated', data: { days: '12' } }]);
    await store.append('Order-1', [
      { type: 'OrderForgotten', data: { n: 2 } },
      { type: 'OrderForgotten', data: { n: 3 } },
      { type: 'OrderShipped', data: {} },
    ]);
    await store.append('Cart-1', [{ type: 'CartOpened', data: {} }]);
    const run = async (...args: string[]) => {
      const cwd = project({ 'mink.config.ts': config(schema) });
      const { exitCode, stdout, stderr } = await spawnMink(args, { cwd, url: database.url() }).done;
      expect([exitCode, stderr]).toEqual([0, '']);
      return stdout;
    };
    const versions = async (...args: string[]): Promise<unknown[]> => {
      const events = jsonLines(await run('stream', 'Order-1', '--json', ...args));
      return events.map(({ streamVersion, unknownType }) =>
        unknownType === true ? `?${streamVersion}` : streamVersion,
      );
    };
    return { schema, store, run, versions };
  }

  test('payloads are decoded, and types it does not define are shown in their place', async () => {
    const { run, versions, schema, store } = await aMixedStore();
    await store.close();
    const [created, forgotten] = jsonLines(await run('stream', 'Order-1', '--json'));
    expect(created.data).toEqual({ days: 12 });
    expect(forgotten).toEqual({
      globalPosition: 2,
      streamName: 'Order-1',
      streamVersion: 2,
      category: 'Order',
      type: 'OrderForgotten',
      unknownType: true,
    });
    expect(await versions()).toEqual([1, '?2', '?3', 4]);
    expect(await versions('--limit', '2')).toEqual([1, '?2']);
    expect(await versions('--from', '3')).toEqual(['?3', 4]);
    expect(await versions('--backwards')).toEqual([4, '?3', '?2', 1]);
    expect(await versions('--backwards', '--at', '3', '--limit', '2')).toEqual(['?3', '?2']);
    expect(await run('stream', 'Order-1')).toMatch(/#2 {2}OrderForgotten {2}position 2\n {4}\(the config's store/u);

    const raw = jsonLines(await run('stream', 'Order-1', '--json', '--schema', schema));
    expect(raw.map(({ data }) => data)).toEqual([{ days: '12' }, { n: 2 }, { n: 3 }, {}]);
  });

  test('the log holds them, too', async () => {
    const { run, store } = await aMixedStore();
    await store.close();
    const positions = async (...args: string[]): Promise<number[]> =>
      jsonLines(await run('events', '--json', ...args)).map(({ globalPosition }) => globalPosition);
    expect(await positions()).toEqual([1, 2, 3, 4, 5]);
    expect(await positions('--backwards')).toEqual([5, 4, 3, 2, 1]);
    expect(await positions('--after', '1', '--limit', '2')).toEqual([2, 3]);
    expect(await positions('--category', 'Order', '--until', '4')).toEqual([1, 2, 3, 4]);
    expect(await run('events', '--category', 'Cart')).toMatch(/ Cart-\? {8}\? {2}CartOpened {2}\(the config's store/u);
    expect(await run('streams')).toMatch(/Cart-1 .*\nOrder-1 /u);
  });

  test('following goes on past them', async () => {
    const { schema, store } = await aMixedStore();
    const cwd = project({ 'mink.config.ts': config(schema) });
    const tail = spawnMink(['events', '--follow', '--json'], { cwd, url: database.url() });
    await tail.untilPrinted('CartOpened');
    await store.append('Cart-1', [{ type: 'CartClosed', data: {} }]);
    await tail.untilPrinted('CartClosed');
    await store.append('Order-1', [{ type: 'OrderCreated', data: { days: '3' } }]);
    await tail.untilPrinted('{"days":3}');
    tail.child.kill('SIGINT');
    const { exitCode, stdout, stderr } = await tail.done;
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(jsonLines(stdout).map(({ globalPosition }) => globalPosition)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    await store.close();
  });

  test('following from the end begins after one of them', async () => {
    const { schema, store } = await aMixedStore();
    const cwd = project({ 'mink.config.ts': config(schema) });
    const args = ['events', '--follow', '--json', '--after', 'end', '--limit', '1'];
    const tail = spawnMink(args, { cwd, url: database.url() });
    await appendUntilEnded(tail.done, (n) =>
      store.append('Order-1', [{ type: 'OrderCreated', data: { days: String(n) } }]),
    );
    const { exitCode, stdout, stderr } = await tail.done;
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(jsonLines(stdout)).toMatchObject([{ type: 'OrderCreated', streamName: 'Order-1' }]);
    await store.close();
  });

  test('following from the end begins there, where the last event is one that nobody is to see', async () => {
    const { schema, store } = await aMixedStore();
    await store.append('Order-1', [{ type: 'OrderViewed', data: {} }]);
    const cwd = project({ 'mink.config.ts': config(schema) });
    const args = ['events', '--follow', '--json', '--after', 'end', '--limit', '1'];
    const tail = spawnMink(args, { cwd, url: database.url() });
    await appendUntilEnded(tail.done, (n) =>
      store.append('Order-1', [
        { type: 'OrderCreated', data: { days: String(n + 100) } },
        { type: 'OrderViewed', data: {} },
      ]),
    );
    expect(jsonLines((await tail.done).stdout)[0].data.days).toBeGreaterThanOrEqual(100);
    await store.append('Order-9', [{ type: 'OrderViewed', data: {} }]);
    await store.close();
    const unseen = await spawnMink(['events', '--stream', 'Order-9'], { cwd, url: database.url() }).done;
    expect([unseen.stdout, unseen.stderr]).toEqual(['', 'No events.\n']);
  });

  test('its events are not looked for in a database that is asked for', async () => {
    const { schema, store } = await aMixedStore();
    await store.close();
    const cwd = project({ 'mink.config.ts': config('elsewhere') });
    const args = ['streams', '--url', database.url(), '--schema', schema];
    expect((await spawnMink(args, { cwd }).done).stderr).toBe('');
    const migrate = await spawnMink(['migrate', 'status'], { cwd }).done;
    expect(migrate.stderr).toContain('cannot be loaded: url: is missing.');
  });
});
