import {
  stringifyJson,
  typed,
  type JsonValue,
  type KeyedOutcome,
  type NewKeyedResult,
  type RecordedEvent,
} from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';

/** A result as its row has it: its events are in the log. */
export interface KeyedRow {
  readonly key: string;
  readonly messageType: string;
  readonly fingerprint: string;
  readonly recordedAt: number;
  readonly outcome: string;
  readonly value: JsonValue | undefined;
  readonly error: JsonValue | undefined;
  readonly streams: readonly { readonly streamName: string; readonly streamVersion: number }[];
  readonly positions: readonly number[];
}

/** The first results of the commands with these keys, but for those that have expired. */
export function readResultsQuery(schema: SchemaName, keys: readonly string[]): Statement {
  // Key by key: for an array of any length, a scan of the whole table would look cheaper while the table is small, and the
  // plan stays when it has grown.
  const sql = `
    select
      f.key, f.message_type, f.fingerprint, (pg_catalog.date_part('epoch', f.recorded_at) * 1000)::bigint, f.outcome,
      f.value, f.error, pg_catalog.array_to_json(f.stream_names), pg_catalog.array_to_json(f.stream_versions),
      pg_catalog.array_to_json(f.positions)
    from pg_catalog.unnest($1::text[]) as w (key)
    cross join lateral (
      select k.*
      from :schema.idempotency k
      where k.key = w.key collate "C" and k.expires_at > pg_catalog.clock_timestamp()
      limit 1
    ) f`;
  return { ...inSchema(schema, 'read_results', sql), values: [keys] };
}

/** A result that was not stored with its append. */
export type ResultToKeep = NewKeyedResult & {
  /** Those of events that were in the log before the key was; undefined where nothing was appended. */
  readonly positions?: readonly number[] | undefined;
};

/** Keeps a result if its key is free: gives back a row if it was. */
export function keepResultQuery(schema: SchemaName, result: ResultToKeep): Statement {
  const sql = `
    insert into :schema.idempotency as k (
      key, message_type, fingerprint, outcome, value, error, stream_names, stream_versions, positions,
      recorded_at, expires_at
    )
    select
      $1, $2, $3, $4, $5::json, $6::json, $7::text[], $8::bigint[], $9::bigint[],
      c.clock, c.clock + $10::bigint * interval '1 millisecond'
    from pg_catalog.clock_timestamp() as c (clock)
    on conflict (key) do update
    set
      message_type = excluded.message_type,
      fingerprint = excluded.fingerprint,
      outcome = excluded.outcome,
      value = excluded.value,
      error = excluded.error,
      stream_names = excluded.stream_names,
      stream_versions = excluded.stream_versions,
      positions = excluded.positions,
      recorded_at = excluded.recorded_at,
      expires_at = excluded.expires_at
    where k.expires_at <= excluded.recorded_at
    returning 1`;
  const { key, messageType, fingerprint, value, error, streams, positions, ttl } = result;
  const withoutAppend = error === undefined ? 'value' : 'refused';
  return {
    ...inSchema(schema, 'keep_result', sql),
    values: [
      key,
      messageType,
      fingerprint,
      positions === undefined ? withoutAppend : 'appended',
      value === undefined ? null : stringifyJson(value, true),
      error === undefined ? null : stringifyJson(error, true),
      streams.map(({ streamName }) => streamName),
      streams.map(({ streamVersion }) => streamVersion),
      positions ?? [],
      ttl,
    ],
  };
}

/** Forgets results that have expired. */
export function deleteExpiredResultsQuery(schema: SchemaName, limit: number): Statement {
  const sql = `
    with expired as (
      select k.key
      from :schema.idempotency k
      where k.expires_at <= pg_catalog.clock_timestamp()
      order by k.expires_at
      limit $1
      for update skip locked
    )
    delete from :schema.idempotency k
    using expired e
    where k.key = e.key
    returning 1`;
  return { ...inSchema(schema, 'delete_expired_results', sql), values: [limit] };
}

/** A result from its row. */
export function toKeyedRow(row: Row): KeyedRow {
  const [key, messageType, fingerprint, recordedAt, outcome, value, error, names, versions, positions] = row;
  const streamVersions = typed<readonly number[]>(JSON.parse(versions ?? '[]'));
  return {
    key: key ?? '',
    messageType: messageType ?? '',
    fingerprint: fingerprint ?? '',
    recordedAt: Number(recordedAt),
    outcome: outcome ?? '',
    value: fromJson(value),
    error: fromJson(error),
    streams: typed<readonly string[]>(JSON.parse(names ?? '[]')).map((streamName, index) => ({
      streamName,
      streamVersion: streamVersions[index] ?? 0,
    })),
    positions: typed<readonly number[]>(JSON.parse(positions ?? '[]')),
  };
}

/** The outcome, with its events. */
export function toKeyedOutcome(
  { outcome, value, error, streams }: KeyedRow,
  events: readonly RecordedEvent[],
): KeyedOutcome {
  if (outcome === 'refused') return { status: 'refused', error: error ?? null };
  const entries = streams.map(({ streamName, streamVersion }) => {
    const own = events.filter((event) => event.streamName === streamName);
    return { streamName, streamVersion: own.at(-1)?.streamVersion ?? streamVersion, events: own };
  });
  return { status: outcome === 'appended' ? 'appended' : 'value', entries, value };
}

function fromJson(text: string | null | undefined): JsonValue | undefined {
  return text === null || text === undefined ? undefined : typed<JsonValue>(JSON.parse(text));
}
