import { DatabaseError, SequenceBehindError } from '../core/index.ts';
import type { Session } from './connection.ts';
import { isBehind, sequenceStateQuery, toSequenceState, type SequenceState } from './queries/sequence.ts';
import type { SchemaName } from './schema-name.ts';

const INSUFFICIENT_RIGHTS = '42501';

/**
 * Puts right what a restore may leave behind; changes nothing in a sound schema. Runs in the transaction, and under the
 * lock, of the migrations.
 */
export async function repair(session: Session, schema: SchemaName): Promise<void> {
  await enableGuards(session, schema);
  await raiseSequence(session, schema);
}

/** `pg_restore --disable-triggers` turns triggers on again as ordinary ones, which replica mode passes by. */
async function enableGuards(session: Session, schema: SchemaName): Promise<void> {
  const guards = await session.run({
    name: 'mink_guards_off',
    text: `select c.relname, t.tgname
      from pg_catalog.pg_trigger t
      join pg_catalog.pg_class c on c.oid = t.tgrelid
      join pg_catalog.pg_proc p on p.oid = t.tgfoid
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace and n.oid = p.pronamespace
      where n.nspname = $1 and not t.tgisinternal and t.tgenabled <> 'A'`,
    values: [schema.name],
  });
  for (const [table, trigger] of guards) {
    await session.runScript(`alter table ${schema.quoted}."${table}" enable always trigger "${trigger}"`);
  }
}

/** Raised to the highest position, and never lowered: positions above it may have been drawn and rolled back. */
async function raiseSequence(session: Session, schema: SchemaName): Promise<void> {
  // Whoever may not read the sequence can neither append nor see that it is behind.
  const [rights] = await session.run({
    name: 'mink_sequence_rights',
    text: `select 1
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relname = 'global_position' and pg_catalog.has_sequence_privilege(c.oid, 'select')`,
    values: [schema.name],
  });
  if (rights === undefined || !isBehind(await readState(session, schema))) return;
  // No insert is under way from here on, and none begins before this is committed.
  await session.runScript(`lock table ${schema.quoted}.events in share row exclusive mode`);
  const state = await readState(session, schema);
  if (!isBehind(state)) return;
  await session.run({
    name: undefined,
    text: 'select pg_catalog.setval($1::pg_catalog.regclass, $2::pg_catalog.int8)',
    values: [`${schema.quoted}.global_position`, state.highest],
  });
}

async function readState(session: Session, schema: SchemaName): Promise<SequenceState> {
  const [row = []] = await session.run(sequenceStateQuery(schema));
  return toSequenceState(row);
}

/** Raises the sequence if that is allowed; otherwise nothing may be appended or followed. */
export async function ensureSequence(
  { name }: SchemaName,
  state: SequenceState,
  raise: (() => Promise<unknown>) | undefined,
): Promise<void> {
  if (!isBehind(state)) return;
  if (raise === undefined) throw new SequenceBehindError(name, state);
  try {
    await raise();
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.sqlState !== INSUFFICIENT_RIGHTS) throw error;
    throw new SequenceBehindError(name, state, { cause: error });
  }
}
