import {
  textHash,
  type ColumnSpec,
  type InlineKey,
  type InlineSet,
  type InlineWrite,
  type JsonObject,
  type Projection,
  type ProjectionId,
} from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';
import { jsonArray, plainArray, textArray } from './arrays.ts';
import type { InlineLock } from './encode-command.ts';
import { columnValues, keyColumn } from './projection-rows.ts';
import { arrayType, quoted, tableOf } from './read-model-tables.ts';

/** Rows of one projection that a transaction locks one by one; with more, it would fill the server's table of locks. */
const MOST_ROWS = 200;

/** What a row of an inline projection is locked by. Two rows may share it, and then wait for each other. */
export function inlineLock(schema: SchemaName, { projection: { name, version }, key }: InlineKey): InlineLock {
  const of = `${schema.name} ${name} ${version}`;
  const projection = toInt(textHash(of).low);
  // 0 stands for the projection as a whole.
  const row = toInt(textHash(`${of} ${key}`).low) || 1;
  return { projection, row, name: `${projection} ${row}` };
}

/** 32 bits as PostgreSQL's `int`. */
function toInt(bits: number): number {
  return bits | 0;
}

/** Who is locked for, and how. */
export interface LockInlineOptions {
  /** Streams to lock first. */
  readonly streamNames: readonly string[];
  /** Whether the transaction is the store's own. */
  readonly isOwn: boolean;
  /** Milliseconds to wait for a row that somebody else holds; 0 leaves the server's setting. */
  readonly lockTimeout: number;
}

/** Locks streams and rows, in one order for everybody: all streams, all projections, then the rows. */
export function lockInlineQuery(
  schema: SchemaName,
  locks: readonly InlineLock[],
  { streamNames, isOwn, lockTimeout }: LockInlineOptions,
): Statement {
  const rows = new Map<number, Set<number>>();
  for (const { projection, row } of locks) {
    const own = rows.get(projection);
    if (own === undefined) rows.set(projection, new Set([row]));
    else own.add(row);
  }
  const projections = [...rows].toSorted(([left], [right]) => left - right);
  const single = projections
    .filter(([, own]) => own.size <= MOST_ROWS)
    .flatMap(([projection, own]) =>
      [...own].toSorted((left, right) => left - right).map((row) => ({ projection, row })),
    );
  const sql =
    'select :schema.lock_inline_v1($1::text[], $2::int[], $3::boolean[], $4::int[], $5::int[], $6::boolean, $7::int)';
  const values = [
    textArray(streamNames),
    plainArray(projections.map(([projection]) => projection)),
    plainArray(projections.map(([, own]) => String(own.size > MOST_ROWS))),
    plainArray(single.map(({ projection }) => projection)),
    plainArray(single.map(({ row }) => row)),
    isOwn,
    lockTimeout,
  ];
  return { ...inSchema(schema, 'lock_inline', sql), values };
}

/** Writes rows of an inline projection, which the transaction has locked. */
export function writeInlineQueries(
  schema: SchemaName,
  projection: Projection,
  writes: readonly InlineWrite[],
): readonly Statement[] {
  const removed = writes.filter(({ row }) => row === null).map(({ key }) => key);
  const statements: Statement[] = [];
  if (removed.length < writes.length) statements.push(upsertQuery(schema, projection, writes));
  if (removed.length > 0) {
    const table = projection.readModel.spec;
    const sql = `
      delete from ${tableOf(projection, table)} t
      where t.${keyColumn(table)} = any ($1::text[])`;
    statements.push({ ...inSchema(schema, 'remove_inline', sql), values: [removed] });
  }
  return statements;
}

function upsertQuery(schema: SchemaName, projection: Projection, writes: readonly InlineWrite[]): Statement {
  const table = projection.readModel.spec;
  const key = keyColumn(table);
  const columns = table.columns.map(({ name }) => quoted(name));
  const types = table.columns.map(({ type }) => arrayType(type));
  const arrays = [...types, 'bigint[]'].map((type, index) => `pg_catalog.unnest($${index + 1}::${type})`);
  const all = [...columns, 'mink_position'].join(', ');
  const set = [...columns, 'mink_position'].filter((column) => column !== key);
  const sql = `
    insert into ${tableOf(projection, table)} (${all})
    select ${all}
    from rows from (${arrays.join(', ')}) w (${all})
    on conflict (${key}) do update
    set ${set.map((column) => `${column} = excluded.${column}`).join(', ')}`;
  const kept = writes.flatMap(({ row, position }) => (row === null ? [] : [{ row, position }]));
  const rows = kept.map(({ row }) => row);
  const values = [
    ...table.columns.map((column) => columnArray(column, rows)),
    plainArray(kept.map(({ position }) => position)),
  ];
  return { ...inSchema(schema, 'write_inline', sql), values };
}

/** Values of a column as one parameter: where none can be null, in the form that nobody has to escape. */
function columnArray(column: ColumnSpec, rows: readonly JsonObject[]): unknown {
  if (column.type === 'document') return jsonArray(rows.map((row) => JSON.stringify(row[column.name] ?? null)));
  return columnValues(column, rows);
}

/** The active set. */
export function readInlineSetQuery(schema: SchemaName): Statement {
  const sql = 'select m.inline_set, m.inline_epoch from :schema.meta m';
  return { ...inSchema(schema, 'read_inline_set', sql), values: [] };
}

export function toInlineSet([set, epoch]: Row): InlineSet {
  const stored: unknown = JSON.parse(set ?? '[]');
  const projections = Array.isArray(stored) ? stored.map(toProjectionId) : [];
  return { projections, epoch: Number(epoch) };
}

function toProjectionId(value: unknown): ProjectionId {
  const { name, version }: { readonly name?: unknown; readonly version?: unknown } = Object(value);
  return { name: String(name), version: Number(version) };
}

/** Keeps appends out until the end of the transaction. */
export function lockEventsScript(schema: SchemaName): string {
  return `lock table ${schema.quoted}.events in share row exclusive mode`;
}

/** The last position of the log, while appends are kept out; and how many keys of a projection are parked. */
export function inlineStartQuery(schema: SchemaName, { name, version }: ProjectionId): Statement {
  const sql = `
    select
      (select coalesce(pg_catalog.max(e.global_position), 0) from :schema.events e),
      (select count(*) from :schema.parked_keys k where k.name = $1 and k.version = $2)`;
  return { ...inSchema(schema, 'inline_start', sql), values: [name, version] };
}

/** Takes a projection from whoever works on it, and from workers altogether. Its partitions, as of now. */
export function makeInlineQuery(schema: SchemaName, { name, version }: ProjectionId): Statement {
  const sql = `
    with made as (
      update :schema.projections j
      set is_inline = true
      where j.name = $1 and j.version = $2
    )
    update :schema.projection_partitions p
    set
      epoch = p.epoch + 1, owner = null, expires_at = '-infinity', state = 'working', error = null, attempts = 0,
      hold_at = null, faulted_by = '{}'
    where p.name = $1 and p.version = $2
    returning p.name, p.version, p.from_slot, p.to_slot, p.epoch, p.position, p.hold_at`;
  return { ...inSchema(schema, 'make_inline', sql), values: [name, version] };
}

/** Keeps where a projection became inline: all of its partitions have applied what was there before, and nothing that comes now. */
export function settleInlineQuery(schema: SchemaName, { name, version }: ProjectionId, upTo: number): Statement {
  const sql = `
    update :schema.projection_partitions p
    set position = $3
    where p.name = $1 and p.version = $2`;
  return { ...inSchema(schema, 'settle_inline', sql), values: [name, version, upTo] };
}

/** Gives a projection back to workers, who go on after the last event there is. */
export function makeAsyncQuery(schema: SchemaName, { name, version }: ProjectionId): Statement {
  const sql = `
    with made as (
      update :schema.projections j
      set
        is_inline = false,
        inline_ranges = j.inline_ranges + pg_catalog.int8multirange(
          pg_catalog.int8range(
            (
              select pg_catalog.min(p.position)
              from :schema.projection_partitions p
              where p.name = j.name and p.version = j.version
            ),
            (select coalesce(pg_catalog.max(e.global_position), 0) from :schema.events e),
            '(]'
          )
        )
      where j.name = $1 and j.version = $2 and j.is_inline
      returning j.name, j.version
    )
    update :schema.projection_partitions p
    set
      epoch = p.epoch + 1,
      position = (select coalesce(pg_catalog.max(e.global_position), 0) from :schema.events e),
      hold_at = null,
      moved_at = pg_catalog.clock_timestamp()
    from made m
    where p.name = m.name and p.version = m.version`;
  return { ...inSchema(schema, 'make_async', sql), values: [name, version] };
}

/** For a projection that begins anew: its rows are none that appends have made. */
export function forgetInlineQuery(schema: SchemaName, { name, version }: ProjectionId): Statement {
  const sql = `
    update :schema.projections j
    set inline_ranges = '{}'
    where j.name = $1 and j.version = $2`;
  return { ...inSchema(schema, 'forget_inline', sql), values: [name, version] };
}

/** Makes a set the active one. */
export function switchInlineQuery(schema: SchemaName, projections: readonly ProjectionId[]): Statement {
  const set = projections.map(({ name, version }) => ({ name, version }));
  return {
    ...inSchema(schema, 'switch_inline', 'select :schema.switch_inline_v1($1::json)'),
    values: [JSON.stringify(set)],
  };
}
