import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Pool } from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { createProjectionEngine, defineEvents, defineProjection, documents, payload } from '../../src/index.ts';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { describePostgres, lastServer } from '../support/databases.ts';
import { startProxy } from '../support/proxy.ts';

const events = defineEvents({ Added: payload<null>() });
const categories = { Cart: events };
const counting = <const Name extends string>(name: Name) =>
  defineProjection({ name, events: { Cart: events }, readModel: documents<number>() }).on({
    Added: (count) => (count ?? 0) + 1,
  });
const counts = counting('counts');
/** Milliseconds: without a bound of its own it never ends; a machine may be busy. */
const GOODBYE = 15_000;
const STATEMENT = 60_000;

/** Milliseconds until it is over. */
async function took(work: Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work;
  return performance.now() - begun;
}

describePostgres(
  'closing a store where the network swallows all that is sent',
  (databases) => {
    const open = async (wakeUp: 'notify' | 'poll' = 'poll') => {
      const proxy = await startProxy(await databases.create());
      const store = createPostgresStore({ url: proxy.url, categories, wakeUp });
      await store.append('Cart-1', [events.Added(null)]);
      return { proxy, store };
    };

    test('keeps a process for a moment only, if nothing is under way', async () => {
      const proxy = await startProxy(await databases.create());
      const program = fileURLToPath(new URL('../support/append-and-close.js', import.meta.url));
      const child = spawn(process.execPath, [program, proxy.url], { stdio: ['pipe', 'pipe', 'inherit'] });
      onTestFinished(() => void child.kill('SIGKILL'));
      await once(child.stdout, 'data');
      proxy.swallow(true);
      const ended = once(child, 'exit');
      child.stdin.end();
      const time = await took(ended);
      strictEqual(child.exitCode, 0);
      ok(time < GOODBYE, `it took ${time} ms`);
      await proxy.close();
    });

    test.concurrent('is bounded while it listens', { timeout: 90_000 }, async ({ expect }) => {
      const { proxy, store } = await open('notify');
      const reading = store.subscribe().toArray();
      const isListening = async () => (await store.feedStatus()).wakeUp;
      await expect.poll(isListening, { timeout: 10_000 }).toBe('notified');
      proxy.swallow(true);
      const time = await took(store.close());
      ok(time < STATEMENT, `it took ${time} ms`);
      strictEqual((await reading).length, 1);
      await proxy.close();
    });

    const unknown = 'leaves an append under way half a minute, and then says that nobody knows';
    test.concurrent(unknown, { timeout: 90_000 }, async () => {
      const { proxy, store } = await open();
      proxy.swallow(true);
      const told = store.append('Cart-1', [events.Added(null)]).catch((error: unknown) => Object(error).code);
      await new Promise(setImmediate);
      const time = await took(store.close());
      ok(time > 20_000 && time < STATEMENT, `it took ${time} ms`);
      strictEqual(await told, 'APPEND_OUTCOME_UNKNOWN');
      await proxy.close();
    });

    test('an engine is closed when its leases have ended for sure', { timeout: 90_000 }, async () => {
      const { proxy, store } = await open();
      const engine = createProjectionEngine(store, [counts], { leaseDuration: 500, handlerTimeout: 500 });
      await engine.start();
      await engine.waitFor(1);
      proxy.swallow(true);
      const time = await took(engine.close());
      ok(time < GOODBYE, `it took ${time} ms`);
      proxy.swallow(false);
      await store.close();
      await proxy.close();
    });

    test('an engine stores nothing once it is closed, though only its look for leases gets no answer', async () => {
      const pool = new Pool({ connectionString: await databases.create() });
      const silent = { isOn: false, met: 0, cut: () => {} };
      pool.on('connect', (client) => {
        const query = client.query.bind(client);
        const heard = (...given: readonly unknown[]): unknown => {
          if (!silent.isOn || !JSON.stringify(given[0]).includes('lease_projections'))
            return Reflect.apply(query, client, given);
          silent.met += 1;
          return new Promise((_resolve, reject) => (silent.cut = () => reject(new Error('cut'))));
        };
        Object.assign(client, { query: heard });
      });
      const store = createPostgresStore({ pool, categories });
      const engine = createProjectionEngine(store, [counts], { leaseDuration: 500, handlerTimeout: 500 });
      await engine.start();
      silent.isOn = true;
      await expect.poll(() => silent.met).toBe(1);
      await engine.close();
      silent.isOn = false;
      await store.append('Cart-1', [events.Added(null)]);
      await store.append('Cart-2', [events.Added(null)]);
      await createProjectionEngine(store, [counting('other')]).catchUp();
      deepStrictEqual(
        (await store.projections.list()).map(({ name, position }) => [name, position]),
        [
          ['counts', 0],
          ['other', 2],
        ],
      );
      await store.close();
      silent.cut();
      await pool.end();
    });
  },
  lastServer(),
);
