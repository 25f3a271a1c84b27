import type { EventStore, UntypedCategories } from 'mink';

const METHODS = [
  'readStream',
  'readAll',
  'subscribe',
  'listStreams',
  'streamInfoOrThrow',
  'readBound',
  'feedStatus',
  'history',
  'close',
] as const;

const PARTS = ['snapshots', 'uniqueSets', 'schema', 'projections', 'operations'] as const;

/** The part of an event store that the commands use. */
export type ReadableStore = Pick<EventStore<UntypedCategories>, (typeof METHODS)[number] | (typeof PARTS)[number]>;

/** By shape: the config file may come with a mink of its own, whose classes are not ours. */
export function isReadableStore(value: unknown): value is ReadableStore {
  if (typeof value !== 'object' || value === null) return false;
  if (!PARTS.every((part) => typeof Reflect.get(value, part) === 'object')) return false;
  return METHODS.every((method) => typeof Reflect.get(value, method) === 'function');
}
