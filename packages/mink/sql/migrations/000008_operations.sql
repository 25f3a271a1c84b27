-- min_compatible_code: 1
--
-- What people look at who operate a store: its processes, who did what, how checkpoints have moved, and when it was backed up.

-- A row for each process that reports. It is gone when the process has ended, or has been silent for a day.
create table :schema.processes (
  id uuid primary key,
  name text not null,
  started_at timestamptz not null,
  reported_at timestamptz not null,
  -- Milliseconds from one report to the next.
  interval_ms int not null check (interval_ms > 0),
  -- What the process says of itself.
  report json not null,
  -- Settings of the server, as they are for this process.
  server json not null
)
-- Every report updates its row: there is room for it beside the old one.
with (fillfactor = 50);

-- Who wanted what, and what came of it.
create table :schema.audit_log (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  -- The last position that had been handed out: which backup it belongs to, and which moment of the log.
  log_position bigint not null,
  kind text not null check (kind in ('command', 'query', 'action', 'view')),
  type text not null,
  message_id text not null,
  user_id text,
  tenant_id text,
  correlation_id text,
  status text not null check (status in ('attempted', 'succeeded', 'refused', 'failed')),
  error_code text,
  stream_name text,
  stream_version bigint,
  details json
);

-- Who did what; what was done with a stream; what belongs together.
create index audit_log_user on :schema.audit_log (user_id, id) where user_id is not null;
create index audit_log_stream on :schema.audit_log (stream_name, id) where stream_name is not null;
create index audit_log_correlation on :schema.audit_log (correlation_id, id) where correlation_id is not null;
-- For deleting what is old: a few bytes for every 32 pages.
create index audit_log_at on :schema.audit_log using brin (at) with (pages_per_range = 32, autosummarize = on);
-- For increments of backups.
create index audit_log_position on :schema.audit_log using brin (log_position) with (pages_per_range = 32, autosummarize = on);

-- One sample a minute of each projection that moves, kept for seven days; written when leases are renewed. Without a foreign key,
-- which would make the renewal wait for whoever holds the projection.
create table :schema.checkpoint_history (
  name text collate "C" not null,
  version int not null,
  -- The minute.
  at timestamptz not null,
  -- The lowest of its partitions: everything up to here is in the read model.
  position bigint not null,
  -- Applied in all partitions together.
  events bigint not null,
  primary key (name, version, at)
);

create index checkpoint_history_at on :schema.checkpoint_history (at);

-- When somebody last compared what was applied with the log, and whether that was right.
alter table :schema.projections
  add column verified_at timestamptz,
  add column is_verified boolean;

-- Backups that were written to their end.
create table :schema.backups (
  id bigint generated always as identity primary key,
  taken_at timestamptz not null,
  after_position bigint not null,
  up_to_position bigint not null,
  events bigint not null
);

-- Whoever may move checkpoints renews leases, and so writes the history, too: a process must not stop for want of a grant.
do $do$
declare
  writer text;
begin
  for writer in
    select case when a.grantee = 0 then 'public' else a.grantee::regrole::text end
    from pg_catalog.pg_class c
    cross join pg_catalog.aclexplode(c.relacl) a
    where c.oid = ':schema.projection_partitions'::regclass
      and a.privilege_type = 'UPDATE'
      and a.grantee <> c.relowner
  loop
    execute 'grant select, insert, update, delete on :schema.checkpoint_history to ' || writer;
    execute 'grant select, insert, update, delete on :schema.processes to ' || writer;
    execute 'grant select, insert on :schema.audit_log, :schema.backups to ' || writer;
  end loop;
end
$do$;
