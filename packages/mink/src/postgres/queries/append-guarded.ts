import { stringifyJson } from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import type { SchemaName } from '../schema-name.ts';
import { parseAppendAnswers, toArrays } from './append.ts';
import { appendStatement, epochOf } from './append-statement.ts';
import { plainArray } from './arrays.ts';
import type { AppendAnswer, AppendTimeouts, EncodedCommand } from './encode-command.ts';

const SQL = `
  select
    pg_catalog.array_to_string(outcomes, ','), pg_catalog.array_to_string(culprits, ','),
    pg_catalog.array_to_string(versions, ','), pg_catalog.array_to_string(positions, ',', '0'),
    pg_catalog.array_to_string(times, ','), pg_catalog.array_to_json(holders)
  from :schema.append_v2(
    $1::text[], $2::text[], $3::text[], $4::json[], $5::bigint[], $6::int[], $7::text[], $8::text[], $9::boolean[],
    $10::int[], $11::text[], $12::text[], $13::smallint[], $14::bigint[], $15::int[], $16::boolean[],
    $17::int[], $18::uuid[], $19::text[], $20::int[], $21::text[], $22::json[], $23::json[], $24::int, :lock
  )`;

/** The statement that appends commands of which some bring a key or values to hold. They must not share any of these. */
export function createAppendGuardedQuery(
  schema: SchemaName,
): (commands: readonly EncodedCommand[], timeouts: AppendTimeouts) => Statement {
  const query = appendStatement(schema, 'append_guarded', SQL);
  return (commands, { hold, lock }) =>
    query([...keyArrays(commands), ...holdArrays(commands), ...toArrays(commands), hold, lock], epochOf(commands));
}

/** One element a command; null for one without a key. */
function keyArrays(commands: readonly EncodedCommand[]): readonly unknown[] {
  const keys = commands.map(({ command }) => command.key);
  return [
    keys.map((key) => key?.key ?? null),
    keys.map((key) => key?.messageType ?? null),
    keys.map((key) => key?.fingerprint ?? null),
    keys.map((key) => (key?.value === undefined ? null : stringifyJson(key.value, true))),
    keys.map((key) => key?.ttl ?? null),
  ];
}

interface HeldValue {
  /** Place of the stream among all streams of the call, from 1. */
  readonly stream: number;
  readonly set: string;
  /** Null where the stream gives up what it holds of the set. */
  readonly value: string | null;
  /** Null: for all time, and given up already. */
  readonly isForever: boolean | null;
}

function heldValues(commands: readonly EncodedCommand[]): readonly HeldValue[] {
  const entries = commands.flatMap(({ command }) => command.entries);
  return entries.flatMap(({ holds = [] }, index) =>
    holds.flatMap(({ set, values, isForever, givenUp = [] }) => [
      ...(values.length === 0 ? [null] : values).map((value) => ({ stream: index + 1, set, value, isForever })),
      ...givenUp.map((value) => ({ stream: index + 1, set, value, isForever: null })),
    ]),
  );
}

function holdArrays(commands: readonly EncodedCommand[]): readonly unknown[] {
  const held = heldValues(commands);
  return [
    plainArray(held.map(({ stream }) => stream)),
    held.map(({ set }) => set),
    held.map(({ value }) => value),
    plainArray(held.map(({ isForever }) => String(isForever))),
  ];
}

/** Takes the function's answer apart again, command by command. */
export function parseAppendGuardedAnswers(
  commands: readonly EncodedCommand[],
  row: Row | undefined,
): readonly AppendAnswer[] {
  const culprits = (row?.[1] ?? '').split(',').map(Number);
  const holders: unknown = JSON.parse(row?.[5] ?? '[]');
  const held = heldValues(commands);
  return parseAppendAnswers(commands, row).map((answer, index) => {
    if (answer.outcome !== 'taken') return answer;
    const { set = '', value, stream = 1 } = held[(culprits[index] ?? 1) - 1] ?? {};
    const heldBy = Array.isArray(holders) ? String(holders[index]) : '';
    const entries = commands.flatMap(({ command }) => command.entries);
    return { ...answer, culprit: entries[stream - 1], taken: { set, value: value ?? '', heldBy } };
  });
}
