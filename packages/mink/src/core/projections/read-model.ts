import { deepFreeze } from '../deep-freeze.ts';
import { InvalidArgumentError } from '../errors.ts';
import { checkJson, type JsonObject, type JsonValue } from '../json.ts';
import { typed } from '../typed.ts';
import { columnSpecs, columnValue, type Columns, type ColumnSpec, type RowOf } from './columns.ts';

/** An index of a table, by the names of its columns. */
export interface IndexSpec {
  readonly columns: readonly string[];
  readonly isUnique: boolean;
}

/** A table of a read model, as it is stored. */
export interface TableSpec {
  /** Among the tables of one read model; empty where there is one only. */
  readonly name: string;
  readonly columns: readonly ColumnSpec[];
  readonly primaryKey: readonly string[];
  readonly indexes: readonly IndexSpec[];
}

/** Indexes of a table: the columns of each, or the columns and whether no two rows may have the same. */
export type IndexDefinitions<Name extends string> = readonly (
  | readonly Name[]
  | { readonly columns: readonly Name[]; readonly isUnique?: boolean | undefined }
)[];

declare const modelType: unique symbol;

/** What a projection keeps under each key: what {@link documents} and {@link table} give. */
export interface ReadModel<Model, Row = Model> {
  readonly kind: 'documents' | 'table';
  readonly spec: TableSpec;
  readonly [modelType]?: { readonly model: Model; readonly row: Row };
  /** The row of what a handler returned, frozen all the way down; throws a TypeError that says what is wrong with it. */
  toRow(key: string, model: unknown): JsonObject;
  /** What a handler gets of a row. */
  fromRow(row: JsonObject): JsonValue;
}

/** Under each key a JSON document. */
export type Documents<Document> = ReadModel<Document>;

/** Fields of documents that can be asked for: columns beside the document. */
export type DocumentFields<Document> = {
  readonly [K in keyof Document & string]?: Columns[string];
};

/**
 * A read model of one JSON document for each key. A document is plain JSON, as a payload without a schema is. Fields that are
 * named here are columns, too: by them documents can be filtered, ordered and indexed.
 *
 * @example
 * readModel: documents<{ customerId: string; items: number }>({ fields: { customerId: column.text() }, indexes: [['customerId']] })
 */
export function documents<Document>(options?: {
  readonly fields?: DocumentFields<Document> | undefined;
  readonly indexes?: IndexDefinitions<keyof Document & string> | undefined;
}): Documents<Document> {
  const fields = typed<Columns>(options?.fields ?? {});
  for (const name of ['key', 'document']) {
    if (name in fields) throw new InvalidArgumentError(`fields.${name}`, 'is what every document has a column for');
  }
  const own = Object.keys(fields).length === 0 ? [] : columnSpecs('fields', fields);
  const columns: readonly ColumnSpec[] = [
    { name: 'key', type: 'text', isNullable: false },
    { name: 'document', type: 'document', isNullable: false },
    ...own,
  ];
  const indexes = indexSpecs(columns, options?.indexes ?? []);
  return {
    kind: 'documents',
    spec: deepFreeze({ name: '', columns, primaryKey: ['key'], indexes }),
    toRow: (key, model) => {
      const document = checkDocument(model);
      const row: Record<string, JsonValue> = { key, document };
      for (const spec of own) row[spec.name] = columnValue(spec, fieldOf(document, spec.name));
      return Object.freeze(row);
    },
    fromRow: ({ document }) => document ?? null,
  };
}

function fieldOf(document: JsonValue, name: string): JsonValue | undefined {
  return typeof document === 'object' && document !== null && !Array.isArray(document)
    ? typed<JsonObject>(document)[name]
    : undefined;
}

/** A frozen copy of what a handler returned. */
function checkDocument(document: unknown): JsonValue {
  const checked = checkJson(document);
  if (!('reason' in checked)) return checked.value;
  const at = checked.path === '' ? 'the document' : `${checked.path} of the document`;
  throw new TypeError(`${at} ${checked.reason}`);
}

/** What {@link table} and {@link tables} take. */
export interface TableDefinition<C extends Columns, Key> {
  readonly columns: C;
  readonly key: Key;
  readonly indexes?: IndexDefinitions<keyof C & string> | undefined;
}

type TextColumn<C extends Columns> = {
  readonly [K in keyof C & string]: RowOf<C>[K] extends string ? K : never;
}[keyof C & string];

/**
 * A read model of one row for each key, in a table that is made for it. `key` names the column that holds the key.
 *
 * @example
 * readModel: table({
 *   key: 'orderId',
 *   columns: { orderId: column.text(), status: column.text<'open' | 'shipped'>(), total: column.integer() },
 *   indexes: [['status', 'total']],
 * })
 */
export function table<const C extends Columns>(definition: TableDefinition<C, TextColumn<C>>): ReadModel<RowOf<C>> {
  const spec = tableSpec('', definition.columns, { key: [definition.key], indexes: definition.indexes ?? [] });
  const [keyColumn] = spec.primaryKey;
  if (spec.columns.find(({ name }) => name === keyColumn)?.type !== 'text') {
    throw new InvalidArgumentError('key', `${JSON.stringify(keyColumn)} is no text column`);
  }
  const names = new Set(spec.columns.map(({ name }) => name));
  return {
    kind: 'table',
    spec,
    toRow: (key, model) => {
      const row = checkRow(spec, names, model);
      if (row[definition.key] === key) return row;
      throw new TypeError(
        `column "${definition.key}" of the row for key ${JSON.stringify(key)} is ${JSON.stringify(row[definition.key])}: a row keeps its key`,
      );
    },
    fromRow: (row) => row,
  };
}

function checkRow({ columns }: TableSpec, names: ReadonlySet<string>, model: unknown): JsonObject {
  if (typeof model !== 'object' || model === null) throw new TypeError(`a row is an object, not ${String(model)}`);
  const given = typed<Readonly<Record<string, unknown>>>(model);
  for (const name of Object.keys(given)) {
    if (!names.has(name) && given[name] !== undefined) throw new TypeError(`there is no column "${name}"`);
  }
  const row: Record<string, JsonValue> = {};
  for (const column of columns) row[column.name] = columnValue(column, given[column.name]);
  return Object.freeze(row);
}

/** A table as it is stored, checked. */
export function tableSpec(
  name: string,
  columns: Columns,
  { key, indexes }: { readonly key: readonly string[]; readonly indexes: IndexDefinitions<string> },
): TableSpec {
  const specs = columnSpecs('columns', columns);
  checkColumns('key', specs, key);
  const nullable = specs.find((spec) => spec.isNullable && key.includes(spec.name));
  if (nullable !== undefined) throw new InvalidArgumentError('key', `"${nullable.name}" is nullable`);
  return deepFreeze({ name, columns: specs, primaryKey: key, indexes: indexSpecs(specs, indexes) });
}

function indexSpecs(columns: readonly ColumnSpec[], indexes: IndexDefinitions<string>): readonly IndexSpec[] {
  return indexes.map((index) => {
    const spec =
      'columns' in index
        ? { columns: index.columns, isUnique: index.isUnique ?? false }
        : { columns: index, isUnique: false };
    checkColumns('indexes', columns, spec.columns);
    return spec;
  });
}

function checkColumns(argument: string, columns: readonly ColumnSpec[], names: readonly string[]): void {
  const unknown = names.find((name) => !columns.some((spec) => spec.name === name));
  if (unknown !== undefined)
    throw new InvalidArgumentError(argument, `names ${JSON.stringify(unknown)}, which is no column`);
  if (names.length === 0 || new Set(names).size < names.length)
    throw new InvalidArgumentError(argument, 'needs different columns');
}
