import {
  ConcurrencyConflictError,
  IdempotencyMismatchError,
  InvalidArgumentError,
  NoEventsError,
  StreamClosedError,
} from '../errors.ts';
import { checkExpectedVersion, type ExpectedVersion } from '../expected-version.ts';
import type { Metadata } from '../metadata.ts';
import type { AppendCommandEntry, AppendOutcome, EventStorage, RecordedEvent } from '../storage/event-storage.ts';
import { parseStreamName } from '../stream-name.ts';
import type { StoredEvent } from './categories.ts';
import type { EventRegistry } from './event-registry.ts';
import {
  hasGivenIds,
  prepareEvents,
  type PrepareContext,
  type PreparedWithData,
  type UncheckedEvent,
} from './prepare-events.ts';
import { toStoredEvent } from './stored-event.ts';

/** What appending needs of a store. */
export interface AppendContext extends PrepareContext {
  readonly storage: EventStorage;
  readonly registry: EventRegistry;
}

/** One stream of an append. Without events, only the expectation is checked. */
export interface UncheckedEntry {
  readonly streamName: string;
  readonly events?: readonly UncheckedEvent[] | undefined;
  readonly expectedVersion?: ExpectedVersion | undefined;
}

/** What was appended to one stream. */
export interface AppendedStream {
  readonly streamName: string;
  readonly streamVersion: number;
  readonly events: readonly StoredEvent[];
}

/** What was appended by one command. */
export interface Appended {
  readonly repeated: boolean;
  readonly streams: readonly AppendedStream[];
  readonly globalPosition: number;
}

/** One checked stream of an append. */
export interface CheckedEntry {
  readonly command: AppendCommandEntry;
  readonly events: readonly PreparedWithData[];
}

/** A checked append: `events` are per entry, with their payloads as readers will see them. */
export interface PreparedAppend {
  readonly entries: readonly CheckedEntry[];
  readonly mayBeRepeated: boolean;
}

/** Checks and encodes everything. Throws a typed error for the first thing that is wrong. */
export function prepareAppend(
  context: AppendContext,
  entries: readonly UncheckedEntry[],
  metadata: Metadata | undefined,
): PreparedAppend {
  return {
    entries: checkEntries(context, entries, metadata),
    mayBeRepeated: hasGivenIds(entries.flatMap(({ events }) => events ?? [])),
  };
}

/** Appends in one commit, or throws and has written nothing (`AppendOutcomeUnknownError` alone cannot tell). */
export async function sendAppend(
  context: AppendContext,
  append: PreparedAppend,
  signal: AbortSignal | undefined,
): Promise<Appended> {
  signal?.throwIfAborted();
  const entries = append.entries.map(({ command }) => command);
  const outcome = await context.storage.append({ entries, mayBeRepeated: append.mayBeRepeated }, { signal });
  return toAppended(context, append.entries, outcome);
}

function checkEntries(
  context: AppendContext,
  entries: readonly UncheckedEntry[],
  metadata: Metadata | undefined,
): readonly CheckedEntry[] {
  if (!Array.isArray(entries) || entries.length === 0) throw new InvalidArgumentError('entries', 'is empty');
  const names = new Set<string>();
  const checked = Array.from(entries, (entry: UncheckedEntry | null | undefined) => {
    if (typeof entry !== 'object' || entry === null) throw new InvalidArgumentError('entries', 'holds no entry');
    const { category } = parseStreamName(entry.streamName);
    if (names.has(entry.streamName)) {
      throw new InvalidArgumentError(
        'entries',
        `stream "${entry.streamName}" comes twice; put its events into one entry`,
      );
    }
    names.add(entry.streamName);
    return checkEntry(context, category, entry, metadata);
  });
  if (checked.every(({ events }) => events.length === 0)) throw new NoEventsError([...names].join(', '));
  return checked;
}

function checkEntry(
  context: AppendContext,
  category: string,
  { streamName, events, expectedVersion }: UncheckedEntry,
  metadata: Metadata | undefined,
): CheckedEntry {
  if (events === undefined && expectedVersion === undefined) {
    throw new InvalidArgumentError(
      'entries',
      `stream "${streamName}" has neither events nor an expectedVersion to check`,
    );
  }
  const request = { streamName, category, registry: context.registry, metadata };
  const prepared = events === undefined ? [] : prepareEvents(context, events, request);
  const command = {
    streamName,
    category,
    expectedVersion: checkExpectedVersion(expectedVersion ?? 'any'),
    events: prepared.map((event) => event.prepared),
  };
  return { command, events: prepared };
}

function toAppended(context: AppendContext, entries: readonly CheckedEntry[], outcome: AppendOutcome): Appended {
  switch (outcome.status) {
    case 'conflict': {
      const { streamName, actualVersion } = outcome;
      const entry = entries.find(({ command }) => command.streamName === streamName);
      throw new ConcurrencyConflictError(streamName, entry?.command.expectedVersion ?? 'any', actualVersion);
    }
    case 'mismatch':
      throw new IdempotencyMismatchError(outcome.streamName, outcome.eventIds);
    case 'closed':
      throw new StreamClosedError(outcome.streamName, outcome.state);
    case 'appended':
      break;
  }
  let globalPosition = 0;
  const streams = entries.map(({ command, events }, index) => {
    const appended = outcome.entries[index] ?? { streamVersion: 0, events: [] };
    globalPosition = Math.max(globalPosition, appended.events.at(-1)?.globalPosition ?? 0);
    return {
      streamName: command.streamName,
      streamVersion: appended.streamVersion,
      events: appended.events.map((event, at) => toResult(context, event, outcome.repeated ? undefined : events[at])),
    };
  });
  return { repeated: outcome.repeated, streams, globalPosition };
}

function toResult(context: AppendContext, event: RecordedEvent, given: PreparedWithData | undefined): StoredEvent {
  return toStoredEvent(event, given === undefined ? context.registry.decode(event, 'error')?.data : given.data);
}
