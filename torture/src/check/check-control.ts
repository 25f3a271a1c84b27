import type { LoggedEvent } from '../history.ts';

/** What a broken reader saw, and how far it believes to have read. */
export interface ControlReading {
  readonly cursor: number;
  readonly seen: ReadonlySet<number>;
}

/** The events that it has passed without seeing them. */
export function lostByControl({ cursor, seen }: ControlReading, log: readonly LoggedEvent[]): readonly LoggedEvent[] {
  return log.filter(({ position }) => position <= cursor && !seen.has(position));
}
