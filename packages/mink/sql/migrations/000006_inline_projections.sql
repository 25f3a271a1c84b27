-- min_compatible_code: 1
--
-- Projections that are applied in the transaction of each append. Which ones are active is in meta (inline_set, inline_epoch). A
-- store that never had one pays nothing for that: the guard that compares what an append applies with what is active is made
-- with the first of them.

alter table :schema.projections add column is_inline boolean not null default false;

comment on column :schema.projections.is_inline is
  'Every append applies it: no worker may. Its position is where it became inline.';

-- The guard of inline projections. An append says which set it applies by a setting of its transaction, mink.inline_<namespace>:
-- the epoch of the set. Code that knows no inline projections says nothing.
create function :schema.refuse_inline() returns trigger language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
declare
  active record;
begin
  select m.inline_set, m.inline_epoch into active from :schema.meta m;
  raise exception 'this append does not apply the inline projections that are active: % (epoch %)',
    active.inline_set, active.inline_epoch
    using errcode = 'MK007', hint = 'Give the store these projections, or deactivate them.';
end
$function$;

-- Makes a set the active one, and gives back its epoch. In the same transaction, before, the events are locked in SHARE ROW EXCLUSIVE
-- mode and the rows brought up to the end of the log. The epoch is written out in the condition of the guard, so that an append
-- looks at no table for it; whoever waited for the lock sees the new condition.
create function :schema.switch_inline_v1(projections json) returns bigint language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $function$
declare
  setting constant text := format('current_setting(%L, true)', 'mink.inline_' || :schema.floor_namespace());
  epoch bigint;
  condition text;
begin
  lock table :schema.events in share row exclusive mode;
  update :schema.meta m
  set inline_set = projections, inline_epoch = m.inline_epoch + 1
  returning m.inline_epoch
  into strict epoch;
  -- Where none is active, whoever applies none is right. After a transaction, a setting is empty, not missing.
  condition := case
    when json_array_length(projections) > 0 then format('%s is distinct from %L', setting, epoch::text)
    else format('coalesce(nullif(%s, %L), %3$L) <> %3$L', setting, '', epoch::text)
  end;
  execute format(
    'create or replace trigger require_inline before insert on :schema.events for each statement
     when (%s) execute function :schema.refuse_inline()',
    condition
  );
  alter table :schema.events enable always trigger require_inline;
  return epoch;
end
$function$;

-- Locks rows of inline projections, before positions are drawn: those who are about the same row append one after the other, and
-- each reads it when the one before is committed. Numbers stand for projections and keys; two keys that share one only wait.
--
--   stream_names                streams to lock before that: whoever waits for a stream must not hold rows that others need
--   projection_ids, are_whole   each projection; with many rows of it, it is locked as a whole instead
--   key_projections, key_ids    each row, in the order of both numbers
--   is_own                      the transaction is not a caller's, and may be told how to plan: what is planned while tables are
--                               empty has to suit tables of any size
--   lock_timeout_ms             how long to wait for a row that somebody else holds; 0: as it is
create function :schema.lock_inline_v1(
  stream_names text[],
  projection_ids int[],
  are_whole boolean[],
  key_projections int[],
  key_ids int[],
  is_own boolean,
  lock_timeout_ms int
) returns void language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $function$
declare
  ignored text;
begin
  if lock_timeout_ms > 0 then
    ignored := set_config('lock_timeout', lock_timeout_ms::text, true);
  end if;
  if is_own then
    ignored := set_config('enable_seqscan', 'off', true);
  end if;
  if cardinality(stream_names) > 0 then
    perform
    from :schema.streams t
    where t.stream_name = any (lock_inline_v1.stream_names)
    order by t.stream_name
    for update;
  end if;
  for i in 1 .. cardinality(projection_ids) loop
    if are_whole[i] then
      ignored := pg_advisory_xact_lock(projection_ids[i], 0)::text;
    else
      ignored := pg_advisory_xact_lock_shared(projection_ids[i], 0)::text;
    end if;
  end loop;
  for i in 1 .. cardinality(key_ids) loop
    ignored := pg_advisory_xact_lock(key_projections[i], key_ids[i])::text;
  end loop;
end
$function$;
