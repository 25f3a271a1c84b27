import type { Client } from 'pg';
import { query } from '../cluster/sql.ts';
import type { AnsweredEvent, AttemptEntry, AttemptStart, Outcome } from '../history.ts';
import { payloadOf } from './event-types.ts';

/** How long the server lets a transaction hold readers, and how long it may wait for a stream: milliseconds. */
export interface HandTimeouts {
  readonly hold: number;
  readonly lock: number;
}

const SQL = `
  select outcomes, culprits, versions, positions, times
  from mink.append_v1(
    $1::int[], $2::text[], $3::text[], $4::smallint[], $5::bigint[], $6::int[], $7::boolean[],
    $8::int[], $9::uuid[], $10::text[], $11::int[], $12::text[], $13::json[], $14::json[], $15::int, $16::int
  )`;

/**
 * Calls the append function, in whatever transaction is open on the connection. An `acknowledged` outcome is worth
 * something only when that transaction commits.
 */
export async function appendByHand(client: Client, start: AttemptStart, timeouts: HandTimeouts): Promise<Outcome> {
  const { entries, eventIds = [] } = start;
  const events = entries.flatMap(({ types }, stream) => types.map((type) => ({ type, stream: stream + 1 })));
  const [row = []] = await query(client, SQL, [
    entries.map(() => 1),
    entries.map(({ streamName }) => streamName),
    entries.map(({ streamName }) => streamName.slice(0, streamName.indexOf('-'))),
    entries.map(() => 0),
    entries.map(({ expectedVersion }) => encode(expectedVersion)),
    entries.map(({ types }) => types.length),
    [true],
    events.map(({ stream }) => stream),
    eventIds,
    events.map(({ type }) => type),
    events.map(() => 1),
    events.map(() => null),
    events.map((_, index) => JSON.stringify(payloadOf(start.id, index))),
    events.map(() => '{}'),
    timeouts.hold,
    timeouts.lock,
  ]);
  const [[outcome] = [], [culprit = 1] = [], versions = [], positions = [], [recordedAt = 0] = []] = row.map(toNumbers);
  if (outcome === 1) {
    const streamName = entries[culprit - 1]?.streamName ?? '';
    return { status: 'conflict', streamName, actualVersion: versions[culprit - 1] ?? 0 };
  }
  if (outcome !== 0) return { status: 'refused', reason: `the append function answered ${outcome}` };
  return { status: 'acknowledged', events: answered(entries, eventIds, { versions, positions, recordedAt }) };
}

function answered(
  entries: readonly AttemptEntry[],
  eventIds: readonly string[],
  answer: {
    readonly versions: readonly number[];
    readonly positions: readonly number[];
    readonly recordedAt: number;
  },
): readonly AnsweredEvent[] {
  let next = 0;
  return entries.flatMap(({ streamName, types }, stream) =>
    types.map((_, offset) => {
      const index = next;
      next += 1;
      return {
        id: eventIds[index] ?? '',
        streamName,
        version: (answer.versions[stream] ?? 0) + offset + 1,
        position: answer.positions[index] ?? 0,
        recordedAt: answer.recordedAt,
      };
    }),
  );
}

function encode(expected: AttemptEntry['expectedVersion']): number {
  if (expected === 'any') return -1;
  if (expected === 'stream_exists') return -2;
  return expected === 'no_stream' ? 0 : expected;
}

function toNumbers(list: unknown): readonly number[] {
  return Array.isArray(list) ? list.map(Number) : [];
}
