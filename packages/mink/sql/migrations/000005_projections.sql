-- min_compatible_code: 1
--
-- Read models: how far each projection has come, and who works on it. Their rows are in a schema of their own, where names are
-- free for projections and rights can be given for reading alone: "<schema>_read". There, each version of a projection has its
-- tables, <name>_v<version>, and the name alone is a view of the version that is live.

do $do$
begin
  -- "if not exists" would ask for the right to create schemas even where it exists. Who has no such right may go on without read
  -- models; the first projection asks for the schema again.
  if pg_catalog.has_database_privilege(current_database(), 'create') and not exists (
    select from pg_catalog.pg_namespace n where '"' || replace(n.nspname, '"', '""') || '"' = $name$:read_schema$name$
  ) then
    create schema :read_schema;
  end if;
end
$do$;

create table :schema.projections (
  name text collate "C" not null check (name ~ '^[a-z][a-z0-9_-]{0,39}$'),
  -- Below zero: a shadow, which is filled for a while and never live.
  version int not null check (version <> 0),
  -- A projection keeps a read model, a subscription has effects elsewhere.
  kind text not null default 'projection' check (kind in ('projection', 'subscription')),
  -- Where it began: from there it begins anew when somebody has removed its checkpoint.
  from_position bigint not null default 0 check (from_position >= 0),
  -- What its tables are: they can be emptied, compared and dropped without its code.
  tables json not null,
  is_paused boolean not null default false,
  -- In how many partitions it is to run: there are more until those that are to be merged are equally far.
  wanted_partitions int not null default 1 check (wanted_partitions between 1 and 64),
  created_at timestamptz not null default pg_catalog.clock_timestamp(),
  -- Of a shadow: the version that it is made from, and what for.
  shadow_of int,
  shadow_for text check (shadow_for in ('rebuild', 'what_if')),
  -- What was dropped for good stays known: a process with old code must not make it anew.
  retired_at timestamptz,
  primary key (name, version),
  check ((version < 0) = (shadow_of is not null and shadow_for is not null))
);

-- Which version a name stands for.
create table :schema.read_models (
  name text collate "C" primary key,
  -- As it is written in SQL, where "-" is no letter: two names must not mean one view.
  sql_name text collate "C" not null unique,
  live_version int not null check (live_version > 0),
  -- What it stood for before: where a rollback leads.
  previous_version int,
  switched_at timestamptz not null default pg_catalog.clock_timestamp(),
  foreign key (name, live_version) references :schema.projections (name, version)
);

-- The keys of a projection fall into 1,024 slots, and ranges of these are worked on apart, each with a checkpoint and a lease.
create table :schema.projection_partitions (
  name text collate "C" not null,
  version int not null,
  from_slot smallint not null check (from_slot between 0 and 1023),
  to_slot smallint not null check (to_slot between 1 and 1024),
  -- Everything up to here is in the read model; stored together with its rows.
  position bigint not null default 0 check (position >= 0),
  -- Rises with every worker that takes it over: what an earlier one still sends changes nothing.
  epoch bigint not null default 0,
  events bigint not null default 0,
  owner text,
  expires_at timestamptz not null default '-infinity',
  -- Where it waits for those that it is to be merged with: nobody takes it further.
  hold_at bigint check (hold_at >= position),
  state text not null default 'working' check (state in ('working', 'retrying', 'faulted')),
  error text,
  attempts int not null default 0,
  -- Owners that have failed here since it last moved: they do not take it again.
  faulted_by text[] not null default '{}',
  moved_at timestamptz not null default pg_catalog.clock_timestamp(),
  primary key (name, version, from_slot),
  foreign key (name, version) references :schema.projections on delete cascade,
  check (from_slot < to_slot)
)
-- Every batch updates its row: there is room for it beside the old one.
with (fillfactor = 50);

comment on table :schema.projection_partitions is
  'How far each projection has come: its checkpoint, stored together with its rows, and the lease of whoever works on it.';

-- Processes that have code for a projection of several partitions, and share it.
create table :schema.projection_workers (
  name text collate "C" not null,
  version int not null,
  owner text not null,
  expires_at timestamptz not null,
  primary key (name, version, owner),
  foreign key (name, version) references :schema.projections on delete cascade
);

-- What was applied, bucket by bucket of 65,536 positions: how many pairs of an event and a key, and the sum of their hashes.
create table :schema.projection_digests (
  name text collate "C" not null,
  version int not null,
  -- Of the partition that applied it; -1 for what was retried.
  from_slot smallint not null,
  bucket int not null,
  count bigint not null,
  low bigint not null,
  high bigint not null,
  primary key (name, version, from_slot, bucket),
  foreign key (name, version) references :schema.projections on delete cascade
)
with (fillfactor = 50);

-- A key whose event has failed: it, and all that come after it, wait among the dead letters. The row is what a worker that
-- adds one holds in share, and a retry alone.
create table :schema.parked_keys (
  name text collate "C" not null,
  version int not null,
  key text collate "C" not null,
  error text not null,
  attempts int not null,
  first_failed_at timestamptz not null,
  last_failed_at timestamptz not null,
  -- Who retries it, and until when nobody else does: of a subscription only, as no transaction is open while its handler runs.
  retried_by text,
  retried_until timestamptz not null default '-infinity',
  primary key (name, version, key),
  foreign key (name, version) references :schema.projections on delete cascade
);

-- Where the events that wait are in the log.
create table :schema.dead_letters (
  name text collate "C" not null,
  version int not null,
  key text collate "C" not null,
  position bigint not null,
  primary key (name, version, key, position),
  foreign key (name, version, key) references :schema.parked_keys on delete cascade
);

comment on table :schema.dead_letters is
  'Events that a projection has not applied to a key, because it or one before it failed: `mink deadletters` shows them.';

-- What was given up, by whom and why.
create table :schema.discarded_letters (
  name text collate "C" not null,
  version int not null,
  key text collate "C" not null,
  position bigint not null,
  error text not null,
  reason text not null check (reason <> ''),
  discarded_by text not null default current_user,
  discarded_at timestamptz not null,
  -- A reset has applied it again since, or will.
  is_outdated boolean not null default false,
  primary key (name, version, key, position)
);
