import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { describePostgres, openClient, runSql } from '../support/databases.ts';
import { seedOf } from '../support/random.ts';

const program = fileURLToPath(new URL('../support/run-subscription.js', import.meta.url));
const LEASE = 400;
const BATCH = 10;
const CARTS = 5;
const EVENTS = 600;

const createReceiver = `
  create table received (
    at bigint generated always as identity, cart text, n int, event_id uuid, epoch bigint, pid int, is_refused boolean
  )`;

async function start(url: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [program, url, `${LEASE}`, `${BATCH}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  ok(child.exitCode === null, `a worker ended by itself, with ${child.exitCode}`);
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
  return child.exitCode;
}

/** Which of the workers has the lease. */
async function workingOf(url: string, workers: readonly ChildProcess[]): Promise<{ readonly at: number } | undefined> {
  const [row] = await runSql(url, 'select owner from mink.projection_partitions');
  const at = workers.findIndex(({ pid }) => String(row?.['owner']).includes(`/${pid}/`));
  return at === -1 ? undefined : { at };
}

async function count(url: string): Promise<number> {
  const [row] = await runSql(url, 'select count(*)::int as n from received');
  return Number(row?.['n']);
}

async function positionOf(url: string): Promise<number> {
  const [row] = await runSql(url, 'select position::int as position from mink.projection_partitions');
  return Number(row?.['position']);
}

/** Deliveries of one cart, as indexes of its events: what comes again begins anew behind nothing that was left out. */
function checkOrder(cart: string, delivered: readonly number[], expected: readonly number[]): void {
  let last = -1;
  for (const n of delivered) {
    const index = expected.indexOf(n);
    ok(
      index !== -1 && index <= last + 1,
      `${cart}: ${delivered.join(' ')} is not in the order of ${expected.join(' ')}`,
    );
    last = index;
  }
  deepStrictEqual(
    [...new Set(delivered)].toSorted((a, b) => a - b),
    expected,
  );
}

describePostgres('a subscription in several processes', (databases) => {
  test(
    'gets every event, in the order of its key, while workers are killed and frozen in the middle of handlers',
    { timeout: 120_000 },
    async () => {
      const { random } = seedOf('subscription in several processes');
      const pick = (most: number): number => Math.floor(random() * most);
      const url = await databases.create();
      await runSql(url, createReceiver);
      await using store = createPostgresStore({ url });
      await store.readBound();
      const alive = [await start(url), await start(url)];
      let frozen: ChildProcess | undefined;
      const expected = Array.from({ length: CARTS }, (): number[] => []);
      const done = { killed: 0, frozen: 0 };
      for (let n = 0; n < EVENTS; n += 1) {
        const cart = pick(CARTS);
        expected[cart]?.push(n);
        await store.append(`Cart-${cart}`, [{ type: 'Numbered', data: { n } }]);
        if (n % 40 !== 20) continue;
        const working = await vi.waitUntil(() => workingOf(url, alive), { timeout: 20_000, interval: 20 });
        const [worker] = alive.splice(working.at, 1);
        ok(worker !== undefined);
        if (random() < 0.5) {
          done.killed += 1;
          await end(worker, 'SIGKILL');
        } else {
          done.frozen += 1;
          // The one before it wakes: others have had its lease.
          frozen?.kill('SIGCONT');
          if (frozen !== undefined) alive.push(frozen);
          worker.kill('SIGSTOP');
          frozen = worker;
        }
        if (alive.length < 2) alive.push(await start(url));
      }
      frozen?.kill('SIGCONT');
      if (frozen !== undefined) alive.push(frozen);
      ok(done.killed > 0 && done.frozen > 0, JSON.stringify(done));
      const { position } = await store.readBound();
      await vi.waitUntil(async () => (await positionOf(url)) === position, { timeout: 30_000, interval: 50 });
      const rows = await runSql(url, 'select cart, n from received where not is_refused order by at');
      for (const [cart, numbers] of expected.entries()) {
        const name = `Cart-${cart}`;
        checkOrder(
          name,
          rows.filter((row) => row['cart'] === name).map((row) => Number(row['n'])),
          numbers,
        );
      }
      const again = rows.length - EVENTS;
      console.log(`${JSON.stringify(done)}: ${again} of ${EVENTS} events came again, or were taken back`);
      // What a worker had under way, and what it had acknowledged and not stored.
      ok(again <= (done.killed + done.frozen) * BATCH, `${again} events came again`);
      for (const worker of alive) await end(worker, 'SIGKILL');
    },
  );

  test(
    'a process that was frozen in the middle of a handler cannot acknowledge it later',
    { timeout: 60_000 },
    async () => {
      const url = await databases.create();
      await runSql(url, createReceiver);
      await using store = createPostgresStore({ url });
      await store.readBound();
      const first = await start(url);
      const receiver = await openClient(url);
      await receiver.query('begin; lock table received in exclusive mode');
      for (let n = 0; n < 3; n += 1) await store.append('Cart-1', [{ type: 'Numbered', data: { n } }]);
      const waiting = `select 1 from pg_locks where relation = 'received'::regclass and not granted`;
      await vi.waitUntil(async () => (await runSql(url, waiting)).length > 0);
      first.kill('SIGSTOP');
      const second = await start(url);
      await vi.waitUntil(() => workingOf(url, [second]), { timeout: 20_000, interval: 20 });
      await receiver.query('commit');
      await receiver.end();
      await vi.waitUntil(async () => (await positionOf(url)) === 3, { timeout: 20_000, interval: 20 });
      first.kill('SIGCONT');
      strictEqual(await end(first, 'SIGTERM'), 0);
      await store.append('Cart-1', [{ type: 'Numbered', data: { n: 3 } }]);
      await vi.waitUntil(async () => (await positionOf(url)) === 4, { timeout: 20_000, interval: 20 });
      strictEqual(await end(second, 'SIGTERM'), 0);
      const all = await runSql(url, 'select n, pid from received order by pid <> $1, at', [first.pid]);
      deepStrictEqual(all, [{ n: 0, pid: first.pid }, ...[0, 1, 2, 3].map((n) => ({ n, pid: second.pid }))]);
    },
  );

  test('ends within a bound when it is told to, and is taken over at once', { timeout: 60_000 }, async () => {
    const url = await databases.create();
    await runSql(url, createReceiver);
    await using store = createPostgresStore({ url });
    await store.readBound();
    const child = await start(url);
    for (let n = 0; n < 50; n += 1) await store.append(`Cart-${n % 3}`, [{ type: 'Numbered', data: { n } }]);
    await vi.waitUntil(async () => (await count(url)) > 3);
    strictEqual(await end(child, 'SIGTERM'), 0);
    deepStrictEqual(await runSql(url, 'select owner from mink.projection_partitions'), [{ owner: null }]);
    const before = await count(url);
    const next = await start(url);
    await expect.poll(() => positionOf(url), { timeout: 20_000 }).toBe(50);
    // What the first one has delivered, it has acknowledged, too: at most what waits behind another key comes again.
    ok((await count(url)) <= 50 + BATCH, `${before} before, ${await count(url)} in all`);
    await end(next, 'SIGKILL');
  });
});
