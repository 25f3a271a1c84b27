import type { CommandKey, KeyedOutcome, KeyedResult } from '../core/index.ts';

interface Kept {
  readonly result: KeyedResult;
  readonly expiresAt: number;
}

/** The first results of commands with a key, until they expire. */
export class KeyedResults {
  readonly #kept = new Map<string, Kept>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  find(key: string): KeyedResult | undefined {
    const kept = this.#kept.get(key);
    return kept !== undefined && kept.expiresAt > this.#now() ? kept.result : undefined;
  }

  /** Keeps a result under a key that is free. */
  keep({ key, messageType, fingerprint, ttl }: CommandKey, outcome: KeyedOutcome): void {
    const recordedAt = this.#now();
    const result = { key, messageType, fingerprint, recordedAt, outcome };
    this.#kept.set(key, { result, expiresAt: recordedAt + ttl });
  }

  /** Those that have expired may be among them. */
  get size(): number {
    return this.#kept.size;
  }

  deleteExpired(limit: number): number {
    let deleted = 0;
    const now = this.#now();
    for (const [key, { expiresAt }] of this.#kept) {
      if (deleted === limit) break;
      if (expiresAt > now) continue;
      this.#kept.delete(key);
      deleted += 1;
    }
    return deleted;
  }
}
