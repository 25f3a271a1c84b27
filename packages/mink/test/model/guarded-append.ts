import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import type {
  AppendCommand,
  AppendOutcome,
  KeyedOutcome,
  KeyedResult,
  NewKeyedResult,
  PreparedEvent,
} from '../../src/index.ts';
import {
  judgeGuarded,
  type GuardedEvent,
  type GuardedInput,
  type GuardedVerdict,
  type ModelEntry,
  type ModelOutcome,
  type ModelResult,
} from './guard-model.ts';
import { categoryOf, type ModelEvent } from './log-model.ts';
import { plain, type Subject } from './subject.ts';

/** Milliseconds that no run outlives, also on a clock that jumps. */
const LONG = 100_000_000_000;
/** Of a result that is to be over before the next command. */
const SHORT = 1;

/**
 * Sends an append to a storage, holds the answer against the model, and takes over what came of it. Gives back whether its
 * result is kept now.
 */
export async function appendGuarded(subject: Subject, input: GuardedInput, ttl = LONG): Promise<boolean> {
  const verdict = judgeGuarded({ log: subject.model, guards: subject.guards }, input);
  countEnding(subject, input, verdict);
  const answer = await subject.storage.append(toCommand(input, { newId: () => subject.newId(), ttl }));
  switch (verdict.status) {
    case 'known':
      ok(answer.status === 'known', `the key has a result: ${JSON.stringify(answer)}`);
      checkResult(answer.result, verdict.result);
      return false;
    case 'taken':
      deepStrictEqual(answer, { status: 'taken', ...verdict.facts });
      return false;
    case 'refused':
      deepStrictEqual(factsOf(answer, input), verdict.facts);
      return false;
    case 'repeated':
    case 'appended':
      ok(answer.status === 'appended', `the append must be stored: ${JSON.stringify(answer)}`);
      strictEqual(answer.repeated, verdict.status === 'repeated');
      takeOver(subject, input, { answer, known: verdict.status === 'repeated' ? verdict.streams : undefined });
      return input.key !== undefined;
  }
}

/** The same with a result that expires; waits until it has, and the key is free. */
export async function appendExpiring(subject: Subject, input: GuardedInput): Promise<void> {
  const isKept = await appendGuarded(subject, input, SHORT);
  if (isKept && input.key !== undefined) await expire(subject, input.key.key);
}

/** Keeps a result without an append, if the key is free; with one that expires, waits until it has. */
export async function keepResult(
  subject: Subject,
  { key, outcome, expires }: { readonly key: KeyOnly; readonly outcome: ModelOutcome; readonly expires: boolean },
): Promise<void> {
  const known = subject.guards.result(key.key);
  subject.count(known === undefined ? `kept a result: ${outcome.status}` : 'kept no result: there was one');
  const kept = await subject.storage.keepResult(keepInput({ ...key, outcome }, expires ? SHORT : LONG));
  if (known !== undefined) {
    ok(kept !== undefined, 'a result was kept over another one');
    checkResult(kept, known);
    return;
  }
  strictEqual(kept, undefined);
  subject.guards.keep({ ...key, outcome });
  if (expires) await expire(subject, key.key);
}

/** A result as a storage is to keep it. */
export function keepInput({ outcome, ...key }: ModelResult, ttl = LONG): NewKeyedResult {
  if (outcome.status === 'refused') return { ...key, ttl, value: undefined, error: outcome.error, streams: [] };
  return { ...key, ttl, value: outcome.value, error: undefined, streams: outcome.entries };
}

type KeyOnly = Omit<ModelResult, 'outcome'>;

/** The result of a key as it can be read. */
export async function checkKey(subject: Subject, key: string): Promise<void> {
  const [result, expected] = [await subject.storage.readResult(key), subject.guards.result(key)];
  strictEqual(result === undefined, expected === undefined, `there is ${result === undefined ? 'no' : 'a'} result`);
  if (result !== undefined && expected !== undefined) checkResult(result, expected);
}

async function expire(subject: Subject, key: string): Promise<void> {
  await subject.kind.passTime();
  const deadline = Date.now() + 20_000;
  while ((await subject.storage.readResult(key)) !== undefined) ok(Date.now() < deadline, 'a result does not expire');
  subject.guards.expire(key);
  subject.count('expired');
}

function countEnding(subject: Subject, { entries, key }: GuardedInput, verdict: GuardedVerdict): void {
  subject.count(verdict.status === 'refused' ? String(verdict.facts['code']) : verdict.status);
  if (verdict.status === 'known' && verdict.result.fingerprint !== key?.fingerprint) {
    subject.count('known, another fingerprint');
  }
  if (verdict.status !== 'appended') return;
  for (const { streamName, holds = [] } of entries) {
    for (const { set, values } of holds) {
      const before = subject.guards.valuesOf(streamName, set);
      if (before.some((value) => !values.includes(value))) subject.count('gave up a value');
      for (const value of values) {
        const holder = subject.guards.holderOf(set, value);
        if (holder === undefined) subject.count('claimed a value');
        else if (holder !== streamName) subject.count('took over a value');
      }
    }
  }
}

/** An append as a storage takes it. */
export function toCommand(
  { entries, mayBeRepeated, key }: GuardedInput,
  { newId, ttl = LONG }: { readonly newId: () => string; readonly ttl?: number },
): AppendCommand {
  return {
    mayBeRepeated,
    key: key === undefined ? undefined : { ...key, ttl },
    entries: entries.map(({ streamName, events, expectedVersion = 'any', holds }) => ({
      streamName,
      category: categoryOf(streamName),
      expectedVersion,
      events: events.map((event) => prepare(event, newId)),
      holds,
    })),
  };
}

function prepare({ type, data, id }: GuardedEvent, newId: () => string): PreparedEvent {
  return { id: id ?? newId(), type, schemaVersion: 1, data, metadata: {}, hasNegativeZero: true };
}

/** What the model says of a refused append, from what the storage says. */
export function factsOf(answer: AppendOutcome, { entries }: GuardedInput): Readonly<Record<string, unknown>> {
  switch (answer.status) {
    case 'conflict': {
      const { streamName, actualVersion } = answer;
      const entry = entries.find((it) => it.streamName === streamName);
      return { code: 'CONCURRENCY_CONFLICT', streamName, expectedVersion: entry?.expectedVersion, actualVersion };
    }
    case 'mismatch': {
      const { streamName, eventIds } = answer;
      return { code: 'IDEMPOTENCY_MISMATCH', streamName, eventIds };
    }
    default:
      return { ...answer };
  }
}

/** Of an append that was stored, now or before: its answer is right, and the model knows it. */
function takeOver(
  subject: Subject,
  { entries, key }: GuardedInput,
  { answer, known }: { readonly answer: Appended; readonly known: readonly (readonly ModelEvent[])[] | undefined },
): void {
  const streams =
    known ??
    subject.adopt(
      entries,
      answer.entries.flatMap(({ events }) => events),
    );
  if (known === undefined) subject.guards.hold(entries);
  const expected = entries.map(({ streamName }, at): ModelEntry => {
    const events = streams[at] ?? [];
    return { streamName, streamVersion: events.at(-1)?.streamVersion ?? subject.model.version(streamName), events };
  });
  deepStrictEqual(
    answer.entries.map(({ streamVersion, events }) => [streamVersion, events.map(plain)]),
    expected.map(({ streamVersion, events }) => [streamVersion, events.map(plain)]),
  );
  if (key === undefined) return;
  const { value, ...rest } = key;
  subject.guards.keep({ ...rest, outcome: { status: 'appended', entries: expected, value } });
}

type Appended = AppendOutcome & { readonly status: 'appended' };

/** Whoever sends a command again gets the first result, whatever came since. */
function checkResult({ recordedAt, outcome, ...facts }: KeyedResult, expected: ModelResult): void {
  ok(Number.isSafeInteger(recordedAt));
  const { outcome: first, ...rest } = expected;
  deepStrictEqual(facts, rest);
  deepStrictEqual(plainOutcome(outcome), plainOutcome(first));
}

function plainOutcome(outcome: KeyedOutcome | ModelOutcome): unknown {
  if (outcome.status === 'refused') return [outcome.status, outcome.error];
  const entries = outcome.entries.map(({ streamName, streamVersion, events }) => [
    streamName,
    streamVersion,
    events.map(plain),
  ]);
  return [outcome.status, entries, outcome.value];
}
