import type { SeenEvent } from './observation.ts';
import type { Played } from './stage.ts';

/** A reader that follows the log: what it has read by the end of a schedule. */
export type Reader = (played: Played) => readonly SeenEvent[];

/** Reads up to the bound, and remembers the bound. */
export const boundReader: Reader = ({ start, observations }) => {
  const read: SeenEvent[] = [];
  let cursor = start;
  for (const { bound, visible } of observations) {
    read.push(...visible.filter(({ position }) => position > cursor && position <= bound));
    cursor = Math.max(cursor, bound);
  }
  return read;
};

/** Broken: reads what is there, and remembers the last position. */
export const naiveReader: Reader = ({ start, observations }) => {
  const read: SeenEvent[] = [];
  for (const { visible } of observations) {
    const cursor = read.at(-1)?.position ?? start;
    read.push(...visible.filter(({ position }) => position > cursor));
  }
  return read;
};

/** Broken: reads what is older than every transaction under way, and remembers the last position. */
export const xminReader: Reader = ({ start, observations }) => {
  const read: SeenEvent[] = [];
  for (const { visible, xmin } of observations) {
    const cursor = read.at(-1)?.position ?? start;
    read.push(...visible.filter(({ position, xid }) => position > cursor && xid < xmin));
  }
  return read;
};

/** The order in which one read looks at the head, at the floors and at the events. */
export type ReadOrder = readonly ('head' | 'floor' | 'page')[];

/**
 * Counts the reads that pass over something for good: those that find less up to their bound than there will ever be. Takes
 * every choice of moments for the three looks of one read, in an order, so that writers go on in between.
 */
export function countLosingReads({ observations }: Played, order: ReadOrder): number {
  const moments = observations.length;
  const finally_ = observations.at(-1)?.visible ?? [];
  let losing = 0;
  for (let first = 0; first < moments; first += 1) {
    for (let second = first; second < moments; second += 1) {
      for (let third = second; third < moments; third += 1) {
        const at = [first, second, third];
        const look = (what: ReadOrder[number]): (typeof observations)[number] | undefined =>
          observations[at[order.indexOf(what)] ?? 0];
        const bound = Math.min(look('head')?.head ?? 0, look('floor')?.floor ?? 0);
        const upTo = (events: readonly SeenEvent[]): number =>
          events.filter(({ position }) => position <= bound).length;
        if (upTo(look('page')?.visible ?? []) < upTo(finally_)) losing += 1;
      }
    }
  }
  return losing;
}
