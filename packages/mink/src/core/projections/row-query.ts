import { InvalidArgumentError } from '../errors.ts';
import type { JsonValue } from '../json.ts';
import { typed } from '../typed.ts';
import { columnValue, type ColumnSpec } from './columns.ts';
import type { TableSpec } from './read-model.ts';

type Comparable = string | number | boolean;

/** What a column is compared with: a value, or several comparisons that must all hold. */
export type FieldFilter<Value> =
  | Value
  | {
      /** Another value than this one. */
      readonly ne?: Value | undefined;
      readonly gt?: NonNullable<Value> | undefined;
      readonly gte?: NonNullable<Value> | undefined;
      readonly lt?: NonNullable<Value> | undefined;
      readonly lte?: NonNullable<Value> | undefined;
      /** One of these values. */
      readonly in?: readonly NonNullable<Value>[] | undefined;
      /** Of text. */
      readonly startsWith?: (Value extends string | null ? string : never) | undefined;
    };

/** The fields that can be asked for: those that hold text, a number, a boolean, or null. */
export type QueryField<Model> = {
  readonly [K in keyof Model & string]: NonNullable<Model[K]> extends Comparable ? K : never;
}[keyof Model & string];

/** Conditions that must all hold. */
export type Where<Model> = {
  readonly [K in QueryField<Model>]?: FieldFilter<Model[K]> | undefined;
};

/** What to look for in a read model. */
export interface FindOptions<Model> {
  /** @defaultValue everything */
  readonly where?: Where<Model> | undefined;
  /**
   * Fields and directions, the first one first. What is equal in all of them is in the order of the keys.
   * @defaultValue the order of the keys
   */
  readonly orderBy?: readonly (QueryField<Model> | readonly [QueryField<Model>, 'asc' | 'desc'])[] | undefined;
  /**
   * Rows of one page, at most 1,000.
   * @defaultValue 50
   */
  readonly limit?: number | undefined;
  /** Where the last page ended: its `next`. */
  readonly after?: string | undefined;
}

/** A comparison as a storage gets it. */
export interface Condition {
  readonly column: ColumnSpec;
  readonly operator: Operator;
  /** Of `in`, a list. */
  readonly value: JsonValue;
}

const OPERATORS = ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'startsWith'] as const;
export type Operator = (typeof OPERATORS)[number];

/** A column to order by. */
export interface Order {
  readonly column: ColumnSpec;
  readonly direction: 'asc' | 'desc';
}

/** A page to find. The last order is the key, so that no two rows are equal. */
export interface RowQuery {
  readonly where: readonly Condition[];
  readonly order: readonly Order[];
  /** The values, by which rows are ordered, of the last row of the page before. */
  readonly after: readonly JsonValue[] | undefined;
  readonly limit: number;
}

/** Conditions as a storage gets them. Throws `InvalidArgumentError` for a field that cannot be asked for. */
export function toConditions(spec: TableSpec, where: Readonly<Record<string, unknown>> = {}): readonly Condition[] {
  return Object.entries(where).flatMap(([field, filter]) => {
    if (filter === undefined) return [];
    const column = queryColumn(spec, 'where', field);
    if (typeof filter !== 'object' || filter === null) return [toCondition(column, 'eq', filter)];
    return Object.entries(filter).flatMap(([name, value]) => {
      const operator = OPERATORS.find((it) => it === name);
      if (operator === undefined) {
        throw new InvalidArgumentError(
          `where.${field}`,
          `has "${name}", which is none of ${OPERATORS.slice(1).join(', ')}`,
        );
      }
      return value === undefined ? [] : [toCondition(column, operator, value)];
    });
  });
}

function toCondition(column: ColumnSpec, operator: Operator, value: unknown): Condition {
  try {
    if (operator === 'in') {
      if (!Array.isArray(value)) throw new TypeError('"in" needs a list');
      return {
        column,
        operator,
        value: value.map((item: unknown) => columnValue({ ...column, isNullable: false }, item)),
      };
    }
    if (operator === 'startsWith' && column.type !== 'text') throw new TypeError(`column "${column.name}" is no text`);
    const isEquality = operator === 'eq' || operator === 'ne';
    return { column, operator, value: columnValue({ ...column, isNullable: column.isNullable && isEquality }, value) };
  } catch (error) {
    throw new InvalidArgumentError(`where.${column.name}`, error instanceof Error ? error.message : String(error));
  }
}

/** A query as a storage gets it. Throws `InvalidArgumentError` for what cannot be asked for. */
export function toRowQuery(spec: TableSpec, options: FindOptions<never>): RowQuery {
  const { where, orderBy = [], limit = 50, after } = options;
  if (!Number.isInteger(limit) || limit < 1 || limit > 1_000) {
    throw new InvalidArgumentError('limit', `${limit} is not a whole number from 1 to 1000`);
  }
  const order = orderBy.map((entry: string | readonly [string, string]): Order => {
    const [field, direction] = typeof entry === 'string' ? [entry, 'asc'] : entry;
    if (direction !== 'asc' && direction !== 'desc') {
      throw new InvalidArgumentError('orderBy', `has direction ${JSON.stringify(direction)}: give "asc" or "desc"`);
    }
    return { column: queryColumn(spec, 'orderBy', field), direction };
  });
  const key = queryColumn(spec, 'orderBy', spec.primaryKey[0] ?? '');
  const isOverKey = order.some(({ column }) => column.name === key.name);
  if (!isOverKey) order.push({ column: key, direction: order.at(-1)?.direction ?? 'asc' });
  return { where: toConditions(spec, typed(where)), order, after: fromCursor(order, after), limit };
}

function queryColumn({ columns }: TableSpec, argument: string, name: string): ColumnSpec {
  const column = columns.find((it) => it.name === name);
  if (column !== undefined && column.type !== 'json' && column.type !== 'document') return column;
  const known = columns.filter(({ type }) => type !== 'json' && type !== 'document').map((it) => it.name);
  throw new InvalidArgumentError(
    argument,
    `names ${JSON.stringify(name)}: what can be asked for is ${known.join(', ')}. Of documents, name it in "fields".`,
  );
}

/** What the next page begins after. */
export function toCursor(order: readonly Order[], row: Readonly<Record<string, JsonValue>>): string {
  const values = order.map(({ column }) => row[column.name] ?? null);
  return Buffer.from(JSON.stringify([nameOf(order), values])).toString('base64url');
}

function fromCursor(order: readonly Order[], cursor: string | undefined): readonly JsonValue[] | undefined {
  if (cursor === undefined) return undefined;
  const parsed = parseCursor(cursor);
  if (parsed?.name === nameOf(order) && parsed.values.length === order.length) {
    try {
      return order.map(({ column }, index) => columnValue(column, parsed.values[index]));
    } catch {
      // Somebody has made it up.
    }
  }
  throw new InvalidArgumentError('after', 'is no "next" of a page in this order');
}

function parseCursor(cursor: string): { readonly name: unknown; readonly values: readonly unknown[] } | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (!Array.isArray(parsed)) return undefined;
    const [name, values] = typed<readonly unknown[]>(parsed);
    return Array.isArray(values) ? { name, values } : undefined;
  } catch {
    return undefined;
  }
}

function nameOf(order: readonly Order[]): string {
  return order.map(({ column, direction }) => `${column.name} ${direction}`).join(', ');
}
