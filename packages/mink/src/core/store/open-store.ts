import { internals } from '../deciders/aggregate.ts';
import type { AppendContext } from './append.ts';
import type { LoadContext } from './load.ts';

/** A store of mink's own, for those parts of mink that work with it. */
export interface OpenStore {
  readonly [internals]: AppendContext & LoadContext;
}

/** Whether a store is one of mink's own; tests and users may give something that only looks like one. */
export function isOpenStore(store: object): store is OpenStore {
  return internals in store;
}
