import { createHash } from 'node:crypto';
import type { Statement } from '../connection.ts';
import type { SchemaName } from '../schema-name.ts';

/** The channel on which the processes of a store tell each other that they have appended. */
export function channelOf({ name }: SchemaName): string {
  return `mink_${createHash('sha256').update(name).digest('hex').slice(0, 16)}`;
}

/** Tells the others. A notification need not survive a crash, so its commit waits for no disk. */
export function notifyQuery(channel: string, sender: string): Statement {
  return {
    name: 'mink_notify',
    text: "select pg_catalog.set_config('synchronous_commit', 'off', true), pg_catalog.pg_notify($1, $2)",
    values: [channel, sender],
  };
}
