import type { ProjectionFailedError } from '../projection-errors.ts';
import type { LogFilter } from '../storage/event-storage.ts';
import { checkText, checkUntil, checkWhole } from '../store/read-options.ts';
import { boundedLogPages } from '../store/read-pages.ts';
import { typed } from '../typed.ts';
import type { Categories } from '../store/categories.ts';
import type { Projection } from './define-projection.ts';
import type { ReadContext } from './read-model-reader.ts';
import { ProjectedModels } from './projected-models.ts';
import { filterOf } from './projection-worker.ts';

/** The moment, and what of it. */
export type ProjectUntilOptions = ({ readonly position: number } | { readonly time: Date }) & {
  /** Only what is under this key. Where keys are stream names, nothing but that stream is read. */
  readonly key?: string | undefined;
  /**
   * Keys that may be held in memory; with more, a `ReadModelFullError`.
   * @defaultValue 100_000
   */
  readonly maxKeys?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** A read model as it was. */
export interface ProjectedUntil<Model> {
  /** Documents or rows, by key. */
  readonly models: ReadonlyMap<string, Model>;
  /** Keys at which an event has failed: they are as they were before it. */
  readonly failed: ReadonlyMap<string, ProjectionFailedError>;
  /** Events that were applied. */
  readonly events: number;
  /** The position of the last of them; 0 where there were none. */
  readonly position: number;
}

/** The read model that a projection makes of the log up to a moment. Changes nothing. */
export async function projectUntil<Model>(
  { storage, registry, pageSize }: ReadContext,
  projection: Projection<string, Categories, Model>,
  { key, maxKeys = 100_000, signal, ...until }: ProjectUntilOptions,
): Promise<ProjectedUntil<Model>> {
  if (key !== undefined) checkText('key', key);
  const { untilPosition, untilTime } = checkUntil(until, ['position', 'time']);
  const memory = new ProjectedModels(registry, projection, { key, maxKeys: checkWhole('maxKeys', maxKeys, 1) });
  const all = filterOf(registry, projection);
  const filter: LogFilter = key === undefined || projection.hasOwnKeys ? all : { ...all, streamNames: [key] };
  const query = {
    after: 0,
    upTo: untilPosition ?? Number.MAX_SAFE_INTEGER,
    untilTime,
    filter,
    direction: 'forwards' as const,
  };
  let events = 0;
  let position = 0;
  for await (const page of boundedLogPages(storage, query, { limit: undefined, pageSize, signal })) {
    for (const event of page) memory.apply(event);
    events += page.length;
    position = page.at(-1)?.globalPosition ?? position;
  }
  const { models, failed } = memory;
  return { models: typed<ReadonlyMap<string, Model>>(models), failed, events, position };
}
