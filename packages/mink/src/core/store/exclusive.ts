import { AsyncLocalStorage } from 'node:async_hooks';
import {
  ConcurrencyConflictError,
  ConflictNotResolvedError,
  InvalidArgumentError,
  TransactionOpenError,
} from '../errors.ts';
import type { AnyFold } from '../deciders/decider.ts';
import { tracesOf } from '../observe/links.ts';
import { describeAppended, traceAppend } from '../observe/trace-append.ts';
import { Tries } from '../retry/backoff.ts';
import { remember } from '../snapshots/replay.ts';
import type { OpenTransaction } from '../storage/event-storage.ts';
import { streamName } from '../stream-name.ts';
import type { Actor, Decision } from './actor.ts';
import { prepareAppend, sendWithoutEvents, type PreparedAppend } from './append.ts';
import type { StoredEvent } from './categories.ts';
import { createCategoryRegistry } from './event-registry.ts';
import { checkExpectation, type ExecuteContext, type Executed } from './execute.ts';
import { sendSurely, type ExecuteWithRetryOptions } from './execute-with-retry.ts';
import { keyed, type KeyedOptions } from './keyed.ts';
import { loadKnown, loadOn, type Known, type Loaded } from './load.ts';
import { signalIn, type LazySignalOptions } from './lazy-signal.ts';
import { onAbort } from './signals.ts';
import { cacheKey } from './state-cache.ts';

type Options = ExecuteWithRetryOptions<unknown, unknown> & KeyedOptions & LazySignalOptions;

/** A piece of work that waits for its turn. */
interface Request {
  readonly actor: Actor;
  readonly options: Options;
  /** Runs work where it was asked for: its metadata is ambient there, and its span active. */
  readonly inside: ReturnType<typeof AsyncLocalStorage.snapshot>;
  readonly resolve: (result: Executed<unknown>) => void;
  readonly reject: (error: unknown) => void;
}

/** Everybody who waits for one stream. */
interface Line {
  readonly fold: AnyFold<unknown>;
  readonly id: string;
  readonly queue: Request[];
}

/** A request that was decided, on what the one before has led to. */
interface Decided {
  readonly request: Request;
  readonly decision: Decision;
  readonly append: PreparedAppend | undefined;
  readonly after: Loaded<unknown>;
}

/** What has become of a batch; its requests are told when it is stored for good. */
interface Outcome {
  readonly known: Loaded<unknown>;
  readonly events: readonly StoredEvent[];
  readonly tell: () => void;
}

/** Nothing of a batch was sent: each of it has to have an append of its own. */
class NotTogether extends Error {}

const MAX_REQUESTS = 200;
/** Others may win at first; once the row is locked, nobody does. */
const MAX_TRIES = 5;

/**
 * Executes what concerns one hot stream one after another instead of at once: nobody in this process loses to anybody else in
 * it. What waits is decided in turn, each on the state that the one before has led to, and appended together, with one commit;
 * each gets its own result. Where another process gets there first, the next try locks the stream's row, if the storage has
 * transactions, and waits instead of losing again.
 */
export class ExclusiveStreams {
  readonly #context: ExecuteContext;
  readonly #lines = new Map<string, Line>();
  /** Whoever begins a line works for others, too: neither its metadata nor its transaction is theirs. */
  readonly #outside = AsyncLocalStorage.snapshot();

  constructor(context: ExecuteContext) {
    this.#context = context;
  }

  async execute(actor: Actor, id: string, options: Options): Promise<Executed<unknown>> {
    if (options.tx !== undefined) {
      throw new InvalidArgumentError('tx', 'has no place in exclusive mode, which commits for several at once');
    }
    if (options.onConflict !== undefined) {
      throw new InvalidArgumentError('onConflict', 'is never asked in exclusive mode, which waits instead of losing');
    }
    signalIn(options)?.throwIfAborted();
    const { fold } = actor;
    const name = streamName(fold.category, id);
    if (this.#context.storage.isInTransaction?.() === true) throw new TransactionOpenError([name]);
    const key = cacheKey(fold, name);
    return new Promise((resolve, reject) => {
      const known = this.#lines.get(key);
      const line = known ?? { fold, id, queue: [] };
      enqueue(line.queue, { actor, options, inside: AsyncLocalStorage.snapshot(), resolve, reject });
      if (known !== undefined) return;
      this.#lines.set(key, line);
      void this.#outside(() => this.#run(key, line));
    });
  }

  async #run(key: string, line: Line): Promise<void> {
    // What was asked for together travels together.
    await Promise.resolve();
    let known: Known<unknown> | undefined;
    let single = 0;
    while (line.queue.length > 0) {
      const batch = single > 0 ? line.queue.splice(0, 1) : nextBatch(line.queue);
      single = Math.max(0, single - 1);
      try {
        known = await this.#commit(line, batch, known);
      } catch (error) {
        known = undefined;
        if (error instanceof NotTogether) {
          line.queue.unshift(...batch);
          single = batch.length;
          continue;
        }
        for (const { reject } of batch) reject(error);
      }
      // Whoever was answered may come back at once: the state is at hand as long as somebody does.
      if (line.queue.length === 0) await new Promise(setImmediate);
    }
    this.#lines.delete(key);
  }

  /** Decides and appends a batch, and gives back what the stream has come to. */
  async #commit(line: Line, batch: readonly Request[], before: Known<unknown> | undefined): Promise<Known<unknown>> {
    const { fold, id } = line;
    const { replay, ...start } = before ?? (await loadKnown(this.#context, fold, id, {}));
    let known: Loaded<unknown> = start;
    for (let tries = 1; ; tries += 1) {
      try {
        const outcome = await (tries === 1 ? this.#attempt(line, batch, known) : this.#whileLocked(line, batch, known));
        replay?.append(outcome.events);
        if (replay !== undefined) remember(this.#context, fold, { ...outcome.known, replay });
        outcome.tell();
        return { ...outcome.known, replay };
      } catch (error) {
        if (!(error instanceof ConcurrencyConflictError) || error.streamName !== known.streamName) throw error;
        if (tries === MAX_TRIES)
          throw new ConflictNotResolvedError(known.streamName, { tries, reason: 'tries' }, error);
        // What the others have appended may be in the cache already: it is read here in any case.
        known = await loadOn(this.#context, fold, known, {});
      }
    }
  }

  /** Waits for the stream's row, and has it until the end. */
  async #whileLocked(line: Line, batch: readonly Request[], known: Loaded<unknown>): Promise<Outcome> {
    const { storage } = this.#context;
    if (storage.inTransaction === undefined) return this.#attempt(line, batch, known);
    return storage.inTransaction(async (tx) => {
      const entry = {
        streamName: known.streamName,
        category: line.fold.category,
        expectedVersion: 'any' as const,
      };
      await sendWithoutEvents(this.#context, entry, { tx });
      return this.#attempt(line, batch, await loadOn(this.#context, line.fold, known, { tx }), tx);
    });
  }

  async #attempt(
    line: Line,
    batch: readonly Request[],
    known: Loaded<unknown>,
    tx?: OpenTransaction,
  ): Promise<Outcome> {
    const { decided, failed } = await this.#decide(line.fold, batch, known);
    const writing = decided.flatMap(({ append }) => append ?? []);
    if (batch.length > 1 && writing.some(needsOwnAppend)) throw new NotTogether();
    let events: readonly StoredEvent[] = [];
    if (writing.length > 0) {
      const scoped = { ...this.#context, registry: createCategoryRegistry(line.fold.category, line.fold.events) };
      const slot = batch[0]?.options[keyed];
      const send = sendSurely(new Tries({}));
      const append = together(writing, known);
      const { entries } = append.command;
      const traced = { entries, origins: tracesOf(entries.flatMap((entry) => entry.events)) };
      const { streams } = await traceAppend(this.#context.tracer, traced, async (span) => {
        const appended = await send(scoped, append, { tx, [keyed]: slot });
        describeAppended(span, appended);
        return appended;
      });
      events = streams[0]?.events ?? [];
    }
    const tell = (): void => {
      let next = 0;
      for (const { request, decision, after } of decided) {
        const own = events.slice(next, next + decision.events.length);
        next += own.length;
        decision.settle({ version: after.streamVersion, unsettledIds: [] });
        request.resolve({ ...after, events: own, globalPosition: own.at(-1)?.globalPosition });
      }
      for (const { request, error } of failed) request.reject(error);
    };
    return { known: decided.at(-1)?.after ?? known, events, tell };
  }

  /** Decides each request on what the one before has led to; one that fails changes nothing for the others. */
  async #decide(
    fold: AnyFold<unknown>,
    batch: readonly Request[],
    known: Loaded<unknown>,
  ): Promise<{
    readonly decided: readonly Decided[];
    readonly failed: readonly { readonly request: Request; readonly error: unknown }[];
  }> {
    const scoped = { ...this.#context, registry: createCategoryRegistry(fold.category, fold.events) };
    const decided: Decided[] = [];
    const failed: { request: Request; error: unknown }[] = [];
    let last = known;
    for (const request of batch) {
      let decision: Decision | undefined;
      try {
        const { actor, options, inside } = request;
        const before = last;
        checkExpectation(last.streamName, options.expectedVersion, last.streamVersion);
        decision = await inside(() => actor.decide(before));
        const { events, streamVersion: expectedVersion } = decision;
        if (expectedVersion !== last.streamVersion) {
          throw new InvalidArgumentError('work', 'has saved the aggregate itself, which exclusive mode does for it');
        }
        const entry = { streamName: last.streamName, events, expectedVersion };
        const append = events.length === 0 ? undefined : inside(() => prepareAppend(scoped, [entry], options.metadata));
        const state = decision.stateWith(append?.data[0] ?? []);
        last = { streamName: last.streamName, streamVersion: last.streamVersion + events.length, state };
        decided.push({ request, decision, append, after: last });
      } catch (error) {
        decision?.settle(undefined, error);
        failed.push({ request, error });
      }
    }
    return { decided, failed };
  }
}

/**
 * Ids of one's own are looked for as those of one append, and a value that another stream has is refused to whoever wants it,
 * not to all that travel with it.
 */
function needsOwnAppend({ command }: PreparedAppend): boolean {
  return command.mayBeRepeated || command.entries.some(({ holds = [] }) => holds.length > 0);
}

/** Several appends to one stream as one. */
function together(appends: readonly PreparedAppend[], { streamVersion }: Loaded<unknown>): PreparedAppend {
  const entries = appends.flatMap(({ command }) => command.entries);
  const [first] = entries;
  if (first === undefined) throw new Error('nothing is appended');
  const entry = { ...first, expectedVersion: streamVersion, events: entries.flatMap(({ events }) => events) };
  const mayBeRepeated = appends.some(({ command }) => command.mayBeRepeated);
  return { command: { entries: [entry], mayBeRepeated }, data: [appends.flatMap(({ data }) => data[0] ?? [])] };
}

/** Puts a request at the end; aborting its signal takes it out again, while it waits. */
function enqueue(queue: Request[], { resolve, reject, ...rest }: Request): void {
  const signal = signalIn(rest.options);
  const forget =
    signal === undefined
      ? undefined
      : onAbort(signal, () => {
          const index = queue.indexOf(request);
          if (index === -1) return;
          queue.splice(index, 1);
          request.reject(signal.reason);
        });
  const request: Request = {
    ...rest,
    resolve: (result) => {
      forget?.();
      resolve(result);
    },
    reject: (error) => {
      forget?.();
      reject(error);
    },
  };
  queue.push(request);
}

/** What may be appended together: a command with a key has an append of its own. */
function nextBatch(queue: Request[]): readonly Request[] {
  const isAlone = ({ options }: Request): boolean => options[keyed] !== undefined;
  let count = 1;
  if (queue[0] !== undefined && !isAlone(queue[0])) {
    while (count < Math.min(queue.length, MAX_REQUESTS) && queue[count] !== undefined) {
      const next = queue[count];
      if (next === undefined || isAlone(next)) break;
      count += 1;
    }
  }
  return queue.splice(0, count);
}
