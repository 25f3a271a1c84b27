import { strictEqual } from 'node:assert';
import { expect } from 'vitest';
import type { Client } from 'pg';
import type { AppendFunction } from './append-functions.ts';
import { openClient } from './databases.ts';
import { becomeWriter, closeGates, gateOf, installGates, openGate, type FloorMoment, type Gate } from './gates.ts';
import { installObservation, observe, type Observation } from './observation.ts';
import type { Plan, Turns } from './schedules.ts';

/** Where a writer stands: before its first step, on its way, held at a gate, back from its function, or at its end. */
type Place = 'outside' | 'moving' | Gate | 'returned' | 'ended';

/** How an append went: its position, or why it failed. */
type Result = { readonly position: number } | { readonly error: unknown };

/** What came of a schedule. */
export interface Played {
  /** The last position before it began. */
  readonly start: number;
  /** What a reader could see before the first step, and after each. */
  readonly observations: readonly Observation[];
  readonly results: readonly (Result | undefined)[];
  /** How often a writer was seen to wait for another. */
  readonly waits: number;
}

/** Writers on connections of their own, moved step by step through a real append function, and a reader beside them. */
export interface Stage extends AsyncDisposable {
  readonly writers: readonly Writer[];
  /**
   * Moves the writers in this order, and looks at the log before the first step and after each. A writer that waits for
   * another lets its turns pass; who has not ended after the last turn does so then.
   */
  play(plans: readonly Plan[], turns: Turns): Promise<Played>;
  /** Puts every writer back to its beginning. */
  begin(plans: readonly Plan[]): Promise<void>;
  /** Moves a writer to the next closed gate, to the end of its function, or to its commit or rollback. */
  step(writer: number): Promise<void>;
  /** Moves a writer on until it is there, or has ended. */
  stepTo(writer: number, place: Place): Promise<void>;
}

export interface StageOptions {
  readonly writers: number;
  /** Where every writer is held. */
  readonly closed: readonly Gate[];
  /** @defaultValue 'before drawing' */
  readonly floor?: FloorMoment | undefined;
  /** Whether a writer must be seen to wait for another one of its stream. @defaultValue true */
  readonly streamsLock?: boolean | undefined;
}

/** Puts gates into the database, and opens the connections. */
export async function openStage(url: string, append: AppendFunction['append'], options: StageOptions): Promise<Stage> {
  await installGates(url);
  await installObservation(url);
  const conductor = await openClient(url);
  const writers = await Promise.all(
    Array.from({ length: options.writers }, (_, index) => openWriter(url, index, options.floor ?? 'before drawing')),
  );
  const pids = writers.map(({ pid }) => pid);
  let plans: readonly Plan[] = [];
  let waits = 0;

  async function begin(next: readonly Plan[]): Promise<void> {
    plans = next;
    waits = 0;
    await closeGates(conductor, writers.length, options.closed);
    await Promise.all(writers.map((writer) => writer.begin()));
  }

  /** Who must be waited for: the one writer that has taken the lock of the same stream, and has not ended. */
  function holderFor(index: number): Writer | undefined {
    if (options.streamsLock === false) return undefined;
    return writers.find(
      ({ place }, other) =>
        other !== index &&
        plans[other]?.streamName === plans[index]?.streamName &&
        !['outside', 'moving', 'rows', 'ended'].includes(place),
    );
  }

  async function arrivalOrWait(index: number, writer: Writer): Promise<void> {
    const holder = holderFor(index);
    if (holder === undefined) return writer.arrival();
    await untilBlocked(conductor, writer, holder);
    waits += 1;
  }

  async function step(index: number): Promise<void> {
    const [writer, plan] = [writers[index], plans[index]];
    if (writer === undefined || plan === undefined) throw new Error(`there is no writer ${index}`);
    switch (writer.place) {
      case 'outside':
        writer.start(plan, append);
        return arrivalOrWait(index, writer);
      case 'returned': {
        const freed = writers.filter(({ place }, other) => place === 'moving' && holderFor(other) === writer);
        await writer.end(plan.end);
        await Promise.all(freed.map((other) => other.arrival()));
        return undefined;
      }
      case 'moving':
      case 'ended':
        throw new Error(`writer ${index} has no turn: it is ${writer.place}`);
      default: {
        const gate = writer.place;
        writer.leave();
        await openGate(conductor, index, gate);
        // Only a writer that has not locked its stream yet can meet another one there.
        return gate === 'rows' ? arrivalOrWait(index, writer) : writer.arrival();
      }
    }
  }

  return {
    writers,
    begin,
    step,
    stepTo: async (index, place) => {
      while (writers[index]?.place !== place && writers[index]?.place !== 'ended') await step(index);
    },
    play: async (next, turns) => {
      await begin(next);
      const { head: start } = await observe(conductor, 0, pids);
      const observations = [await observe(conductor, start, pids)];
      const last = writers.flatMap((_, index) => Array.from({ length: options.closed.length + 2 }, () => index));
      for (const turn of [...turns, ...last]) {
        const place = writers[turn]?.place;
        if (place === 'moving' || place === 'ended') continue;
        await step(turn);
        observations.push(await observe(conductor, start, pids));
      }
      for (const { place } of writers) strictEqual(place, 'ended');
      return { start, observations, results: writers.map(({ result }) => result), waits };
    },
    [Symbol.asyncDispose]: async () => {
      await conductor.end();
      await Promise.all(writers.map(({ client }) => client.end()));
    },
  };
}

class Writer {
  readonly client: Client;
  readonly pid: number;
  #place: Place = 'outside';
  #result: Result | undefined;
  #arrived: Promise<void> = Promise.resolve();
  #arrive: () => void = () => undefined;

  constructor(client: Client, pid: number) {
    this.client = client;
    this.pid = pid;
    client.on('notice', ({ message }) => {
      const gate = gateOf(message);
      if (gate !== undefined) this.#stopAt(gate);
    });
  }

  get place(): Place {
    return this.#place;
  }

  get result(): Result | undefined {
    return this.#result;
  }

  /** Begins a transaction, which takes no lock and no snapshot. */
  async begin(): Promise<void> {
    await this.client.query('begin');
    this.#place = 'outside';
    this.#result = undefined;
  }

  start({ streamName, expected, call }: Plan, append: AppendFunction['append']): void {
    this.leave();
    const returned = (result: Result): void => {
      this.#result = result;
      this.#stopAt('returned');
    };
    const calling = call === undefined ? append(this.client, streamName, expected) : call(this.client);
    calling.then(
      (position) => returned({ position }),
      (error: unknown) => returned({ error }),
    );
  }

  /** From here on it is under way, until it stops somewhere. */
  leave(): void {
    this.#place = 'moving';
    this.#arrived = new Promise((resolve) => {
      this.#arrive = resolve;
    });
  }

  /** Resolves when it has stopped. */
  arrival(): Promise<void> {
    return this.#arrived;
  }

  async end(how: Plan['end']): Promise<void> {
    await this.client.query(how);
    this.#place = 'ended';
  }

  #stopAt(place: Place): void {
    this.#place = place;
    this.#arrive();
  }
}

async function openWriter(url: string, index: number, floor: FloorMoment): Promise<Writer> {
  const client = await openClient(url);
  // A writer that waits where it should not is an error, not a test that hangs.
  await client.query("set statement_timeout = '20s'");
  await becomeWriter(client, index, floor);
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return new Writer(client, rows[0]?.pid ?? 0);
}

/** Resolves once one writer is seen to wait for the other; fails if it gets through. */
async function untilBlocked(conductor: Client, writer: Writer, holder: Writer): Promise<void> {
  const look = async (): Promise<boolean> => {
    const { rows } = await conductor.query<{ blockers: number[] }>({
      name: 'blockers',
      text: 'select pg_blocking_pids($1) as blockers',
      values: [writer.pid],
    });
    return writer.place !== 'moving' || rows[0]?.blockers.includes(holder.pid) === true;
  };
  await expect.poll(look, { interval: 1 }).toBe(true);
  strictEqual(writer.place, 'moving', 'it must wait for the other writer of its stream');
}
