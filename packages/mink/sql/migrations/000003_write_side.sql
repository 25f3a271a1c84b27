-- min_compatible_code: 1
--
-- What an append may bring with it: the key of the command it comes of, with the command's result, and values that no two
-- streams may hold at once. Both are stored in the append's transaction, or not at all. And snapshots, which only shorten
-- loading: they may be deleted at any time.

create table :schema.snapshots (
  stream_name text collate "C" not null,
  name text collate "C" not null,
  stream_version bigint not null check (stream_version > 0),
  category text collate "C" not null,
  global_position bigint not null,
  last_event_id uuid not null,
  last_recorded_at timestamptz not null,
  schema_version int not null,
  shape text not null,
  -- As text: what was written has to be what the checksum was made of.
  state text not null,
  checksum text not null,
  created_at timestamptz not null,
  primary key (stream_name, name, stream_version)
);

create index snapshots_category on :schema.snapshots (category, stream_name);

comment on table :schema.snapshots is
  'States of entities at a version, to shorten loading. They follow from the events and may be deleted at any time.';

-- The first result of each command that was sent with a key.
create table :schema.idempotency (
  key text collate "C" primary key check (key <> ''),
  message_type text not null,
  fingerprint text not null,
  outcome text not null check (outcome in ('appended', 'value', 'refused')),
  value json,
  error json,
  stream_names text[] not null default '{}',
  stream_versions bigint[] not null default '{}',
  positions bigint[] not null default '{}',
  recorded_at timestamptz not null,
  expires_at timestamptz not null
);

create index idempotency_expires_at on :schema.idempotency (expires_at);

comment on table :schema.idempotency is
  'The first result of each command that had a key: whoever sends it again gets it, until it expires.';

-- Which stream holds a value of a unique set. A row without a stream is only a lock, and never committed.
create table :schema.claims (
  set_name text collate "C" not null check (set_name <> ''),
  value text collate "C" not null,
  stream_name text collate "C",
  -- False: given up, and kept for its stream because the set is for all time.
  is_held boolean not null default true,
  is_forever boolean not null default false,
  primary key (set_name, value)
);

create index claims_stream on :schema.claims (stream_name, set_name);

comment on table :schema.claims is
  'Which stream holds which value of a unique set. Follows from the events, and can be rebuilt from them.';

-- append_v1 for commands that bring a key or values with them; commands without either may come along.
--
--   command_keys        for each command: its key, or null
--   command_ttls        for each command: how long its result is kept, in milliseconds
--   hold_streams        for each value to hold: the stream, by its place in stream_names
--   hold_values         the value; null where the stream gives up all values of the set
--   hold_forever        whether no other stream may ever have it; null: nor this one now, which has given it up already
--
-- A stream holds exactly the values given here of every set that is named for it. Outcomes as in append_v1, and
--   5  the key has a result already
--   6  another stream holds a value: culprits gives its place among the values, holders the stream
--   7  not tried, because another command of the call ended with 5 or 6; nothing was appended
create function :schema.append_v2(
  command_keys text[],
  command_types text[],
  command_fingerprints text[],
  command_values json[],
  command_ttls bigint[],
  hold_streams int[],
  hold_sets text[],
  hold_values text[],
  hold_forever boolean[],
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
  out times bigint[],
  out holders text[]
) language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
-- The plans are made when the tables are empty, and must suit tables of any size.
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $function$
#variable_conflict use_column
declare
  command_count constant int := cardinality(repeatable);
  clock constant timestamptz := clock_timestamp();
  new_keys text[];
  wanted int;
  locked int;
  taken record;
  kept bigint[];
begin
  if lock_timeout_ms > 0 then
    perform set_config('lock_timeout', lock_timeout_ms::text, true);
  end if;
  if array[
      cardinality(command_keys), cardinality(command_types), cardinality(command_fingerprints),
      cardinality(command_values), cardinality(command_ttls)
    ] <> array_fill(command_count, array[5])
    or array[cardinality(hold_sets), cardinality(hold_values), cardinality(hold_forever)]
      <> array_fill(cardinality(hold_streams), array[3])
  then
    raise exception 'the arrays of an append do not fit together' using errcode = 'MK006';
  end if;
  outcomes := array_fill(0, array[command_count]);
  culprits := array_fill(0, array[command_count]);
  holders := array_fill(null::text, array[command_count]);

  -- 1. Take the keys, in one order for everybody. Whoever is taking one is waited for; a result that has expired is no
  -- obstacle.
  with inserted as (
    insert into :schema.idempotency as k (
      key, message_type, fingerprint, outcome, value, recorded_at, expires_at
    )
    select c.key, c.type, c.fingerprint, 'appended', c.value, clock, clock + c.ttl * interval '1 millisecond'
    from unnest(command_keys, command_types, command_fingerprints, command_values, command_ttls)
      as c (key, type, fingerprint, value, ttl)
    where c.key is not null
    order by c.key collate "C"
    on conflict (key) do update
    set
      message_type = excluded.message_type,
      fingerprint = excluded.fingerprint,
      outcome = excluded.outcome,
      value = excluded.value,
      error = null,
      recorded_at = excluded.recorded_at,
      expires_at = excluded.expires_at
    where k.expires_at <= excluded.recorded_at
    returning k.key
  )
  select coalesce(array_agg(i.key), '{}')
  into new_keys
  from inserted i;

  for i in 1 .. command_count loop
    if command_keys[i] is not null and not command_keys[i] = any (new_keys) then
      outcomes[i] := 5;
    end if;
  end loop;

  -- 2. Lock the values, in one order for everybody; one that nobody holds gets a row, so that there is something to lock.
  if cardinality(hold_streams) > 0 then
    loop
      insert into :schema.claims (set_name, value)
      select distinct h.set_name collate "C", h.value collate "C"
      from unnest(hold_sets, hold_values) as h (set_name, value)
      where h.value is not null
      order by 1, 2
      on conflict do nothing;
      select count(*)
      into wanted
      from (select distinct h.set_name, h.value from unnest(hold_sets, hold_values) as h (set_name, value)) w
      where w.value is not null;
      -- What a stream has now is locked, too: it may be given up.
      select count(*) filter (where l.is_wanted)
      into locked
      from (
        select k.is_wanted
        from (
          select w.set_name, w.value, bool_or(w.is_wanted) as is_wanted
          from (
            select h.set_name collate "C" as set_name, h.value collate "C" as value, true as is_wanted
            from unnest(hold_sets, hold_values) as h (set_name, value)
            where h.value is not null
            union all
            select o.set_name, o.value, false
            from unnest(hold_streams, hold_sets) as h (stream, set_name)
            join :schema.claims o
              on o.stream_name = stream_names[h.stream] collate "C" and o.set_name = h.set_name collate "C"
          ) w
          group by w.set_name, w.value
        ) k
        join :schema.claims c on c.set_name = k.set_name and c.value = k.value
        order by c.set_name, c.value
        for update of c
      ) l;
      -- Fewer rows: one was given up while we waited for it.
      exit when locked = wanted;
    end loop;

    for taken in
      select h.nr, stream_commands[h.stream] as command, c.stream_name
      from unnest(hold_streams, hold_sets, hold_values) with ordinality as h (stream, set_name, value, nr)
      join :schema.claims c on c.set_name = h.set_name collate "C" and c.value = h.value collate "C"
      where c.stream_name <> stream_names[h.stream]
        and (c.is_held or c.is_forever)
        -- Unless the same command gives it up for the stream that has it.
        and not exists (
          select
          from unnest(hold_streams, hold_sets) as g (stream, set_name)
          where stream_commands[g.stream] = stream_commands[h.stream]
            and stream_names[g.stream] = c.stream_name
            and g.set_name = h.set_name
            and not c.is_forever
        )
        -- Or it is no new append: what has been stored with these ids stays so, whoever has the value by now.
        and not (
          repeatable[stream_commands[h.stream]]
          and exists (
            select
            from unnest(event_streams, event_ids) as e (stream, id)
            join :schema.events x on x.stream_name = stream_names[e.stream] collate "C" and x.event_id = e.id
            where stream_commands[e.stream] = stream_commands[h.stream]
          )
        )
      order by h.nr desc
    loop
      if outcomes[taken.command] <> 5 then
        outcomes[taken.command] := 6;
        culprits[taken.command] := taken.nr;
        holders[taken.command] := taken.stream_name;
      end if;
    end loop;
  end if;

  -- 3. Where one has lost here, nothing is appended for any: the others are to be sent again without it.
  if exists (select from unnest(outcomes) as o (outcome) where o.outcome <> 0) then
    delete from :schema.idempotency k where k.key = any (new_keys);
    delete from :schema.claims c
    using unnest(hold_sets, hold_values) as h (set_name, value)
    where c.set_name = h.set_name collate "C" and c.value = h.value collate "C" and c.stream_name is null;
    outcomes := array(
      select case when o.outcome = 0 then 7 else o.outcome end
      from unnest(outcomes) with ordinality as o (outcome, nr)
      order by o.nr
    );
    versions := array_fill(0::bigint, array[cardinality(stream_names)]);
    positions := '{}';
    times := array_fill(0::bigint, array[command_count]);
    return;
  end if;

  -- 4. Append. From here on the streams are locked, too.
  select a.outcomes, a.culprits, a.versions, a.positions, a.times
  into strict outcomes, culprits, versions, positions, times
  from :schema.append_v1(
    stream_commands, stream_names, stream_categories, stream_partitions, expected_versions, event_counts, repeatable,
    event_streams, event_ids, event_types, event_schema_versions, event_tenants, event_data, event_metadata,
    hold_timeout_ms, lock_timeout_ms
  ) a;

  -- 5. The result belongs to the key; who lost at the streams leaves nothing behind.
  if cardinality(new_keys) > 0 then
    -- Whether the same ids are a repeat or a mistake, the caller has to see first; then it keeps the result.
    kept := array(
      select o.nr
      from unnest(outcomes) with ordinality as o (outcome, nr)
      where o.outcome = 0
    );

    update :schema.idempotency k
    set
      stream_names = array(
        select s.name
        from unnest(append_v2.stream_names, stream_commands) with ordinality as s (name, command, nr)
        where s.command = c.nr
        order by s.nr
      ),
      stream_versions = array(
        select s.version + s.event_count
        from unnest(versions, event_counts, stream_commands) with ordinality as s (version, event_count, command, nr)
        where s.command = c.nr
        order by s.nr
      ),
      positions = array(
        select p.position
        from unnest(append_v2.positions, event_streams) with ordinality as p (position, stream, nr)
        where stream_commands[p.stream] = c.nr
        order by p.nr
      )
    from unnest(command_keys) with ordinality as c (key, nr)
    where k.key = c.key collate "C" and c.nr = any (kept);

    delete from :schema.idempotency k
    using unnest(command_keys) with ordinality as c (key, nr)
    where k.key = c.key collate "C" and c.nr <> all (kept);
  end if;

  -- 6. Each stream holds what it was given, and nothing else of those sets.
  if cardinality(hold_streams) > 0 then
    delete from :schema.claims c
    using (
      select distinct stream_names[h.stream] as stream_name, h.set_name
      from unnest(hold_streams, hold_sets) as h (stream, set_name)
      where outcomes[stream_commands[h.stream]] = 0
    ) g
    where c.stream_name = g.stream_name collate "C"
      and c.set_name = g.set_name collate "C"
      and not c.is_forever
      -- What somebody else takes over is passed on below.
      and not exists (
        select
        from unnest(hold_streams, hold_sets, hold_values) as h (stream, set_name, value)
        where h.set_name = c.set_name and h.value = c.value and outcomes[stream_commands[h.stream]] = 0
      );

    update :schema.claims c
    set is_held = exists (
      select
      from unnest(hold_streams, hold_sets, hold_values) as h (stream, set_name, value)
      where stream_names[h.stream] = c.stream_name and h.set_name = c.set_name and h.value = c.value
    )
    from (
      select distinct stream_names[h.stream] as stream_name, h.set_name
      from unnest(hold_streams, hold_sets) as h (stream, set_name)
      where outcomes[stream_commands[h.stream]] = 0
    ) g
    where c.stream_name = g.stream_name collate "C" and c.set_name = g.set_name collate "C" and c.is_forever;

    update :schema.claims c
    set
      stream_name = stream_names[h.stream],
      is_held = h.forever is not null,
      is_forever = c.is_forever or coalesce(h.forever, true)
    from unnest(hold_streams, hold_sets, hold_values, hold_forever) as h (stream, set_name, value, forever)
    where c.set_name = h.set_name collate "C"
      and c.value = h.value collate "C"
      and outcomes[stream_commands[h.stream]] = 0;

    delete from :schema.claims c
    using unnest(hold_sets, hold_values) as h (set_name, value)
    where c.set_name = h.set_name collate "C" and c.value = h.value collate "C" and c.stream_name is null;
  end if;
end
$function$;
