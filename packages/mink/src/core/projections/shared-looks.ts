import type { EventStorage, FeedBound } from '../storage/event-storage.ts';
import type { ProjectionStorage, StoredProjection } from './projection-storage.ts';

/** Looks at the database that all who wait in a process have in common. */
interface SharedLooks {
  readonly readBound: () => Promise<FeedBound>;
  readonly listProjections: () => Promise<readonly StoredProjection[]>;
}

const all = new WeakMap<ProjectionStorage, SharedLooks>();

/** Those of read models: hundreds may wait at once, and what one of them sees is what the others want to know. */
export function looksOf(storage: EventStorage, readModels: ProjectionStorage): SharedLooks {
  const known = all.get(readModels);
  if (known !== undefined) return known;
  const looks = {
    readBound: shared(() => storage.readBound()),
    listProjections: shared(() => readModels.listProjections()),
  };
  all.set(readModels, looks);
  return looks;
}

/** One look at a time. Whoever asks gets one that has begun after that, with all who have asked meanwhile. */
export function shared<T>(look: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<T> | undefined;
  const begin = (): Promise<T> => {
    const result = look();
    next = undefined;
    running = result.catch(() => undefined);
    return result;
  };
  return () => (next ??= running.then(begin));
}
