import type { JsonObject } from '../../json.ts';
import { differences, type Difference } from '../../store/differences.ts';
import type { ProjectionId } from '../projection-storage.ts';
import type { TableSpec } from '../read-model.ts';
import type { RowPair, Scratch, TableDifference, TablePair } from './version-storage.ts';

/** The event since which the rows of a key differ. */
export interface FirstEvent {
  readonly type: string;
  readonly streamName: string;
  readonly streamVersion: number;
  readonly globalPosition: number;
}

/** A row that one version has otherwise than the other, or not at all. */
export interface RowDifference {
  /** Of several columns: as JSON. */
  readonly key: string;
  readonly kind: 'added' | 'removed' | 'changed';
  /** Of a row that both have: in the columns that both have. */
  readonly changes: readonly Difference[];
  /** Undefined where the code of one of the two is not known, or writes SQL; and where there was no time left for it. */
  readonly firstEvent: FirstEvent | undefined;
  /** Of the last event that has changed one of the two. */
  readonly lastPosition: number | undefined;
}

/** In what the tables of one name differ. */
export interface ComparedTable {
  /** Empty where there is one only. */
  readonly name: string;
  /** Rows of the version that was compared with. */
  readonly rowsBefore: number;
  /** Rows of the version that was compared. */
  readonly rowsAfter: number;
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
  readonly columnsAdded: readonly string[];
  readonly columnsRemoved: readonly string[];
  /** Columns of another type. */
  readonly columnsChanged: readonly string[];
  /** Some rows that differ, in the order of their keys. */
  readonly samples: readonly RowDifference[];
  readonly isSame: boolean;
}

/** All tables that one of two versions has. */
export async function compareTables(
  scratch: Scratch,
  {
    before,
    after,
    ...how
  }: { readonly before: ProjectionId; readonly after: ProjectionId } & Pick<
    TablePair,
    'samples' | 'keysApart' | 'sample'
  >,
): Promise<readonly ComparedTable[]> {
  const [left = [], right = []] = [
    await scratch.readModels.readTables(before),
    await scratch.readModels.readTables(after),
  ];
  const compared: ComparedTable[] = [];
  for (const name of new Set([...left, ...right].map((table) => table.name))) {
    const beforeTable = left.find((table) => table.name === name);
    const afterTable = right.find((table) => table.name === name);
    const difference =
      beforeTable === undefined || afterTable === undefined
        ? { name, rowsBefore: 0, rowsAfter: 0, added: 0, removed: 0, changed: 0, samples: [] }
        : await scratch.compareTables({ before, after, beforeTable, afterTable, ...how });
    compared.push(toComparedTable(difference, beforeTable, afterTable));
  }
  return compared;
}

function toComparedTable(
  difference: TableDifference,
  before: TableSpec | undefined,
  after: TableSpec | undefined,
): ComparedTable {
  const columns = columnDifferences(before?.columns ?? [], after?.columns ?? []);
  const { added, removed, changed, samples } = difference;
  const hasOtherColumns = Object.values(columns).some((names) => names.length > 0);
  const common = new Set((before?.columns ?? []).map(({ name }) => name));
  for (const name of [...columns.columnsRemoved, ...columns.columnsChanged]) common.delete(name);
  return {
    ...difference,
    ...columns,
    samples: samples.map((pair) => toRowDifference(pair, common)),
    isSame: added + removed + changed === 0 && !hasOtherColumns,
  };
}

type ColumnNames = Pick<ComparedTable, 'columnsAdded' | 'columnsRemoved' | 'columnsChanged'>;

function columnDifferences(before: TableSpec['columns'], after: TableSpec['columns']): ColumnNames {
  const typesBefore = new Map(before.map(({ name, type }) => [name, type]));
  const typesAfter = new Map(after.map(({ name, type }) => [name, type]));
  const names = [...typesAfter.keys()];
  return {
    columnsAdded: names.filter((name) => !typesBefore.has(name)),
    columnsRemoved: [...typesBefore.keys()].filter((name) => !typesAfter.has(name)),
    columnsChanged: names.filter((name) => typesBefore.has(name) && typesBefore.get(name) !== typesAfter.get(name)),
  };
}

function toRowDifference({ key, before, after, position }: RowPair, common: ReadonlySet<string>): RowDifference {
  const [only, another] = Object.values(key);
  const text = another === undefined && typeof only === 'string' ? only : JSON.stringify(key);
  const rest = { key: text, firstEvent: undefined, lastPosition: position };
  if (before === null) return { ...rest, kind: 'added', changes: [] };
  if (after === null) return { ...rest, kind: 'removed', changes: [] };
  return { ...rest, kind: 'changed', changes: rowChanges(before, after, common) };
}

/** Of documents, what they differ in; their fields say it again. */
export function rowChanges(before: JsonObject, after: JsonObject, common: ReadonlySet<string>): readonly Difference[] {
  if (common.has('document')) {
    const inDocument = differences(before['document'], after['document']);
    if (inDocument.length > 0) return inDocument;
  }
  const pick = (row: JsonObject): JsonObject =>
    Object.fromEntries(Object.entries(row).filter(([name]) => common.has(name)));
  return differences(pick(before), pick(after));
}
