import type { Client } from 'pg';
import { connect, disconnect, query, retrySql } from '../cluster/sql.ts';
import type { AttemptStart, Outcome, Recorder } from '../history.ts';
import type { Random } from '../random.ts';
import { pause } from '../waiting.ts';
import { appendByHand } from './append-by-hand.ts';
import { pickType } from './event-types.ts';
import { describeError } from './library-writer.ts';
import type { Streams } from './streams.ts';

export interface HandWriterOptions {
  readonly name: string;
  readonly url: string;
  readonly random: Random;
  readonly recorder: Recorder;
  readonly streams: Streams;
  /** Longest hold of an open transaction, in milliseconds. */
  readonly maxHold: number;
}

interface Sent {
  readonly start: AttemptStart;
  readonly outcome: Outcome;
}

const TIMEOUTS = { hold: 10_000, lock: 1_000 };
const DEADLOCK = '40P01';
const LOCK_TIMEOUT = '55P03';

/**
 * Writes by hand what the library never does: transactions that stay open around an append, take their transaction id long
 * before it, append twice, go back to a savepoint behind an append, roll back, or are prepared and finished by somebody else.
 */
export class HandWriter {
  readonly #options: HandWriterOptions;
  #made = 0;

  constructor(options: HandWriterOptions) {
    this.#options = options;
  }

  /** Until the signal is aborted; the transaction under way comes to its end. */
  async run(signal: AbortSignal): Promise<void> {
    const client = await connect(this.#options.url);
    try {
      while (!signal.aborted) {
        await this.#transaction(client);
        await pause(this.#options.random.int(0, 10), signal);
      }
    } finally {
      await disconnect(client);
    }
  }

  async #transaction(client: Client): Promise<void> {
    const { random, recorder } = this.#options;
    const sent: Sent[] = [];
    try {
      await query(client, 'begin');
      if (random.chance(0.4)) {
        await query(client, 'select pg_current_xact_id()');
        await this.#hold();
      }
      if (random.chance(0.2)) await this.#appendAndGoBack(client);
      for (let more = random.pick([1, 1, 1, 2, 3]); more > 0; more -= 1) {
        sent.push(await this.#append(client));
        if (random.chance(0.3)) await this.#hold();
      }
      await this.#hold();
      await this.#end(client, sent);
    } catch (error) {
      const state = sqlState(error);
      if (state !== DEADLOCK && state !== LOCK_TIMEOUT)
        recorder.unexpected(`a transaction by hand: ${describeError(error)}`);
      await query(client, 'rollback').catch(() => undefined);
      // Nothing was committed: the commit is what has just failed, and only with these two states.
      this.#settle(sent, { status: 'refused', reason: state });
    }
  }

  async #end(client: Client, sent: readonly Sent[]): Promise<void> {
    const { random } = this.#options;
    const way = random.float();
    if (way < 0.55) {
      await query(client, 'commit');
      this.#settle(sent);
    } else if (way < 0.8) {
      await query(client, 'rollback');
      this.#settle(sent, { status: 'refused', reason: 'rolled back' });
    } else {
      await this.#prepareAndEnd(client, sent);
    }
  }

  async #prepareAndEnd(client: Client, sent: readonly Sent[]): Promise<void> {
    const { random, url } = this.#options;
    const name = `prepared ${random.uuid()}`;
    await query(client, `prepare transaction '${name}'`);
    await this.#hold();
    const commits = random.chance(0.6);
    // By another session, as a transaction manager would.
    await retrySql(url, `${commits ? 'commit' : 'rollback'} prepared '${name}'`);
    this.#settle(sent, commits ? undefined : { status: 'refused', reason: 'rolled back when prepared' });
  }

  /** An append that is undone, though its transaction goes on: its positions are gaps, and its floor is given back. */
  async #appendAndGoBack(client: Client): Promise<void> {
    await query(client, 'savepoint before');
    const sent = await this.#append(client);
    if (this.#options.random.chance(0.5)) await this.#hold();
    await query(client, 'rollback to before');
    this.#settle([sent], { status: 'refused', reason: 'rolled back to a savepoint' });
  }

  async #append(client: Client): Promise<Sent> {
    const { name, random, streams, recorder } = this.#options;
    this.#made += 1;
    // Mostly streams of its own: whoever else wants a held stream waits for it.
    const streamName = random.chance(0.15) ? streams.pick(random, name) : `Hand-${name}-${random.int(1, 20)}`;
    const expectedVersion = random.chance(0.3) ? streams.versionOf(streamName) : 'any';
    const types = Array.from({ length: random.pick([1, 1, 2, 5]) }, () => pickType(random));
    const start: AttemptStart = {
      id: `${name}-${this.#made}`,
      entries: [{ streamName, expectedVersion, types }],
      eventIds: types.map(() => random.uuid()),
    };
    recorder.begin(start);
    try {
      return { start, outcome: await appendByHand(client, start, TIMEOUTS) };
    } catch (error) {
      recorder.settle(start.id, { status: 'refused', reason: describeError(error) });
      throw error;
    }
  }

  /**
   * What each append was told, or of all what became of the transaction: where it was rolled back, a conflict in it may have
   * been with what it had appended itself.
   */
  #settle(sent: readonly Sent[], instead?: Outcome): void {
    const { recorder, streams } = this.#options;
    for (const { start, outcome } of sent) {
      recorder.settle(start.id, instead ?? outcome);
      if (instead !== undefined || outcome.status !== 'acknowledged') continue;
      for (const { streamName, version } of outcome.events) streams.learn(streamName, version);
    }
  }

  async #hold(): Promise<void> {
    const { random, maxHold } = this.#options;
    // Mostly short, so that much happens; now and then as long as it may be.
    const milliseconds = random.chance(0.1) ? random.int(0, maxHold) : random.int(0, maxHold / 10);
    if (milliseconds > 0) await pause(milliseconds);
  }
}

function sqlState(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'none';
}
