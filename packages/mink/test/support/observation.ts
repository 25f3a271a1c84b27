import { strictEqual } from 'node:assert';
import type { Client } from 'pg';
import { runSql } from './databases.ts';

/** An event that a statement could see. */
export interface SeenEvent {
  readonly position: number;
  readonly streamName: string;
  readonly streamVersion: number;
  /** The transaction that wrote it. */
  readonly xid: number;
}

/** What a reader finds at one moment. While nobody moves, its statements belong to the same moment. */
export interface Observation {
  /** The last position drawn. */
  readonly head: number;
  /** The lowest floor that somebody holds; infinity if nobody does. */
  readonly floor: number;
  /** What `feed_bound_v1` says. */
  readonly bound: number;
  /** The visible events after the start, by position. */
  readonly visible: readonly SeenEvent[];
  /** The oldest of the writers' transactions; infinity if none is under way. */
  readonly xmin: number;
}

/** Lets a database be observed in one round trip: a test looks thousands of times. */
export async function installObservation(url: string): Promise<void> {
  await runSql(url, observationSql);
}

/** Asks for the bound; then for the floors, to know what it was made of; and then for the events after the start. */
export async function observe(client: Client, start: number, writerPids: readonly number[]): Promise<Observation> {
  const { rows } = await client.query<{ seen: Seen }>({
    name: 'observe',
    text: 'select observe($1, $2) as seen',
    values: [start, writerPids],
  });
  const [row] = rows;
  if (row === undefined) throw new Error('nothing was observed');
  const { head, bound, floor, xmin, events } = row.seen;
  strictEqual(bound, Math.min(head, floor ?? Infinity), 'feed_bound_v1 is the head, or the lowest floor');
  return {
    head,
    bound,
    floor: floor ?? Infinity,
    xmin: xmin ?? Infinity,
    visible: events.map(([position, streamName, streamVersion, xid]) => ({
      position,
      streamName,
      streamVersion,
      xid: Number(xid),
    })),
  };
}

interface Seen {
  readonly head: number;
  readonly bound: number;
  readonly floor: number | null;
  readonly xmin: number | null;
  readonly events: readonly (readonly [position: number, name: string, version: number, xid: string])[];
}

// A volatile function sees the log anew in each of its statements, like a reader that sends them one by one. The oldest
// transaction is that of a server where nobody else writes: other tests must not hold a broken reader back from losing.
const observationSql = `
create function observe(start bigint, writers int[]) returns json language plpgsql volatile set enable_seqscan = off as $$
declare
  bound bigint;
  head bigint;
  lowest_floor bigint;
  oldest bigint;
  page json;
begin
  select b.bound, b.head into bound, head from mink.feed_bound_v1() b;

  select
    min((l.classid::bigint << 32 | l.objid::bigint) & (1::bigint << 48) - 1) filter (
      where l.locktype = 'advisory' and l.objsubid = 1 and l.mode = 'ShareLock'
        and l.classid::bigint >> 16 = mink.floor_namespace()
    ),
    min(l.transactionid::text::bigint) filter (where l.locktype = 'transactionid' and l.mode = 'ExclusiveLock')
  into lowest_floor, oldest
  from pg_locks l
  where l.granted and l.pid = any (writers);

  select json_agg(json_build_array(e.global_position, e.stream_name, e.stream_version, e.xmin) order by e.global_position)
  into page
  from mink.events e
  where e.global_position > start;

  return json_build_object(
    'bound', bound, 'head', head, 'floor', lowest_floor, 'xmin', oldest, 'events', coalesce(page, '[]')
  );
end $$`;
