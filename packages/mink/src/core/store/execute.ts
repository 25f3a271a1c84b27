import { AppendOutcomeUnknownError, ConcurrencyConflictError, InvalidArgumentError } from '../errors.ts';
import { deepFreeze } from '../deep-freeze.ts';
import { internals, type AnyAggregate, type Saved } from '../deciders/aggregate.ts';
import { evolveOnce } from '../deciders/decider.ts';
import type { AnyEvents } from '../events/define-events.ts';
import { checkExpectedVersion, meetsExpectation, type ExpectedVersion } from '../expected-version.ts';
import { streamName } from '../stream-name.ts';
import { prepareAppend, sendAppend, type AppendContext } from './append.ts';
import type { StoredEvent } from './categories.ts';
import { createCategoryRegistry } from './event-registry.ts';
import { loadState, type AnyFold, type LoadContext, type LoadOptions } from './load.ts';
import type { AppendOptions } from './options.ts';
import type { UncheckedEvent } from './prepare-events.ts';

/** Options of `execute`. */
export interface ExecuteOptions<Meta>
  extends Pick<AppendOptions<Meta>, 'metadata' | 'signal' | 'tx'>, Pick<LoadOptions, 'unknownEvents'> {
  /**
   * What the stream must be at when the work begins, such as the version a user has seen (`If-Match`).
   * @defaultValue 'any': decide on whatever is there
   */
  readonly expectedVersion?: ExpectedVersion | undefined;
}

/** What came of an `execute` or a `save`. */
export interface ExecuteResult<State, Event = StoredEvent> {
  readonly streamName: string;
  /** The version after this; unchanged where nothing was decided. */
  readonly streamVersion: number;
  readonly state: State;
  /** What was appended; empty where nothing was decided. */
  readonly events: readonly Event[];
  /** The position of the last appended event; undefined where nothing was decided. */
  readonly globalPosition: number | undefined;
}

/** Any decider, its command unchecked. */
interface AnyDecider<State> extends AnyFold<State> {
  decide(command: unknown, state: State): unknown;
}

/** Loads, decides, appends. Nothing is retried here. */
export async function executeDecider<State>(
  context: AppendContext & LoadContext,
  decider: AnyDecider<State>,
  request: { readonly id: string; readonly command: unknown },
  options: ExecuteOptions<unknown>,
): Promise<ExecuteResult<State>> {
  const loaded = await loadState(context, decider, request.id, options);
  checkExpectation(loaded.streamName, options.expectedVersion, loaded.streamVersion);
  const events = decidedEvents(decider.decide(request.command, loaded.state));
  if (events.length === 0) return { ...loaded, events: [], globalPosition: undefined };

  const scoped = scopedTo(context, decider);
  const entry = { streamName: loaded.streamName, events, expectedVersion: loaded.streamVersion };
  const append = prepareAppend(scoped, [entry], options.metadata);
  // Folded before the append: an evolve that fails must fail while nothing is written yet.
  let state = loaded.state;
  const [payloads = []] = append.data;
  for (const [index, { type }] of append.command.entries[0]?.events.entries() ?? []) {
    state = deepFreeze(evolveOnce(decider, state, { type, data: payloads[index] }));
  }
  const appended = await sendAppend(scoped, append, options);
  const [stream] = appended.streams;
  const streamVersion = stream?.streamVersion ?? loaded.streamVersion;
  // A repeat is in what was loaded: folded on top, it would count twice.
  if (appended.repeated) {
    ({ state } = await loadState(context, decider, request.id, { ...options, until: { version: streamVersion } }));
  }
  return {
    streamName: loaded.streamName,
    streamVersion,
    state,
    events: stream?.events ?? [],
    globalPosition: appended.globalPosition,
  };
}

/**
 * Appends what an aggregate has applied, at the version it was loaded at. After an `AppendOutcomeUnknownError`, saving it
 * again repeats the same append: it happens once. So does saving it again after a save in a transaction, which may have
 * been rolled back.
 */
export async function saveAggregate(
  context: AppendContext,
  aggregate: AnyAggregate,
  definition: { readonly category: string; readonly events: AnyEvents },
  options: Pick<AppendOptions<unknown>, 'metadata' | 'signal' | 'tx'>,
): Promise<ExecuteResult<unknown>> {
  const name = streamName(definition.category, aggregate.id);
  const parts = aggregate[internals];
  const finish = parts.beginSave();
  let saved: Saved | undefined;
  try {
    const events = parts.uncommitted();
    if (events.length === 0) {
      const { state, version: streamVersion } = aggregate;
      return { streamName: name, streamVersion, state, events: [], globalPosition: undefined };
    }
    const scoped = scopedTo(context, definition);
    const append = prepareAppend(
      scoped,
      [{ streamName: name, events, expectedVersion: aggregate.version }],
      options.metadata,
    );
    const { streams, globalPosition } = await sendAppend(scoped, append, options);
    const [stream = { streamVersion: aggregate.version, events: [] }] = streams;
    const { streamVersion, events: stored } = stream;
    saved = { version: streamVersion, unsettledIds: options.tx === undefined ? [] : stored.map(({ id }) => id) };
    return { streamName: name, streamVersion, state: aggregate.state, events: stored, globalPosition };
  } catch (error) {
    if (error instanceof AppendOutcomeUnknownError) parts.rememberIds(error.eventIds);
    throw error;
  } finally {
    finish(saved);
  }
}

/** Throws the conflict that the append would run into. */
export function checkExpectation(name: string, expected: ExpectedVersion | undefined, actual: number): void {
  if (expected === undefined || meetsExpectation(checkExpectedVersion(expected), actual)) return;
  throw new ConcurrencyConflictError(name, expected, actual);
}

function scopedTo(
  context: AppendContext,
  definition: { readonly category: string; readonly events: AnyEvents },
): AppendContext {
  return { ...context, registry: createCategoryRegistry(definition.category, definition.events) };
}

/** What decide returned: one event, or several. */
export function decidedEvents(decided: unknown): readonly UncheckedEvent[] {
  const events: readonly unknown[] = Array.isArray(decided) ? decided : [decided];
  // Array.from, because map passes over holes.
  return Array.from(events, (event) => {
    if (isEvent(event)) return event;
    // Its own failure is not the one to report, and must not end the process.
    if (event instanceof Promise) event.catch(() => undefined);
    const hint = event instanceof Promise ? ' decide must not be asynchronous: fetch what it needs before.' : '';
    throw new InvalidArgumentError(
      'decide',
      `returned something that is not { type, data } or an array of them.${hint}`,
    );
  });
}

function isEvent(value: unknown): value is UncheckedEvent {
  return (
    typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string' && 'data' in value
  );
}
