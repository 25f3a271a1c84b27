import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { test, vi } from 'vitest';
import {
  AppendOutcomeUnknownError,
  DatabaseUnavailableError,
  type EventStore,
  type UntypedCategories,
} from '../../src/index.ts';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { describePostgres, runSql } from '../support/databases.ts';
import { seedOf } from '../support/random.ts';

const program = fileURLToPath(new URL('../support/run-projections.js', import.meta.url));
const LEASE = 400;
const CARTS = 5;
const EVENTS = 600;

async function start(url: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [program, url, `${LEASE}`, '7'], { stdio: ['ignore', 'pipe', 'inherit'] });
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

const cutConnections = `
  select pg_terminate_backend(pid)
  from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`;

function wake(workers: readonly ChildProcess[]): readonly ChildProcess[] {
  for (const worker of workers) worker.kill('SIGCONT');
  return workers;
}

/** Which of the workers has the lease. */
async function workingOf(url: string, workers: readonly ChildProcess[]): Promise<{ readonly at: number } | undefined> {
  const [row] = await runSql(url, 'select owner from mink.projection_partitions');
  const at = workers.findIndex(({ pid }) => String(row?.['owner']).includes(`/${pid}/`));
  return at === -1 ? undefined : { at };
}

/** Once, whatever happens to its connection. */
async function append(store: EventStore<UntypedCategories>, cart: number, n: number): Promise<void> {
  const id = `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`;
  for (;;) {
    try {
      await store.append(`Cart-${cart}`, [{ id, type: 'Numbered', data: { n } }]);
      return;
    } catch (error) {
      const isLost = error instanceof AppendOutcomeUnknownError || error instanceof DatabaseUnavailableError;
      if (!isLost) throw error;
    }
  }
}

describePostgres('a projection in several processes', (databases) => {
  test(
    'applies every event exactly once while workers are killed, frozen, and cut off',
    { timeout: 120_000 },
    async () => {
      const { random } = seedOf('projection in several processes');
      const pick = (most: number): number => Math.floor(random() * most);
      const url = await databases.create();
      await using store = createPostgresStore({ url });
      await store.readBound();
      const alive = [await start(url), await start(url), await start(url)];
      const frozen: ChildProcess[] = [];
      const expected = Array.from({ length: CARTS }, (): number[] => []);
      const done = { killed: 0, frozen: 0, cut: 0 };
      for (let n = 0; n < EVENTS; n += 1) {
        const cart = pick(CARTS);
        expected[cart]?.push(n);
        await append(store, cart, n);
        if (n % 40 !== 20) continue;
        // Mostly the one that works: somebody does before long.
        const working = await vi.waitUntil(() => workingOf(url, alive), { timeout: 20_000, interval: 20 });
        const [worker] = alive.splice(random() < 0.8 ? working.at : pick(alive.length), 1);
        ok(worker !== undefined);
        const deed = pick(3);
        if (deed === 0) {
          done.killed += 1;
          await end(worker, 'SIGKILL');
        } else if (deed === 1) {
          // It wakes when others have had its lease.
          done.frozen += 1;
          worker.kill('SIGSTOP');
          frozen.push(worker);
        } else {
          done.cut += 1;
          alive.push(worker);
          await runSql(url, cutConnections);
        }
        if (frozen.length > 1) alive.push(...wake(frozen.splice(0, 1)));
        if (alive.length < 3) alive.push(await start(url));
      }
      ok(done.killed > 0 && done.frozen > 0 && done.cut > 0, JSON.stringify(done));
      alive.push(...wake(frozen));
      const { position } = await store.readBound();
      const applied = async (): Promise<string> => {
        const [row] = await runSql(url, 'select position from mink.projection_partitions');
        return String(row?.['position']);
      };
      await vi.waitUntil(async () => (await applied()) === `${position}`, { timeout: 30_000, interval: 50 });
      const rows = await runSql(url, 'select key, document from mink_read.numbers_v1 order by key');
      deepStrictEqual(
        rows.map(({ key, document }) => [key, Object(document).numbers]),
        expected.map((numbers, cart) => [`Cart-${cart}`, numbers]),
      );
      const [row] = await runSql(
        url,
        'select events::int as events, epoch::int as epoch from mink.projection_partitions',
      );
      strictEqual(row?.['events'], EVENTS);
      ok(Number(row['epoch']) > 2, `it was taken over ${String(row['epoch'])} times`);
      for (const worker of alive) await end(worker, 'SIGKILL');
    },
  );

  test('is taken over at once when its process ends in peace', { timeout: 60_000 }, async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url });
    await store.append('Cart-1', [{ type: 'Numbered', data: { n: 1 } }]);
    const child = await start(url);
    await vi.waitUntil(
      async () => (await runSql(url, 'select 1 from mink.projection_partitions where position = 1')).length === 1,
    );
    strictEqual(await end(child, 'SIGTERM'), 0);
    deepStrictEqual(await runSql(url, 'select owner from mink.projection_partitions'), [{ owner: null }]);
  });
});
