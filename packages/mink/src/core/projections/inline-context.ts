import { InvalidArgumentError } from '../errors.ts';
import type { EventStorage } from '../storage/event-storage.ts';
import type { EventRegistry } from '../store/event-registry.ts';
import type { Projection } from './define-projection.ts';
import type { InlineStorage } from './inline-storage.ts';
import type { InlineSettings } from './inline-work.ts';
import type { ProjectionId, ProjectionStorage } from './projection-storage.ts';

/** What the inline projections of a store work with. */
export interface InlineContext {
  readonly storage: EventStorage;
  /** Where the store keeps read models. */
  readonly readModels: ProjectionStorage | undefined;
  readonly registry: EventRegistry;
  /** Those that the store was made with. */
  readonly projections: readonly Projection[];
  readonly settings: InlineSettings;
  /** What an append does while one of them is not active. */
  readonly whenInactive: 'refuse' | 'skip';
}

/** Where the active set is kept. */
export function inlineStorageOf({ storage }: Pick<InlineContext, 'storage'>): InlineStorage {
  if (storage.inline !== undefined) return storage.inline;
  throw new InvalidArgumentError('inline', 'has no place in a storage without inline projections');
}

/** Those of the first list that are not in the second. */
export function without<P extends ProjectionId>(list: readonly P[], others: readonly ProjectionId[]): readonly P[] {
  return list.filter(({ name, version }) => !others.some((it) => it.name === name && it.version === version));
}
