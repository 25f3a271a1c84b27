import type { EventStorage } from '../storage/event-storage.ts';

/** How the clocks of a process, its database and what was recorded go together, in milliseconds. */
export interface ClockComparison {
  /** The process's clock minus the database's. */
  readonly skew: number;
  /** It may be as much more or less: the answer was on its way for so long. */
  readonly uncertainty: number;
  /** How far the latest events were recorded in the future of the database: its clock was set back. 0 where it was not. */
  readonly recordedAhead: number;
}

/**
 * Compares the clocks; undefined where the storage has none of its own.
 *
 * @param now - the process's clock, in milliseconds since 1970
 */
export async function compareClocks(
  storage: Pick<EventStorage, 'readClock'>,
  now: () => number,
): Promise<ClockComparison | undefined> {
  const asked = now();
  const clock = await storage.readClock?.();
  if (clock === undefined) return undefined;
  const uncertainty = Math.max(0, now() - asked) / 2;
  return {
    skew: asked + uncertainty - clock.now,
    uncertainty,
    recordedAhead: Math.max(0, (clock.lastRecordedAt ?? 0) - clock.now),
  };
}
