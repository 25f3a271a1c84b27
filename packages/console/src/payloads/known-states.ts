/** A state at a version of a stream. */
export interface KnownState {
  readonly streamVersion: number;
  readonly state: unknown;
}

interface Kept extends KnownState {
  readonly keptAt: number;
}

const MOST = 64;
/** Milliseconds. Events never change; but a log may be restored to an earlier time. */
const KEPT_FOR = 60_000;

/** States at the ends of pages, so that the next page does not fold everything before it again. */
export class KnownStates {
  readonly #kept = new Map<string, Kept>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  get(of: readonly string[], streamVersion: number): KnownState | undefined {
    const key = keyOf(of, streamVersion);
    const kept = this.#kept.get(key);
    if (kept === undefined || this.#now() - kept.keptAt < KEPT_FOR) return kept;
    this.#kept.delete(key);
    return undefined;
  }

  keep(of: readonly string[], known: KnownState): void {
    const key = keyOf(of, known.streamVersion);
    this.#kept.delete(key);
    this.#kept.set(key, { ...known, keptAt: this.#now() });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MOST && oldest !== undefined) this.#kept.delete(oldest);
  }
}

function keyOf(of: readonly string[], streamVersion: number): string {
  return JSON.stringify([...of, streamVersion]);
}
