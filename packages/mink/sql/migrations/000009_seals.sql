-- min_compatible_code: 1
--
-- Seals: what the log was when somebody sealed it. The root is a hash over every event from the first one on, as it is stored; given
-- to somebody else, it proves later that none of them was changed since. What is kept here says where.

create table :schema.seals (
  number bigint primary key check (number > 0),
  -- The last event that it covers; it begins behind the seal before it.
  up_to bigint not null unique check (up_to > 0),
  events int not null check (events > 0),
  sealed_at timestamptz not null default pg_catalog.clock_timestamp(),
  root bytea not null check (pg_catalog.length(root) = 32),
  -- Position, stream, version and the beginning of the hash of each event, packed; nothing after a restore from a backup.
  entries bytea
);

comment on table :schema.seals is
  'What the log was when it was sealed: `mink seal` adds to it, and `mink verify --seals` compares the log with it.';
