import type { Hold, JsonValue } from '../../src/index.ts';
import type { EntryInput, EventInput, LogModel, ModelEvent, Verdict } from './log-model.ts';

/** The key of a command, and what is kept with it. */
export interface KeyInput {
  readonly key: string;
  readonly messageType: string;
  readonly fingerprint: string;
  readonly value: JsonValue | undefined;
}

/** One stream of an append, with payloads that are JSON already. */
export interface GuardedEntry extends EntryInput {
  readonly events: readonly GuardedEvent[];
}

export interface GuardedEvent extends EventInput {
  readonly data: JsonValue;
}

/** An append that may bring a key, and values to hold. */
export interface GuardedInput {
  readonly entries: readonly GuardedEntry[];
  readonly mayBeRepeated: boolean;
  readonly key: KeyInput | undefined;
}

/** What is kept of a command, in the terms of the model. */
export type ModelOutcome =
  | {
      readonly status: 'appended' | 'value';
      readonly entries: readonly ModelEntry[];
      readonly value: JsonValue | undefined;
    }
  | { readonly status: 'refused'; readonly error: JsonValue };

export interface ModelEntry {
  readonly streamName: string;
  readonly streamVersion: number;
  readonly events: readonly ModelEvent[];
}

/** The result of a key. */
export interface ModelResult extends Omit<KeyInput, 'value'> {
  readonly outcome: ModelOutcome;
}

export interface TakenFacts {
  readonly streamName: string;
  readonly set: string;
  readonly value: string;
  readonly heldBy: string;
}

/** What a storage must answer to an append with a key or values. */
export type GuardedVerdict =
  | Verdict
  | { readonly status: 'known'; readonly result: ModelResult }
  | { readonly status: 'taken'; readonly facts: TakenFacts };

/**
 * What a store knows beside its log: the first result of every key, and which stream holds which value. Two lists of what
 * was done, looked through from the beginning whenever somebody asks.
 */
export class GuardModel {
  readonly #held: { readonly streamName: string; readonly hold: Hold }[] = [];
  /** In the order they were kept; of a key, only the last one can be alive. */
  readonly #results: { readonly result: ModelResult; isExpired: boolean }[] = [];

  copy(): GuardModel {
    const copy = new GuardModel();
    copy.#held.push(...this.#held);
    copy.#results.push(...this.#results.map((kept) => ({ ...kept })));
    return copy;
  }

  /** What a stream holds of a set: what was said last. */
  valuesOf(streamName: string, set: string): readonly string[] {
    return this.#held.findLast((it) => it.streamName === streamName && it.hold.set === set)?.hold.values ?? [];
  }

  holderOf(set: string, value: string): string | undefined {
    const streams = new Set(this.#held.map(({ streamName }) => streamName));
    return [...streams].find((streamName) => this.valuesOf(streamName, set).includes(value));
  }

  /** All values that a stream holds now. */
  holders(): readonly (readonly [set: string, value: string, streamName: string])[] {
    const places = new Map(
      this.#held.map(({ streamName, hold: { set } }) => [`${streamName}\0${set}`, { streamName, set }]),
    );
    return [...places.values()].flatMap(({ streamName, set }) =>
      this.valuesOf(streamName, set).map((value) => [set, value, streamName] as const),
    );
  }

  /** The first value that somebody else has, and does not give up with the same append. */
  findTaken(entries: readonly EntryInput[]): TakenFacts | undefined {
    for (const { streamName, holds = [] } of entries) {
      for (const { set, values, givenUp = [] } of holds) {
        for (const value of [...values, ...givenUp]) {
          const heldBy = this.#ownerForEver(set, value) ?? this.#ownerBeside(entries, set, value);
          if (heldBy !== undefined && heldBy !== streamName) return { streamName, set, value, heldBy };
        }
      }
    }
    return undefined;
  }

  /** Takes over an append that was judged to be right. */
  hold(entries: readonly EntryInput[]): void {
    for (const { streamName, holds = [] } of entries) for (const hold of holds) this.#held.push({ streamName, hold });
  }

  result(key: string): ModelResult | undefined {
    return this.#results.find(({ result, isExpired }) => result.key === key && !isExpired)?.result;
  }

  /** Keeps a result under a key that is free, instead of an expired one. */
  keep(result: ModelResult): void {
    const before = this.#results.findIndex((kept) => kept.result.key === result.key);
    if (before !== -1) this.#results.splice(before, 1);
    this.#results.push({ result, isExpired: false });
  }

  expire(key: string): void {
    for (const kept of this.#results) if (kept.result.key === key) kept.isExpired = true;
  }

  /** Forgets all that has expired; gives back how many. */
  forgetExpired(): number {
    const alive = this.#results.filter(({ isExpired }) => !isExpired);
    return this.#results.splice(0, Infinity, ...alive).length - alive.length;
  }

  /** Equal for two that answer alike. */
  shape(): unknown {
    const results = this.#results.map(({ result: { outcome, ...rest }, isExpired }) => [
      rest,
      outcome.status,
      isExpired,
    ]);
    return [this.#held, results];
  }

  /** Equal for two that cannot be told apart, ids of events included. */
  state(): unknown {
    const results = this.#results.map(({ result: { outcome, ...rest }, isExpired }) => [
      rest,
      outcome.status === 'refused' ? outcome : [outcome.value, toIds(outcome.entries)],
      isExpired,
    ]);
    return [this.#held, results];
  }

  /** The stream that was the first to have a value that stays with it. */
  #ownerForEver(set: string, value: string): string | undefined {
    return this.#held.find(
      ({ hold: { isForever, values, givenUp = [], ...hold } }) =>
        isForever && hold.set === set && (values.includes(value) || givenUp.includes(value)),
    )?.streamName;
  }

  /** The holder of a value, unless these entries say anew what it holds. */
  #ownerBeside(entries: readonly EntryInput[], set: string, value: string): string | undefined {
    const holder = this.holderOf(set, value);
    const isToldAnew = entries.some(
      ({ streamName, holds = [] }) => streamName === holder && holds.some((hold) => hold.set === set),
    );
    return isToldAnew ? undefined : holder;
  }
}

/** Streams of a result with their versions and the ids of their events. */
export function toIds(
  entries: readonly {
    readonly streamName: string;
    readonly streamVersion: number;
    readonly events: readonly { readonly id: string }[];
  }[],
): readonly (readonly [streamName: string, version: number, ids: readonly string[]])[] {
  return entries.map(({ streamName, streamVersion, events }) => [
    streamName,
    streamVersion,
    events.map(({ id }) => id),
  ]);
}

/** What must become of an append with a key or values. Changes nothing. */
export function judgeGuarded(
  { log, guards }: { readonly log: LogModel; readonly guards: GuardModel },
  { entries, mayBeRepeated, key }: GuardedInput,
): GuardedVerdict {
  const result = key === undefined ? undefined : guards.result(key.key);
  if (result !== undefined) return { status: 'known', result };
  const repeat = mayBeRepeated ? log.judgeIds(entries) : undefined;
  if (repeat !== undefined) return repeat;
  const facts = guards.findTaken(entries);
  if (facts !== undefined) return { status: 'taken', facts };
  return log.judgeVersions(entries) ?? { status: 'appended' };
}
