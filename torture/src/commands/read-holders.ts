import { retrySql } from '../cluster/sql.ts';

/** An event that says which values its stream holds from then on. */
export interface NamingEvent {
  readonly streamName: string;
  readonly commitId: number;
  /** By set; null gives up, and a set that is not named stays as it is. */
  readonly values: Readonly<Partial<Record<SetName, string | null>>>;
}

export type SetName = 'email' | 'number';

/** A row of the table of values. */
export interface ClaimRow {
  readonly set: string;
  readonly value: string;
  readonly streamName: string;
  readonly isHeld: boolean;
}

/** What the events say about unique sets, in the order of the log, read without the library. */
export async function readNamings(url: string): Promise<readonly NamingEvent[]> {
  const rows = await retrySql(
    url,
    `select
      stream_name, commit_id, data::jsonb ? 'email', data ->> 'email', data::jsonb ? 'number', data ->> 'number'
    from mink.events
    where data::jsonb ?| array['email', 'number']
    order by global_position`,
  );
  return rows.map(([streamName, commitId, hasEmail, email, hasNumber, number]) => ({
    streamName: String(streamName),
    commitId: Number(commitId),
    values: {
      ...(hasEmail === true ? { email: toValue(email) } : {}),
      ...(hasNumber === true ? { number: toValue(number) } : {}),
    },
  }));
}

function toValue(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

export async function readClaims(url: string): Promise<readonly ClaimRow[]> {
  const rows = await retrySql(url, 'select set_name, value, stream_name, is_held from mink.claims');
  return rows.map(([set, value, streamName, isHeld]) => ({
    set: String(set),
    value: String(value),
    streamName: String(streamName),
    isHeld: isHeld === true,
  }));
}

/** How each command that has a result ended, by its id. */
export async function readResults(url: string): Promise<ReadonlyMap<string, string>> {
  const rows = await retrySql(url, 'select key, outcome from mink.idempotency');
  return new Map(rows.map(([key, outcome]) => [String(key), String(outcome)]));
}
