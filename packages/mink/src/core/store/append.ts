import {
  AppendOutcomeUnknownError,
  ConcurrencyConflictError,
  DatabaseUnavailableError,
  IdempotencyMismatchError,
  InvalidArgumentError,
  NoEventsError,
  StreamClosedError,
  UniqueValueTakenError,
} from '../errors.ts';
import { InlineSetChangedError } from '../projection-errors.ts';
import type { InlineProjections } from '../projections/inline-projections.ts';
import { AppendWatch } from '../observe/append-watch.ts';
import type { Observer } from '../observe/observer.ts';
import { describeAppended, traceAppend } from '../observe/trace-append.ts';
import type { ShapeCatalogue } from '../schema/shape-catalogue.ts';
import { holdsAfter, wantedValues } from '../events/unique-sets.ts';
import { checkExpectedVersion, type ExpectedVersion } from '../expected-version.ts';
import type { Metadata } from '../metadata.ts';
import type {
  AppendCommand,
  AppendCommandEntry,
  AppendOutcome,
  EventStorage,
  StorageCallOptions,
} from '../storage/event-storage.ts';
import { parseStreamName } from '../stream-name.ts';
import type { StoredEvent } from './categories.ts';
import type { EventRegistry } from './event-registry.ts';
import { signalIn, storageCall, type LazySignalOptions } from './lazy-signal.ts';
import { keyed, KnownResult, type KeyedOptions } from './keyed.ts';
import {
  hasGivenIds,
  prepareEvents,
  type PrepareContext,
  type PreparedEvents,
  type UncheckedEvent,
} from './prepare-events.ts';
import { untilAborted } from './signals.ts';
import { toStoredEvent } from './stored-event.ts';

/** What appending needs of a store. */
export interface AppendContext extends PrepareContext {
  readonly storage: EventStorage;
  readonly registry: EventRegistry;
  /** The property of results that is their token. */
  readonly token: PropertyDescriptor;
  /** Undefined where shapes are not recorded. */
  readonly shapes: ShapeCatalogue | undefined;
  readonly inline: InlineProjections;
  readonly observer: Observer | undefined;
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

/** A checked append: what the storage gets, and the payloads of each entry's events as readers will see them. */
export interface PreparedAppend {
  readonly command: AppendCommand;
  readonly data: readonly (readonly unknown[])[];
}

/** Checks and encodes everything. Throws a typed error for the first thing that is wrong. */
export function prepareAppend(
  context: AppendContext,
  entries: readonly UncheckedEntry[],
  metadata: Metadata | undefined,
): PreparedAppend {
  if (!Array.isArray(entries) || entries.length === 0) throw new InvalidArgumentError('entries', 'is empty');
  const names = entries.length > 1 ? new Set<string>() : undefined;
  const checked: AppendCommandEntry[] = [];
  const data: (readonly unknown[])[] = [];
  let isEmpty = true;
  for (const entry of entries) {
    const category = checkEntry(entry, names);
    const { streamName, events, expectedVersion = 'any' } = entry;
    const request = { streamName, category, registry: context.registry, metadata };
    const prepared = events === undefined ? NOTHING : prepareEvents(context, events, request);
    const sets = context.registry.uniqueSets(category);
    checked.push({
      streamName,
      category,
      expectedVersion: checkExpectedVersion(expectedVersion),
      events: prepared.events,
      ...(sets.size === 0 ? undefined : { holds: holdsAfter(sets, decodedEvents(prepared)) }),
    });
    data.push(prepared.data);
    if (events !== undefined) isEmpty = false;
  }
  if (isEmpty) throw new NoEventsError(checked.map(({ streamName }) => streamName).join(', '));
  checkApart(checked);
  return { command: { entries: checked, mayBeRepeated: hasGivenIds(entries) }, data };
}

function decodedEvents({ events, data }: PreparedEvents): readonly { readonly type: string; readonly data: unknown }[] {
  return events.map(({ type }, index) => ({ type, data: data[index] }));
}

/** Refuses an append that gives one value to two of its streams. */
function checkApart(entries: readonly AppendCommandEntry[]): void {
  if (entries.length < 2) return;
  const holders = new Map<string, string>();
  for (const { streamName, holds = [] } of entries) {
    for (const hold of holds) {
      const { set } = hold;
      for (const value of wantedValues(hold)) {
        const heldBy = holders.get(`${set}\0${value}`);
        if (heldBy !== undefined) throw new UniqueValueTakenError(streamName, { set, value, heldBy });
        holders.set(`${set}\0${value}`, streamName);
      }
    }
  }
}

/** Sends of an append while the inline projections change under it. */
const INLINE_TRIES = 5;

const NOTHING: PreparedEvents = { events: [], data: [] };

/** The category of an entry's stream, which is none of `names`. */
function checkEntry(entry: UncheckedEntry | null | undefined, names: Set<string> | undefined): string {
  if (typeof entry !== 'object' || entry === null) throw new InvalidArgumentError('entries', 'holds no entry');
  const { streamName, events, expectedVersion } = entry;
  const { category } = parseStreamName(streamName);
  if (names?.has(streamName) === true) {
    throw new InvalidArgumentError('entries', `stream "${streamName}" comes twice; put its events into one entry`);
  }
  names?.add(streamName);
  if (events === undefined && expectedVersion === undefined) {
    throw new InvalidArgumentError(
      'entries',
      `stream "${streamName}" has neither events nor an expectedVersion to check`,
    );
  }
  return category;
}

/** Prepares and appends in one commit, in a span of its own where there is a tracer. */
export function appendEntries(
  context: AppendContext,
  entries: readonly UncheckedEntry[],
  options: StorageCallOptions & { readonly metadata?: Metadata | undefined },
): Promise<Appended> {
  const { tracer } = context;
  // What is wrong with them is told in a moment.
  return traceAppend(tracer, { entries: Array.isArray(entries) ? entries : [] }, async (span) => {
    const appended = await sendAppend(context, prepareAppend(context, entries, options.metadata), options);
    describeAppended(span, appended);
    return appended;
  });
}

/** Appends in one commit, or throws and has written nothing (`AppendOutcomeUnknownError` alone cannot tell). */
export async function sendAppend(
  context: AppendContext,
  append: PreparedAppend,
  options: StorageCallOptions & KeyedOptions & LazySignalOptions,
): Promise<Appended> {
  const watch = context.observer === undefined ? undefined : new AppendWatch(context.observer);
  try {
    const { tx, [keyed]: slot } = options;
    const signal = signalIn(options);
    signal?.throwIfAborted();
    if (slot?.isStored === true)
      throw new InvalidArgumentError('append', 'a command with a key appends once; put everything into one append');
    const command = slot === undefined ? append.command : { ...append.command, key: slot.key };
    const recorded = context.shapes?.admit(command.entries, tx);
    if (recorded !== undefined) await (signal === undefined ? recorded : untilAborted(recorded, signal));
    const call = storageCall(context.storage, signal, tx);
    const appended = toAppended(context, append, await sendWithInline(context, { ...append, command }, call));
    if (slot !== undefined) slot.isStored = true;
    watch?.ended(appended);
    return appended;
  } catch (error) {
    watch?.threw(error);
    throw error;
  }
}

/**
 * An append without events, which locks a stream or takes values for it. It, too, has to say which inline projections it knows: the
 * database asks every append.
 */
export function sendWithoutEvents(
  context: AppendContext,
  entry: Omit<AppendCommandEntry, 'events'>,
  options: StorageCallOptions,
): Promise<SettledOutcome> {
  const command = { entries: [{ ...entry, events: [] }], mayBeRepeated: false };
  return sendWithInline(context, { command, data: [[]] }, options);
}

/** Looks again where the inline projections have changed: this process may have all of them. */
async function sendWithInline(
  context: AppendContext,
  append: PreparedAppend,
  options: StorageCallOptions,
): Promise<SettledOutcome> {
  const { inline } = context;
  const { tx } = options;
  if (!inline.isKnown) await inline.look(tx);
  for (let tries = 1; ; tries += 1) {
    const work = inline.workOf(append);
    const command = work === undefined ? append.command : { ...append.command, inline: work };
    const outcome = await sendToStorage(context, command, options);
    if (outcome.status !== 'inline_changed') return outcome;
    const { cause } = outcome;
    inline.forget();
    // What has failed in a transaction cannot be done again in it.
    if (tx !== undefined || tries === INLINE_TRIES)
      throw new InlineSetChangedError({ missing: [], inactive: [] }, { cause });
    await inline.look();
  }
}

async function sendToStorage(
  { storage, shapes }: AppendContext,
  command: AppendCommand,
  options: StorageCallOptions,
): Promise<AppendOutcome> {
  try {
    return await storage.append(command, options);
  } catch (error) {
    if (error instanceof DatabaseUnavailableError || error instanceof AppendOutcomeUnknownError) shapes?.forget();
    throw error;
  }
}

function toAppended(context: AppendContext, { command, data }: PreparedAppend, outcome: SettledOutcome): Appended {
  if (outcome.status !== 'appended') throw refusal(command, outcome);
  const { repeated } = outcome;
  const streams: AppendedStream[] = [];
  let globalPosition = 0;
  for (const [index, { streamName }] of command.entries.entries()) {
    const { streamVersion, events: recorded } = outcome.entries[index] ?? { streamVersion: 0, events: [] };
    const given = data[index] ?? [];
    const events: StoredEvent[] = [];
    for (const [at, event] of recorded.entries()) {
      const { type, schemaVersion } = event;
      if (repeated)
        for (const decoded of context.registry.decode(event, 'error')) events.push(toStoredEvent(event, decoded));
      else events.push(toStoredEvent(event, { type, schemaVersion, data: given[at] }));
      globalPosition = Math.max(globalPosition, event.globalPosition);
    }
    streams.push({ streamName, streamVersion, events });
  }
  return { repeated, streams, globalPosition };
}

/** Where the inline projections are the right ones. */
type SettledOutcome = Exclude<AppendOutcome, { readonly status: 'inline_changed' }>;
type Refusal = Exclude<SettledOutcome, { readonly status: 'appended' }>;

/** The error of an append that was refused. */
function refusal(command: AppendCommand, outcome: Refusal): Error {
  if (outcome.status === 'known') return new KnownResult(outcome.result);
  const { streamName } = outcome;
  switch (outcome.status) {
    case 'conflict': {
      const entry = command.entries.find((entry) => entry.streamName === streamName);
      return new ConcurrencyConflictError(streamName, entry?.expectedVersion ?? 'any', outcome.actualVersion);
    }
    case 'mismatch':
      return new IdempotencyMismatchError(streamName, outcome.eventIds);
    case 'taken':
      return new UniqueValueTakenError(streamName, outcome);
    case 'closed':
      return new StreamClosedError(streamName, outcome.state);
  }
}
