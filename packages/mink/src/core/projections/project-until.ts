import type { ProjectionFailedError } from '../projection-errors.ts';
import type { LogFilter } from '../storage/event-storage.ts';
import { checkText, checkUntil, checkWhole } from '../store/read-options.ts';
import { boundedLogPages } from '../store/read-pages.ts';
import { typed } from '../typed.ts';
import type { Categories } from '../store/categories.ts';
import type { Projection } from './define-projection.ts';
import type { ReadContext } from './document-reader.ts';
import { ProjectedDocuments } from './projected-documents.ts';
import { filterOf } from './projection-worker.ts';

/** The moment, and what of it. */
export type ProjectUntilOptions = ({ readonly position: number } | { readonly time: Date }) & {
  /** Only the document under this key. Where keys are stream names, nothing but that stream is read. */
  readonly key?: string | undefined;
  /**
   * Documents that may be held in memory; with more, a `ReadModelFullError`.
   * @defaultValue 100_000
   */
  readonly maxKeys?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** A read model as it was. */
export interface ProjectedUntil<Document> {
  /** Documents by key. */
  readonly documents: ReadonlyMap<string, Document>;
  /** Keys at which an event has failed: their documents are those before it. */
  readonly failed: ReadonlyMap<string, ProjectionFailedError>;
  /** Events that were applied. */
  readonly events: number;
  /** The position of the last of them; 0 where there were none. */
  readonly position: number;
}

/** The read model that a projection makes of the log up to a moment. Changes nothing. */
export async function projectUntil<Document>(
  { storage, registry, pageSize }: ReadContext,
  projection: Projection<string, Categories, Document>,
  { key, maxKeys = 100_000, signal, ...until }: ProjectUntilOptions,
): Promise<ProjectedUntil<Document>> {
  if (key !== undefined) checkText('key', key);
  const { untilPosition, untilTime } = checkUntil(until, ['position', 'time']);
  const model = new ProjectedDocuments(registry, projection, { key, maxKeys: checkWhole('maxKeys', maxKeys, 1) });
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
    for (const event of page) model.apply(event);
    events += page.length;
    position = page.at(-1)?.globalPosition ?? position;
  }
  const { documents, failed } = model;
  return { documents: typed<ReadonlyMap<string, Document>>(documents), failed, events, position };
}
