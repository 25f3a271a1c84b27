import { escapeControls, widthOf } from './terminal-text.ts';

/** A column of a table. */
export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right' | undefined;
}

const GAP = '  ';

/**
 * A table that is written page by page, so that its length does not matter: columns get wider when a page needs it.
 * The last column is not padded. Cells cannot steer the terminal, whatever is in them.
 */
export class Table {
  readonly #columns: readonly Column[];
  #widths: readonly number[];
  #begun = false;

  constructor(columns: readonly Column[]) {
    this.#columns = columns;
    this.#widths = columns.map(({ title }) => title.length);
  }

  /** The next rows, below the titles if they are the first. */
  page(rows: readonly (readonly string[])[]): string {
    const cells = rows.map((row) => row.map(escapeControls));
    this.#widths = this.#widths.map((width, index) =>
      cells.reduce((widest, row) => Math.max(widest, widthOf(row[index] ?? '')), width),
    );
    const titles = this.#begun ? [] : [this.#columns.map(({ title }) => title)];
    this.#begun = true;
    return [...titles, ...cells].map((row) => `${this.#line(row)}\n`).join('');
  }

  #line(row: readonly string[]): string {
    const last = this.#columns.length - 1;
    const cells = this.#columns.map(({ align }, index) => {
      const cell = row[index] ?? '';
      const padding = ' '.repeat(Math.max(0, (this.#widths[index] ?? 0) - widthOf(cell)));
      if (align === 'right') return padding + cell;
      return index === last ? cell : cell + padding;
    });
    return cells.join(GAP).trimEnd();
  }
}
