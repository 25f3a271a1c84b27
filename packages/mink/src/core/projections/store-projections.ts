import { InvalidArgumentError } from '../errors.ts';
import type { LoadContext } from '../store/load.ts';
import type { Categories } from '../store/categories.ts';
import type { Projection } from './define-projection.ts';
import { documentReader, readModelsOf, type DocumentReader } from './document-reader.ts';
import type { ProjectionId, ProjectionStorage, StoredProjection } from './projection-storage.ts';

/** The projections of a store, whoever works on them. */
export interface StoreProjections {
  /**
   * Reads the documents of a projection, as far as it has come.
   *
   * @example
   * await store.projections.documents(cartSummary).get('Cart-1');
   */
  documents<Document>(
    projection: Pick<Projection<string, Categories, Document>, 'name' | 'version' | 'tables' | 'readModel'>,
  ): DocumentReader<Document>;
  /** All that were ever started, by name and version. */
  list(): Promise<readonly StoredProjection[]>;
  /** Stops a projection, in whatever process it runs, until it is resumed; restarts change nothing about that. */
  pause(projection: ProjectionId): Promise<void>;
  /** Lets a paused projection go on: some process takes it within a third of its lease. */
  resume(projection: ProjectionId): Promise<void>;
  /**
   * Empties the read model, so that the log is applied to it from the beginning; dead letters are forgotten. Safe while it
   * runs: what a worker has under way is refused.
   */
  reset(projection: ProjectionId): Promise<void>;
}

/** The projections of a store; `use` gives its context while it is open. */
export function storeProjections(use: () => Pick<LoadContext, 'storage' | 'pageSize'>): StoreProjections {
  const change = async (
    { name, version }: ProjectionId,
    work: (readModels: ProjectionStorage, projection: ProjectionId) => Promise<boolean>,
  ): Promise<void> => {
    if (await work(readModelsOf(use()), { name, version })) return;
    throw new InvalidArgumentError('projection', `there is none of name "${name}" and version ${version}`);
  };
  return {
    documents: (projection) => documentReader(use, projection),
    list: async () => readModelsOf(use()).listProjections(),
    pause: (projection) => change(projection, (readModels, id) => readModels.pauseProjection(id, true)),
    resume: (projection) => change(projection, (readModels, id) => readModels.pauseProjection(id, false)),
    reset: (projection) => change(projection, (readModels, id) => readModels.resetProjection(id)),
  };
}
