/** A document that shows when an event is missing in it, is in it twice, or came in another order. */
export interface Tally {
  readonly count: number;
  readonly sum: number;
  /** Position of the last event. */
  readonly last: number;
  /** A hash over the positions in the order in which they came (FNV-1a over whole numbers, 32 bits). */
  readonly chain: number;
}

const OFFSET = 0x811c9dc5;
const PRIME = 0x01000193;

export function addTo(
  tally: Tally | null,
  { position, amount }: { readonly position: number; readonly amount: number },
): Tally {
  const { count, sum, chain } = tally ?? { count: 0, sum: 0, chain: OFFSET };
  return { count: count + 1, sum: sum + amount, last: position, chain: Math.imul(chain ^ position, PRIME) >>> 0 };
}
