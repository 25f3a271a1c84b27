import type { ColumnType, Condition, JsonValue, Order, ProjectionId, RowQuery, TableSpec } from '../../core/index.ts';
import type { Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';
import { selectRow } from './projection-rows.ts';
import { quoted, tableOf } from './read-model-tables.ts';

type Add = (value: unknown) => string;

/** One page of rows, after where the last one ended. */
export function findRowsQuery(
  schema: SchemaName,
  projection: ProjectionId,
  { table, query }: { readonly table: TableSpec; readonly query: RowQuery },
): Statement {
  const values: unknown[] = [query.limit];
  const add: Add = (value) => `$${values.push(value)}`;
  const conditions = query.where.map((condition) => conditionSql(condition, add));
  if (query.after !== undefined) conditions.push(afterSql(query.order, query.after, add));
  const sql = `
    select ${selectRow(table)}
    from ${tableOf(projection, table)} t
    ${conditions.length === 0 ? '' : `where ${conditions.join('\n      and ')}`}
    order by ${query.order.map(({ column, direction }) => `t.${quoted(column.name)} ${direction}`).join(', ')}
    limit $1`;
  return { ...inSchema(schema, 'find_rows', sql), values };
}

/** How many rows there are. */
export function countRowsQuery(
  schema: SchemaName,
  projection: ProjectionId,
  { table, where }: { readonly table: TableSpec; readonly where: readonly Condition[] },
): Statement {
  const values: unknown[] = [];
  const conditions = where.map((condition) => conditionSql(condition, (value) => `$${values.push(value)}`));
  const sql = `
    select count(*)
    from ${tableOf(projection, table)} t
    ${conditions.length === 0 ? '' : `where ${conditions.join('\n      and ')}`}`;
  return { ...inSchema(schema, 'count_rows', sql), values };
}

const TYPES: Readonly<Record<ColumnType, string>> = {
  text: 'text',
  integer: 'bigint',
  number: 'double precision',
  boolean: 'boolean',
  timestamp: 'timestamptz',
  json: 'jsonb',
  document: 'json',
};

const COMPARISONS = { eq: '=', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;

function conditionSql({ column, operator, value }: Condition, add: Add): string {
  const own = `t.${quoted(column.name)}`;
  const type = TYPES[column.type];
  switch (operator) {
    case 'eq':
      return value === null ? `${own} is null` : `${own} = ${add(value)}::${type}`;
    case 'ne':
      return value === null ? `${own} is not null` : `${own} is distinct from ${add(value)}::${type}`;
    case 'in':
      return `${own} = any (${add(value)}::${type}[])`;
    case 'startsWith':
      return `pg_catalog.starts_with(${own}, ${add(value)}::text)`;
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return `${own} ${COMPARISONS[operator]} ${add(value)}::${type}`;
  }
}

/** What comes after a row, in an order. One comparison of rows where an index can serve that. */
function afterSql(order: readonly Order[], after: readonly JsonValue[], add: Add): string {
  const [first] = order;
  const isPlain = order.every(({ column, direction }) => !column.isNullable && direction === first?.direction);
  if (!isPlain) return afterOneByOne(order, after, add);
  const columns = order.map(({ column }) => `t.${quoted(column.name)}`);
  const values = order.map(({ column }, index) => `${add(after[index])}::${TYPES[column.type]}`);
  return `(${columns.join(', ')}) ${first?.direction === 'desc' ? '<' : '>'} (${values.join(', ')})`;
}

/** Null is above everything, as PostgreSQL sorts. */
function afterOneByOne([first, ...rest]: readonly Order[], [value, ...others]: readonly JsonValue[], add: Add): string {
  if (first === undefined) return 'false';
  const { column, direction } = first;
  const own = `t.${quoted(column.name)}`;
  const equal = (): string => {
    if (rest.length === 0) return 'false';
    const same = value === null ? `${own} is null` : `${own} = ${add(value)}::${TYPES[column.type]}`;
    return `${same} and ${afterOneByOne(rest, others, add)}`;
  };
  if (value === null) return direction === 'asc' ? `(${equal()})` : `(${own} is not null or ${equal()})`;
  const beyond = `${own} ${direction === 'asc' ? '>' : '<'} ${add(value)}::${TYPES[column.type]}`;
  const nulls = direction === 'asc' && column.isNullable ? ` or ${own} is null` : '';
  return `(${beyond}${nulls} or ${equal()})`;
}
