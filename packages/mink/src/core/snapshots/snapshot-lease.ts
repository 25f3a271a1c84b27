import { createHash, randomUUID } from 'node:crypto';
import type { EventStorage } from '../storage/event-storage.ts';

/**
 * Who makes snapshots for a while. It is a result under a key, as a command's: kept by whoever comes first, until it expires
 * by the storage's clock. Nothing is held: no connection, no lock, no transaction.
 */
export class SnapshotLease {
  readonly #storage: EventStorage;
  readonly #key: string;
  readonly #milliseconds: number;
  readonly #now: () => number;
  readonly #owner = randomUUID();

  constructor(
    storage: EventStorage,
    {
      names,
      milliseconds,
      now,
    }: {
      readonly names: readonly string[];
      readonly milliseconds: number;
      readonly now: () => number;
    },
  ) {
    this.#storage = storage;
    // A command's id has no control character, so none of them is this.
    const hash = createHash('sha256').update(JSON.stringify(names.toSorted())).digest('base64url');
    this.#key = `\u0001mink.snapshots:${hash}`;
    this.#milliseconds = milliseconds;
    this.#now = now;
  }

  /** When it ends, by the clock of this process; undefined where somebody else has it. */
  async take(): Promise<number | undefined> {
    // Before it is asked for: it must not end later here than in the storage.
    const begin = this.#now();
    const holder = await this.#storage.keepResult({
      key: this.#key,
      messageType: 'mink.snapshots',
      fingerprint: this.#owner,
      ttl: this.#milliseconds,
      value: undefined,
      error: undefined,
      streams: [],
    });
    return holder === undefined ? begin + this.#milliseconds : undefined;
  }
}
