import type { Random } from '../random.ts';

/** One of these comes about every 300 events: a reader that wants nothing else finds nothing for long. */
export const RARE_TYPE = 'Rare';
/** Comes at the very end only. */
export const LAST_TYPE = 'Last';

const COMMON_TYPES = ['Opened', 'Changed', 'Closed'] as const;

export function pickType(random: Random): string {
  return random.chance(1 / 300) ? RARE_TYPE : random.pick(COMMON_TYPES);
}

/** What every event carries, so that it can be told whose it is without trusting its id. */
export function payloadOf(attempt: string, index: number): { readonly attempt: string; readonly index: number } {
  return { attempt, index };
}
