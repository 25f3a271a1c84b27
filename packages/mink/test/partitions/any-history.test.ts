import { deepStrictEqual } from 'node:assert';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { createProjectionEngine, type EventStorage, type ProjectionEngine } from '../../src/index.ts';
import { createMemoryStorage } from '../../src/memory/index.ts';
import { added, bad, byCart, folded, kept, openCarts, readModelsOf, type CartStore } from '../support/listed-carts.ts';
import { seedOf } from '../support/random.ts';

const LEASE = 150;

/** A process with an engine, that can be frozen before what it asks of its storage next, wake up, and die. */
class Process {
  readonly engine: ProjectionEngine;
  readonly deadLetters: ProjectionEngine['deadLetters'];
  #gate: Promise<void> = Promise.resolve();
  #open: () => void = () => undefined;
  #isDead = false;

  constructor(storage: EventStorage) {
    const readModels = new Proxy(readModelsOf(storage), {
      get: (target, name): unknown => {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== 'function') return method;
        return async (...args: readonly unknown[]): Promise<unknown> => {
          await this.#gate;
          if (this.#isDead) throw new Error('the process is dead');
          return Reflect.apply(method, target, args);
        };
      },
    });
    const frozen = new Proxy(storage, {
      get: (target, name): unknown => {
        if (name === 'readModels') return readModels;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const options = { leaseDuration: LEASE, backoff: 1, tries: 2, batchSize: 3 };
    this.engine = createProjectionEngine(openCarts(frozen), [byCart], options);
    this.deadLetters = this.engine.deadLetters;
  }

  freeze(): void {
    this.wake();
    this.#gate = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  wake(): void {
    this.#open();
  }

  async die(): Promise<void> {
    this.#isDead = true;
    this.wake();
    await this.engine.close();
  }
}

interface World {
  readonly storage: EventStorage;
  readonly store: CartStore;
  readonly processes: Process[];
  /** What processes do, at their own pace: those that are frozen do it later. */
  readonly underWay: Promise<unknown>[];
  /** Time for everything else to run. */
  readonly pass: (milliseconds: number) => Promise<void>;
}

type Deed = (world: World) => Promise<void>;

async function append({ store }: World, cart: number, count: number, isBad: boolean): Promise<void> {
  const skus = Array.from({ length: count }, (_, n) => added(isBad && n === 1 ? 'bad' : `s${n}`));
  await store.append(`Cart-${cart}`, skus);
}

/** Whoever changes the partitions looks at once what it can work on. */
function change({ processes, underWay }: World, at: number, count: number): void {
  const engine = processes[at % processes.length]?.engine;
  if (engine !== undefined) underWay.push(engine.partition(byCart, count).catch(() => undefined));
}

async function parkedKeys({ storage }: World): Promise<readonly string[]> {
  return (await readModelsOf(storage).listParked({ limit: 100 })).map(({ key }) => key);
}

/** With code that takes what the engines cannot. */
async function retryAll(world: World): Promise<void> {
  bad.clear();
  const { deadLetters } = createProjectionEngine(world.store, [byCart]);
  for (const key of await parkedKeys(world)) await deadLetters.retry({ projection: byCart, key });
  bad.add('bad');
}

async function discardOne(world: World): Promise<void> {
  const [key] = await parkedKeys(world);
  const { deadLetters } = createProjectionEngine(world.store, [byCart]);
  if (key !== undefined) await deadLetters.discard({ projection: byCart, key }, { reason: 'a test' });
}

/** Named, so that a failure can be read. */
function deed(name: string, run: Deed): Deed {
  return Object.assign(run, { toString: () => name });
}

const pick = fc.nat(50);
const deeds = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(fc.nat(9), fc.integer({ min: 1, max: 8 }), fc.nat(5)).map(([cart, count, luck]) => {
      return deed(`append(${cart}, ${count}, ${luck === 0})`, (world) => append(world, cart, count, luck === 0));
    }),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(pick, fc.integer({ min: 1, max: 6 })).map(([at, count]) => {
      return deed(`partition(${at}, ${count})`, async (world) => change(world, at, count));
    }),
  },
  {
    weight: 8,
    arbitrary: pick.map((at) => {
      return deed(`look(${at})`, async (world) => {
        const [stored] = await world.store.projections.list();
        change(world, at, stored?.wantedPartitions ?? 1);
      });
    }),
  },
  {
    weight: 3,
    arbitrary: pick.map((at) => deed(`freeze(${at})`, async ({ processes }) => processes[at % 3]?.freeze())),
  },
  { weight: 3, arbitrary: pick.map((at) => deed(`wake(${at})`, async ({ processes }) => processes[at % 3]?.wake())) },
  {
    weight: 2,
    arbitrary: pick.map((at) =>
      deed(`replace(${at})`, async ({ processes, storage }) => {
        const next = new Process(storage);
        await next.engine.start();
        const [old] = processes.splice(at % 3, 1, next);
        await old?.die();
      }),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.integer({ min: 1, max: 2 * LEASE }).map((time) => deed(`pass(${time})`, (world) => world.pass(time))),
  },
  { weight: 1, arbitrary: fc.constant(deed('retry', retryAll)) },
  { weight: 1, arbitrary: fc.constant(deed('discard', discardOne)) },
  { weight: 1, arbitrary: fc.constant(deed('reset', ({ store }) => store.projections.reset(byCart))) },
  { weight: 1, arbitrary: fc.constant(deed('pause', ({ store }) => store.projections.pause(byCart))) },
  { weight: 1, arbitrary: fc.constant(deed('resume', ({ store }) => store.projections.resume(byCart))) },
);

async function check(history: readonly Deed[]): Promise<void> {
  let clock = 1_000_000;
  const storage = createMemoryStorage({ now: () => clock });
  const store = openCarts(storage);
  const turns = async (): Promise<void> => {
    for (let n = 0; n < 20; n += 1) await new Promise(setImmediate);
  };
  const pass = async (milliseconds: number): Promise<void> => {
    clock += milliseconds;
    await turns();
  };
  bad.clear();
  bad.add('bad');
  const processes = [new Process(storage), new Process(storage), new Process(storage)];
  const underWay: Promise<unknown>[] = [];
  const world: World = { storage, store, processes, underWay, pass };
  for (const { engine } of processes) await engine.start();
  for (const run of history) {
    await run(world);
    await turns();
  }
  for (const process of processes) process.wake();
  await Promise.all(underWay);
  await store.projections.resume(byCart);
  clock += 2 * LEASE;
  const { position } = await store.readBound();
  for (const { engine } of processes) await engine.waitFor(position);
  await retryAll(world);
  const { discarded = [], partitions = [] } = (await readModelsOf(storage).readApplied(byCart)) ?? {};
  const without = new Set(discarded.map((letter) => letter.position));
  deepStrictEqual(await kept(store), await folded(store, byCart, without));
  const [stored] = await store.projections.list();
  await expect.poll(async () => (await store.projections.list())[0]?.partitions.length).toBe(stored?.wantedPartitions);
  const found = await store.projections.verify(byCart);
  deepStrictEqual(
    { first: found.first, parked: found.parked, discarded: found.discarded },
    { first: undefined, parked: 0, discarded: discarded.length },
    JSON.stringify(partitions),
  );
  for (const process of processes) await process.die();
  await store.close();
}

test('whatever happens to partitions and processes, every event is applied once', { timeout: 300_000 }, async () => {
  const { seed } = seedOf('partitions');
  const numRuns = Number(process.env['RUNS'] ?? 40);
  await fc.assert(fc.asyncProperty(fc.array(deeds, { minLength: 30, maxLength: 60 }), check), {
    seed,
    numRuns,
    endOnFailure: true,
  });
});
