import type { EventStore, UntypedCategories } from 'mink';

/** A store that takes any stream, type and payload. */
export type UntypedStore = EventStore<UntypedCategories>;
