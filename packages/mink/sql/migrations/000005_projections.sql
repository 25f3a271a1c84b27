-- min_compatible_code: 1
--
-- How far each projection has come, and who works on it. The rows of a read model are in a table of their own, which is made
-- with the projection: documents_<name>_v<version>.

create table :schema.projections (
  name text collate "C" not null check (name ~ '^[a-z][a-z0-9_-]{0,39}$'),
  version int not null check (version > 0),
  -- Everything up to here is in the read model; stored together with its rows.
  position bigint not null default 0 check (position >= 0),
  -- Rises with every worker that takes it over: what an earlier one still sends changes nothing.
  epoch bigint not null default 0,
  events bigint not null default 0,
  owner text,
  expires_at timestamptz not null default '-infinity',
  is_paused boolean not null default false,
  state text not null default 'running' check (state in ('running', 'retrying', 'faulted')),
  error text,
  attempts int not null default 0,
  moved_at timestamptz not null,
  primary key (name, version)
)
-- Every batch updates its row: there is room for it beside the old one.
with (fillfactor = 50);

comment on table :schema.projections is
  'How far each projection has come: its checkpoint, stored together with its rows, and the lease of whoever works on it.';

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
  primary key (name, version, key, position)
);
