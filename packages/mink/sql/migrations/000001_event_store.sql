-- min_compatible_code: 1
--
-- The log: streams, events, and the functions that everything goes through. Every function fixes its search path: whoever
-- may create functions in a schema of the caller's path must not get to run them here.
-- The schema is a placeholder here, replaced by its quoted name.

-- A floor (see append_v1) is announced as an advisory lock; the namespace keeps the locks of the stores in one database
-- apart. It lives in a function, so that it costs nothing to read and every role can see which ones are taken.
do $do$
declare
  taken text[];
  candidate int;
begin
  select coalesce(array_agg(p.prosrc), '{}')
  into taken
  from pg_catalog.pg_proc p
  where p.proname = 'floor_namespace';
  loop
    candidate := 1 + floor(random() * 32767)::int;
    exit when not (' select ' || candidate || '::bigint ') = any (taken);
  end loop;
  execute format(
    'create function :schema.floor_namespace() returns bigint language sql immutable parallel safe as %L',
    ' select ' || candidate || '::bigint '
  );
end
$do$;

create table :schema.meta (
  only_row boolean primary key default true check (only_row),
  store_id uuid not null default gen_random_uuid(),
  inline_set json not null default '[]',
  inline_epoch bigint not null default 0,
  created_at timestamptz not null default clock_timestamp()
);

insert into :schema.meta default values;

create table :schema.streams (
  version bigint not null,
  created_at timestamptz not null,
  last_recorded_at timestamptz not null,
  partition_key smallint not null,
  stream_name text collate "C" primary key,
  category text collate "C" not null,
  state text collate "C" not null default 'live' check (state in ('live', 'archived', 'tombstoned'))
) with (fillfactor = 70);

comment on table :schema.streams is
  'One row a stream, locked by every append to it. A row at version 0 is not a stream: an append is under way.';

create table :schema.events (
  global_position bigint generated always as identity (sequence name :schema.global_position cache 1) primary key,
  stream_version bigint not null,
  recorded_at timestamptz not null,
  commit_id bigint not null,
  commit_index int not null,
  commit_size int not null,
  schema_version int not null,
  encoding smallint not null default 0,
  partition_key smallint not null,
  event_id uuid not null,
  stream_name text collate "C" not null,
  category text collate "C" not null,
  type text collate "C" not null,
  tenant_id text,
  erased_at timestamptz,
  data json not null,
  metadata json not null,
  constraint events_stream_version unique (stream_name, stream_version),
  constraint events_stream_event_id unique (stream_name, event_id)
);

comment on column :schema.events.commit_id is 'The first position of the append command this event was part of.';
comment on column :schema.events.encoding is '0 is plain JSON; other values are reserved for encryption and compression.';
comment on column :schema.events.partition_key is 'First two bytes of sha256(utf8(stream_name)), modulo 1024.';

create index events_category on :schema.events (category, global_position);

-- Finds the end of "until a time" in the whole log: a few bytes for every 32 pages, and nothing per event.
create index events_recorded_at on :schema.events using brin (global_position, recorded_at)
  with (pages_per_range = 32, autosummarize = on);

-- Events are facts, and a stream's row is the lock and the count of them. Inserts of events go through append_v1, which
-- announces them to readers; everything else is refused.
create function :schema.refuse_change() returns trigger language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
begin
  raise exception 'events are never changed: % on %.% is refused', tg_op, tg_table_schema, tg_table_name
    using errcode = 'MK001', hint = 'Append a new event that corrects the old one.';
end
$function$;

create trigger refuse_change before update or delete or truncate on :schema.events
  for each statement execute function :schema.refuse_change();
alter table :schema.events enable always trigger refuse_change;

create trigger refuse_truncate before truncate on :schema.streams
  for each statement execute function :schema.refuse_change();
alter table :schema.streams enable always trigger refuse_truncate;

create trigger refuse_delete before delete on :schema.streams
  for each row when (old.version > 0) execute function :schema.refuse_change();
alter table :schema.streams enable always trigger refuse_delete;

create trigger refuse_decrease before update on :schema.streams
  for each row when (new.version < old.version or new.stream_name <> old.stream_name)
  execute function :schema.refuse_change();
alter table :schema.streams enable always trigger refuse_decrease;

create function :schema.require_append() returns trigger language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
begin
  if current_setting('mink.append_' || :schema.floor_namespace(), true) is distinct from pg_current_xact_id()::text then
    raise exception 'events are inserted by append_v1 only: readers would miss this one'
      using errcode = 'MK002', hint = 'Call the append function, or append through the library.';
  end if;
  return null;
end
$function$;

create trigger require_append before insert on :schema.events
  for each statement execute function :schema.require_append();
alter table :schema.events enable always trigger require_append;

-- Stable while the server keeps its memory. A crash, even of one backend, resets the statistics and may hand out again
-- positions of appends that were rolled back; a bound from before is worth nothing afterwards.
create function :schema.incarnation_v1() returns int language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  -- As numbers: how a time is written depends on the session.
  select hashtext(concat_ws(
    ' ',
    extract(epoch from pg_postmaster_start_time()),
    extract(epoch from pg_stat_get_bgwriter_stat_reset_time())
  ))
$function$;

-- Appends many commands at once. A command is one or more streams with their events, stored together or not at all; it
-- never makes another command of the call fail. Streams come grouped by command, events grouped by stream.
--
--   expected_versions  from 0: exactly this version; -1: any; -2: the stream exists
--   repeatable         the command's event ids came from its caller and may be in the streams already
--   hold_timeout_ms    how long an open transaction may hold readers back before the server ends it; 0: as it is
--   lock_timeout_ms    how long to wait for a row that somebody else holds; 0: as it is
--
--   outcomes   for each command: 0 appended, 1 conflict, 2 repeated, 3 ids of another append, 4 stream is closed
--   culprits   for each command that lost: the stream it lost at
--   versions   for each stream: the version it was at
--   positions  for each event: its position; for a repeated command, of the first time
--   times      for each command: when it was recorded, in milliseconds since 1970
create function :schema.append_v1(
  stream_commands int[],
  stream_names text[],
  stream_categories text[],
  stream_partitions smallint[],
  expected_versions bigint[],
  event_counts int[],
  repeatable boolean[],
  event_streams int[],
  event_ids uuid[],
  event_types text[],
  event_schema_versions int[],
  event_tenants text[],
  event_data json[],
  event_metadata json[],
  hold_timeout_ms int,
  lock_timeout_ms int,
  out outcomes int[],
  out culprits int[],
  out versions bigint[],
  out positions bigint[],
  out times bigint[]
) language plpgsql volatile
set search_path = pg_catalog, pg_temp
-- A session keeps the plans of its first calls, made when the tables were empty: they must suit a log of any size.
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $function$
#variable_conflict use_column
declare
  floor_flag constant text := 'mink.floor_' || :schema.floor_namespace();
  append_flag constant text := 'mink.append_' || :schema.floor_namespace();
  command_count constant int := cardinality(repeatable);
  states text[];
  last_times timestamptz[];
  recorded timestamptz[];
  first_events int[] := array_fill(0, array[cardinality(stream_names)]);
  commit_starts int[] := array_fill(0, array[command_count]);
  commit_sizes int[] := array_fill(0, array[command_count]);
  stored bigint[] := '{}';
  known record;
  command int;
  next_event int := 1;
  has_winner boolean;
  last_position bigint;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'append_v1 needs the isolation level READ COMMITTED, not %', current_setting('transaction_isolation')
      using errcode = 'MK003';
  end if;

  if lock_timeout_ms > 0 then
    perform set_config('lock_timeout', lock_timeout_ms::text, true);
  end if;

  -- A wrong call must not become a wrong log: nothing is missing, and the arrays fit together.
  if cardinality(stream_names) = 0
    or array_position(stream_commands, null) is not null
    or array_position(expected_versions, null) is not null
    or array_position(event_counts, null) is not null
    or array[
        cardinality(stream_commands), cardinality(stream_categories), cardinality(stream_partitions),
        cardinality(expected_versions), cardinality(event_counts)
      ] <> array_fill(cardinality(stream_names), array[5])
    or array[
        cardinality(event_ids), cardinality(event_types), cardinality(event_schema_versions), cardinality(event_tenants),
        cardinality(event_data), cardinality(event_metadata)
      ] <> array_fill(cardinality(event_streams), array[6])
    or event_streams <> array(
      select s.nr::int
      from unnest(event_counts) with ordinality as s (event_count, nr)
      cross join generate_series(1, s.event_count)
    )
  then
    raise exception 'the arrays of an append do not fit together' using errcode = 'MK006';
  end if;

  -- 1. Lock every stream, in one order for everybody. A missing one gets a row, so that there is something to lock.
  loop
    insert into :schema.streams (stream_name, category, partition_key, version, created_at, last_recorded_at)
    select s.name, s.category, s.partition, 0, '-infinity', '-infinity'
    from unnest(stream_names, stream_categories, stream_partitions) as s (name, category, partition)
    order by s.name collate "C"
    on conflict (stream_name) do nothing;

    select array_agg(l.version order by l.nr), array_agg(l.state order by l.nr), array_agg(l.last_recorded_at order by l.nr)
    into versions, states, last_times
    from (
      select s.nr, t.version, t.state, t.last_recorded_at
      from unnest(stream_names) with ordinality as s (name, nr)
      join :schema.streams t on t.stream_name = s.name collate "C"
      order by t.stream_name
      for update of t
    ) l;

    -- Fewer rows: an empty one was swept while we waited for it.
    exit when cardinality(versions) = cardinality(stream_names);
  end loop;

  -- 2. Decide each command, in a snapshot that is younger than the locks. Losers change nothing.
  recorded := array_fill(date_trunc('milliseconds', clock_timestamp()), array[command_count]);
  outcomes := array_fill(0, array[command_count]);
  culprits := array_fill(0, array[command_count]);

  if true = any (repeatable) then
    stored := array(
      select (
        select x.global_position
        from :schema.events x
        where x.stream_name = stream_names[e.stream] collate "C" and x.event_id = e.id
      )
      from unnest(event_streams, event_ids) with ordinality as e (stream, id, nr)
      order by e.nr
    );
    for known in
      select
        stream_commands[e.stream] as command,
        min(e.stream) filter (where x.global_position is not null) as stream,
        count(*) = count(x.global_position)
          and count(distinct x.commit_id) = 1
          and min(x.commit_size) = count(*) as is_repeat
      from unnest(event_streams, stored) as e (stream, position)
      left join :schema.events x on x.global_position = e.position
      where repeatable[stream_commands[e.stream]]
      group by stream_commands[e.stream]
      having count(x.global_position) > 0
    loop
      outcomes[known.command] := case when known.is_repeat then 2 else 3 end;
      culprits[known.command] := known.stream;
    end loop;
  end if;

  for i in 1 .. cardinality(stream_names) loop
    command := stream_commands[i];
    if commit_sizes[command] = 0 then
      commit_starts[command] := next_event;
    end if;
    commit_sizes[command] := commit_sizes[command] + event_counts[i];
    first_events[i] := next_event;
    next_event := next_event + event_counts[i];
    recorded[command] := greatest(recorded[command], last_times[i]);
    if outcomes[command] = 0 then
      if states[i] <> 'live' and event_counts[i] > 0 then
        outcomes[command] := 4;
        culprits[command] := i;
      elsif expected_versions[i] >= 0 and versions[i] <> expected_versions[i]
        or expected_versions[i] = -2 and versions[i] = 0
      then
        outcomes[command] := 1;
        culprits[command] := i;
      end if;
    end if;
  end loop;
  has_winner := 0 = any (outcomes);

  if has_winner then
    -- 3. Raise the winners' versions.
    update :schema.streams t
    set
      version = t.version + s.event_count,
      created_at = case when t.version = 0 then recorded[s.command] else t.created_at end,
      last_recorded_at = recorded[s.command]
    from unnest(stream_names, stream_commands, event_counts) as s (name, command, event_count)
    where t.stream_name = s.name collate "C" and s.event_count > 0 and outcomes[s.command] = 0;

    -- 4. Announce the floor: every position drawn from now on is above it, and readers stop at the lowest floor that
    -- somebody holds until it is committed and visible, or rolled back. Shared locks never wait for each other.
    if current_setting(floor_flag, true) is distinct from pg_current_xact_id()::text then
      select case when q.is_called then q.last_value else 0 end
      into strict last_position
      from :schema.global_position q;
      if last_position >= 1::bigint << 48 then
        raise exception 'the log is full: position % is not below 2^48', last_position using errcode = 'MK004';
      end if;
      perform pg_advisory_xact_lock_shared(:schema.floor_namespace() << 48 | last_position);
      perform set_config(floor_flag, pg_current_xact_id()::text, true);
    end if;
    if hold_timeout_ms > 0 then
      perform set_config('idle_in_transaction_session_timeout', hold_timeout_ms::text, true);
    end if;

    -- 5. Draw the positions in order, and insert.
    positions := array(
      select case when outcomes[stream_commands[e.stream]] = 0 then nextval(':schema.global_position') end
      from unnest(event_streams) as e (stream)
    );

    perform set_config(append_flag, pg_current_xact_id()::text, true);
    insert into :schema.events (
      global_position, stream_name, stream_version, category, partition_key, event_id, type, schema_version,
      data, metadata, tenant_id, recorded_at, commit_id, commit_index, commit_size
    )
    overriding system value
    select
      positions[e.nr], stream_names[e.stream], versions[e.stream] + 1 + e.nr - first_events[e.stream],
      stream_categories[e.stream], stream_partitions[e.stream], e.id, e.type, e.schema_version,
      e.data, e.metadata, nullif(e.tenant, ''), recorded[stream_commands[e.stream]],
      positions[commit_starts[stream_commands[e.stream]]],
      e.nr - commit_starts[stream_commands[e.stream]],
      commit_sizes[stream_commands[e.stream]]
    from unnest(event_streams, event_ids, event_types, event_schema_versions, event_tenants, event_data, event_metadata)
      with ordinality as e (stream, id, type, schema_version, tenant, data, metadata, nr)
    where outcomes[stream_commands[e.stream]] = 0;
    perform set_config(append_flag, '', true);
  end if;

  -- 6. Sweep the rows that no event came to.
  for i in 1 .. cardinality(stream_names) loop
    if versions[i] = 0 and (event_counts[i] = 0 or outcomes[stream_commands[i]] <> 0) then
      delete from :schema.streams t
      where t.stream_name = any (stream_names) and t.version = 0;
      exit;
    end if;
  end loop;

  if cardinality(stored) > 0 then
    positions := array(
      select coalesce(s.position, positions[s.nr])
      from unnest(stored) with ordinality as s (position, nr)
      order by s.nr
    );
  end if;
  times := array(
    select (date_part('epoch', r.recorded) * 1000)::bigint
    from unnest(recorded) as r (recorded)
  );
end
$function$;

-- How far the log can be read: see "floor" in append_v1. The order of the two statements matters, and so does that the
-- events are read by a later one: whoever drew a position up to "head" had announced a floor below it before, so either
-- that floor is still seen here, or its transaction has ended and a later snapshot sees what it left.
create function :schema.feed_bound_v1(out bound bigint, out head bigint, out incarnation int)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $function$
declare
  lowest_floor bigint;
begin
  if pg_is_in_recovery() then
    raise exception 'the bound of the log can only be read on the primary' using errcode = 'MK005';
  end if;
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'feed_bound_v1 needs the isolation level READ COMMITTED, not %', current_setting('transaction_isolation')
      using errcode = 'MK003';
  end if;

  select case when q.is_called then q.last_value else 0 end
  into strict head
  from :schema.global_position q;

  select min((l.classid::bigint << 32 | l.objid::bigint) & (1::bigint << 48) - 1)
  into lowest_floor
  from pg_catalog.pg_locks l
  where l.locktype = 'advisory'
    and l.objsubid = 1
    and l.mode = 'ShareLock'
    and l.granted
    and l.classid::bigint >> 16 = :schema.floor_namespace()
    and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database());

  bound := least(head, lowest_floor);
  incarnation := :schema.incarnation_v1();
end
$function$;

-- The first event before a position that was recorded after a time. Only the block range index serves both conditions;
-- the planner, which takes them for independent, is kept from walking the log.
create function :schema.first_recorded_after_v1(at timestamptz, before_position bigint) returns bigint
language sql stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_indexscan = off
set enable_indexonlyscan = off
as $function$
  select min(e.global_position)
  from :schema.events e
  where e.recorded_at > at and e.global_position < before_position
$function$;

-- The last position before the first event that was recorded after a time; "up_to" if there is none. Times rise with
-- positions, but for clock changes and neighbours in flight: halving comes close, then the rest is looked through.
create function :schema.position_at_v1(at timestamptz, up_to bigint) returns bigint
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $function$
declare
  low bigint := 1;
  high bigint := up_to + 1;
  middle bigint;
  first_later bigint := up_to + 1;
  probe record;
begin
  while low < high loop
    middle := low + (high - low) / 2;
    select e.global_position, e.recorded_at
    into probe
    from :schema.events e
    where e.global_position >= middle and e.global_position < high
    order by e.global_position
    limit 1;
    if not found then
      high := middle;
    elsif probe.recorded_at > at then
      first_later := probe.global_position;
      high := middle;
    else
      low := probe.global_position + 1;
    end if;
  end loop;
  return coalesce(:schema.first_recorded_after_v1(at, first_later), first_later) - 1;
end
$function$;
