import { inspect } from 'node:util';
import { InvalidArgumentError } from '../errors.ts';
import { checkJson, type JsonValue } from '../json.ts';

/** What a column of a read model holds. */
export type ColumnType = 'text' | 'integer' | 'number' | 'boolean' | 'timestamp' | 'json' | 'document';

declare const valueType: unique symbol;

/** A column of a read model: what {@link column} gives. */
export interface Column<Value, Type extends ColumnType = ColumnType> {
  readonly type: Type;
  readonly isNullable: boolean;
  readonly [valueType]?: Value;
}

/** Columns by name. */
export type Columns = Readonly<Record<string, Column<unknown>>>;

/** What a row with these columns is in TypeScript. */
export type RowOf<C extends Columns> = {
  readonly [K in keyof C]: C[K] extends Column<infer Value> ? Value : never;
};

/**
 * A row with these columns as `pg` gives it to SQL of your own, Kysely or Drizzle: times are dates, and integers text, unless you
 * have set other parsers.
 */
export type SqlRowOf<C extends Columns> = {
  readonly [K in keyof C]: C[K] extends Column<infer Value, infer Type>
    ? (Type extends 'timestamp' ? Date : Type extends 'integer' ? string : NonNullable<Value>) | Extract<Value, null>
    : never;
};

/** A column as it is stored. */
export interface ColumnSpec {
  readonly name: string;
  readonly type: ColumnType;
  readonly isNullable: boolean;
}

function of<Value, Type extends ColumnType>(type: Type): Column<Value, Type> {
  return Object.freeze({ type, isNullable: false });
}

/**
 * Columns of a table.
 *
 * @example
 * columns: { orderId: column.text(), status: column.text<'open' | 'shipped'>(), total: column.integer() }
 */
export const column = {
  /** Text; give a union of literals to have it typed as that. */
  text: <Value extends string = string>(): Column<Value, 'text'> => of('text'),
  /** A whole number that JavaScript holds exactly: `bigint` in PostgreSQL. Money, for instance, in cents. */
  integer: (): Column<number, 'integer'> => of('integer'),
  /** Any finite number: `double precision` in PostgreSQL. */
  number: (): Column<number, 'number'> => of('number'),
  boolean: (): Column<boolean, 'boolean'> => of('boolean'),
  /** A time, as ISO 8601 text in UTC with milliseconds, which is what `toISOString()` gives: `timestamptz` in PostgreSQL. */
  timestamp: (): Column<string, 'timestamp'> => of('timestamp'),
  /** Any JSON: `jsonb` in PostgreSQL. */
  json: <Value = JsonValue>(): Column<Value, 'json'> => of('json'),
  /** The same column, which may also be null. */
  nullable: <Value, Type extends ColumnType>(inner: Column<Value, Type>): Column<Value | null, Type> =>
    Object.freeze({ type: inner.type, isNullable: true }),
};

const NAME = /^[a-z_][a-zA-Z0-9_]{0,49}$/u;

/** What the columns of a definition are. */
export function columnSpecs(argument: string, columns: Columns): readonly ColumnSpec[] {
  const specs = Object.entries(columns).map(([name, { type, isNullable }]) => {
    if (!NAME.test(name)) throw new InvalidArgumentError(`${argument}.${name}`, `does not match ${NAME.source}`);
    if (name === '__proto__')
      throw new InvalidArgumentError(`${argument}.${name}`, 'means something else in JavaScript');
    if (name.startsWith('mink_')) throw new InvalidArgumentError(`${argument}.${name}`, 'begins with "mink_"');
    return { name, type, isNullable };
  });
  if (specs.length === 0) throw new InvalidArgumentError(argument, 'is empty');
  return specs;
}

/** NUL, which PostgreSQL refuses, and half a surrogate pair, which would be stored as another character. */
const UNSTORABLE = /\0|\p{Cs}/u;

/** What a column holds for a value; throws a TypeError that says what is wrong with it. */
export function columnValue({ name, type, isNullable }: ColumnSpec, value: unknown): JsonValue {
  if (value === null || value === undefined) {
    if (isNullable) return null;
    throw new TypeError(`column "${name}" is ${String(value)}, and not nullable`);
  }
  switch (type) {
    case 'text':
      if (typeof value === 'string' && !UNSTORABLE.test(value)) return value;
      break;
    case 'integer':
      if (Number.isSafeInteger(value)) return Number(value) + 0;
      break;
    case 'number':
      if (Number.isFinite(value)) return Number(value) + 0;
      break;
    case 'boolean':
      if (typeof value === 'boolean') return value;
      break;
    case 'timestamp':
      return timestampValue(name, value);
    case 'json':
    case 'document':
      return jsonValue(name, value);
  }
  throw new TypeError(`column "${name}" is of type ${type}, and ${describe(value)} is not`);
}

/** A day, or a time with its zone: without one, it would be another time in each process. Years from 1, as PostgreSQL has them. */
const ISO_TIME = /^(?!0000)(\d{4}-\d{2}-\d{2})(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2}))?$/u;

function timestampValue(name: string, value: unknown): string {
  const [text, day = ''] = (typeof value === 'string' ? ISO_TIME.exec(value) : undefined) ?? [];
  const time = new Date(text ?? Number.NaN);
  if (isYearInRange(time) && isDay(day)) return time.toISOString();
  throw new TypeError(
    `column "${name}" is a timestamp: ${describe(value)} is no ISO 8601 text with its zone, of the years 1 to 9999`,
  );
}

/** Beyond these years, PostgreSQL and JavaScript write times differently. */
function isYearInRange(time: Date): boolean {
  return time.getTime() >= -62_135_596_800_000 && time.getTime() < 253_402_300_800_000;
}

/** To JavaScript, the 30th of February is in March. */
function isDay(day: string): boolean {
  return new Date(day).toISOString().startsWith(day);
}

function jsonValue(name: string, value: unknown): JsonValue {
  const checked = checkJson(value);
  if (!('reason' in checked)) return checked.value;
  throw new TypeError(`column "${name}": ${checked.path === '' ? 'it' : checked.path} ${checked.reason}`);
}

function describe(value: unknown): string {
  return typeof value === 'object' ? 'an object' : inspect(value);
}
