import { InvalidArgumentError } from '../errors.ts';
import type { AppendContext } from '../store/append.ts';
import { EventSequence } from '../store/event-sequence.ts';
import type { Categories } from '../store/categories.ts';
import type { LoadContext } from '../store/load.ts';
import { checkText } from '../store/read-options.ts';
import { typed } from '../typed.ts';
import type { Projection } from './define-projection.ts';
import type { ProjectionStorage, StoredRow } from './projection-storage.ts';
import type { ReadModel } from './read-model.ts';
import { toConditions, toCursor, toRowQuery, type FindOptions, type Where } from './row-query.ts';
import { waitForWrite, type WaitContext, type WaitOptions, type WriteToSee } from './wait-for.ts';

/** What is kept under a key, a document or a row, and the place of the last event that has changed it. */
export interface FoundModel<Model> {
  readonly key: string;
  readonly model: Model;
  readonly position: number;
  /** Events about it are parked, or were discarded: it is not what the log says. */
  readonly isStale: boolean;
}

/** A write that a read is to see. */
export interface AfterWrite extends WaitOptions {
  /**
   * What an append returned, its token, or a position: the read begins when the projection has applied it, and throws as
   * `waitFor` does.
   * @defaultValue none: reads what is there
   */
  readonly afterWrite?: WriteToSee;
}

/** What reading needs of a store. */
export type ReadContext = Pick<
  LoadContext & AppendContext,
  'storage' | 'readModels' | 'pageSize' | 'registry' | 'categories'
>;

/** Reads the read model of a projection, as far as it has come. */
export interface ReadModelReader<Model> {
  /** The document or row under a key, or undefined. */
  get(key: string, options?: AfterWrite): Promise<Model | undefined>;
  /** All of them, in the order of their keys, page by page. */
  list(
    options?: AfterWrite & {
      /** Only those behind this key. */
      readonly after?: string | undefined;
    },
  ): EventSequence<FoundModel<Model>>;
  /**
   * One page of what fits. By fields that are columns: all of a table, and of documents those that `fields` names.
   *
   * @example
   * const page = await store.projections.readModel(orders).find({
   *   where: { status: 'open', total: { gte: 10_000 } },
   *   orderBy: [['placedAt', 'desc']],
   * });
   */
  find(options?: FindOptions<Model> & AfterWrite): Promise<FoundPage<Model>>;
  /** How many there are that fit. */
  count(options?: AfterWrite & { readonly where?: Where<Model> | undefined }): Promise<number>;
}

/** A page of what was found. */
export interface FoundPage<Model> {
  readonly items: readonly FoundModel<Model>[];
  /** What the next page begins after; undefined where there is none. */
  readonly next: string | undefined;
}

/** A reader over a read model of a store; `use` gives its context while it is open. */
export function readModelReader<Model>(
  use: () => ReadContext,
  projection: Projection<string, Categories, Model>,
): ReadModelReader<Model> {
  const { readModel } = projection;
  const wait = async ({ afterWrite, timeout, signal }: AfterWrite): Promise<void> => {
    if (afterWrite === undefined) return;
    await waitForWrite(waitContext(use()), afterWrite, { projections: [projection], timeout, signal });
  };
  return {
    get: async (key, options = {}) => {
      checkText('key', key);
      await wait(options);
      const [found] = await readModelsOf(use()).readRows(projection, [key]);
      return found === undefined ? undefined : typed<Model>(readModel.fromRow(found.row));
    },
    list: ({ after, ...options } = {}) =>
      new EventSequence(async function* () {
        await wait(options);
        const { pageSize: limit } = use();
        let last = after;
        for (;;) {
          const page = await readModelsOf(use()).listRows(projection, { after: last, limit });
          yield page.map((row) => toFound(readModel, row));
          if (page.length < limit) return;
          last = page.at(-1)?.key;
        }
      }),
    find: async ({ afterWrite, timeout, signal, ...options } = {}) => {
      await wait({ afterWrite, timeout, signal });
      const query = toRowQuery(readModel.spec, typed(options));
      // One more than are wanted: it tells whether there is a next page.
      const found = await readModelsOf(use()).findRows(projection, { ...query, limit: query.limit + 1 });
      const items = found.slice(0, query.limit);
      const last = items.at(-1);
      const next = found.length > query.limit && last !== undefined ? toCursor(query.order, last.row) : undefined;
      return { items: items.map((row) => toFound(readModel, row)), next };
    },
    count: async ({ where, ...options } = {}) => {
      await wait(options);
      return readModelsOf(use()).countRows(projection, toConditions(readModel.spec, typed(where)));
    },
  };
}

function toFound<Model>(readModel: ReadModel<Model>, { row, ...rest }: StoredRow): FoundModel<Model> {
  return { ...rest, model: typed<Model>(readModel.fromRow(row)) };
}

/** What waiting for projections needs of a store. */
export function waitContext({ storage, registry, readModels }: ReadContext): WaitContext {
  return { storage, registry, readModels: readModelsOf({ readModels }) };
}

/** Where a store keeps read models. */
export function readModelsOf({ readModels }: Partial<Pick<LoadContext, 'readModels'>>): ProjectionStorage {
  if (readModels !== undefined) return readModels;
  throw new InvalidArgumentError('store', 'has a storage without read models');
}
