import { InvalidArgumentError } from '../errors.ts';
import { checkInline } from '../projections/check-projections.ts';
import type { InlineContext } from '../projections/inline-context.ts';
import { InlineProjections } from '../projections/inline-projections.ts';
import type { SlowInline } from '../projections/inline-work.ts';
import type { ProjectionStorage } from '../projections/projection-storage.ts';
import { tokenProperty } from '../projections/token.ts';
import { tellObserver } from '../observe/observer.ts';
import { quietly } from '../observe/quietly.ts';
import { parseStreamName } from '../stream-name.ts';
import { ShapeCatalogue } from '../schema/shape-catalogue.ts';
import { SnapshotWriter, type SnapshotProblem } from '../snapshots/snapshot-writer.ts';
import { storeSettings } from '../operations/store-settings.ts';
import type { EventStorage } from '../storage/event-storage.ts';
import { createUuidV7Generator } from '../uuid.ts';
import type { AppendContext } from './append.ts';
import type { Categories } from './categories.ts';
import { createRegistry, createUntypedRegistry } from './event-registry.ts';
import type { LoadContext } from './load.ts';
import type { StoreOptions } from './options.ts';
import { checkOneOf, checkWhole } from './read-options.ts';

const DEFAULT_MAX_PAYLOAD_BYTES = 1_048_576;
const DEFAULT_PAGE_SIZE = 1_000;
const DEFAULT_INLINE_TIMEOUT = 1_000;

/** What the parts of a store work with, from its options. */
export function storeContext<C extends Categories, Meta>(
  storage: EventStorage,
  options: StoreOptions<C, Meta>,
): AppendContext & LoadContext {
  const { categories, metadata, newId, cache, onSnapshotProblem, observer } = options;
  const reportSnapshotProblem = (problem: SnapshotProblem): void => {
    const { streamName, name, flaw } = problem;
    const { category } = parseStreamName(streamName);
    tellObserver(observer, 'snapshot', { category, name, status: flaw, behind: undefined, age: undefined });
    quietly(() => onSnapshotProblem?.(problem));
  };
  const readModels = readModelsOf(storage, options);
  const registry = categories === undefined ? createUntypedRegistry() : createRegistry(categories);
  const context: AppendContext & LoadContext = {
    storage,
    readModels,
    readModelStorage: options.readModels,
    categories,
    registry,
    inline: inlineProjections({ storage, readModels, registry, categories }, options),
    token: tokenProperty(storage),
    metadataSchema: metadata,
    maxPayloadBytes: checkWhole('maxPayloadBytes', options.maxPayloadBytes ?? DEFAULT_MAX_PAYLOAD_BYTES, 1),
    pageSize: checkWhole('pageSize', options.pageSize ?? DEFAULT_PAGE_SIZE, 1),
    shapes: options.recordShapes === false ? undefined : shapeCatalogue(storage),
    newId,
    newUuid: createUuidV7Generator(Date.now),
    cache,
    snapshotWriter: new SnapshotWriter(storage, { report: reportSnapshotProblem, observer }),
    snapshotOwners: new Map(),
    reportSnapshotProblem,
    observer,
    settings: () => storeSettings(context, options),
    tracer: options.tracer,
  };
  return context;
}

function readModelsOf(
  storage: EventStorage,
  { readModels, inline = [] }: Pick<StoreOptions<unknown, unknown>, 'readModels' | 'inline'>,
): ProjectionStorage | undefined {
  if (readModels === undefined) return storage.readModels;
  if (inline.length > 0) {
    throw new InvalidArgumentError('inline', 'cannot be applied by appends where read models are in another storage');
  }
  const found = readModels.readModelsFor?.(storage);
  if (found === undefined) throw new InvalidArgumentError('readModels', 'is a storage without read models');
  return found;
}

function inlineProjections<C extends Categories, Meta>(
  context: Pick<InlineContext, 'storage' | 'registry' | 'readModels'> & Pick<LoadContext, 'categories'>,
  {
    inline = [],
    inlineTimeout = DEFAULT_INLINE_TIMEOUT,
    whenInlineInactive = 'refuse',
    onSlowInline,
  }: StoreOptions<C, Meta>,
): InlineProjections {
  const onSlow = (slow: SlowInline): void => quietly(() => onSlowInline?.(slow));
  if (inline.length > 0) checkInline(context, inline);
  return new InlineProjections({
    ...context,
    projections: inline,
    settings: { timeout: checkWhole('inlineTimeout', inlineTimeout, 1), onSlow, now: () => performance.now() },
    whenInactive: checkOneOf('whenInlineInactive', whenInlineInactive, ['refuse', 'skip']),
  });
}

function shapeCatalogue(storage: EventStorage): ShapeCatalogue {
  const shapes = new ShapeCatalogue(storage);
  storage.onConnectionLost?.(() => shapes.forget());
  return shapes;
}
