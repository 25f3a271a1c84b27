import type { ProjectionStorage } from './projection-storage.ts';

const all = new WeakMap<ProjectionStorage, ProjectionNews>();

/** The news of the projections in a storage, as far as they come from this process. */
export function newsOf(readModels: ProjectionStorage): ProjectionNews {
  const known = all.get(readModels);
  if (known !== undefined) return known;
  const news = new ProjectionNews();
  all.set(readModels, news);
  return news;
}

/** Wakes whoever waits for a projection when something was applied in this process. What others apply, only a look can tell. */
class ProjectionNews {
  readonly #waiting = new Set<() => void>();
  #count = 0;

  /** How many there were so far. */
  get count(): number {
    return this.#count;
  }

  /** Something was stored. */
  tell(): void {
    this.#count += 1;
    for (const wake of this.#waiting) wake();
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
}
