import type { DeliveredEvent } from '../history.ts';
import type { Finding } from './finding.ts';

/** A reading of a process that keeps its cursor outside the database, page by page. */
export interface PagedReading {
  readonly after: number;
  readonly pages: readonly (readonly DeliveredEvent[])[];
}

/**
 * Whether each reading began where the one before had ended. "At least once" allows one window, and this is all of it:
 * the cursor is written after a page was handled, so the next reading begins either after the last page that was handled,
 * or, when the process died between handling and writing, at the beginning of that page.
 */
export function checkResumption(reader: string, readings: readonly PagedReading[]): readonly Finding[] {
  const findings: Finding[] = [];
  for (const [index, next] of readings.entries()) {
    const before = readings[index - 1];
    if (before === undefined) continue;
    const ends = [before.after, ...before.pages.map((page) => page.at(-1)?.position ?? before.after)];
    const [newest = before.after, allowed = newest] = ends.toReversed();
    if (next.after === newest || next.after === allowed) continue;
    findings.push({
      kind: next.after > newest ? 'lost' : 'repeated',
      reader,
      position: next.after,
      message: `${reader} went on after ${next.after}; the reading before had handled up to ${newest}, of which ${allowed} was written down`,
    });
  }
  return findings;
}
