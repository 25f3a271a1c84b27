import {
  createEventStore,
  defineEvents,
  defineProjection,
  documents,
  payload,
  type EventStorage,
} from '../../src/index.ts';

interface Happening {
  /** Unique in the log: whether a handler takes it depends on it. */
  readonly n: number;
  readonly tags: readonly string[];
}

const thingEvents = defineEvents({
  Happened: payload<Happening>(),
  Ended: payload<Happening>(),
  Ignored: payload<Happening>(),
});

/** A store that knows them. */
export function openStore(storage: EventStorage) {
  return createEventStore(storage, { categories: { Thing: thingEvents } });
}

export type StoreOfThings = ReturnType<typeof openStore>;

/** Says by its positions which events are in it, and in what order they came. */
export interface Trace {
  readonly positions: readonly number[];
}

/** Decides about each event whether a handler fails at it; of the world that runs now. */
export const handling = { check: (_projection: string, _n: number): void => undefined };

const trace =
  (name: string) =>
  (before: Trace | null, event: { readonly globalPosition: number; readonly data: Happening }): Trace => {
    handling.check(name, event.data.n);
    return { positions: [...(before?.positions ?? []), event.globalPosition] };
  };

/** A document for each stream, which is gone after `Ended`. */
const byStream = defineProjection({
  name: 'by-stream',
  events: { Thing: thingEvents },
  readModel: documents<Trace>(),
}).on({
  Happened: trace('by-stream'),
  Ended: (_, event) => {
    handling.check('by-stream', event.data.n);
    return null;
  },
});

/** Keys of its own: one event is about none, one or several. */
const byTag = defineProjection({
  name: 'by-tag',
  events: { Thing: thingEvents },
  readModel: documents<Trace>(),
  key: (event) => event.data.tags,
}).on({ Happened: trace('by-tag') });

export const projections = [byStream, byTag] as const;

/** What a projection makes of an event, told apart from the library. */
export interface LoggedThing {
  readonly position: number;
  readonly streamName: string;
  readonly type: string;
  readonly data: Happening;
}

export function keysOf(projection: string, { streamName, type, data }: LoggedThing): readonly string[] {
  if (projection === 'by-tag') return type === 'Happened' ? data.tags : [];
  return type === 'Ignored' ? [] : [streamName];
}

/** The document after the events of one key; null where there is none. */
export function foldThings(events: readonly LoggedThing[]): Trace | null {
  const ended = events.findLastIndex(({ type }) => type === 'Ended');
  const since = events.slice(ended + 1);
  return since.length === 0 ? null : { positions: since.map(({ position }) => position) };
}
