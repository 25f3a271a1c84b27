import type { ComponentChildren } from 'preact';

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** Numbers stand at the end. */
  readonly isNumber?: boolean;
  /** Takes what room is left; long texts in it are cut. */
  readonly isWide?: boolean;
  /** Left out where there is little room. */
  readonly isMinor?: boolean;
}

export interface DataTableProps<Row> {
  /** What the rows are. */
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string | number;
  /** Rows that want attention. */
  readonly toneOf?: (row: Row) => 'warn' | 'bad' | undefined;
  /** Instead of a table without rows. */
  readonly empty: ComponentChildren;
}

/**
 * Rows to go through with `j` and `k`; Enter opens the first link of a row. On a narrow screen each row is a card whose values
 * are labelled by their columns.
 */
export function DataTable<Row>({ label, columns, rows, keyOf, toneOf, empty }: DataTableProps<Row>) {
  if (rows.length === 0) return <>{empty}</>;
  return (
    <table class="table" aria-label={label}>
      <thead>
        <tr>
          {columns.map((column) => (
            <th key={column.title} scope="col" class={classOf(column)}>
              {column.title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={keyOf(row)} data-row tabIndex={-1} class={`row-${toneOf?.(row) ?? 'plain'}`}>
            {columns.map((column) => (
              <td key={column.title} class={classOf(column)} data-label={column.title}>
                {column.cell(row)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function classOf<Row>({ isNumber = false, isWide = false, isMinor = false }: Column<Row>): string {
  return [isNumber && 'number', isWide && 'wide', isMinor && 'minor'].filter(Boolean).join(' ');
}

/** A name that is cut where it is too long, and is shown whole when pointed at. */
export function Name({ text, children }: { readonly text: string; readonly children?: ComponentChildren }) {
  return (
    <span class="name" title={text}>
      {children ?? text}
    </span>
  );
}
