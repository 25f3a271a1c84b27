import { migrations } from '../migrations.generated.ts';
import type { SchemaName } from '../schema-name.ts';

/** Indexes that belong to a constraint of the log: who has dropped one of these has dropped the constraint. */
const OF_CONSTRAINTS = {
  events_pkey: 'alter table :schema.events add constraint events_pkey primary key (global_position)',
  events_stream_version:
    'alter table :schema.events add constraint events_stream_version unique (stream_name, stream_version)',
  events_stream_event_id:
    'alter table :schema.events add constraint events_stream_event_id unique (stream_name, event_id)',
  streams_pkey: 'alter table :schema.streams add constraint streams_pkey primary key (stream_name)',
};

/** The indexes that statements rely on, and what makes each of them: taken from the migrations. */
export function knownIndexes({ quoted }: SchemaName): ReadonlyMap<string, string> {
  const made = migrations.flatMap(({ sql }) =>
    Array.from(sql.matchAll(/^create index (?<name>\w+) on [^;]+/gmu), ([text, name = '']) => [name, text] as const),
  );
  const all = [...Object.entries(OF_CONSTRAINTS), ...made];
  return new Map(
    all.map(([name, text]) => [name, text.replaceAll(':schema', quoted).replaceAll(/\s+/gu, ' ').trim()] as const),
  );
}
