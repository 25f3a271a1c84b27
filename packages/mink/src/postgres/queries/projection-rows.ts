import {
  typed,
  type BatchState,
  type ColumnSpec,
  type JsonObject,
  type JsonValue,
  type ProjectionModel,
  type StoredRow,
  type TableSpec,
} from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';
import { jsonArray, plainArray, textArray } from './arrays.ts';
import { quoted, tableOf } from './read-model-tables.ts';

/** The one table of a projection with a row for each key; undefined where it has others, or none. */
export function rowTable({ tables }: Pick<ProjectionModel, 'tables'>): TableSpec | undefined {
  return tables.find(({ name }) => name === '');
}

/** The column that holds the key. */
export function keyColumn({ primaryKey }: TableSpec): string {
  return quoted(primaryKey[0] ?? '');
}

/** The columns of a row, after its key, its position, and whether it is stale. */
export function selectRow(table: TableSpec): string {
  return [
    `t.${keyColumn(table)}`,
    't.mink_position',
    't.mink_is_stale',
    ...table.columns.map((column) => columnText(column)),
  ].join(', ');
}

/** A column as text that {@link parseColumn} reads. */
export function columnText({ name, type }: ColumnSpec, table = 't'): string {
  const column = `${table}.${quoted(name)}`;
  // However the session writes times.
  if (type === 'timestamp') return `pg_catalog.to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
  return type === 'json' || type === 'document' ? `${column}::text` : column;
}

/** Reads what {@link selectRow} selects. */
export function toStoredRow(table: TableSpec, [key, position, isStale, ...values]: Row): StoredRow {
  const row: Record<string, JsonValue> = {};
  for (const [index, column] of table.columns.entries()) row[column.name] = parseColumn(column, values[index] ?? null);
  return { key: key ?? '', row, position: Number(position), isStale: isStale === 't' };
}

export function parseColumn({ type }: ColumnSpec, text: string | null): JsonValue {
  if (text === null) return null;
  switch (type) {
    case 'integer':
    case 'number':
      return Number(text);
    case 'boolean':
      return text === 't';
    case 'json':
    case 'document': {
      const value: JsonValue = JSON.parse(text);
      return value;
    }
    case 'text':
    case 'timestamp':
      return text;
  }
}

/** Values of a column as one parameter, which its array type takes. */
export function columnValues({ name, type }: ColumnSpec, rows: readonly JsonObject[]): unknown {
  const values = rows.map((row) => row[name] ?? null);
  switch (type) {
    case 'text':
      return textArray(typed<readonly (string | null)[]>(values));
    case 'document':
      return jsonArray(values.map((value) => JSON.stringify(value)));
    case 'json':
      // Of a nullable column, null is no JSON.
      return values.map((value) => (value === null ? null : JSON.stringify(value)));
    default:
      return plainArray(typed<readonly (number | string | boolean | null)[]>(values).map(String));
  }
}

/** Rows by key. */
export function readRowsQuery(
  schema: SchemaName,
  projection: ProjectionModel,
  { table, keys }: { readonly table: TableSpec; readonly keys: readonly string[] },
): Statement {
  const sql = `
    select ${selectRow(table)}
    from ${tableOf(projection, table)} t
    where t.${keyColumn(table)} = any ($1::text[])`;
  return { ...inSchema(schema, 'read_rows', sql), values: [keys] };
}

/** Rows in the order of their keys. */
export function listRowsQuery(
  schema: SchemaName,
  projection: ProjectionModel,
  of: { readonly table: TableSpec; readonly after: string | undefined; readonly limit: number },
): Statement {
  const { table, after, limit } = of;
  const key = `t.${keyColumn(table)}`;
  const sql = `
    select ${selectRow(table)}
    from ${tableOf(projection, table)} t
    where ${key} > $1
    order by ${key}
    limit $2`;
  return { ...inSchema(schema, 'list_rows', sql), values: [after ?? '', limit] };
}

/** Rows by key, and rows without a position for keys that are parked. */
export function readBatchQuery(schema: SchemaName, projection: ProjectionModel, keys: readonly string[]): Statement {
  const table = rowTable(projection);
  const rows =
    table === undefined
      ? ''
      : `select ${selectRow(table)}
    from ${tableOf(projection, table)} t
    where t.${keyColumn(table)} = any ($1::text[])
    union all`;
  const nothing = table?.columns.map(() => ', null').join('') ?? '';
  const sql = `
    ${rows}
    select k.key, null, true${nothing}
    from :schema.parked_keys k
    where k.name = $2 and k.version = $3 and k.key = any ($1::text[])`;
  return { ...inSchema(schema, 'read_batch', sql), values: [textArray(keys), projection.name, projection.version] };
}

export function toBatchState(projection: ProjectionModel, rows: readonly Row[]): BatchState {
  const table = rowTable(projection);
  const stored = rows.filter(([, position]) => position !== null);
  return {
    rows: table === undefined ? [] : stored.map((row) => toStoredRow(table, row)),
    parkedKeys: rows.filter(([, position]) => position === null).map(([key]) => key ?? ''),
  };
}
