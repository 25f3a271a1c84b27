import { createHash } from 'node:crypto';
import type { Statement } from '../connection.ts';
import type { SchemaName } from '../schema-name.ts';

/** Where the processes of a store tell each other that they have appended. */
export interface Channel {
  readonly name: string;
  /** First key of the advisory lock that shows that somebody listens; the second is 1. */
  readonly key: number;
}

export function channelOf({ name }: SchemaName): Channel {
  const hash = createHash('sha256').update(name).digest();
  return { name: `mink_${hash.toString('hex').slice(0, 16)}`, key: hash.readUInt32BE() & 0x7fff_ffff };
}

/** Tells the others. A notification need not survive a crash, so its commit waits for no disk. */
export function notifyQuery({ name }: Channel, sender: string): Statement {
  return {
    name: 'mink_notify',
    text: "select pg_catalog.set_config('synchronous_commit', 'off', true), pg_catalog.pg_notify($1, $2)",
    values: [name, sender],
  };
}

/** Shows for as long as the connection lives that it listens. */
export function showListeningQuery({ key }: Channel): Statement {
  return { name: undefined, text: 'select pg_catalog.pg_try_advisory_lock_shared($1, 1)', values: [key] };
}

/** Whether anybody listens but the connection of this process. */
export function hasListenersQuery({ key }: Channel, ownPid: number): Statement {
  const text = `
    select exists (
      select
      from pg_catalog.pg_locks l
      where l.locktype = 'advisory'
        and l.objsubid = 2
        and l.classid = $1
        and l.objid = 1
        and l.pid <> $2
        and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
    )`;
  return { name: 'mink_has_listeners', text, values: [key, ownPid] };
}
