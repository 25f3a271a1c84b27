/** A column: its heading, and whether it is aligned to the right. */
export type Column = string | { readonly heading: string; readonly align: 'right' };

const GAP = '  ';

/** Lines of a table. Text from a repository is shown without control characters: it must not steer the terminal. */
export function table(columns: readonly Column[], rows: readonly (readonly (string | number)[])[]): string {
  const headings = columns.map((column) => (typeof column === 'string' ? column : column.heading));
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'number' ? wholeNumber(cell) : printable(cell))));
  const widths = headings.map((heading, index) =>
    Math.max(heading.length, ...cells.map((row) => row[index]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, index) => {
        const width = widths[index] ?? 0;
        return typeof columns[index] === 'object' ? cell.padStart(width) : cell.padEnd(width);
      })
      .join(GAP)
      .trimEnd();
  return [headings, ...cells].map((row) => `${GAP}${line(row)}\n`).join('');
}

/** A column of numbers. */
export function numeric(heading: string): Column {
  return { heading, align: 'right' };
}

export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Bidi_Control}]/gu, '\uFFFD');
}

/** `12,345`. */
export function wholeNumber(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** `2024-05-31`, UTC. */
export function day(date: Date | undefined): string {
  return date === undefined ? '' : date.toISOString().slice(0, 10);
}
