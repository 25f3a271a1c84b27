/** Lags of projections are counted up to here. */
export const MOST_COUNTED = 10_000;

/** A lag in events: `≥10000` where it was not counted to its end. */
export function lagText(events: number, write: (value: number) => string = String): string {
  return events < MOST_COUNTED ? write(events) : `≥${write(MOST_COUNTED)}`;
}
