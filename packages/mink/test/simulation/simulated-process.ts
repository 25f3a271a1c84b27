import {
  createProjectionEngine,
  DatabaseUnavailableError,
  type EventStorage,
  type ProjectionEngine,
  type ProjectionEngineOptions,
} from '../../src/index.ts';
import type { Random } from '../support/random.ts';
import { openStore, projections, type StoreOfThings } from './things.ts';
import { running, type VirtualTime } from './virtual-time.ts';

/** What surrounds a process. */
export interface Surroundings {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly storage: EventStorage;
  readonly engine: ProjectionEngineOptions;
  /** How often a call meets some fault: from 0 to 1. */
  readonly faults: () => number;
  /** What the server does when a call arrives. */
  readonly execute: (method: string, args: readonly unknown[], call: () => Promise<unknown>) => Promise<unknown>;
}

type Fate = 'answered' | 'not sent' | 'answer lost' | 'crash before' | 'crash after' | 'frozen before' | 'frozen after';

/** Milliseconds on the way to the server, or back. Mostly none, so that the order is anybody's guess. */
const LATENCIES = [0, 0, 0, 0, 1, 10, 300] as const;

/**
 * A process with an engine, which shares a storage with others. Every call of it travels to the server and back; on both ways
 * the process may die, be frozen, or lose the connection. What has been sent arrives, whatever becomes of the sender.
 */
export class SimulatedProcess {
  readonly engine: ProjectionEngine;
  readonly store: StoreOfThings;
  readonly #around: Surroundings;
  readonly #died: Promise<never>;
  #die: () => void = () => undefined;
  #isAlive = true;
  #frozenUntil = 0;

  constructor(around: Surroundings) {
    this.#around = around;
    this.#died = new Promise<never>((_, reject) => {
      this.#die = () => reject(lost());
    });
    this.#died.catch(() => undefined);
    const { storage } = around;
    const readModels = storage.readModels === undefined ? undefined : this.#far(storage.readModels, {});
    const far = this.#far(storage, { readModels, waitForBound: storage.waitForBound.bind(storage) });
    this.store = openStore(far);
    this.engine = createProjectionEngine(this.store, projections, around.engine);
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get frozenUntil(): number {
    return this.#frozenUntil;
  }

  /** Does something in this process; what has not come to its end when it dies, never does. */
  run<T>(work: () => Promise<T>): Promise<T> {
    return running.run({ waiter: this, time: this.#around.time }, work);
  }

  crash(): void {
    this.#isAlive = false;
    this.#die();
  }

  freeze(milliseconds: number): void {
    this.#frozenUntil = this.#around.time.now + milliseconds;
  }

  thaw(): void {
    this.#frozenUntil = 0;
  }

  /** The same object, but far away. */
  #far<T extends object>(target: T, near: Readonly<Record<string, unknown>>): T {
    return new Proxy(target, {
      get: (_, name) => {
        if (typeof name === 'string' && name in near) return near[name];
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function' || typeof name !== 'string') return member;
        return (...args: readonly unknown[]) => {
          const sent = args.map((arg) => (typeof arg === 'function' ? this.#within(arg) : arg));
          const call = async (): Promise<unknown> => Reflect.apply(member, target, sent);
          return this.#call(() => this.#around.execute(name, args, call));
        };
      },
    });
  }

  /** Work that the server waits for, in a transaction: it is rolled back when the process dies. */
  #within(work: Function): (...args: readonly unknown[]) => Promise<unknown> {
    return (...args) => {
      const isCut = this.#around.random.chance(this.#around.faults());
      const done = running.run({ waiter: this, time: this.#around.time }, async (): Promise<unknown> =>
        Reflect.apply(work, undefined, args),
      );
      const cut = this.#around.time.turn(undefined, 5).then((): never => {
        throw lost();
      });
      cut.catch(() => undefined);
      return Promise.race([done, this.#died, ...(isCut ? [cut] : [])]);
    };
  }

  async #call(execute: () => Promise<unknown>): Promise<unknown> {
    const { time, random } = this.#around;
    const fate = this.#fate();
    if (fate === 'crash before') this.crash();
    if (fate === 'frozen before') this.#freezeForLong();
    // What is frozen before it sends, sends when it is thawed.
    await time.turn(this, 0);
    if (fate === 'not sent') throw lost();
    await time.turn(undefined, random.pick(LATENCIES));
    const done = await execute().then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    if (fate === 'crash after') this.crash();
    if (fate === 'frozen after') this.#freezeForLong();
    await time.turn(this, random.pick(LATENCIES));
    if (fate === 'answer lost') throw lost();
    if ('error' in done) throw done.error;
    return done.value;
  }

  #fate(): Fate {
    const { random, faults } = this.#around;
    if (!random.chance(faults())) return 'answered';
    return random.pick([
      'not sent',
      'answer lost',
      'crash before',
      'crash after',
      'frozen before',
      'frozen after',
    ] as const);
  }

  #freezeForLong(): void {
    this.freeze(this.#around.random.int(1, 4) * (this.#around.engine.leaseDuration ?? 0));
  }
}

function lost(): DatabaseUnavailableError {
  return new DatabaseUnavailableError('The connection was lost.');
}
