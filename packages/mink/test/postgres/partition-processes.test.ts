import { deepStrictEqual, ok } from 'node:assert';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { defineEvents, defineProjection, documents, payload, type EventStore } from '../../src/index.ts';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { describePostgres } from '../support/databases.ts';
import { seedOf } from '../support/random.ts';

const program = fileURLToPath(new URL('../support/run-projections.js', import.meta.url));
const LEASE = 400;
const CARTS = 24;
const PATIENT = { timeout: 20_000, interval: 20 };

// The same as in the processes.
const events = defineEvents({ Numbered: payload<{ n: number }>() });
const categories = { Cart: events };
const numbers = defineProjection({
  name: 'numbers',
  events: categories,
  readModel: documents<{ numbers: readonly number[] }>(),
}).on({ Numbered: (cart, { data }) => ({ numbers: [...(cart?.numbers ?? []), data.n] }) });
type Store = EventStore<typeof categories>;

async function start(url: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [program, url, `${LEASE}`, '7'], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  ok(child.exitCode === null, `a worker ended by itself, with ${child.exitCode}`);
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

/** How many partitions each of the workers has. */
async function sharesOf(store: Store, workers: readonly ChildProcess[]): Promise<readonly number[]> {
  const [stored] = await store.projections.list();
  const has = ({ pid }: ChildProcess): number =>
    stored?.partitions.filter(({ owner }) => owner?.includes(`/${pid}/`) === true).length ?? 0;
  return workers.map(has).toSorted((left, right) => right - left);
}

describePostgres('partitions of a projection in several processes', (databases) => {
  test(
    'are shared evenly, change while processes are killed and join, and lose nothing',
    { timeout: 180_000 },
    async () => {
      const { random } = seedOf('partitions in several processes');
      const url = await databases.create();
      await using store = createPostgresStore({ url, categories });
      await store.readBound();
      const expected = Array.from({ length: CARTS }, (): number[] => []);
      let n = 0;
      const write = async (count: number): Promise<void> => {
        for (let left = count; left > 0; left -= 1) {
          const cart = Math.floor(random() * CARTS);
          expected[cart]?.push(n);
          await store.append(`Cart-${cart}`, [events.Numbered({ n })]);
          n += 1;
        }
      };
      /** Everything is applied, as it should. */
      const check = async (): Promise<void> => {
        const caughtUp = async (): Promise<object> => {
          const { ok: isRight, pairs } = await store.projections.verify(numbers);
          return { isRight, pairs };
        };
        await expect.poll(caughtUp, PATIENT).toEqual({ isRight: true, pairs: n });
        const kept = await store.projections.readModel(numbers).list().toArray();
        const wanted = expected.map((own, cart) => [`Cart-${cart}`, own] as const).filter(([, own]) => own.length > 0);
        deepStrictEqual(new Map(kept.map(({ key, model }) => [key, model.numbers])), new Map(wanted));
      };

      const workers = [await start(url)];
      await store.projections.partition(numbers, 4);
      for (const shares of [[4], [2, 2], [2, 1, 1], [1, 1, 1, 1]]) {
        if (workers.length < shares.length) workers.push(await start(url));
        await write(60);
        await expect.poll(() => sharesOf(store, workers), PATIENT).toEqual(shares);
        await check();
      }

      const [killed] = workers.splice(Math.floor(random() * workers.length), 1);
      ok(killed !== undefined);
      const writing = write(60);
      await end(killed, 'SIGKILL');
      await writing;
      await expect.poll(() => sharesOf(store, workers), PATIENT).toEqual([2, 1, 1]);
      await check();
      workers.push(await start(url));
      await expect.poll(() => sharesOf(store, workers), PATIENT).toEqual([1, 1, 1, 1]);

      await store.projections.pause(numbers);
      await write(30);
      await expect.poll(() => sharesOf(store, workers), PATIENT).toEqual([0, 0, 0, 0]);
      await store.projections.resume(numbers);
      await check();
      const writingMore = write(60);
      await store.projections.reset(numbers);
      await writingMore;
      await check();

      // A merge, of which one has to wait for others, while whoever is to take the next step may be killed.
      for (const count of [1, 8, 3]) {
        const more = write(60);
        await store.projections.partition(numbers, count);
        const [victim] = workers.splice(Math.floor(random() * workers.length), 1);
        ok(victim !== undefined);
        await end(victim, 'SIGKILL');
        workers.push(await start(url));
        await more;
        const countOf = async () => (await store.projections.list())[0]?.partitions.length;
        await expect.poll(countOf, PATIENT).toBe(count);
        await check();
      }
      for (const worker of workers) await end(worker, 'SIGKILL');
    },
  );

  test('are handed over at once when a process ends in peace', { timeout: 60_000 }, async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url, categories });
    await store.append('Cart-1', [events.Numbered({ n: 1 })]);
    const workers = [await start(url)];
    await store.projections.partition(numbers, 2);
    workers.push(await start(url));
    await expect.poll(() => sharesOf(store, workers), PATIENT).toEqual([1, 1]);
    const [first, second] = workers;
    ok(first !== undefined && second !== undefined);
    await end(first, 'SIGTERM');
    await expect.poll(() => sharesOf(store, [second]), PATIENT).toEqual([2]);
    await end(second, 'SIGTERM');
    const [stored] = await store.projections.list();
    deepStrictEqual(
      stored?.partitions.map(({ owner }) => owner),
      [undefined, undefined],
    );
  });
});
