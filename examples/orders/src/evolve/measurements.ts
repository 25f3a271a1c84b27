/** Of the walk: before the first switch, from there to the last one, and afterwards. */
export type Phase = 'before' | 'during' | 'after';

/** How long requests took, in milliseconds. */
export interface Latencies {
  readonly requests: number;
  readonly p50: number;
  readonly p99: number;
}

/** Counts requests, and how long they took. */
export class Measurements {
  phase: Phase = 'before';
  readonly #times: Record<Phase, number[]> = { before: [], during: [], after: [] };
  /** The first few of what went wrong, in words. */
  readonly problems: string[] = [];
  failed = 0;
  ownReads = 0;
  missed = 0;
  /** Lists, by the release of the process and the version that it read: `new 2`. */
  readonly served = new Map<string, number>();

  took(phase: Phase, milliseconds: number): void {
    this.#times[phase].push(milliseconds);
  }

  /** A request that was not answered as it should be. */
  fail(problem: string): void {
    this.failed += 1;
    this.#note(problem);
  }

  /** A read that was to show a write. */
  ownRead(isThere: boolean, what: string): void {
    this.ownReads += 1;
    if (isThere) return;
    this.missed += 1;
    this.#note(what);
  }

  serve(by: string): void {
    this.served.set(by, (this.served.get(by) ?? 0) + 1);
  }

  get sent(): number {
    return Object.values(this.#times).reduce((sum, times) => sum + times.length, 0);
  }

  latencies(phase: Phase): Latencies {
    const sorted = this.#times[phase].toSorted((left, right) => left - right);
    const at = (share: number): number => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
    return { requests: sorted.length, p50: at(0.5), p99: at(0.99) };
  }

  #note(problem: string): void {
    if (this.problems.length < 10) this.problems.push(problem);
  }
}
