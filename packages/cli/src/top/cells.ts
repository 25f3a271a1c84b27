import { cutToWidth, escapeControls, widthOf } from '../terminal-text.ts';

/** A column, as wide as it is to be. */
export interface Cell {
  /** Columns of the terminal. */
  readonly width: number;
  readonly align: 'left' | 'right';
}

const GAP = '  ';

/** Columns in a terminal: the first one takes what the others leave. */
export function fitted<C extends Cell>(columns: readonly C[], width: number): readonly C[] {
  const others = columns.slice(1).reduce((sum, it) => sum + it.width + GAP.length, 0);
  return columns.map((it, index) => (index === 0 ? { ...it, width: Math.max(it.width, width - others) } : it));
}

/** One line of a table. */
export function lineOf(cells: readonly string[], columns: readonly Cell[]): string {
  return columns
    .map(({ width, align }, index) => {
      const text = cut(cells[index] ?? '', width);
      const padding = ' '.repeat(width - widthOf(text));
      return align === 'right' ? padding + text : text + padding;
    })
    .join(GAP);
}

/** Cannot steer the terminal, and is not wider than this. */
export function cut(text: string, width: number): string {
  return cutToWidth(escapeControls(text), width);
}
