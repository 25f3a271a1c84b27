import { partitionKey } from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import type { SchemaName } from '../schema-name.ts';
import { appendStatement, epochOf } from './append-statement.ts';
import { jsonArray, plainArray, textArray, toNumbers } from './arrays.ts';
import {
  encodeExpectation,
  tenantOf,
  toOutcomeName,
  type AppendAnswer,
  type AppendTimeouts,
  type EncodedCommand,
} from './encode-command.ts';

const SQL = `
  select
    pg_catalog.array_to_string(outcomes, ','), pg_catalog.array_to_string(culprits, ','),
    pg_catalog.array_to_string(versions, ','), pg_catalog.array_to_string(positions, ',', '0'),
    pg_catalog.array_to_string(times, ',')
  from :schema.append_v1(
    $1::int[], $2::text[], $3::text[], $4::smallint[], $5::bigint[], $6::int[], $7::boolean[],
    $8::int[], $9::uuid[], $10::text[], $11::int[], $12::text[], $13::json[], $14::json[], $15::int, :lock
  )`;

/** The statement that appends many commands, which must not share a stream. */
export function createAppendQuery(
  schema: SchemaName,
): (commands: readonly EncodedCommand[], timeouts: AppendTimeouts) => Statement {
  const query = appendStatement(schema, 'append', SQL);
  return (commands, timeouts) => query([...toArrays(commands), timeouts.hold, timeouts.lock], epochOf(commands));
}

/** Parallel arrays: one element a stream, a command, an event. */
export function toArrays(commands: readonly EncodedCommand[]): readonly unknown[] {
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
  return [
    plainArray(streamCommands),
    textArray(names),
    textArray(categories),
    plainArray(partitions),
    plainArray(expected),
    plainArray(counts),
    plainArray(repeatable.map(String)),
    plainArray(eventStreams),
    plainArray(ids),
    textArray(types),
    plainArray(schemaVersions),
    textArray(tenants),
    jsonArray(data),
    jsonArray(metadata),
  ];
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
      outcome: toOutcomeName(outcomes[index]),
      culprit: entries[(culprits[index] ?? 0) - 1 - firstStream],
      versions: versions.slice(firstStream, stream),
      positions: positions.slice(firstEvent, event),
      recordedAt: times[index] ?? 0,
    };
  });
}
