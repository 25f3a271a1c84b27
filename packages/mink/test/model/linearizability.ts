import { isDeepStrictEqual } from 'node:util';
import type { JsonValue, KeyedResult } from '../../src/index.ts';
import {
  GuardModel,
  judgeGuarded,
  toIds,
  type GuardedInput,
  type KeyInput,
  type ModelEntry,
  type ModelResult,
  type TakenFacts,
} from './guard-model.ts';
import { LogModel, type EntryInput, type ModelEvent, type Verdict } from './log-model.ts';

/** What a client did. */
export type Operation =
  | { readonly kind: 'append'; readonly entries: readonly EntryInput[] }
  | { readonly kind: 'read'; readonly streamName: string }
  /** An append that may bring a key and values. */
  | { readonly kind: 'guarded'; readonly input: GuardedInput }
  /** A result without an append. */
  | { readonly kind: 'keep'; readonly result: ModelResult }
  | { readonly kind: 'result'; readonly key: string }
  | { readonly kind: 'holder'; readonly set: string; readonly value: string };

/** How a store answered it: an append with ids and versions by stream or an error's facts, a read with ids. */
export type Answer =
  | {
      readonly kind: 'appended';
      readonly repeated: boolean;
      readonly streams: readonly { readonly version: number; readonly ids: readonly string[] }[];
    }
  | { readonly kind: 'refused'; readonly facts: Readonly<Record<string, unknown>> }
  | { readonly kind: 'taken'; readonly facts: TakenFacts }
  | { readonly kind: 'read'; readonly ids: readonly string[] }
  /** The result of a key that was there; undefined: there is none, or none was until now. */
  | { readonly kind: 'result'; readonly result: PlainResult | undefined }
  | { readonly kind: 'holder'; readonly streamName: string | undefined };

/** A result without what only the store knows. */
export interface PlainResult extends Omit<ModelResult, 'outcome'> {
  readonly status: string;
  /** A value, or the error of a refusal. */
  readonly value: JsonValue | undefined;
  readonly entries: ReturnType<typeof toIds>;
}

/** An operation with the moments it was called and answered, on one clock. */
export interface Observed {
  readonly operation: Operation;
  readonly answer: Answer;
  readonly called: number;
  readonly answered: number;
}

interface State {
  readonly log: LogModel;
  readonly guards: GuardModel;
}

/**
 * Whether one order explains a history: every operation takes effect at one moment between its call and its answer, and
 * each answer is what the model says at that moment. Tries every order (Wing and Gong 1993), remembering dead ends.
 */
export function isLinearizable(history: readonly Observed[]): boolean {
  const deadEnds = new Set<string>();

  const search = (left: readonly Observed[], before: State): boolean => {
    if (left.length === 0) return true;
    const state = JSON.stringify([
      left.map(({ called }) => called),
      before.log.log.map(({ id, streamName }) => [id, streamName]),
      before.guards.state(),
    ]);
    if (deadEnds.has(state)) return false;
    const firstAnswer = Math.min(...left.map(({ answered }) => answered));
    for (const next of left) {
      // It was called after another one had been answered: it cannot come before that one.
      if (next.called > firstAnswer) continue;
      const after = takeEffect(before, next);
      if (after === undefined) continue;
      if (
        search(
          left.filter((item) => item !== next),
          after,
        )
      ) {
        return true;
      }
    }
    deadEnds.add(state);
    return false;
  };

  return search(history, { log: new LogModel(), guards: new GuardModel() });
}

/** The state after the operation, or undefined if the answer is wrong at this moment. */
function takeEffect(state: State, { operation, answer }: Observed): State | undefined {
  const { log, guards } = state;
  const unchangedIf = (expected: Answer): State | undefined =>
    isDeepStrictEqual(answer, expected) ? state : undefined;
  switch (operation.kind) {
    case 'read':
      return unchangedIf({ kind: 'read', ids: log.stream(operation.streamName).map(({ id }) => id) });
    case 'holder':
      return unchangedIf({ kind: 'holder', streamName: guards.holderOf(operation.set, operation.value) });
    case 'result':
      return unchangedIf({ kind: 'result', result: plainOr(guards.result(operation.key)) });
    case 'keep': {
      const known = guards.result(operation.result.key);
      const answered = unchangedIf({ kind: 'result', result: plainOr(known) });
      if (known !== undefined || answered === undefined) return answered;
      const after = guards.copy();
      after.keep(operation.result);
      return { log, guards: after };
    }
    case 'append':
      return afterAppend(state, { entries: operation.entries, verdict: log.judge(operation.entries), answer });
    case 'guarded': {
      const { input } = operation;
      const verdict = judgeGuarded(state, input);
      if (verdict.status === 'known') return unchangedIf({ kind: 'result', result: toPlainResult(verdict.result) });
      if (verdict.status === 'taken') return unchangedIf({ kind: 'taken', facts: verdict.facts });
      return afterAppend(state, { ...input, verdict, answer });
    }
  }
}

interface JudgedAppend {
  readonly entries: readonly EntryInput[];
  readonly key?: KeyInput | undefined;
  readonly verdict: Verdict;
  readonly answer: Answer;
}

function afterAppend({ log, guards }: State, { entries, key, verdict, answer }: JudgedAppend): State | undefined {
  if (verdict.status === 'refused') {
    return isDeepStrictEqual(answer, { kind: 'refused', facts: verdict.facts }) ? { log, guards } : undefined;
  }
  const repeated = verdict.status === 'repeated';
  const after = { log: repeated ? log : log.copy(), guards: guards.copy() };
  const streams = repeated ? verdict.streams : after.log.add(entries, chosenFor(entries));
  const stored = entries.map(({ streamName }, at): ModelEntry => {
    const events = streams[at] ?? [];
    return { streamName, streamVersion: events.at(-1)?.streamVersion ?? after.log.version(streamName), events };
  });
  const told = toIds(stored).map(([, version, ids]) => ({ version, ids }));
  if (!isDeepStrictEqual(answer, { kind: 'appended', repeated, streams: told })) return undefined;
  if (!repeated) after.guards.hold(entries);
  if (key !== undefined) {
    const { value, ...rest } = key;
    after.guards.keep({ ...rest, outcome: { status: 'appended', entries: stored, value } });
  }
  return after;
}

/** The caller has given the ids; nothing else is told by them. */
function chosenFor(
  entries: readonly EntryInput[],
): readonly Pick<ModelEvent, 'id' | 'globalPosition' | 'recordedAt'>[] {
  return entries.flatMap(({ events = [] }) => events.map(({ id = '' }) => ({ id, globalPosition: 0, recordedAt: 0 })));
}

function plainOr(result: ModelResult | undefined): PlainResult | undefined {
  return result === undefined ? undefined : toPlainResult(result);
}

/** From the model, or from a storage. */
export function toPlainResult({ key, messageType, fingerprint, outcome }: ModelResult | KeyedResult): PlainResult {
  const facts = { key, messageType, fingerprint, status: outcome.status };
  if (outcome.status === 'refused') return { ...facts, value: outcome.error, entries: [] };
  return { ...facts, value: outcome.value, entries: toIds(outcome.entries) };
}
