import {
  partitionKey,
  stringifyJson,
  type AppendCommand,
  type AppendCommandEntry,
  type ExpectedVersion,
  type JsonObject,
} from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';

const SQL = `
  select
    pg_catalog.array_to_string(outcomes, ','), pg_catalog.array_to_string(culprits, ','),
    pg_catalog.array_to_string(versions, ','), pg_catalog.array_to_string(positions, ',', '0'),
    pg_catalog.array_to_string(times, ',')
  from :schema.append_v1(
    $1::int[], $2::text[], $3::text[], $4::smallint[], $5::bigint[], $6::int[], $7::boolean[],
    $8::int[], $9::uuid[], $10::text[], $11::int[], $12::text[], $13::json[], $14::json[], $15::int, $16::int
  )`;

/** A command and its payloads as text. */
export interface EncodedCommand {
  readonly command: AppendCommand;
  /** The streams it touches, check-only ones included. */
  readonly names: readonly string[];
  /** Payload and metadata of each event, in order. */
  readonly texts: readonly { readonly data: string; readonly metadata: string }[];
  /** Characters of all texts. */
  readonly size: number;
}

/** Turns payloads into text, once, when the command is queued. */
export function encodeCommand(command: AppendCommand): EncodedCommand {
  const texts: { readonly data: string; readonly metadata: string }[] = [];
  let size = 0;
  let lastMetadata: JsonObject | undefined;
  let metadata = '';
  for (const { events } of command.entries) {
    for (const event of events) {
      // The events of an append usually share one metadata object.
      if (event.metadata !== lastMetadata) metadata = JSON.stringify(event.metadata);
      lastMetadata = event.metadata;
      const data = stringifyJson(event.data, event.hasNegativeZero);
      size += data.length + metadata.length;
      texts.push({ data, metadata });
    }
  }
  return { command, names: command.entries.map(({ streamName }) => streamName), texts, size };
}

/** What the append function says of one command. Streams and events are in the command's order. */
export interface AppendAnswer {
  readonly outcome: 'appended' | 'conflict' | 'repeated' | 'mismatch' | 'closed';
  /** The entry at which the command lost. */
  readonly culprit: AppendCommandEntry | undefined;
  /** The version each entry's stream was at. */
  readonly versions: readonly number[];
  readonly positions: readonly number[];
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

/** The statement that appends many commands, which must not share a stream. */
export function createAppendQuery(
  schema: SchemaName,
): (commands: readonly EncodedCommand[], timeouts: AppendTimeouts) => Statement {
  const query = inSchema(schema, 'append', SQL);
  return (commands, timeouts) => ({ ...query, values: [...toArrays(commands), timeouts.hold, timeouts.lock] });
}

/** Parallel arrays: one element a stream, a command, an event. */
function toArrays(commands: readonly EncodedCommand[]): readonly unknown[] {
  const streams: [number[], string[], string[], number[], number[], number[]] = [[], [], [], [], [], []];
  const [streamCommands, names, categories, partitions, expected, counts] = streams;
  const repeatable: boolean[] = [];
  const events: [number[], string[], string[], number[], string[], string[], string[]] = [[], [], [], [], [], [], []];
  const [eventStreams, ids, types, schemaVersions, tenants, data, metadata] = events;
  for (const { command, texts } of commands) {
    repeatable.push(command.mayBeRepeated);
    let next = 0;
    for (const entry of command.entries) {
      streamCommands.push(repeatable.length);
      names.push(entry.streamName);
      categories.push(entry.category);
      partitions.push(partitionKey(entry.streamName));
      expected.push(encodeExpectation(entry.expectedVersion));
      counts.push(entry.events.length);
      for (const event of entry.events) {
        const text = texts[next];
        next += 1;
        eventStreams.push(names.length);
        ids.push(event.id);
        types.push(event.type);
        schemaVersions.push(event.schemaVersion);
        tenants.push(tenantOf(event.metadata));
        data.push(text?.data ?? 'null');
        metadata.push(text?.metadata ?? '{}');
      }
    }
  }
  return [...streams, repeatable, ...events];
}

function encodeExpectation(expected: ExpectedVersion): number {
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
function tenantOf({ tenantId }: JsonObject): string {
  return typeof tenantId === 'string' && !/[\0\p{Surrogate}]/u.test(tenantId) ? tenantId : '';
}

/** Takes the function's answer apart again, command by command. */
export function parseAppendAnswers(commands: readonly EncodedCommand[], row: Row | undefined): readonly AppendAnswer[] {
  const [outcomes = [], culprits = [], versions = [], positions = [], times = []] = (row ?? []).map(toNumbers);
  let stream = 0;
  let event = 0;
  return commands.map(({ command: { entries } }, index) => {
    const firstStream = stream;
    const firstEvent = event;
    stream += entries.length;
    event += entries.reduce((sum, { events }) => sum + events.length, 0);
    return {
      outcome: OUTCOMES[outcomes[index] ?? 0] ?? 'appended',
      culprit: entries[(culprits[index] ?? 0) - 1 - firstStream],
      versions: versions.slice(firstStream, stream),
      positions: positions.slice(firstEvent, event),
      recordedAt: times[index] ?? 0,
    };
  });
}

function toNumbers(list: string | null): readonly number[] {
  return list === null || list === '' ? [] : list.split(',').map(Number);
}
