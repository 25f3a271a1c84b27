import { partitionKey } from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import type { SchemaName } from '../schema-name.ts';
import { appendStatement, epochOf } from './append-statement.ts';
import {
  encodeExpectation,
  tenantOf,
  toOutcomeName,
  type AppendAnswer,
  type AppendTimeouts,
  type EncodedCommand,
} from './encode-command.ts';

const SQL = `
  select :schema.append_one_v1(
    $1::text, $2::text, $3::smallint, $4::bigint, $5::uuid, $6::text, $7::int, $8::text, $9::json, $10::json,
    $11::int, :lock
  )`;

/** The statement for a simple command with one event, alone. */
export function createAppendOneQuery(
  schema: SchemaName,
): (encoded: EncodedCommand, timeouts: AppendTimeouts) => Statement {
  const query = appendStatement(schema, 'append_one', SQL);
  return (encoded, { hold, lock }) => {
    const { command, texts } = encoded;
    const [entry] = command.entries;
    const event = entry?.events[0];
    const text = texts[0];
    if (entry === undefined || event === undefined || text === undefined) throw new Error('a command without an event');
    const { streamName, category, expectedVersion } = entry;
    const values = [
      streamName,
      category,
      partitionKey(streamName),
      encodeExpectation(expectedVersion),
      event.id,
      event.type,
      event.schemaVersion,
      tenantOf(event.metadata),
      text.data,
      text.metadata,
      hold,
      lock,
    ];
    return query(values, epochOf([encoded]));
  };
}

/** Takes the function's answer apart. */
export function parseAppendOneAnswer({ command }: EncodedCommand, row: Row | undefined): AppendAnswer {
  const [code, version = 0, position = 0, recordedAt = 0] = (row?.[0] ?? '').split(',').map(Number);
  const outcome = toOutcomeName(code);
  return outcome === 'appended'
    ? { outcome, culprit: undefined, versions: [version - 1], positions: [position], recordedAt }
    : { outcome, culprit: command.entries[0], versions: [version], positions: [], recordedAt };
}
