import {
  createEventStore,
  type Categories,
  type EventStorage,
  type EventStore,
  type Metadata,
  type StoreOptions,
  type UntypedCategories,
} from '../core/index.ts';
import { MemoryStorage } from './memory-storage.ts';

/** Options of the memory storage. */
export interface MemoryStorageOptions {
  /**
   * The clock behind `recordedAt`, in milliseconds since 1970.
   * @defaultValue Date.now
   */
  readonly now?: (() => number) | undefined;
  /**
   * Names the store in the tokens of its appends: a UUID.
   * @defaultValue a new one
   */
  readonly storeId?: string | undefined;
}

/** A storage that lives in this process and forgets everything at its end. */
export function createMemoryStorage(options: MemoryStorageOptions = {}): EventStorage {
  return new MemoryStorage(options.now ?? Date.now, options.storeId);
}

/**
 * A store in memory, with the semantics of the real one: for tests, and to begin with.
 *
 * @example
 * const store = createMemoryStore({ categories: { Order: orderEvents } });
 */
export function createMemoryStore<C extends Categories = UntypedCategories, Meta = Metadata>(
  options: StoreOptions<C, Meta> & MemoryStorageOptions = {},
): EventStore<C, Meta> {
  return createEventStore(createMemoryStorage(options), options);
}
