import {
  DatabaseUnavailableError,
  InvalidArgumentError,
  type EventStorage,
  createProjectionEngine,
  partitionKey,
  type ProjectionEngine,
  type ProjectionEngineOptions,
} from '../../src/index.ts';
import { createMemoryStorage } from '../../src/memory/index.ts';
import { Random } from '../support/random.ts';
import { problemsOf, type FoundReadModel } from './check-read-model.ts';
import { SimulatedProcess } from './simulated-process.ts';
import { handling, projections, openStore, type LoggedThing, type StoreOfThings } from './things.ts';
import { VirtualTime } from './virtual-time.ts';

const LEASE = 1_000;
const STREAMS = ['Thing-1', 'Thing-2', 'Thing-3'] as const;
const TAGS = ['a', 'b', 'c', 'd'] as const;
/** After so much undisturbed time, in milliseconds, nothing may be behind. */
const PATIENCE = 100 * LEASE;
/** Steps between two looks at something that is waited for. */
const STRIDE = 10;

type Projection = (typeof projections)[number];

/** What a read model may be broken by on purpose: it gets the storage, and gives back another. */
export type Sabotage = (storage: EventStorage) => EventStorage;

/** A few processes over one storage, in which whatever can happen does, as a seed decides; and who looks for what must not be. */
export class SimulatedWorld {
  readonly #random: Random;
  readonly #time: VirtualTime;
  readonly #storage: EventStorage;
  readonly #store: StoreOfThings;
  readonly #options: ProjectionEngineOptions;
  /** Never started: it looks from outside. */
  readonly #observer: ProjectionEngine;
  readonly #processes: SimulatedProcess[] = [];
  readonly #discarded = new Map<string, Map<string, Set<number>>>();
  readonly #log: LoggedThing[] = [];
  /** Events that handlers fail at, until they are cured. */
  readonly #poison = new Set<number>();
  /** What was begun and has not ended, nor ever will where its process is dead. */
  readonly #begun = new Set<{ readonly process: SimulatedProcess }>();
  /** Positions of paused partitions, by their slots and epoch. */
  readonly #paused = new Map<string, number>();
  readonly #done = new Map<string, number>();
  #faults: number;
  /** How often a handler fails for no reason. */
  #moods: number;
  #hasChanged = true;
  #unexpected: unknown;

  constructor(seed: number, sabotage: Sabotage = (storage) => storage) {
    const random = new Random(seed);
    this.#random = random;
    this.#time = new VirtualTime(random);
    const storage = createMemoryStorage({ now: () => this.#time.now });
    this.#storage = sabotage(storage);
    this.#store = openStore(storage);
    this.#observer = createProjectionEngine(this.#store, projections);
    this.#faults = random.pick([0, 0.005, 0.02, 0.1]);
    this.#moods = random.pick([0, 0, 0.05]);
    this.#options = {
      leaseDuration: LEASE,
      batchSize: random.pick([1, 2, 5, 100]),
      tries: random.int(1, 3),
      backoff: random.pick([0, 10, 500]),
      maxParkedKeys: random.pick([1_000, 1_000, 1]),
      classify: (error) => (error instanceof PassingError ? 'transient' : undefined),
    };
    handling.check = (projection, n) => this.#handle(projection, n);
  }

  /** How often each thing was done. */
  get done(): ReadonlyMap<string, number> {
    return this.#done;
  }

  /** Disturbs for so many steps, then lets everything come to rest. Throws what it finds. */
  async run(steps: number): Promise<void> {
    const disturbing = this.#random.pick([0.02, 0.05, 0.2]);
    for (let count = this.#random.int(1, 4); count > 0; count -= 1) this.#start();
    for (let step = 0; step < steps; step += 1) {
      if (this.#random.chance(disturbing)) this.#disturb();
      await this.#step();
    }
    await this.#heal();
    await this.#close();
  }

  #count(what: string): void {
    this.#done.set(what, (this.#done.get(what) ?? 0) + 1);
  }

  #handle(projection: string, n: number): void {
    if (this.#random.chance(this.#moods))
      throw this.#random.chance(0.5) ? new PassingError('later') : new Error('not now');
    if (this.#poison.has(n)) throw new Error(`${projection} cannot take ${n}`);
  }

  async #step(): Promise<void> {
    await this.#time.step();
    if (this.#unexpected !== undefined) throw this.#unexpected;
    if (!this.#hasChanged) return;
    this.#hasChanged = false;
    const problems: string[] = [];
    for (const found of await this.#look()) problems.push(...problemsOf(found, this.#log));
    problems.push(...(await this.#movedWhilePaused()));
    if (problems.length > 0) throw new Error(problems.join('\n'));
  }

  /** The read models as they are now. */
  async #look(): Promise<readonly FoundReadModel[]> {
    const { readModels } = this.#storage;
    if (readModels === undefined) return [];
    const stored = await readModels.listProjections();
    const all = projections.map(async (projection): Promise<FoundReadModel> => {
      const { name, version } = projection;
      const waiting = new Map<string, readonly number[]>();
      for (const { key } of await readModels.listParked({ name, version, limit: 1_000 })) {
        waiting.set(key, await readModels.listDeadLetters(projection, key, { after: 0, limit: 10_000 }));
      }
      return {
        name,
        positionOf: (key) => {
          const slot = partitionKey(key);
          const partitions = stored.find((it) => it.name === name)?.partitions ?? [];
          return partitions.find(({ from, to }) => slot >= from && slot < to)?.position ?? 0;
        },
        models: await this.#store.projections.readModel(projection).list().toArray(),
        waiting,
        discarded: this.#discarded.get(name) ?? new Map(),
      };
    });
    return Promise.all(all);
  }

  async #movedWhilePaused(): Promise<readonly string[]> {
    const problems: string[] = [];
    const before = new Map(this.#paused);
    this.#paused.clear();
    for (const { name, state, partitions } of await this.#store.projections.list()) {
      if (state !== 'paused') continue;
      for (const { from, to, epoch, position } of partitions) {
        const which = `${name} ${from} to ${to}, epoch ${epoch}`;
        this.#paused.set(which, position);
        if ((before.get(which) ?? position) !== position) problems.push(`${which} moved while it was paused`);
      }
    }
    return problems;
  }

  /** What the server does. It is alone: whatever it does before it waits, it does at once. */
  async #execute(method: string, args: readonly unknown[], call: () => Promise<unknown>): Promise<unknown> {
    if (!READING.test(method)) this.#hasChanged = true;
    const [projection, of] = args;
    const name = hasName(projection) ? projection.name : '';
    if (method === 'discardParked' && isProjection(projection) && hasKey(of)) {
      const waiting = this.#storage.readModels?.listDeadLetters(projection, of.key, { after: 0, limit: 10_000 });
      const result = await call();
      const kept = this.#discarded.get(name) ?? new Map<string, Set<number>>();
      kept.set(of.key, new Set([...(kept.get(of.key) ?? []), ...((await waiting) ?? [])]));
      this.#discarded.set(name, kept);
      return result;
    }
    if (method === 'resetProjection') this.#discarded.delete(name);
    return call();
  }

  #start(): void {
    const process = new SimulatedProcess({
      time: this.#time,
      random: this.#random,
      storage: this.#storage,
      engine: this.#options,
      faults: () => this.#faults,
      execute: (method, args, call) => this.#execute(method, args, call),
    });
    this.#processes.push(process);
    this.#count('start');
    const start = async (): Promise<void> => {
      for (;;) {
        try {
          await process.engine.start();
          return;
        } catch (error) {
          // It may be closed before it has begun.
          if (error instanceof InvalidArgumentError && error.argument === 'engine') return;
          if (!(error instanceof DatabaseUnavailableError)) throw error;
        }
      }
    };
    this.#do(process, start);
  }

  /** In a process, as far as it lives. The connection may be lost; anything else that is thrown is a finding. */
  #do(process: SimulatedProcess, work: () => Promise<unknown>): void {
    const begun = { process };
    this.#begun.add(begun);
    process
      .run(work)
      .catch((error: unknown) => {
        if (!(error instanceof DatabaseUnavailableError)) this.#unexpected ??= error;
      })
      .finally(() => this.#begun.delete(begun));
  }

  get #alive(): readonly SimulatedProcess[] {
    return this.#processes.filter(({ isAlive }) => isAlive);
  }

  #disturb(): void {
    const random = this.#random;
    const projection = random.pick<Projection>(projections);
    const process = random.any(this.#alive);
    const what = random.pick(DISTURBANCES);
    if (what === 'append') return this.#append();
    if (what === 'start' || process === undefined) return this.#alive.length < 4 ? this.#start() : undefined;
    this.#count(what);
    switch (what) {
      case 'crash':
        return process.crash();
      case 'freeze':
        return process.freeze(random.int(1, 4 * LEASE));
      case 'close':
        return this.#do(process, () => process.engine.close().finally(() => process.crash()));
      case 'pause':
        return this.#do(process, () => process.engine.pause(projection).catch(ignoreUnknown));
      case 'resume':
        return this.#do(process, () => process.engine.resume(projection).catch(ignoreUnknown));
      case 'reset':
        return this.#do(process, () => process.engine.reset(projection).catch(ignoreUnknown));
      case 'partition':
        return this.#do(process, () => process.engine.partition(projection, random.int(1, 4)).catch(ignoreUnknown));
      case 'cure':
        for (const n of this.#poison) if (random.chance(0.5)) this.#poison.delete(n);
        return;
      case 'retry':
        return this.#do(process, () =>
          process.engine.deadLetters.retry({ projection, key: random.pick(keysFor(projection)) }),
        );
      case 'discard':
        return this.#do(process, () =>
          process.engine.deadLetters.discard(
            { projection, key: random.pick(keysFor(projection)) },
            { reason: 'as it happens' },
          ),
        );
    }
  }

  #append(): void {
    const random = this.#random;
    this.#count('append');
    const streamName = random.pick(STREAMS);
    const events = Array.from({ length: random.int(1, 3) }, (_, index) => {
      const n = this.#log.length + index + 1;
      if (random.chance(0.1)) this.#poison.add(n);
      const type = random.pick(['Happened', 'Happened', 'Happened', 'Happened', 'Ended', 'Ignored'] as const);
      return { type, data: { n, tags: TAGS.filter(() => random.chance(0.4)) } };
    });
    for (const event of events) this.#log.push({ position: this.#log.length + 1, streamName, ...event });
    this.#store.append(streamName, events).catch((error: unknown) => (this.#unexpected ??= error));
  }

  /** No faults any more, everything is cured and resumed: then nothing stays behind, nothing waits. */
  async #heal(): Promise<void> {
    this.#faults = 0;
    this.#moods = 0;
    this.#poison.clear();
    for (const process of this.#alive) process.thaw();
    // Somebody may be frozen once more, by a call from before, and then pause what is resumed below.
    const areOver = async (): Promise<boolean> => [...this.#begun].every(({ process }) => !process.isAlive);
    await this.#until('the end of what was begun', areOver);
    await this.#pass(2 * LEASE);
    await this.#until('the start', async () => (await this.#store.projections.list()).length === projections.length);
    for (const projection of projections) await this.#store.projections.resume(projection);
    await this.#until('the end of the log', () => this.#isLive());
    const [operator] = this.#alive;
    if (operator === undefined) throw new Error('nobody is alive');
    this.#do(operator, async () => {
      for (const { name, version, key } of await operator.engine.deadLetters.list().toArray()) {
        await operator.engine.deadLetters.retry({ projection: { name, version }, key });
      }
    });
    await this.#until('the last retry', async () => (await this.#look()).every(({ waiting }) => waiting.size === 0));
    this.#hasChanged = true;
    await this.#step();
  }

  async #isLive(): Promise<boolean> {
    const status = await this.#observer.status();
    return status.every(({ state }) => state === 'live');
  }

  /** Whoever ends in peace lets go of what it holds. */
  async #close(): Promise<void> {
    // What the dead have held is taken over.
    await this.#pass(2 * LEASE);
    let open = this.#alive.length;
    for (const process of this.#alive) {
      this.#do(process, async () => {
        await process.engine.close();
        open -= 1;
      });
    }
    await this.#until('the close', async () => open === 0);
    for (const { name, owner } of await this.#store.projections.list()) {
      if (owner !== undefined) throw new Error(`${name} is still held by ${owner}`);
    }
  }

  /** Lets time pass, in which whatever is on its way arrives. */
  async #pass(milliseconds: number): Promise<void> {
    const end = this.#time.now + milliseconds;
    await this.#until('that time', async () => this.#time.now > end);
  }

  async #until(what: string, condition: () => Promise<boolean>): Promise<void> {
    const end = this.#time.now + PATIENCE;
    for (let step = 0; step % STRIDE !== 0 || !(await condition()); step += 1) {
      if (this.#time.now > end) {
        throw new Error(`${what} never came: ${JSON.stringify(await this.#store.projections.list())}`);
      }
      // The last one may have been about to close.
      if (this.#alive.length === 0) this.#start();
      await this.#step();
    }
  }
}

/** What a handler throws that is fine with the next try, however often that takes. */
class PassingError extends Error {}

const DISTURBANCES = [
  'append',
  'append',
  'append',
  'append',
  'append',
  'append',
  'append',
  'append',
  'start',
  'crash',
  'freeze',
  'close',
  'pause',
  'resume',
  'resume',
  'reset',
  'partition',
  'cure',
  'retry',
  'retry',
  'discard',
] as const;

/** Calls that change nothing. */
const READING = /^(?:read|list|measure|wait)/u;

function keysFor({ name }: Projection): readonly [string, ...string[]] {
  return name === 'by-tag' ? TAGS : STREAMS;
}

function hasName(value: unknown): value is { readonly name: string } {
  return typeof value === 'object' && value !== null && 'name' in value && typeof value.name === 'string';
}

function isProjection(value: unknown): value is { readonly name: string; readonly version: number } {
  return hasName(value) && 'version' in value && typeof value.version === 'number';
}

function hasKey(value: unknown): value is { readonly key: string } {
  return typeof value === 'object' && value !== null && 'key' in value && typeof value.key === 'string';
}

/** A projection that was never started cannot be paused. */
function ignoreUnknown(error: unknown): void {
  if (!(error instanceof Error) || !error.message.includes('there is none')) throw error;
}
