import type {
  ColumnSpec,
  JsonObject,
  ProjectionId,
  RowPair,
  TableDifference,
  TablePair,
  TableSpec,
} from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';
import { columnText, keyColumn, parseColumn } from './projection-rows.ts';
import { quoted, tableOf } from './read-model-tables.ts';

/** The columns that two tables have in common: those of one name and type. */
function commonColumns({ beforeTable, afterTable }: TablePair): readonly ColumnSpec[] {
  return beforeTable.columns.filter(({ name, type }) => {
    return afterTable.columns.some((column) => column.name === name && column.type === type);
  });
}

/** The rows of a table, or of the part of the keys that is compared. */
function rowsOf(id: ProjectionId, table: TableSpec, { sample }: TablePair, values: unknown[]): string {
  if (sample === undefined) return tableOf(id, table);
  const key = table.primaryKey.map((name) => `t.${quoted(name)}::text`).join(` || ' ' || `);
  const [seed, oneIn] = [values.push(sample.seed), values.push(sample.oneIn)];
  return `(
      select t.*
      from ${tableOf(id, table)} t
      where pg_catalog.hashtextextended(${key}, $${seed}::bigint) % $${oneIn}::bigint = 0
    )`;
}

/** Rows are of one key where the key has the same columns; otherwise no row is the same as another. */
function joined(pair: TablePair, values: unknown[]): string {
  const { before, after, beforeTable, afterTable } = pair;
  const common = new Set(commonColumns(pair).map(({ name }) => name));
  const isSameKey =
    beforeTable.primaryKey.join() === afterTable.primaryKey.join() &&
    beforeTable.primaryKey.every((name) => common.has(name));
  const on = isSameKey
    ? beforeTable.primaryKey.map((name) => `b.${quoted(name)} = a.${quoted(name)}`).join(' and ')
    : 'false';
  return `${rowsOf(before, beforeTable, pair, values)} b full join ${rowsOf(after, afterTable, pair, values)} a on ${on}`;
}

function isMissing(alias: string, { primaryKey }: TableSpec): string {
  return `${alias}.${quoted(primaryKey[0] ?? '')} is null`;
}

/** Whether a column differs. Documents are compared as values: the order of their members does not matter. */
function differs({ name, type }: ColumnSpec): string {
  const [before, after] = [`b.${quoted(name)}`, `a.${quoted(name)}`];
  if (type !== 'document') return `${before} is distinct from ${after}`;
  return `(${before}::text <> ${after}::text and ${toJsonb(before)} <> ${toJsonb(after)})`;
}

/** A NUL and half a surrogate pair cannot be in a jsonb: what is compared has a character of private use before their numbers. */
function toJsonb(column: string): string {
  const escapes = String.raw`'\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\\ue000\1', 'g'`;
  return `pg_catalog.regexp_replace(${column}::text, ${escapes})::jsonb`;
}

function isChanged(pair: TablePair): string {
  const isMissingOne = `${isMissing('b', pair.beforeTable)} or ${isMissing('a', pair.afterTable)}`;
  return `not (${isMissingOne}) and (${['false', ...commonColumns(pair).map(differs)].join(' or ')})`;
}

/** Leaves rows of some keys out. Of tables that a handler writes, nobody knows which rows are a key's. */
function isCompared({ beforeTable, keysApart }: TablePair, values: unknown[]): string {
  if (beforeTable.name !== '' || keysApart.length === 0) return 'true';
  const key = keyColumn(beforeTable);
  return `coalesce(b.${key}, a.${key}) <> all ($${values.push(keysApart)}::text[])`;
}

/** How many rows there are, and how many differ. */
export function countDifferencesQuery(schema: SchemaName, pair: TablePair): Statement {
  const values: unknown[] = [];
  const [before, after] = [isMissing('b', pair.beforeTable), isMissing('a', pair.afterTable)];
  const sql = `
    select
      count(*) filter (where not (${before})),
      count(*) filter (where not (${after})),
      count(*) filter (where ${before}),
      count(*) filter (where ${after}),
      count(*) filter (where ${isChanged(pair)})
    from ${joined(pair, values)}
    where ${isCompared(pair, values)}`;
  return { ...inSchema(schema, 'count_differences', sql), values };
}

/** Some rows that differ, in the order of their keys. */
export function sampleDifferencesQuery(schema: SchemaName, pair: TablePair): Statement {
  const { beforeTable, afterTable } = pair;
  const [before, after] = [isMissing('b', beforeTable), isMissing('a', afterTable)];
  const positions = [positionOf('b', beforeTable), positionOf('a', afterTable)].join(', ');
  const columns = [
    ...beforeTable.columns.map((column) => columnText(column, 'b')),
    ...afterTable.columns.map((column) => columnText(column, 'a')),
  ];
  const order = beforeTable.primaryKey.map((name, index) => {
    const other = afterTable.primaryKey[index] ?? afterTable.primaryKey[0] ?? '';
    return `coalesce(b.${quoted(name)}::text, a.${quoted(other)}::text)`;
  });
  const values: unknown[] = [pair.samples];
  const sql = `
    select ${before}, ${after}, greatest(${positions}), ${columns.join(', ')}
    from ${joined(pair, values)}
    where ${isCompared(pair, values)}
      and (${before} or ${after} or (${isChanged(pair)}))
    order by ${order.join(', ')}
    limit $1`;
  return { ...inSchema(schema, 'sample_differences', sql), values };
}

/** Of tables that a handler writes, mink does not know. */
function positionOf(alias: string, { name }: TableSpec): string {
  return name === '' ? `${alias}.mink_position` : 'null::bigint';
}

export function toTableDifference(
  { afterTable, beforeTable }: TablePair,
  counts: Row | undefined,
  samples: readonly Row[],
): TableDifference {
  const [rowsBefore, rowsAfter, added, removed, changed] = (counts ?? []).map(Number);
  return {
    name: afterTable.name,
    rowsBefore: rowsBefore ?? 0,
    rowsAfter: rowsAfter ?? 0,
    added: added ?? 0,
    removed: removed ?? 0,
    changed: changed ?? 0,
    samples: samples.map(([isAdded, isRemoved, position, ...values]): RowPair => {
      const width = beforeTable.columns.length;
      const before = isAdded === 't' ? null : toRow(beforeTable, values.slice(0, width));
      const after = isRemoved === 't' ? null : toRow(afterTable, values.slice(width));
      const at = position === null || position === undefined ? undefined : Number(position);
      return { key: keyOf(after === null ? beforeTable : afterTable, after ?? before), before, after, position: at };
    }),
  };
}

function toRow({ columns }: TableSpec, values: readonly (string | null)[]): JsonObject {
  return Object.fromEntries(columns.map((column, index) => [column.name, parseColumn(column, values[index] ?? null)]));
}

function keyOf({ primaryKey }: TableSpec, row: JsonObject | null): JsonObject {
  return Object.fromEntries(primaryKey.map((name) => [name, row?.[name] ?? null]));
}
