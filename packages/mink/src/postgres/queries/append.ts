import {
  partitionKey,
  stringifyJson,
  type AppendCommand,
  type AppendCommandEntry,
  type ExpectedVersion,
  type JsonObject,
  type PreparedEvent,
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
    $8::int[], $9::uuid[], $10::text[], $11::int[], $12::text[], $13::json[], $14::json[], $15::int
  )`;

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

const OUTCOMES = ['appended', 'conflict', 'repeated', 'mismatch', 'closed'] as const;

/** The statement that appends many commands, which must not share a stream. */
export function createAppendQuery(schema: SchemaName): (commands: readonly AppendCommand[]) => Statement {
  const query = inSchema(schema, 'append', SQL);
  return (commands) => ({ ...query, values: toParameters(commands) });
}

function toParameters(commands: readonly AppendCommand[]): readonly unknown[] {
  const streams = commands.flatMap(({ entries }, index) => entries.map((entry) => ({ entry, command: index + 1 })));
  const events = streams.flatMap(({ entry }, index) => entry.events.map((event) => ({ event, stream: index + 1 })));
  const holdTimeout = 0;
  return [
    streams.map(({ command }) => command),
    streams.map(({ entry }) => entry.streamName),
    streams.map(({ entry }) => entry.category),
    streams.map(({ entry }) => partitionKey(entry.streamName)),
    streams.map(({ entry }) => encodeExpectation(entry.expectedVersion)),
    streams.map(({ entry }) => entry.events.length),
    commands.map(({ mayBeRepeated }) => mayBeRepeated),
    events.map(({ stream }) => stream),
    events.map(({ event }) => event.id),
    events.map(({ event }) => event.type),
    events.map(({ event }) => event.schemaVersion),
    events.map(({ event }) => tenantOf(event.metadata)),
    events.map(({ event }) => encodeData(event)),
    events.map(({ event }) => JSON.stringify(event.metadata)),
    holdTimeout,
  ];
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

function encodeData({ data, hasNegativeZero }: PreparedEvent): string {
  return stringifyJson(data, hasNegativeZero);
}

/** Empty for none. A tenant that text cannot hold stays in the metadata only. */
function tenantOf({ tenantId }: JsonObject): string {
  return typeof tenantId === 'string' && !/[\0\p{Surrogate}]/u.test(tenantId) ? tenantId : '';
}

/** Takes the function's answer apart again, command by command. */
export function parseAppendAnswers(commands: readonly AppendCommand[], row: Row | undefined): readonly AppendAnswer[] {
  const [outcomes = [], culprits = [], versions = [], positions = [], times = []] = (row ?? []).map(toNumbers);
  let stream = 0;
  let event = 0;
  return commands.map(({ entries }, index) => {
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
