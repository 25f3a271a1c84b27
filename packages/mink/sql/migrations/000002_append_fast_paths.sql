-- min_compatible_code: 1
--
-- Two short cuts for what nearly all appends are: events for one stream, with ids made by the library. append_v1 goes on
-- serving the others, and code from before. All three decide under the lock of the stream's row, announce their floor
-- before they draw a position, and know the same outcomes.

-- One plan for arrays of any length: planning anew costs more than running. And never compiled: what these functions switch
-- off makes the one plan that is left look endlessly dear (a sequence can only be scanned), so that PostgreSQL compiled it at
-- every call, 8 ms of CPU.
alter function :schema.append_v1(
  int[], text[], text[], smallint[], bigint[], int[], boolean[], int[], uuid[], text[], int[], text[], json[], json[], int, int
) set plan_cache_mode = force_generic_plan;
alter function :schema.append_v1(
  int[], text[], text[], smallint[], bigint[], int[], boolean[], int[], uuid[], text[], int[], text[], json[], json[], int, int
) set jit = off;
alter function :schema.first_recorded_after_v1(timestamptz, bigint) set jit = off;

-- "on conflict … where" sees columns only, so the condition of an append has to be one.
alter table :schema.streams add column expected_version bigint;

comment on column :schema.streams.expected_version is
  'What the append that made this row expected. Of no use afterwards.';

-- The guard against inserts by hand, as before; as a condition it costs a third of what a function call costs. The
-- namespace is written out: a function in the condition would be parsed again by every insert.
create function :schema.refuse_insert() returns trigger language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
begin
  raise exception 'events are inserted by the append functions only: readers would miss this one'
    using errcode = 'MK002', hint = 'Call an append function, or append through the library.';
end
$function$;

drop trigger require_append on :schema.events;

do $do$
begin
  execute format(
    'create trigger require_append before insert on :schema.events for each statement
     when (pg_catalog.current_setting(%L, true) is distinct from pg_catalog.pg_current_xact_id()::text)
     execute function :schema.refuse_insert()',
    'mink.append_' || :schema.floor_namespace()
  );
end
$do$;

alter table :schema.events enable always trigger require_append;
drop function :schema.require_append();

-- Appends one event to one stream.
--
--   expected_version   from 0: exactly this version; -1: any; -2: the stream exists
--   hold_timeout_ms    how long an open transaction may hold readers back before the server ends it; 0: as it is
--   lock_timeout_ms    how long to wait for a row that somebody else holds; 0: as it is
--
-- Returns "outcome,version,position,time": 0 appended, with the new version, the position and the recorded time in
-- milliseconds since 1970; 1 conflict and 4 stream is closed, with the version the stream is at.
create function :schema.append_one_v1(
  stream_name text,
  stream_category text,
  stream_partition smallint,
  expected_version bigint,
  event_id uuid,
  event_type text,
  event_schema_version int,
  event_tenant text,
  event_data json,
  event_metadata json,
  hold_timeout_ms int,
  lock_timeout_ms int
) returns text language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $function$
#variable_conflict use_variable
declare
  floor_flag constant text := 'mink.floor_' || :schema.floor_namespace();
  append_flag constant text := 'mink.append_' || :schema.floor_namespace();
  -- An assignment is cheaper than "perform", which runs a query; this is where unwanted results go.
  ignored text;
  transaction_id text;
  clock timestamptz := date_trunc('milliseconds', clock_timestamp());
  recorded timestamptz;
  version bigint;
  state text;
  last_position bigint;
  position bigint;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'append_one_v1 needs the isolation level READ COMMITTED, not %', current_setting('transaction_isolation')
      using errcode = 'MK003';
  end if;
  if lock_timeout_ms > 0 then
    ignored := set_config('lock_timeout', lock_timeout_ms::text, true);
  end if;

  -- 1. Lock the stream, decide, and raise its version, all at once. An update that waited looks again at what it finds.
  if expected_version > 0 or expected_version = -2 then
    update :schema.streams t
    set version = t.version + 1, last_recorded_at = greatest(t.last_recorded_at, clock)
    where t.stream_name = stream_name
      and t.state = 'live'
      and t.version > 0
      and (t.version = expected_version or expected_version = -2)
    returning t.version, t.last_recorded_at
    into version, recorded;
  else
    insert into :schema.streams as t (
      stream_name, category, partition_key, version, expected_version, created_at, last_recorded_at
    )
    values (stream_name, stream_category, stream_partition, 1, expected_version, clock, clock)
    on conflict on constraint streams_pkey do update
    set
      version = t.version + 1,
      created_at = case when t.version = 0 then clock else t.created_at end,
      last_recorded_at = greatest(t.last_recorded_at, clock)
    where t.state = 'live' and (t.version = 0 or expected_version = -1)
    returning t.version, t.last_recorded_at
    into version, recorded;
  end if;

  if version is null then
    select t.version, t.state into version, state from :schema.streams t where t.stream_name = stream_name;
    if state <> 'live' then
      return '4,' || version;
    end if;
    version := coalesce(version, 0);
    -- It got there while we looked: in another snapshot the answer is another.
    if version = expected_version or expected_version = -1 or expected_version = -2 and version > 0 then
      raise exception 'stream "%" changed during the append', stream_name using errcode = '40001';
    end if;
    return '1,' || version;
  end if;

  -- 2. Announce the floor: see append_v1. A sequence that the role may not read counts as 0, which loses nothing.
  transaction_id := pg_current_xact_id()::text;
  if current_setting(floor_flag, true) is distinct from transaction_id then
    last_position := coalesce(pg_sequence_last_value(':schema.global_position'::regclass), 0);
    if last_position >= 1::bigint << 48 then
      raise exception 'the log is full: position % is not below 2^48', last_position using errcode = 'MK004';
    end if;
    ignored := pg_advisory_xact_lock_shared(:schema.floor_namespace() << 48 | last_position)::text;
    ignored := set_config(floor_flag, transaction_id, true);
  end if;
  if hold_timeout_ms > 0 then
    ignored := set_config('idle_in_transaction_session_timeout', hold_timeout_ms::text, true);
  end if;

  -- 3. Draw the position, and insert.
  position := nextval(':schema.global_position'::regclass);
  ignored := set_config(append_flag, transaction_id, true);
  insert into :schema.events (
    global_position, stream_name, stream_version, category, partition_key, event_id, type, schema_version,
    data, metadata, tenant_id, recorded_at, commit_id, commit_index, commit_size
  )
  overriding system value
  values (
    position, stream_name, version, stream_category, stream_partition, event_id, event_type, event_schema_version,
    event_data, event_metadata, nullif(event_tenant, ''), recorded, position, 0, 1
  );
  ignored := set_config(append_flag, '', true);

  return '0,' || version || ',' || position || ',' || (date_part('epoch', recorded) * 1000)::bigint;
end
$function$;

-- Appends many commands at once, each of them events for one stream; no stream comes twice. Give the streams in the order of
-- their names (collation "C"), and the events grouped by stream.
--
--   outcomes   for each command: 0 appended, 1 conflict, 4 stream is closed; null where all were appended
--   versions   for each command: the version its stream is at now
--   positions  for each event that was appended: its position
--   times      for each command that was appended: when it was recorded, in milliseconds since 1970
create function :schema.append_simple_v1(
  stream_names text[],
  stream_categories text[],
  stream_partitions smallint[],
  expected_versions bigint[],
  event_counts int[],
  event_ids uuid[],
  event_types text[],
  event_schema_versions int[],
  event_tenants text[],
  event_data json[],
  event_metadata json[],
  hold_timeout_ms int,
  lock_timeout_ms int,
  out outcomes int[],
  out versions bigint[],
  out positions bigint[],
  out times bigint[]
) language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
-- The plans are made when the tables are empty, and must suit a log of any size.
set enable_seqscan = off
set enable_mergejoin = off
set jit = off
as $function$
#variable_conflict use_column
declare
  floor_flag constant text := 'mink.floor_' || :schema.floor_namespace();
  append_flag constant text := 'mink.append_' || :schema.floor_namespace();
  -- An assignment is cheaper than "perform", which runs a query; this is where unwanted results go.
  ignored text;
  transaction_id text;
  clock timestamptz := date_trunc('milliseconds', clock_timestamp());
  -- What the winners have come to.
  moved_names text[];
  moved_versions bigint[];
  recorded timestamptz[];
  event_streams int[];
  event_places int[];
  event_total int;
  last_position bigint;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'append_simple_v1 needs the isolation level READ COMMITTED, not %',
      current_setting('transaction_isolation')
      using errcode = 'MK003';
  end if;
  if lock_timeout_ms > 0 then
    ignored := set_config('lock_timeout', lock_timeout_ms::text, true);
  end if;

  -- A wrong call must not become a wrong log.
  event_total := case
    when 1 = all (event_counts) then cardinality(event_counts)
    else (select sum(c.event_count) from unnest(event_counts) as c (event_count))
  end;
  if (1 <= all (event_counts)) is not true
    or array_position(expected_versions, null) is not null
    or array[
        cardinality(stream_categories), cardinality(stream_partitions), cardinality(expected_versions),
        cardinality(event_counts)
      ] is distinct from array_fill(cardinality(stream_names), array[4])
    or array[
        cardinality(event_types), cardinality(event_schema_versions), cardinality(event_tenants),
        cardinality(event_data), cardinality(event_metadata)
      ] is distinct from array_fill(cardinality(event_ids), array[5])
    or cardinality(event_ids) is distinct from event_total
  then
    raise exception 'the arrays of an append do not fit together' using errcode = 'MK006';
  end if;

  -- 1. Lock every stream, in one order for everybody, decide, and raise the winners' versions, all at once. A stream that
  -- must exist is not made here. Losers change nothing.
  with moved as (
    insert into :schema.streams as t (
      stream_name, category, partition_key, version, expected_version, created_at, last_recorded_at
    )
    select s.name, s.category, s.partition, s.event_count, s.expected, clock, clock
    from unnest(stream_names, stream_categories, stream_partitions, event_counts, expected_versions)
      as s (name, category, partition, event_count, expected)
    where s.expected in (0, -1)
      or exists (select from :schema.streams x where x.stream_name = s.name collate "C")
    order by s.name collate "C"
    on conflict (stream_name) do update
    set
      version = t.version + excluded.version,
      created_at = case when t.version = 0 then excluded.created_at else t.created_at end,
      last_recorded_at = greatest(t.last_recorded_at, excluded.last_recorded_at)
    where t.state = 'live'
      and (
        t.version = excluded.expected_version
        or excluded.expected_version = -1
        or excluded.expected_version = -2 and t.version > 0
      )
    returning t.stream_name, t.version, t.last_recorded_at
  )
  select array_agg(m.stream_name), array_agg(m.version), array_agg(m.last_recorded_at)
  into moved_names, moved_versions, recorded
  from moved m;
  versions := moved_versions;

  -- 2. Where some lost, say what they lost against, and go on with the winners alone.
  if moved_names is distinct from stream_names then
    select
      array_agg(case when m.name is not null then 0 when t.state <> 'live' then 4 else 1 end order by s.nr),
      array_agg(coalesce(m.version, t.version, 0) order by s.nr),
      array_agg(m.recorded order by s.nr)
    into outcomes, versions, recorded
    from unnest(stream_names) with ordinality as s (name, nr)
    left join unnest(moved_names, moved_versions, recorded) as m (name, version, recorded) on m.name = s.name
    left join :schema.streams t on t.stream_name = s.name collate "C";

    for i in 1 .. cardinality(stream_names) loop
      -- It got there while we looked: in another snapshot the answer is another.
      if outcomes[i] = 1
        and (
          versions[i] = expected_versions[i]
          or expected_versions[i] = -1
          or expected_versions[i] = -2 and versions[i] > 0
        )
      then
        raise exception 'stream "%" changed during the append', stream_names[i] using errcode = '40001';
      end if;
    end loop;

    select
      array_agg(e.id order by e.nr), array_agg(e.type order by e.nr), array_agg(e.schema_version order by e.nr),
      array_agg(e.tenant order by e.nr), array_agg(e.data order by e.nr), array_agg(e.metadata order by e.nr)
    into event_ids, event_types, event_schema_versions, event_tenants, event_data, event_metadata
    from (
      select s.nr as stream, row_number() over (order by s.nr, o.place) as nr
      from unnest(event_counts) with ordinality as s (event_count, nr)
      cross join generate_series(1, s.event_count) as o (place)
    ) w
    join unnest(event_ids, event_types, event_schema_versions, event_tenants, event_data, event_metadata)
      with ordinality as e (id, type, schema_version, tenant, data, metadata, nr) on e.nr = w.nr
    where outcomes[w.stream] = 0;

    if event_ids is null then
      return;
    end if;

    select
      array_agg(s.name order by s.nr), array_agg(s.category order by s.nr), array_agg(s.partition order by s.nr),
      array_agg(s.event_count order by s.nr), array_agg(s.version order by s.nr), array_agg(s.recorded order by s.nr)
    into stream_names, stream_categories, stream_partitions, event_counts, moved_versions, recorded
    from unnest(stream_names, stream_categories, stream_partitions, event_counts, versions, recorded, outcomes)
      with ordinality as s (name, category, partition, event_count, version, recorded, outcome, nr)
    where s.outcome = 0;
  end if;

  -- 3. Announce the floor: see append_v1. A sequence that the role may not read counts as 0, which loses nothing.
  transaction_id := pg_current_xact_id()::text;
  if current_setting(floor_flag, true) is distinct from transaction_id then
    last_position := coalesce(pg_sequence_last_value(':schema.global_position'::regclass), 0);
    if last_position >= 1::bigint << 48 then
      raise exception 'the log is full: position % is not below 2^48', last_position using errcode = 'MK004';
    end if;
    ignored := pg_advisory_xact_lock_shared(:schema.floor_namespace() << 48 | last_position)::text;
    ignored := set_config(floor_flag, transaction_id, true);
  end if;
  if hold_timeout_ms > 0 then
    ignored := set_config('idle_in_transaction_session_timeout', hold_timeout_ms::text, true);
  end if;

  -- 4. Draw the positions in order, and insert.
  positions := array(
    select nextval(':schema.global_position'::regclass)
    from generate_series(1, cardinality(event_ids))
  );
  ignored := set_config(append_flag, transaction_id, true);
  if cardinality(event_ids) = cardinality(stream_names) then
    insert into :schema.events (
      global_position, stream_name, stream_version, category, partition_key, event_id, type, schema_version,
      data, metadata, tenant_id, recorded_at, commit_id, commit_index, commit_size
    )
    overriding system value
    select
      e.position, e.name, e.version, e.category, e.partition, e.id, e.type, e.schema_version,
      e.data, e.metadata, nullif(e.tenant, ''), e.recorded, e.position, 0, 1
    from unnest(
      positions, stream_names, moved_versions, stream_categories, stream_partitions, event_ids, event_types,
      event_schema_versions, event_tenants, event_data, event_metadata, recorded
    )
      as e (
        position, name, version, category, partition, id, type, schema_version, tenant, data, metadata, recorded
      );
  else
    select array_agg(s.nr order by s.nr, o.place), array_agg(o.place order by s.nr, o.place)
    into event_streams, event_places
    from unnest(event_counts) with ordinality as s (event_count, nr)
    cross join generate_series(1, s.event_count) as o (place);

    insert into :schema.events (
      global_position, stream_name, stream_version, category, partition_key, event_id, type, schema_version,
      data, metadata, tenant_id, recorded_at, commit_id, commit_index, commit_size
    )
    overriding system value
    select
      e.position, stream_names[e.stream], moved_versions[e.stream] - event_counts[e.stream] + e.place,
      stream_categories[e.stream], stream_partitions[e.stream], e.id, e.type, e.schema_version,
      e.data, e.metadata, nullif(e.tenant, ''), recorded[e.stream], positions[e.nr - e.place + 1], e.place - 1,
      event_counts[e.stream]
    from unnest(
      positions, event_streams, event_places, event_ids, event_types, event_schema_versions, event_tenants, event_data,
      event_metadata
    )
      with ordinality as e (position, stream, place, id, type, schema_version, tenant, data, metadata, nr);
  end if;
  ignored := set_config(append_flag, '', true);

  times := array(
    select (date_part('epoch', r.recorded) * 1000)::bigint
    from unnest(recorded) as r (recorded)
  );
end
$function$;
