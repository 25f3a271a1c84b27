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
    pg_catalog.array_to_string(outcomes, ','), pg_catalog.array_to_string(versions, ','),
    pg_catalog.array_to_string(positions, ','), pg_catalog.array_to_string(times, ',')
  from :schema.append_simple_v1(
    $1::text[], $2::text[], $3::smallint[], $4::bigint[], $5::int[],
    $6::uuid[], $7::text[], $8::int[], $9::text[], $10::json[], $11::json[], $12::int, :lock
  )`;

/** The statement for simple commands, which must not share a stream. */
export function createAppendSimpleQuery(
  schema: SchemaName,
): (commands: readonly EncodedCommand[], timeouts: AppendTimeouts) => Statement {
  const query = appendStatement(schema, 'append_simple', SQL);
  return (commands, { hold, lock }) => query([...toArrays(commands), hold, lock], epochOf(commands));
}

/**
 * In the order in which the function locks streams. JavaScript sorts a few rare characters differently; the function
 * finds that out by itself, and is a little slower then.
 */
export function inLockOrder(commands: readonly EncodedCommand[]): readonly EncodedCommand[] {
  return commands.toSorted((left, right) => ((left.names[0] ?? '') < (right.names[0] ?? '') ? -1 : 1));
}

/** Parallel arrays: one element a stream, then one element an event. */
function toArrays(commands: readonly EncodedCommand[]): readonly unknown[] {
  const names: string[] = [];
  const categories: string[] = [];
  const partitions: number[] = [];
  const expected: number[] = [];
  const counts: number[] = [];
  const ids: string[] = [];
  const types: string[] = [];
  const schemaVersions: number[] = [];
  const tenants: string[] = [];
  const data: string[] = [];
  const metadata: string[] = [];
  for (const { command, texts } of commands) {
    for (const entry of command.entries) {
      names.push(entry.streamName);
      categories.push(entry.category);
      partitions.push(partitionKey(entry.streamName));
      expected.push(encodeExpectation(entry.expectedVersion));
      counts.push(entry.events.length);
      for (const event of entry.events) {
        ids.push(event.id);
        types.push(event.type);
        schemaVersions.push(event.schemaVersion);
        tenants.push(tenantOf(event.metadata));
      }
    }
    for (const text of texts) {
      data.push(text.data);
      metadata.push(text.metadata);
    }
  }
  return [
    textArray(names),
    textArray(categories),
    plainArray(partitions),
    plainArray(expected),
    plainArray(counts),
    plainArray(ids),
    textArray(types),
    plainArray(schemaVersions),
    textArray(tenants),
    jsonArray(data),
    jsonArray(metadata),
  ];
}

/** Takes the function's answer apart again, command by command, in the order of `commands`. */
export function parseAppendSimpleAnswers(
  commands: readonly EncodedCommand[],
  row: Row | undefined,
): readonly AppendAnswer[] {
  const [outcomes = [], versions = [], positions = [], times = []] = (row ?? []).map(toNumbers);
  let winner = 0;
  let event = 0;
  return commands.map(({ command: { entries }, texts }, index) => {
    const outcome = toOutcomeName(outcomes[index]);
    const version = versions[index] ?? 0;
    if (outcome !== 'appended') {
      return { outcome, culprit: entries[0], versions: [version], positions: [], recordedAt: 0 };
    }
    const first = event;
    event += texts.length;
    winner += 1;
    return {
      outcome,
      culprit: undefined,
      versions: [version - texts.length],
      positions: positions.slice(first, event),
      recordedAt: times[winner - 1] ?? 0,
    };
  });
}
