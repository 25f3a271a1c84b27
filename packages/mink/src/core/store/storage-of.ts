import { internals } from '../deciders/aggregate.ts';
import { InvalidArgumentError } from '../errors.ts';
import type { EventStorage } from '../storage/event-storage.ts';

/**
 * The storage behind a store: what is stored, as it is stored, page by page. For tools that show it to people; what is written
 * through it has passed no check. It is closed with its store.
 *
 * @example
 * const asStored = createEventStore(storageOf(store)); // reads any event, whatever the categories of `store` are
 */
export function storageOf(store: object): EventStorage {
  if (isStore(store)) return store[internals].storage;
  throw new InvalidArgumentError('store', 'is no event store');
}

function isStore(store: object): store is { readonly [internals]: { readonly storage: EventStorage } } {
  return internals in store;
}
