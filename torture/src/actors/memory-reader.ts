import { DatabaseUnavailableError } from 'mink';
import type { Reading } from '../check/check-reading.ts';
import type { Finding } from '../check/finding.ts';
import type { DeliveredEvent } from '../history.ts';
import type { Random } from '../random.ts';
import { pause, TimeLimit } from '../waiting.ts';
import { describeError } from './library-writer.ts';
import { matcher, toDelivered, type Interest, type ObservedReader } from './observed.ts';
import type { UntypedStore } from '../untyped-store.ts';

export interface MemoryReaderOptions {
  readonly name: string;
  readonly store: UntypedStore;
  readonly interest?: Interest;
  readonly pageSize: number;
  /** Where it begins. */
  readonly after?: number;
  readonly random: Random;
  /**
   * - `once`: one subscription, for good
   * - `restarting`: subscriptions that end at any time, by leaving the loop or by their signal, and go on after the last
   *   event handled
   * - `reading`: no subscription, but `readAll` after the last event, again and again
   * - `slow`: one subscription that is handled slowly at times
   */
  readonly way?: 'once' | 'restarting' | 'reading' | 'slow';
}

interface Part {
  readonly after: number;
  readonly delivered: DeliveredEvent[];
}

/** A reader in this process that keeps its place in memory. */
export class MemoryReader implements ObservedReader {
  readonly name: string;
  readonly interest: Interest;
  readonly #options: MemoryReaderOptions;
  readonly #stopping = new AbortController();
  readonly #parts: Part[] = [];
  readonly #running: Promise<void>;
  #failure: string | undefined;

  constructor(options: MemoryReaderOptions) {
    this.name = options.name;
    this.interest = options.interest ?? {};
    this.#options = options;
    this.#running = this.#run().catch((error: unknown) => {
      this.#failure = describeError(error);
    });
  }

  async refresh(): Promise<void> {
    // Everything is here.
  }

  position(): number {
    const part = this.#parts.at(-1);
    return part?.delivered.at(-1)?.position ?? part?.after ?? this.#options.after ?? 0;
  }

  readings(): readonly Reading[] {
    const matches = matcher(this.interest);
    return this.#parts.map(({ after, delivered }) => ({
      reader: this.name,
      after,
      matches,
      delivered: [...delivered],
    }));
  }

  ownFindings(): readonly Finding[] {
    if (this.#failure === undefined) return [];
    return [{ kind: 'unexpected', reader: this.name, message: `${this.name} ended: ${this.#failure}` }];
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { way = 'once' } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const part: Part = { after: this.position(), delivered: [] };
      this.#parts.push(part);
      try {
        if (way === 'reading') await this.#readOn(part);
        else if (way === 'restarting') await this.#subscribeForAWhile(part);
        else await this.#subscribe(part, way === 'slow');
      } catch (error) {
        // To begin, it needs the database; a subscription that has begun survives that the database is away.
        const hasBegun = part.delivered.length > 0 && way !== 'reading';
        if (!(error instanceof DatabaseUnavailableError) || hasBegun) throw error;
        await pause(20, signal);
      }
      // Nothing came: the next one begins at the same place.
      if (part.delivered.length === 0) this.#parts.pop();
    }
  }

  async #subscribe(part: Part, isSlow: boolean): Promise<void> {
    const { store, pageSize, random } = this.#options;
    const { signal } = this.#stopping;
    for await (const event of store.subscribe({ ...this.interest, after: part.after, pageSize, signal })) {
      part.delivered.push(toDelivered(event));
      if (isSlow && random.chance(0.01)) await pause(random.int(1, 200), signal);
    }
  }

  /** Ends within 300 milliseconds or 200 events, in one of the two ways that a subscription can be ended. */
  async #subscribeForAWhile(part: Part): Promise<void> {
    const { store, random } = this.#options;
    const pageSize = random.pick([1, 3, 50, 1000]);
    const limit = random.int(0, 200);
    using leaving = new TimeLimit(this.#stopping.signal, random.int(0, 300));
    const { signal } = leaving;
    for await (const event of store.subscribe({ ...this.interest, after: part.after, pageSize, signal })) {
      part.delivered.push(toDelivered(event));
      if (part.delivered.length >= limit) break;
    }
  }

  async #readOn(part: Part): Promise<void> {
    const { store, pageSize, random } = this.#options;
    const { signal } = this.#stopping;
    for await (const event of store.readAll({ ...this.interest, after: part.after, pageSize })) {
      part.delivered.push(toDelivered(event));
    }
    await pause(random.int(0, 30), signal);
  }
}
