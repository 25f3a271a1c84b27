import {
  stringifyJson,
  type AppendCommand,
  type AppendCommandEntry,
  type ExpectedVersion,
  type JsonObject,
} from '../../core/index.ts';

/** A command and its payloads as text. */
export interface EncodedCommand {
  readonly command: AppendCommand;
  /** The streams it touches, check-only ones included. */
  readonly names: readonly string[];
  /** Payload and metadata of each event, in order. */
  readonly texts: readonly { readonly data: string; readonly metadata: string }[];
  /** Characters of all texts. */
  readonly size: number;
  /** Events for one stream, with ids that are new: what the short cuts can append. */
  readonly isSimple: boolean;
}

/** Turns payloads into text, once, when the command is queued. */
export function encodeCommand(command: AppendCommand): EncodedCommand {
  const { entries, mayBeRepeated } = command;
  const names: string[] = [];
  const texts: { readonly data: string; readonly metadata: string }[] = [];
  let size = 0;
  let lastMetadata: JsonObject | undefined;
  let metadata = '';
  for (const { streamName, events } of entries) {
    names.push(streamName);
    for (const event of events) {
      // The events of an append usually share one metadata object.
      if (event.metadata !== lastMetadata) metadata = JSON.stringify(event.metadata);
      lastMetadata = event.metadata;
      const data = stringifyJson(event.data, event.hasNegativeZero);
      size += data.length + metadata.length;
      texts.push({ data, metadata });
    }
  }
  return { command, names, texts, size, isSimple: entries.length === 1 && texts.length > 0 && !mayBeRepeated };
}

/** What an append function says of one command. Streams and events are in the command's order. */
export interface AppendAnswer {
  readonly outcome: 'appended' | 'conflict' | 'repeated' | 'mismatch' | 'closed';
  /** The entry at which the command lost. */
  readonly culprit: AppendCommandEntry | undefined;
  /** The version each entry's stream was at before. */
  readonly versions: readonly number[];
  readonly positions: readonly number[];
  /** Milliseconds since 1970. */
  readonly recordedAt: number;
}

/** How long a call may wait for others, and others for it. 0 leaves the server's own setting. */
export interface AppendTimeouts {
  /** Milliseconds to wait for a row that somebody else holds. */
  readonly lock: number;
  /** Milliseconds the transaction may be idle afterwards: it holds readers back. */
  readonly hold: number;
}

const OUTCOMES = ['appended', 'conflict', 'repeated', 'mismatch', 'closed'] as const;

/** The outcome behind the number that the append functions give. */
export function toOutcomeName(code: number | undefined): AppendAnswer['outcome'] {
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
