import type { NameSnapshot } from '../check/check-name.ts';
import { connect, disconnect, query } from '../cluster/sql.ts';
import { toRecord } from '../processes/json.ts';
import { TALLY_RULES, toFact, type TallyName } from './tally-projections.ts';
import type { Client } from 'pg';

const STATE = `
  select m.live_version, min(p.position), max(p.position)
  from mink.read_models m
    join mink.projection_partitions p on p.name = m.name and p.version = m.live_version
  where m.name = $1
  group by m.live_version`;
const LOG = 'select global_position, stream_name, type, data::text from mink.events order by global_position';
const WAITING = 'select key, position from mink.dead_letters where name = $1 and version = $2';
const DISCARDED =
  'select key, position from mink.discarded_letters where name = $1 and version = $2 and not is_outdated';

/** What everybody reads under a name, without the library, at one moment while all go on. Undefined before it is there. */
export async function readName(url: string, name: TallyName): Promise<NameSnapshot | undefined> {
  const client = await connect(url);
  try {
    const view = `mink_read.${name.replaceAll('-', '_')}`;
    const [there] = await query(client, 'select to_regclass($1) is not null', [view]);
    if (there?.[0] !== true) return undefined;
    await query(client, 'begin isolation level repeatable read');
    // Before the first look: nobody switches or empties it from then on.
    await query(client, `lock table ${view} in access share mode`);
    const [state] = await query(client, STATE, [name]);
    if (state === undefined) return undefined;
    const [version, from, to] = state.map(Number);
    const documents = await query(client, `select key, document::text from ${view}`);
    return {
      name,
      rule: TALLY_RULES[name],
      version: version ?? 0,
      from: from ?? 0,
      to: to ?? 0,
      log: (await query(client, LOG)).map(toFact),
      documents: new Map(
        documents.map(([key, document]) => [String(key), toRecord(JSON.parse(String(document))) ?? {}]),
      ),
      waiting: await pairs(client, WAITING, [name, version]),
      discarded: await pairs(client, DISCARDED, [name, version]),
    };
  } finally {
    await disconnect(client);
  }
}

async function pairs(
  client: Client,
  text: string,
  values: readonly unknown[],
): Promise<ReadonlyMap<string, ReadonlySet<number>>> {
  const found = new Map<string, Set<number>>();
  for (const [key, position] of await query(client, text, values)) {
    found.set(String(key), (found.get(String(key)) ?? new Set()).add(Number(position)));
  }
  return found;
}
