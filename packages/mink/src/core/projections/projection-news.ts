import type { Partition, ProjectionId, ProjectionStorage } from './projection-storage.ts';
import { PARTITIONS } from '../stream-name.ts';

const all = new WeakMap<ProjectionStorage, ProjectionNews>();

/** The news of the projections in a storage, as far as they come from this process. */
export function newsOf(readModels: ProjectionStorage): ProjectionNews {
  const known = all.get(readModels);
  if (known !== undefined) return known;
  const news = new ProjectionNews();
  all.set(readModels, news);
  return news;
}

/** Somebody in this process who follows the log for a projection. */
export interface Follower {
  /** It has stored what follows from everything up to there. */
  passed(position: number): void;
  /** It follows no more. */
  end(): void;
}

interface Following extends Partition {
  /** It has passed everything up to there. */
  position: number;
}

/** Wakes whoever waits for a projection when something was applied in this process. What others apply, only a look can tell. */
class ProjectionNews {
  readonly #waiting = new Set<() => void>();
  readonly #following = new Map<string, Set<Following>>();
  #count = 0;

  /** How many there were so far. */
  get count(): number {
    return this.#count;
  }

  /** Somebody begins to follow the log, from a position on that was read under a lease. */
  follow(projection: ProjectionId, { from, to }: Partition, position: number): Follower {
    const id = idOf(projection);
    const following: Following = { from, to, position };
    const own = this.#following.get(id) ?? new Set();
    this.#following.set(id, own.add(following));
    return {
      passed: (reached) => {
        following.position = Math.max(following.position, reached);
        this.#tell();
      },
      end: () => {
        own.delete(following);
        if (own.size === 0) this.#following.delete(id);
        this.#tell();
      },
    };
  }

  /**
   * How far all have come who follow a projection here for some slots, or for all; undefined where some slots are followed by
   * nobody.
   */
  passed(projection: ProjectionId, slots: ReadonlySet<number> | undefined): number | undefined {
    const own = this.#following.get(idOf(projection));
    if (own === undefined) return undefined;
    const concerned =
      slots === undefined ? [...own] : [...own].filter((it) => [...slots].some((slot) => has(it, slot)));
    const areAll =
      slots === undefined ? coverAll(concerned) : [...slots].every((slot) => concerned.some((it) => has(it, slot)));
    return areAll ? Math.min(...concerned.map(({ position }) => position)) : undefined;
  }

  /** Resolves when there are more than so many, after some milliseconds, or when the signal is aborted: what comes first. */
  after(count: number, milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#count > count || signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, milliseconds);
      this.#waiting.add(wake);
      signal?.addEventListener('abort', wake);
    });
  }

  #tell(): void {
    this.#count += 1;
    for (const wake of this.#waiting) wake();
  }
}

function idOf({ name, version }: ProjectionId): string {
  return `${name} ${version}`;
}

function coverAll(partitions: readonly Partition[]): boolean {
  let covered = 0;
  for (const { from, to } of partitions.toSorted((a, b) => a.from - b.from)) {
    if (from > covered) return false;
    covered = Math.max(covered, to);
  }
  return covered >= PARTITIONS;
}

function has({ from, to }: Partition, slot: number): boolean {
  return slot >= from && slot < to;
}
