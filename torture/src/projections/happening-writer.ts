import { createPostgresStore, withTransaction } from 'mink/postgres';
import { Pool } from 'pg';
import type { Random } from '../random.ts';
import { pause } from '../waiting.ts';
import { happenings, type Happening } from './happenings.ts';
import { TALLY_NAMES } from './tally-projections.ts';

const STREAMS = Array.from({ length: 12 }, (_, index) => `Thing-${index + 1}` as const);
const TAGS = ['red', 'green', 'blue', 'round', 'square', 'old', 'new', 'late'] as const;
const WRITERS = 3;
/** In milliseconds: of a writer, as long as nothing takes its time. */
const USUAL_PAUSE = 30;
const LONG_PAUSE = 500;
/** Of the writers that hold a transaction open, in milliseconds: projections must wait for what they have drawn. */
const LONGEST_HOLD = 60;

/** Appends until it is told to stop, whatever becomes of it: what is in the log is what counts. */
export class HappeningWriter {
  readonly #random: Random;
  readonly #store;
  readonly #pool: Pool;
  #appended = 0;
  /** Longest pause of a writer between two appends, in milliseconds. */
  #longestPause = USUAL_PAUSE;

  constructor(url: string, random: Random) {
    this.#random = random;
    this.#store = createPostgresStore({
      url,
      categories: { Thing: happenings },
      migrate: 'never',
      connectTimeout: 2_000,
      lockTimeout: 2_000,
    });
    this.#pool = new Pool({ connectionString: url, max: 2, connectionTimeoutMillis: 2_000 });
    this.#pool.on('error', () => undefined);
  }

  /** Appends that were acknowledged. */
  get appended(): number {
    return this.#appended;
  }

  /** Appends fewer events while something is done that takes its time: they are to be many things done, not many events. */
  async slowly(work: () => Promise<void>): Promise<void> {
    this.#longestPause = LONG_PAUSE;
    await work();
    this.#longestPause = USUAL_PAUSE;
  }

  async run(signal: AbortSignal): Promise<void> {
    const pooled = Array.from({ length: WRITERS }, () => this.#keepAppending(signal, () => this.#append()));
    await Promise.all([...pooled, this.#keepAppending(signal, () => this.#appendByHand())]);
    await this.#store.close();
    await this.#pool.end();
  }

  async #keepAppending(signal: AbortSignal, append: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      try {
        await append();
        this.#appended += 1;
        await pause(this.#random.int(0, this.#longestPause), signal);
      } catch {
        // The server is away, or the transaction was ended: the next one may come through.
        await pause(30, signal);
      }
    }
  }

  async #append(): Promise<void> {
    const { streamName, events } = this.#plan();
    await this.#store.append(streamName, events);
  }

  /** Commits later than it appends, or not at all. */
  async #appendByHand(): Promise<void> {
    const { streamName, events } = this.#plan();
    await withTransaction(this.#pool, async (tx) => {
      await this.#store.append(streamName, events, { tx });
      await pause(this.#random.int(0, LONGEST_HOLD));
      if (this.#random.chance(0.2)) throw new Error('rolled back on purpose');
    });
  }

  #plan() {
    const random = this.#random;
    const streamName = STREAMS[random.int(0, STREAMS.length - 1)] ?? 'Thing-1';
    const events = Array.from({ length: random.int(1, 5) }, () => {
      const happening = this.#happening();
      if (random.chance(0.8)) return happenings.Counted(happening);
      const type = random.pick<'Rare' | 'Closed' | 'Noise'>(['Rare', 'Closed', 'Noise']);
      return happenings[type](happening);
    });
    return { streamName, events };
  }

  #happening(): Happening {
    const random = this.#random;
    const happening = { amount: random.int(1, 100), tags: TAGS.filter(() => random.chance(0.25)) };
    if (!random.chance(0.008)) return happening;
    const trouble = {
      projection: random.pick(TALLY_NAMES),
      cure: random.int(1, 4),
      tries: random.pick([1, 2, 5, 1_000_000]),
      isPermanent: random.chance(0.3),
    };
    return { ...happening, trouble };
  }
}
