import { connect, disconnect, query, retrySql } from '../cluster/sql.ts';
import { pause } from '../waiting.ts';

/** What the control keeps: how often it has applied each event, how far it is, and who works on it. */
export const NAIVE_TABLES = `
  create table public.naive_applied (position bigint primary key, times int not null);
  create table public.naive_state (position bigint not null, owner text, until timestamptz not null);
  insert into public.naive_state values (0, null, '-infinity')`;

const LEASE = `
  update public.naive_state
  set owner = $1, until = clock_timestamp() + interval '500 milliseconds'
  where owner = $1 or until < clock_timestamp()
  returning position`;
const PAGE = 'select global_position from mink.events where global_position > $1 order by global_position limit 50';
const APPLY = `
  insert into public.naive_applied as a (position, times)
  values ($1, 1)
  on conflict (position) do update
  set times = a.times + 1`;

/**
 * A control: a projection as it is found in many systems. Whoever has the lease reads what is above the last position,
 * applies one event after the other, and then writes down how far it is; nothing refuses what a frozen process still sends.
 */
export async function naiveProjector(url: string, owner: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await work(url, owner, signal);
    } catch {
      // The server is away, or the connection was cut: it begins where it had written down that it was.
      await pause(50, signal);
    }
  }
}

async function work(url: string, owner: string, signal: AbortSignal): Promise<void> {
  const client = await connect(url);
  try {
    while (!signal.aborted) {
      const [held] = await query(client, LEASE, [owner]);
      const positions = held === undefined ? [] : (await query(client, PAGE, [held[0]])).map(([position]) => position);
      for (const position of positions) await query(client, APPLY, [position]);
      if (positions.length === 0) await pause(50, signal);
      else await query(client, 'update public.naive_state set position = $1', [positions.at(-1)]);
    }
  } finally {
    await disconnect(client);
  }
}

/** Events that the control has passed without applying them, and those that it has applied more than once. */
export async function lostByNaive(url: string): Promise<number> {
  const [row] = await retrySql(
    url,
    `select count(*)
    from mink.events e
      left join public.naive_applied a on a.position = e.global_position
    where e.global_position <= (select position from public.naive_state) and coalesce(a.times, 0) <> 1`,
  );
  return Number(row?.[0]);
}
