import { InvalidArgumentError } from '../errors.ts';
import type { Metadata } from '../metadata.ts';
import { InlineProjectionError } from '../projection-errors.ts';
import type { AppendCommandEntry, AppendedEntry, PreparedEvent } from '../storage/event-storage.ts';
import type { PreparedAppend } from '../store/append.ts';
import type { StoredEvent } from '../store/categories.ts';
import { toStoredEvent } from '../store/stored-event.ts';
import type { Projection } from './define-projection.ts';
import { within, type InlineRows, type InlineWrite } from './inline-rows.ts';
import type { InlineKey, InlineWork } from './inline-storage.ts';
import { evolveRow } from './projection-batch.ts';

/** A handler that took long, in the transaction of an append. */
export interface SlowInline {
  readonly projection: string;
  readonly eventType: string;
  readonly streamName: string;
  readonly key: string;
  /** Milliseconds of all handlers of the append together. */
  readonly duration: number;
}

/** How handlers are run. */
export interface InlineSettings {
  /** Milliseconds that the handlers of one append may take together. */
  readonly timeout: number;
  readonly onSlow: (slow: SlowInline) => void;
  /** Milliseconds from any beginning. */
  readonly now: () => number;
}

/** One event for one row, by its place in the append. */
interface Part extends InlineKey {
  readonly entry: number;
  readonly event: number;
}

/** The projections that handle a type of event, in a category. */
export type Handlers = (category: string, type: string) => readonly Projection[];

/** A share of the time limit, from which on an append counts as slow. */
const SLOW_SHARE = 10;

/**
 * What is to be done with an append: the rows it is about, from the events alone, and how they follow.
 *
 * Throws `InlineProjectionError` where the keys of an event cannot be told. Nothing has been sent then.
 */
export function inlineWork(
  append: PreparedAppend,
  {
    epoch,
    handlers,
    settings,
  }: { readonly epoch: number; readonly handlers: Handlers; readonly settings: InlineSettings },
): InlineWork {
  const parts = partsOf(append, handlers);
  return {
    epoch,
    keys: keysOf(parts),
    timeout: settings.timeout,
    apply: (rows, entries) => applyParts({ append, parts, settings }, rows, entries),
  };
}

function partsOf({ command, data }: PreparedAppend, handlers: Handlers): readonly Part[] {
  const parts: Part[] = [];
  for (const [entry, of] of command.entries.entries()) {
    for (const [event, prepared] of of.events.entries()) {
      for (const projection of handlers(of.category, prepared.type)) {
        const unplaced = new UnplacedEvent(of, prepared, data[entry]?.[event]);
        for (const key of keysOfEvent(projection, unplaced)) parts.push({ projection, key, entry, event });
      }
    }
  }
  return parts;
}

function keysOfEvent(projection: Projection, event: StoredEvent): readonly string[] {
  try {
    return projection.keysOf(event);
  } catch (error) {
    const { type, streamName } = event;
    throw new InlineProjectionError(projection.name, { eventType: type, streamName, key: undefined }, error);
  }
}

function keysOf(parts: readonly Part[]): readonly InlineKey[] {
  if (parts.length < 2) return parts;
  const keys = new Map<Projection, Map<string, InlineKey>>();
  for (const { projection, key } of parts) within(keys, projection).set(key, { projection, key });
  return [...keys.values()].flatMap((own) => [...own.values()]);
}

/** An event before it has its place. Its key must not depend on what is not known yet. */
class UnplacedEvent implements StoredEvent {
  readonly id: string;
  readonly type: string;
  readonly data: unknown;
  readonly metadata: Metadata;
  readonly streamName: string;
  readonly category: string;
  readonly schemaVersion: number;

  constructor(
    { streamName, category }: AppendCommandEntry,
    { id, type, metadata, schemaVersion }: PreparedEvent,
    data: unknown,
  ) {
    this.id = id;
    this.type = type;
    this.data = data;
    this.metadata = metadata;
    this.streamName = streamName;
    this.category = category;
    this.schemaVersion = schemaVersion;
  }

  get streamVersion(): never {
    return notYet('streamVersion');
  }

  get globalPosition(): never {
    return notYet('globalPosition');
  }

  get recordedAt(): never {
    return notYet('recordedAt');
  }
}

function notYet(field: string): never {
  throw new InvalidArgumentError(
    'key',
    `reads ${field}, which an event does not have before it is appended. An inline projection needs keys that follow from its id, type, data, metadata and stream name.`,
  );
}

/** Runs the handlers. The rows change when all of them have succeeded, in time. */
function applyParts(
  {
    append,
    parts,
    settings,
  }: { readonly append: PreparedAppend; readonly parts: readonly Part[]; readonly settings: InlineSettings },
  rows: InlineRows,
  entries: readonly AppendedEntry[],
): void {
  const changes = new Map<Projection, Map<string, InlineWrite>>();
  const begin = settings.now();
  for (const part of parts) {
    const { projection, key } = part;
    const own = within(changes, projection);
    const event = eventOf(append, entries, part);
    const before = own.has(key) ? (own.get(key)?.row ?? null) : rows.get(projection, key);
    try {
      own.set(key, { key, row: evolveRow(projection, before, key, [event]), position: event.globalPosition });
    } catch (error) {
      throw failed(part, event, error);
    }
    const duration = settings.now() - begin;
    if (duration > settings.timeout) throw failed(part, event, tooSlow(duration, settings.timeout));
  }
  const duration = settings.now() - begin;
  const last = parts.at(-1);
  if (last !== undefined && duration > settings.timeout / SLOW_SHARE) {
    const { type: eventType, streamName } = eventOf(append, entries, last);
    settings.onSlow({ projection: last.projection.name, eventType, streamName, key: last.key, duration });
  }
  rows.merge(changes);
}

function eventOf({ data }: PreparedAppend, entries: readonly AppendedEntry[], { entry, event }: Part): StoredEvent {
  const recorded = entries[entry]?.events[event];
  if (recorded === undefined) throw new Error('the storage has not given back an event of the append');
  const { type, schemaVersion } = recorded;
  return toStoredEvent(recorded, { type, schemaVersion, data: data[entry]?.[event] });
}

function failed({ projection, key }: Part, { type, streamName }: StoredEvent, cause: unknown): InlineProjectionError {
  return new InlineProjectionError(projection.name, { eventType: type, streamName, key }, cause);
}

function tooSlow(duration: number, timeout: number): Error {
  return new Error(
    `the handlers of this append took ${Math.round(duration)} ms, and may take ${timeout} ms (inlineTimeout)`,
  );
}
