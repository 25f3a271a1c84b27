-- min_compatible_code: 1
--
-- The shapes that payloads in the log have, without their values: what code has to be able to read. A shape is recorded
-- before the append of the first event that has it, so that none is missing; one that no event has does no harm.

create table :schema.event_shapes (
  category text collate "C" not null,
  type text collate "C" not null,
  schema_version int not null,
  -- Of the shape; 'rest' for the one that takes in whatever came when there were enough.
  hash text collate "C" not null,
  -- A JSON Schema of a few words.
  shape json not null,
  recorded_at timestamptz not null,
  -- As of the last scan of the log.
  event_count bigint not null default 0,
  first_position bigint,
  last_position bigint,
  primary key (category, type, schema_version, hash)
);

comment on table :schema.event_shapes is
  'The shapes of payloads, without values, by type and version. Follows from the events: `mink schema scan` rebuilds it.';
