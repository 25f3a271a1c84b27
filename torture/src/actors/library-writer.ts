import {
  AppendOutcomeUnknownError,
  ConcurrencyConflictError,
  DatabaseError,
  DatabaseUnavailableError,
  IdempotencyMismatchError,
  OverloadedError,
} from 'mink';
import type { AnsweredEvent, AttemptEntry, AttemptStart, Outcome, Recorder } from '../history.ts';
import type { Random } from '../random.ts';
import { pause } from '../waiting.ts';
import { payloadOf, pickType } from './event-types.ts';
import type { Streams } from './streams.ts';
import type { UntypedStore } from '../untyped-store.ts';

export interface LibraryWriterOptions {
  readonly name: string;
  /** One for each "process" it pretends to be; it appends through any of them. */
  readonly stores: readonly [UntypedStore, ...UntypedStore[]];
  readonly random: Random;
  readonly recorder: Recorder;
  readonly streams: Streams;
  /** Longest pause between two appends, in milliseconds. */
  readonly maxPause: number;
}

/**
 * Appends through the library in every way there is: one event or many, to one stream or several, with all kinds of
 * expectations, true ones and outdated ones, with ids of its own, which it also repeats, one after the other and at once.
 */
export class LibraryWriter {
  readonly #options: LibraryWriterOptions;
  #made = 0;

  constructor(options: LibraryWriterOptions) {
    this.#options = options;
  }

  /** Until the signal is aborted; the append under way comes to its end. */
  async run(signal: AbortSignal): Promise<void> {
    const { random, maxPause } = this.#options;
    while (!signal.aborted) {
      await this.#appendOnce(signal);
      const milliseconds = random.int(0, maxPause);
      if (milliseconds > 0) await pause(milliseconds, signal);
    }
  }

  async #appendOnce(signal: AbortSignal): Promise<void> {
    const { random, recorder, stores } = this.#options;
    const start = this.#plan();
    const other = random.chance(0.1);
    recorder.begin(start);
    if (start.eventIds !== undefined && random.chance(0.1)) {
      await this.#sendTwice(start, stores, signal);
      return;
    }
    const outcome = await this.#send(start, random.pick(stores), signal);
    // A database that is away is not asked without end.
    if (outcome.status === 'refused') await pause(20, signal);
    if (start.eventIds === undefined || outcome.status !== 'acknowledged' || !other) return;
    if (random.chance(0.7)) await this.#send(start, random.pick(stores), signal);
    else await this.#sendOtherContent(start);
  }

  #plan(): AttemptStart {
    const { name, random } = this.#options;
    this.#made += 1;
    const id = `${name}-${this.#made}`;
    const names = new Set([this.#pickStream()]);
    if (random.chance(0.2)) for (let more = random.int(1, 3); more > 0; more -= 1) names.add(this.#pickStream());
    const entries = [...names].map((streamName, index) => this.#planEntry(streamName, index));
    const size = entries.reduce((sum, { types }) => sum + types.length, 0);
    const eventIds = random.chance(0.5) ? Array.from({ length: size }, () => random.uuid()) : undefined;
    return { id, entries, eventIds };
  }

  #pickStream(): string {
    const { random, streams, name } = this.#options;
    return streams.pick(random, name);
  }

  #planEntry(streamName: string, index: number): AttemptEntry {
    const { random, streams } = this.#options;
    const version = streams.versionOf(streamName);
    const kind = random.float();
    const expectedVersion =
      kind < 0.4
        ? 'any'
        : kind < 0.8
          ? version
          : version === 0
            ? 'no_stream'
            : kind < 0.9
              ? 'stream_exists'
              : Math.max(0, version - 1);
    // The first entry has events, as an append needs some; another may only check its stream.
    const isCheck = index > 0 && expectedVersion !== 'any' && random.chance(0.3);
    const count = isCheck ? 0 : random.chance(0.7) ? 1 : random.int(2, 12);
    return { streamName, expectedVersion, types: Array.from({ length: count }, () => pickType(random)) };
  }

  /** Sends, again and again while the outcome is unknown, with the same ids. */
  async #send(start: AttemptStart, store: UntypedStore, signal: AbortSignal): Promise<Outcome> {
    const { recorder } = this.#options;
    const outcome = await sendAttempt(start, store, recorder);
    this.#settle(start.id, outcome);
    return outcome.status === 'unknown' ? this.#resolve(start, outcome.eventIds, { store, signal }) : outcome;
  }

  /** The same append by two processes at once. Both answers are written down together: one alone says too little. */
  async #sendTwice(
    start: AttemptStart,
    stores: readonly [UntypedStore, ...UntypedStore[]],
    signal: AbortSignal,
  ): Promise<void> {
    const [first] = stores;
    const both = [first, stores.at(-1) ?? first];
    const outcomes = await Promise.all(both.map((store) => sendAttempt(start, store, this.#options.recorder)));
    // What says more comes first: a journal may be read between the two lines.
    const order = ['acknowledged', 'unknown', 'conflict', 'refused'];
    const sorted = outcomes.toSorted((one, other) => order.indexOf(one.status) - order.indexOf(other.status));
    for (const outcome of sorted) this.#settle(start.id, outcome);
    if (outcomes.every(({ status }) => status !== 'unknown')) return;
    await this.#resolve(start, start.eventIds, { store: first, signal });
  }

  #settle(attempt: string, outcome: Outcome): void {
    const { recorder, streams } = this.#options;
    recorder.settle(attempt, outcome);
    if (outcome.status === 'acknowledged') {
      for (const { streamName, version } of outcome.events) streams.learn(streamName, version);
    }
    if (outcome.status === 'conflict') streams.learn(outcome.streamName, outcome.actualVersion);
  }

  #resolve(
    start: AttemptStart,
    eventIds: readonly string[] | undefined,
    { store, signal }: { readonly store: UntypedStore; readonly signal: AbortSignal },
  ): Promise<Outcome> {
    return resolveUnknown({ ...start, eventIds }, store, { recorder: this.#options.recorder, signal });
  }

  /** The same ids with another payload are refused, and change nothing. */
  async #sendOtherContent(start: AttemptStart): Promise<void> {
    const { recorder, random, stores } = this.#options;
    try {
      await append({ ...start, id: `${start.id}-other` }, random.pick(stores));
      recorder.unexpected(`attempt ${start.id} was appended again with other content`);
    } catch (error) {
      const isRight = error instanceof IdempotencyMismatchError || isAboutConnection(error);
      if (!isRight) recorder.unexpected(`other content for ${start.id}: ${describeError(error)}`);
    }
  }
}

/** Retries with the same ids until the outcome is known, or the signal is aborted. */
export async function resolveUnknown(
  start: AttemptStart,
  store: UntypedStore,
  { recorder, signal }: { readonly recorder: Recorder; readonly signal: AbortSignal },
): Promise<Outcome> {
  let outcome: Outcome = { status: 'unknown', eventIds: start.eventIds };
  // Without ids, a retry would be another append.
  if (start.eventIds === undefined) return outcome;
  while (!signal.aborted) {
    const answer = await sendAttempt(start, store, recorder);
    // "Not sent" and "refused" are said of the retry only.
    if (answer.status === 'acknowledged' || answer.status === 'conflict') {
      outcome = answer;
      recorder.settle(start.id, outcome);
      break;
    }
    await pause(20, signal);
  }
  return outcome;
}

/** Sends once, and turns the answer into an outcome. */
async function sendAttempt(start: AttemptStart, store: UntypedStore, recorder: Recorder): Promise<Outcome> {
  try {
    return { status: 'acknowledged', events: await append(start, store) };
  } catch (error) {
    if (error instanceof ConcurrencyConflictError) {
      return { status: 'conflict', streamName: error.streamName, actualVersion: error.actualVersion };
    }
    if (error instanceof AppendOutcomeUnknownError) return { status: 'unknown', eventIds: error.eventIds };
    if (error instanceof DatabaseUnavailableError || error instanceof OverloadedError) {
      return { status: 'refused', reason: error.code };
    }
    // A deadlock with a transaction made by hand, or a stream that one holds for too long.
    if (error instanceof DatabaseError && ['40P01', '55P03'].includes(error.sqlState)) {
      return { status: 'refused', reason: error.sqlState };
    }
    recorder.unexpected(`attempt ${start.id}: ${describeError(error)}`);
    return { status: 'refused', reason: describeError(error) };
  }
}

async function append({ id, entries, eventIds }: AttemptStart, store: UntypedStore): Promise<readonly AnsweredEvent[]> {
  let next = 0;
  const given = entries.map(({ streamName, expectedVersion, types }) => ({
    streamName,
    expectedVersion,
    ...(types.length === 0
      ? {}
      : {
          events: types.map((type) => {
            const index = next;
            next += 1;
            const eventId = eventIds?.[index];
            return { type, data: payloadOf(id, index), ...(eventId === undefined ? {} : { id: eventId }) };
          }),
        }),
  }));
  const [only, ...others] = given;
  const results =
    only?.events !== undefined && others.length === 0
      ? [await store.append(only.streamName, only.events, { expectedVersion: only.expectedVersion })]
      : (await store.appendMany(given)).streams;
  return results.flatMap(({ events }) =>
    events.map((event) => ({
      id: event.id,
      streamName: event.streamName,
      version: event.streamVersion,
      position: event.globalPosition,
      recordedAt: event.recordedAt.getTime(),
    })),
  );
}

function isAboutConnection(error: unknown): boolean {
  return (
    error instanceof DatabaseUnavailableError ||
    error instanceof AppendOutcomeUnknownError ||
    (error instanceof DatabaseError && ['40P01', '55P03'].includes(error.sqlState))
  );
}

export function describeError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
