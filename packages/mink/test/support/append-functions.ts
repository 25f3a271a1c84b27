import type { Client } from 'pg';

/** One of the functions that append, called by hand: one event to one stream. */
export interface AppendFunction {
  readonly name: string;
  /** Returns the position, or throws what the outcome was. `expected`: from 0 a version, -1 any, -2 exists. */
  readonly append: (client: Client, streamName: string, expected?: number) => Promise<number>;
  /** Appends an event for each id, whatever the version is, and returns the first position. */
  readonly appendBatch?: (client: Client, streamName: string, ids: readonly string[]) => Promise<number>;
}

const EVENT = `'{}'::json, '{}'::json`;

/** The general function and its two short cuts: what holds for one must hold for all. */
export const appendFunctions: readonly AppendFunction[] = [
  {
    name: 'append_v1',
    append: (client, streamName, expected = -1) =>
      positionOf(
        client,
        `select outcomes[1]::text || ',' || versions[1] || ',' || coalesce(positions[1], 0) as answer from mink.append_v1(
          array[1], array[$1], array[split_part($1, '-', 1)], array[0::smallint], array[$2::bigint], array[1], array[false],
          array[1], array[gen_random_uuid()], array['Held'], array[1], array[null]::text[],
          array['{}'::json], array['{}'::json], 0, 0)`,
        [streamName, expected],
      ),
    appendBatch: (client, streamName, ids) => appendEntries(client, [{ streamName, expected: -1, ids }]),
  },
  {
    name: 'append_simple_v1',
    append: (client, streamName, expected = -1) =>
      positionOf(
        client,
        `select coalesce(outcomes[1], 0)::text || ',' || versions[1] || ',' || coalesce(positions[1], 0) as answer
        from mink.append_simple_v1(
          array[$1], array[split_part($1, '-', 1)], array[0::smallint], array[$2::bigint], array[1],
          array[gen_random_uuid()], array['Held'], array[1], array[null]::text[],
          array['{}'::json], array['{}'::json], 0, 0)`,
        [streamName, expected],
      ),
    appendBatch: (client, streamName, ids) =>
      positionOf(
        client,
        `select coalesce(outcomes[1], 0)::text || ',' || versions[1] || ',' || positions[1] as answer
        from mink.append_simple_v1(
          array[$1], array[split_part($1, '-', 1)], array[0::smallint], array[-1::bigint], array[cardinality($2::uuid[])],
          $2, array_fill('Held'::text, array[cardinality($2)]), array_fill(1, array[cardinality($2)]),
          array_fill(null::text, array[cardinality($2)]), array_fill('{}'::json, array[cardinality($2)]),
          array_fill('{}'::json, array[cardinality($2)]), 0, 0)`,
        [streamName, ids],
      ),
  },
  {
    name: 'append_one_v1',
    append: (client, streamName, expected = -1) =>
      positionOf(
        client,
        `select mink.append_one_v1(
          $1, split_part($1, '-', 1), 0::smallint, $2::bigint, gen_random_uuid(), 'Held', 1, '', ${EVENT}, 0, 0
        ) as answer`,
        [streamName, expected],
      ),
  },
];

/** One command of the general function: events for the streams where they are given ids, checks of the others. */
export async function appendEntries(
  client: Client,
  entries: readonly { readonly streamName: string; readonly expected: number; readonly ids: readonly string[] }[],
  repeatable = false,
): Promise<number> {
  const events = entries.flatMap(({ ids }, index) => ids.map((id) => ({ id, stream: index + 1 })));
  return positionOf(
    client,
    `select outcomes[1]::text || ',' || versions[1] || ',' || coalesce(positions[1], 0) as answer from mink.append_v1(
      array_fill(1, array[cardinality($1::text[])]), $1, array(select split_part(n, '-', 1) from unnest($1) n),
      array_fill(0::smallint, array[cardinality($1)]), $2, $3, array[$4::boolean], $5, $6::uuid[],
      array_fill('Held'::text, array[cardinality($6)]), array_fill(1, array[cardinality($6)]),
      array_fill(null::text, array[cardinality($6)]), array_fill('{}'::json, array[cardinality($6)]),
      array_fill('{}'::json, array[cardinality($6)]), 0, 0)`,
    [
      entries.map(({ streamName }) => streamName),
      entries.map(({ expected }) => expected),
      entries.map(({ ids }) => ids.length),
      repeatable,
      events.map(({ stream }) => stream),
      events.map(({ id }) => id),
    ],
  );
}

/** Thrown for a command that lost, with what the function said. */
export class Lost extends Error {
  readonly outcome: number;
  readonly version: number;

  constructor(outcome: number, version: number) {
    super(`lost with outcome ${outcome} at version ${version}`);
    this.outcome = outcome;
    this.version = version;
  }
}

async function positionOf(client: Client, sql: string, values: readonly unknown[]): Promise<number> {
  const { rows } = await client.query<{ answer: string }>(sql, [...values]);
  const [outcome = 0, version = 0, position = 0] = (rows[0]?.answer ?? '').split(',').map(Number);
  if (outcome !== 0) throw new Lost(outcome, version);
  return position;
}
