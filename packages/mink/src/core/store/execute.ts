import { ConcurrencyConflictError } from '../errors.ts';
import type { AnyFold } from '../deciders/decider.ts';
import { checkExpectedVersion, meetsExpectation, type ExpectedVersion } from '../expected-version.ts';
import { describeAppended, traceAppend } from '../observe/trace-append.ts';
import { streamName } from '../stream-name.ts';
import { saveOf, type Actor, type Decision } from './actor.ts';
import { prepareAppend, sendAppend, type AppendContext } from './append.ts';
import type { StoredEvent } from './categories.ts';
import { createCategoryRegistry } from './event-registry.ts';
import type { KeyedOptions } from './keyed.ts';
import type { LazySignalOptions } from './lazy-signal.ts';
import { loadKnown, loadState, type LoadContext, type LoadOptions } from './load.ts';
import { remember, type Replay } from '../snapshots/replay.ts';
import type { AppendOptions } from './options.ts';
import { internals, type AnyAggregate } from '../deciders/aggregate.ts';

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
export interface ExecuteResult<State, Event = StoredEvent> extends Executed<State, Event> {
  /**
   * What a read is given, for it to see what was appended: see `waitFor` of projections. Undefined where nothing was decided.
   * Opaque; not a part of the JSON of the result.
   */
  readonly token: string | undefined;
}

/** The same, before it leaves the store. */
export interface Executed<State, Event = StoredEvent> {
  readonly streamName: string;
  /** The version after this; unchanged where nothing was decided. */
  readonly streamVersion: number;
  readonly state: State;
  /** What was appended; empty where nothing was decided. */
  readonly events: readonly Event[];
  /** The position of the last appended event; undefined where nothing was decided. */
  readonly globalPosition: number | undefined;
}

/** What executing needs of a store. */
export type ExecuteContext = AppendContext & LoadContext;

/** Loads, decides, appends. Nothing is retried here. */
export async function execute(
  context: ExecuteContext,
  actor: Actor,
  id: string,
  options: ExecuteOptions<unknown>,
): Promise<Executed<unknown>> {
  const { replay, ...known } = await loadKnown(context, actor.fold, id, options);
  checkExpectation(known.streamName, options.expectedVersion, known.streamVersion);
  const decision = await actor.decide(known);
  const result = await appendDecision(context, { fold: actor.fold, id, decision }, options);
  return remembered(context, actor.fold, replay, result);
}

/** A result whose state is kept for later. */
export function remembered<R extends Executed<unknown>>(
  context: ExecuteContext,
  fold: AnyFold<unknown>,
  replay: Replay | undefined,
  result: R,
): R {
  if (replay === undefined) return result;
  replay.append(result.events);
  const { streamName, streamVersion, state } = result;
  remember(context, fold, { streamName, streamVersion, state, replay });
  return result;
}

/**
 * Appends what an aggregate has applied, at the version it was loaded at. After an `AppendOutcomeUnknownError`, saving it
 * again repeats the same append: it happens once. So does saving it again after a save in a transaction, which may have
 * been rolled back.
 */
export async function saveAggregate(
  context: ExecuteContext,
  aggregate: AnyAggregate,
  options: ExecuteOptions<unknown>,
): Promise<Executed<unknown>> {
  const { id } = aggregate;
  return appendDecision(context, { fold: aggregate[internals].definition, id, decision: saveOf(aggregate) }, options);
}

/** A decision about an entity. */
export interface Decided {
  readonly fold: AnyFold<unknown>;
  readonly id: string;
  readonly decision: Decision;
}

/** Appends what was decided, and settles it. */
export async function appendDecision(
  context: ExecuteContext,
  { fold, id, decision }: Decided,
  options: ExecuteOptions<unknown> & KeyedOptions & LazySignalOptions,
  send = sendAppend,
): Promise<Executed<unknown>> {
  try {
    const name = streamName(fold.category, id);
    const { events, streamVersion: expectedVersion } = decision;
    if (events.length === 0) {
      decision.settle(undefined);
      const state = decision.stateWith([]);
      return { streamName: name, streamVersion: expectedVersion, state, events: [], globalPosition: undefined };
    }
    const scoped = { ...context, registry: createCategoryRegistry(fold.category, fold.events) };
    const entries = [{ streamName: name, events, expectedVersion }];
    const { state: folded, appended } = await traceAppend(context.tracer, { entries }, async (span) => {
      const append = prepareAppend(scoped, entries, options.metadata);
      // Folded before the append: an evolve that fails must fail while nothing is written yet.
      const folded = decision.stateWith(append.data[0] ?? []);
      const appended = await send(scoped, append, options);
      describeAppended(span, appended);
      return { state: folded, appended };
    });
    let state = folded;
    const { repeated, streams, globalPosition } = appended;
    const { streamVersion, events: stored } = streams[0] ?? { streamVersion: expectedVersion, events: [] };
    decision.settle({
      version: streamVersion,
      unsettledIds: options.tx === undefined ? [] : stored.map(({ id }) => id),
    });
    // A repeat may be in what was loaded: folded on top, it would count twice.
    if (repeated) ({ state } = await loadState(context, fold, id, { ...options, until: { version: streamVersion } }));
    return { streamName: name, streamVersion, state, events: stored, globalPosition };
  } catch (error) {
    decision.settle(undefined, error);
    throw error;
  }
}

/** Throws the conflict that the append would run into. */
export function checkExpectation(name: string, expected: ExpectedVersion | undefined, actual: number): void {
  if (expected === undefined || meetsExpectation(checkExpectedVersion(expected), actual)) return;
  throw new ConcurrencyConflictError(name, expected, actual);
}
