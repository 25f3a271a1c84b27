import type { CommandKey, KeyedResult } from '../storage/event-storage.ts';
import type { JsonValue } from '../json.ts';

/** How a command's key travels to the append that it belongs to, in the options of every call on the way. */
export const keyed: unique symbol = Symbol('mink.keyed');

/** Options that may carry a key. */
export interface KeyedOptions {
  readonly [keyed]?: KeySlot | undefined;
}

/** A key on its way, and what has become of it. */
export class KeySlot {
  readonly #key: Omit<CommandKey, 'value'>;
  /** What the command's sender gets beside the events. */
  value: JsonValue | undefined;
  /** What the command was about, where nothing was appended. */
  streams: readonly { readonly streamName: string; readonly streamVersion: number }[] = [];
  /** Whether the result was stored with an append. */
  isStored = false;

  constructor(key: Omit<CommandKey, 'value'>) {
    this.#key = key;
  }

  get key(): CommandKey {
    return { ...this.#key, value: this.value };
  }
}

/** Thrown through a handler whose command has a result already: somebody else was faster. */
export class KnownResult extends Error {
  readonly result: KeyedResult;

  constructor(result: KeyedResult) {
    super(`The command with key "${result.key}" has a result already.`);
    this.result = result;
  }
}
