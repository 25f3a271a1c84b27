import {
  stringifyJson,
  wantedValues,
  type AppendCommand,
  type AppendCommandEntry,
  type ExpectedVersion,
  type InlineProjectionError,
  type JsonObject,
} from '../../core/index.ts';

/** A command and its payloads as text. */
export interface EncodedCommand {
  readonly command: AppendCommand;
  /** What it locks, by names that nothing else has: its streams, check-only ones included, its key, and values to hold. */
  readonly names: readonly string[];
  /** Payload and metadata of each event, in order. */
  readonly texts: readonly EventText[];
  /** Characters of all texts. */
  readonly size: number;
  /** Events for one stream, with ids that are new: what the short cuts can append. */
  readonly isSimple: boolean;
  /** It brings a key or values to hold. */
  readonly isGuarded: boolean;
  /** Of the rows of inline projections that it is about. Unlike `names`, commands that travel together may share them. */
  readonly locks: readonly InlineLock[];
}

/** What a row of an inline projection is locked by: two numbers, and both as a name. */
export interface InlineLock {
  readonly projection: number;
  readonly row: number;
  readonly name: string;
}

/** The stored text of one event. */
export interface EventText {
  readonly data: string;
  readonly metadata: string;
}

const NO_LOCKS: readonly InlineLock[] = [];

/** Turns payloads into text, once, when the command is queued. */
export function encodeCommand(command: AppendCommand, locks: readonly InlineLock[] = NO_LOCKS): EncodedCommand {
  const { entries, mayBeRepeated } = command;
  const [first] = entries;
  const streamNames = entries.map(({ streamName }) => streamName);
  const guards = guardNames(command);
  // A stream that gives all values up brings holds, too, without a name.
  const isGuarded = command.key !== undefined || entries.some(({ holds = [] }) => holds.length > 0);
  const names = guards.length > 0 ? [...streamNames, ...guards] : streamNames;
  const events = entries.length === 1 && first !== undefined ? first.events : entries.flatMap((entry) => entry.events);
  let size = 0;
  let lastMetadata: JsonObject | undefined;
  let metadata = '';
  const texts = events.map((event): EventText => {
    // The events of an append usually share one metadata object.
    if (event.metadata !== lastMetadata) metadata = JSON.stringify(event.metadata);
    lastMetadata = event.metadata;
    const data = stringifyJson(event.data, event.hasNegativeZero);
    size += data.length + metadata.length;
    return { data, metadata };
  });
  const isSimple = entries.length === 1 && texts.length > 0 && !mayBeRepeated && !isGuarded;
  return { command, names, texts, size, isSimple, isGuarded, locks };
}

/** Names of a key and of values to hold. A stream name has no control character, so none of them is one. */
function guardNames({ key, entries }: AppendCommand): readonly string[] {
  const names = key === undefined ? [] : [`\u0000${key.key}`];
  for (const { holds = [] } of entries) {
    for (const hold of holds) {
      for (const value of wantedValues(hold)) names.push(`\u0001${hold.set}\u0001${value}`);
    }
  }
  return names;
}

/** What can come of a command; `'untried'` because of another command of its call, `'failed'` because of an inline projection. */
export type AppendOutcomeName = (typeof OUTCOMES)[number] | 'failed';

/** What an append function says of one command. Streams and events are in the command's order. */
export interface AppendAnswer {
  readonly outcome: AppendOutcomeName;
  /** The entry at which the command lost. */
  readonly culprit: AppendCommandEntry | undefined;
  /** The version each entry's stream was at before. */
  readonly versions: readonly number[];
  readonly positions: readonly number[];
  /** Milliseconds since 1970. */
  readonly recordedAt: number;
  /** What an inline projection failed with. */
  readonly failure?: InlineProjectionError | undefined;
  /** The value that another stream holds, and that stream. */
  readonly taken?: { readonly set: string; readonly value: string; readonly heldBy: string } | undefined;
}

/** How long a call may wait for others, and others for it. 0 leaves the server's own setting. */
export interface AppendTimeouts {
  /** Milliseconds to wait for a row that somebody else holds. */
  readonly lock: number;
  /** Milliseconds the transaction may be idle afterwards: it holds readers back. */
  readonly hold: number;
}

const OUTCOMES = ['appended', 'conflict', 'repeated', 'mismatch', 'closed', 'known', 'taken', 'untried'] as const;

/** The outcome behind the number that the append functions give. */
export function toOutcomeName(code: number | undefined): AppendOutcomeName {
  return OUTCOMES[code ?? 0] ?? 'appended';
}

/** The number that the append functions know an expectation by. */
export function encodeExpectation(expected: ExpectedVersion): number {
  switch (expected) {
    case 'any':
      return -1;
    case 'stream_exists':
      return -2;
    case 'no_stream':
      return 0;
    default:
      return expected;
  }
}

/** Empty for none. A tenant that text cannot hold stays in the metadata only. */
export function tenantOf({ tenantId }: JsonObject): string {
  return typeof tenantId === 'string' && !/[\0\p{Surrogate}]/u.test(tenantId) ? tenantId : '';
}
