import { AsyncLocalStorage } from 'node:async_hooks';
import { BusinessRuleViolationError } from '../business-rule-violation.ts';
import { CommandWithinItselfError, IdempotencyKeyReusedError } from '../../command-errors.ts';
import { InvalidArgumentError } from '../../errors.ts';
import { checkJson, type JsonObject, type JsonValue } from '../../json.ts';
import type { KeyedResult } from '../../storage/event-storage.ts';
import { KeySlot, KnownResult } from '../../store/keyed.ts';
import { checkWhole } from '../../store/read-options.ts';
import type { AnySignal } from '../../store/lazy-signal.ts';
import { untilAborted } from '../../store/signals.ts';
import { textProblem } from '../../stream-name.ts';
import { fingerprintOf } from '../fingerprint.ts';
import { typed } from '../../typed.ts';
import { changed, signalOf } from '../lazy-context.ts';
import { named } from '../layer-names.ts';
import {
  pipeline,
  type CommandResults,
  type MessageContext,
  type Middleware,
  type Next,
  type PipelineParts,
} from '../message-context.ts';

const DAY = 86_400_000;
const CLEANUP_INTERVAL = 60_000;
const CLEANUP_SIZE = 1_000;
const MAX_KEY_LENGTH = 512;

/** Options of {@link idempotency}. */
export interface IdempotencyOptions {
  /**
   * Milliseconds that a result is kept.
   * @defaultValue 86_400_000 (24 hours)
   */
  readonly ttl?: number | undefined;
  /**
   * Whether an error is the command's result: it will be for every repeat, too. Errors that pass must not be.
   * @defaultValue instances of `BusinessRuleViolationError`
   */
  readonly isResult?: ((error: unknown) => boolean) | undefined;
  /** Told when results that have expired could not be forgotten; they are ignored all the same. */
  readonly onCleanupError?: ((error: unknown) => void) | undefined;
}

/** A command under way in this process. */
interface Running {
  readonly messageType: string;
  readonly fingerprint: string;
  readonly signal: AnySignal | undefined;
  readonly result: Promise<unknown>;
  readonly scope: Scope;
}

/** What happens for a command, inside what happens for others, which wait for it. */
interface Scope {
  readonly outer: Scope | undefined;
}

const scopes = new AsyncLocalStorage<Scope>();

/**
 * A command that was given an id has one effect, however often it is sent: the id and the result are stored in the
 * transaction of its append, and whoever sends it again gets the first result. Commands without an id, and queries, pass.
 *
 * - Repeats in this process at the same time share one execution; in several processes a handler may run in each, one
 *   append wins, and all get its result.
 * - A crash leaves neither or both. No transaction is open while a handler runs.
 * - A business error is a result, too; any other error is none, and the command may be sent again.
 * - The same id with another type or other data is an `IdempotencyKeyReusedError`.
 */
export function idempotency(options: IdempotencyOptions = {}): Middleware {
  const { isResult = isBusinessError, onCleanupError = () => undefined } = options;
  const ttl = checkWhole('ttl', options.ttl ?? DAY, 1);
  // By store: buses of several may have the same layers.
  const runningIn = new WeakMap<CommandResults, Map<string, Running>>();
  let cleanedUp = -Infinity;

  /** Forgets what has expired, now and then, while nobody waits for it. */
  const cleanUp = (results: CommandResults): void => {
    const now = performance.now();
    if (now < cleanedUp + CLEANUP_INTERVAL) return;
    cleanedUp = now;
    results.deleteExpiredResults(CLEANUP_SIZE).catch(onCleanupError);
  };

  const execute = async (context: MessageContext, next: Next, slot: KeySlot): Promise<unknown> => {
    const { results, replay, told } = context[pipeline];
    const { key, messageType, fingerprint } = slot.key;
    const first = (result: KeyedResult): Promise<unknown> => {
      told.keyUse = 'repeated';
      checkSame(key, { messageType, fingerprint }, { ...result, told });
      const { outcome } = result;
      return outcome.status === 'refused' ? Promise.reject(toError(outcome.error)) : replay(outcome);
    };
    const known = await results.readResult(key);
    if (known !== undefined) return first(known);
    cleanUp(results);
    try {
      const result = await next(changed(context, { [pipeline]: { ...context[pipeline], slot } }));
      if (slot.isStored) return result;
      const earlier = await results.keepResult({ ...slot.key, streams: slot.streams, error: undefined });
      return earlier === undefined ? result : await first(earlier);
    } catch (error) {
      if (error instanceof KnownResult) return first(error.result);
      if (slot.isStored) throw error;
      // Where another process has done it meanwhile, that is the result, whatever this one ran into.
      const earlier = isResult(error)
        ? await results.keepResult({ ...slot.key, value: undefined, streams: [], error: toJson(error) })
        : await results.readResult(key).catch(() => undefined);
      if (earlier !== undefined) return first(earlier);
      throw error;
    }
  };

  return named('idempotency', async (context, next) => {
    const { message, kind } = context;
    const { id: key, type: messageType } = message;
    if (kind === 'query' || key === undefined) return next(context);
    checkKey(key);
    const { results, sent, told } = context[pipeline];
    const running = runningIn.get(results) ?? new Map<string, Running>();
    runningIn.set(results, running);
    const fingerprint = fingerprintOf(sent);
    const signal = signalOf(context);
    for (let other = running.get(key); other !== undefined; other = running.get(key)) {
      told.keyUse = 'repeated';
      checkSame(key, { messageType, fingerprint }, { ...other, told });
      checkNotWithin(other, key, messageType);
      try {
        return await (signal === undefined ? other.result : untilAborted(other.result, signal));
      } catch (error) {
        // Its sender has gone, this one has not.
        if (other.signal?.aborted !== true || signal?.aborted === true) throw error;
      }
    }
    told.keyUse = 'first';
    const scope = { outer: scopes.getStore() };
    const slot = new KeySlot({ key, messageType, fingerprint, ttl });
    const result = scopes.run(scope, () => execute(context, next, slot));
    // Repeats wait for it as long as its sender does: one that pays no heed to its signal may never end.
    const shared = signal === undefined ? result : untilAborted(result, signal);
    const own = { messageType, fingerprint, signal, result: shared, scope };
    const forget = (): void => {
      if (running.get(key) === own) running.delete(key);
    };
    running.set(key, own);
    shared.then(forget, forget);
    try {
      return await result;
    } finally {
      forget();
    }
  });
}

function checkKey(key: string): void {
  if (key.length > MAX_KEY_LENGTH) {
    throw new InvalidArgumentError('message.id', `is longer than ${MAX_KEY_LENGTH} characters`);
  }
  const problem = textProblem(key);
  if (problem !== undefined) throw new InvalidArgumentError('message.id', `${JSON.stringify(key)}: ${problem}`);
}

/** Throws where the handler of a command waits for that very command: neither would ever end. */
function checkNotWithin(other: Running, key: string, messageType: string): void {
  for (let scope = scopes.getStore(); scope !== undefined; scope = scope.outer) {
    if (scope === other.scope) throw new CommandWithinItselfError(key, messageType);
  }
}

type Content = Pick<Running, 'messageType' | 'fingerprint'>;

function checkSame(key: string, now: Content, first: Content & Pick<PipelineParts, 'told'>): void {
  if (now.messageType === first.messageType && now.fingerprint === first.fingerprint) return;
  first.told.keyUse = 'reused';
  throw new IdempotencyKeyReusedError(key, now.messageType, first.messageType);
}

function isBusinessError(error: unknown): boolean {
  return error instanceof BusinessRuleViolationError;
}

/** What of an error can be kept: its name, code and message, and those fields that JSON can hold. */
function toJson(error: unknown): JsonValue {
  if (!(error instanceof Error)) return { message: String(error) };
  const fields = Object.entries(error).flatMap(([name, value]): readonly [string, JsonValue][] => {
    const checked = checkJson(value);
    return 'reason' in checked ? [] : [[name, checked.value]];
  });
  return { ...Object.fromEntries(fields), name: error.name, message: error.message };
}

/** The error as it was kept: a `BusinessRuleViolationError` with the name, the code and the fields of the first one. */
function toError(kept: JsonValue): Error {
  const { name, message, code, ...fields } = typed<JsonObject>(kept);
  const error = new BusinessRuleViolationError(textOf(code, 'REFUSED'), textOf(message, ''));
  // Errors of others may have numbers.
  const codes = typeof code === 'number' ? { code } : {};
  return Object.assign(error, fields, { name: textOf(name, error.name) }, codes);
}

function textOf(value: JsonValue | undefined, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise;
}
