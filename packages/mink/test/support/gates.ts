import type { Client } from 'pg';
import { runSql } from './databases.ts';

/**
 * Where a writer can be held inside an append function:
 *
 * - `rows`: append_v1 has seen to it that every stream has a row, and has not locked them
 * - `update`: append_v1 has decided, and has not raised versions; in the short functions the statement that does it all has
 *   taken its snapshot, and has done nothing else
 * - `read`: streams are locked and versions raised; the sequence has not been looked at
 * - `announce`: the sequence has been looked at; the floor is not announced
 * - `draw`: the floor is announced; no position is drawn
 * - `draw next`: a position is drawn, and another one is about to be
 * - `insert`: positions are drawn; no event is inserted
 */
const gates = ['rows', 'update', 'read', 'announce', 'draw', 'draw next', 'insert'] as const;
export type Gate = (typeof gates)[number];

/** When a writer announces its floor: as the functions do, or as a broken writer would. */
export type FloorMoment = 'before drawing' | 'after drawing' | 'never';

/**
 * Puts the gates into a database. The bodies of the append functions stay as they are: their search path is led past
 * functions of the same names as those they call, which stop before they pass the call on; triggers do the rest.
 *
 * A gate is an advisory lock (of two numbers, so that no reader takes it for a floor) for which a writer waits as long as
 * somebody else holds it; it says so in a notice, which PostgreSQL sends at once. Sessions without a number pass.
 */
export async function installGates(url: string): Promise<void> {
  await runSql(url, gatesSql);
}

/** Makes a session a writer that stops at closed gates. */
export async function becomeWriter(client: Client, writer: number, floor: FloorMoment): Promise<void> {
  await client.query("select set_config('gates.writer', $1::text, false), set_config('gates.floor', $2, false)", [
    writer,
    floor,
  ]);
}

/** Closes these gates to the writers below a number, and opens all others. */
export async function closeGates(client: Client, writers: number, closed: readonly Gate[]): Promise<void> {
  const numbers = closed.map((gate) => gates.indexOf(gate));
  await client.query({ name: 'close', text: 'select gates.close($1, $2)', values: [writers, numbers] });
}

export async function openGate(client: Client, writer: number, gate: Gate): Promise<void> {
  const values = [writer, gates.indexOf(gate)];
  await client.query({ name: 'open', text: 'select pg_advisory_unlock($1, $2)', values });
}

/** The gate that a notice tells of. */
export function gateOf(notice: string | undefined): Gate | undefined {
  return gates.find((gate) => notice === `held at ${gate}`);
}

const gatesSql = `
create schema gates;

create function gates.pass(gate text) returns void language plpgsql as $$
declare
  writer constant int := nullif(pg_catalog.current_setting('gates.writer', true), '');
  number constant int := pg_catalog.array_position(array[${gates.map((gate) => `'${gate}'`).join(', ')}], gate) - 1;
begin
  if writer is null then
    return;
  end if;
  if not pg_catalog.pg_try_advisory_lock(writer, number) then
    raise notice 'held at %', gate;
    perform pg_catalog.pg_advisory_lock(writer, number);
  end if;
  perform pg_catalog.pg_advisory_unlock(writer, number);
end $$;

create function gates.close(writers int, numbers int[]) returns void language plpgsql as $$ begin
  perform pg_advisory_unlock_all();
  perform pg_advisory_lock(w, n) from generate_series(0, writers - 1) as w, unnest(numbers) as n;
end $$;

create function gates.pg_current_xact_id() returns xid8 language plpgsql as $$ begin
  perform gates.pass('read');
  return pg_catalog.pg_current_xact_id();
end $$;

create function gates.pg_advisory_xact_lock_shared(key bigint) returns void language plpgsql as $$ begin
  if coalesce(current_setting('gates.floor', true), '') not in ('after drawing', 'never') then
    perform gates.pass('announce');
    perform pg_catalog.pg_advisory_xact_lock_shared(key);
  end if;
end $$;

create function gates.nextval(sequence regclass) returns bigint language plpgsql as $$
declare
  transaction_id constant text := pg_catalog.pg_current_xact_id()::text;
  drawn bigint;
begin
  if current_setting('gates.drawing', true) is distinct from transaction_id then
    perform gates.pass('draw');
    perform set_config('gates.drawing', transaction_id, true);
  else
    perform gates.pass('draw next');
  end if;
  drawn := pg_catalog.nextval(sequence);
  if current_setting('gates.floor', true) = 'after drawing' then
    perform gates.pass('announce');
    perform pg_catalog.pg_advisory_xact_lock_shared(mink.floor_namespace() << 48 | pg_sequence_last_value(sequence));
  end if;
  return drawn;
end $$;

create function gates.pass_in_trigger() returns trigger language plpgsql as $$ begin
  perform gates.pass(tg_argv[0]);
  return null;
end $$;

create trigger gate_rows after insert on mink.streams
  for each statement execute function gates.pass_in_trigger('rows');
create trigger gate_update before update on mink.streams
  for each statement execute function gates.pass_in_trigger('update');
create trigger gate_insert before insert on mink.events
  for each statement execute function gates.pass_in_trigger('insert');

do $do$
declare
  append regprocedure;
begin
  for append in
    select p.oid from pg_proc p
    where p.pronamespace = 'mink'::regnamespace and p.proname in ('append_v1', 'append_simple_v1', 'append_one_v1')
  loop
    execute format('alter function %s set search_path = gates, pg_catalog, pg_temp', append);
  end loop;
end $do$;
`;
