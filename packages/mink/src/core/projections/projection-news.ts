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
  /** The same, with the events of a batch, and the last position of which something was parked; 0 where nothing was. */
  stored(position: number, events: () => Iterable<SeenEvent>, parkedAt: number): void;
  /** It follows no more. */
  end(): void;
}

/** What is kept of an event that was applied, for those who wait for it. */
interface SeenEvent {
  readonly globalPosition: number;
  readonly id: string;
}

interface Following extends Partition {
  /** It has passed everything up to there. */
  position: number;
  /** Since it began: the last position of which something was parked. */
  parkedAt: number;
  /** Ids by position, of what was applied while somebody waited. */
  readonly seen: Map<number, string>;
}

/** Of events that were applied last, as many are remembered. */
const MOST_SEEN = 4_096;

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
    const following: Following = { from, to, position, parkedAt: 0, seen: new Map() };
    const own = this.#following.get(id) ?? new Set();
    this.#following.set(id, own.add(following));
    return {
      passed: (reached) => {
        following.position = Math.max(following.position, reached);
        this.#tell();
      },
      stored: (reached, events, parkedAt) => {
        following.position = Math.max(following.position, reached);
        following.parkedAt = Math.max(following.parkedAt, parkedAt);
        if (this.#waiting.size > 0) remember(following.seen, events());
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
    const concerned = this.#concerned(projection, slots);
    const areAll =
      slots === undefined ? coverAll(concerned) : [...slots].every((slot) => concerned.some((it) => has(it, slot)));
    return areAll ? Math.min(...concerned.map(({ position }) => position)) : undefined;
  }

  /**
   * Whether those who follow a projection here have applied the event of this id at a position, and parked nothing from `first` on. What
   * they do not read, or have forgotten, they cannot tell.
   */
  hasApplied(
    projection: ProjectionId,
    slots: ReadonlySet<number> | undefined,
    {
      first,
      position,
      isEvent,
    }: { readonly first: number; readonly position: number; readonly isEvent: (id: string) => boolean },
  ): boolean {
    const concerned = this.#concerned(projection, slots);
    const isSeen = concerned.some(({ seen }) => {
      const id = seen.get(position);
      return id !== undefined && isEvent(id);
    });
    return isSeen && concerned.every(({ parkedAt }) => parkedAt < first);
  }

  #concerned(projection: ProjectionId, slots: ReadonlySet<number> | undefined): readonly Following[] {
    const own = [...(this.#following.get(idOf(projection)) ?? [])];
    return slots === undefined ? own : own.filter((it) => [...slots].some((slot) => has(it, slot)));
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

/** Keeps the last ones. */
function remember(seen: Map<number, string>, events: Iterable<SeenEvent>): void {
  for (const { globalPosition, id } of events) seen.set(globalPosition, id);
  for (const position of seen.keys()) {
    if (seen.size <= MOST_SEEN) break;
    seen.delete(position);
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
