import type { Observation, SeenEvent } from './observation.ts';
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
export function countLosingReads({ start, observations }: Played, order: ReadOrder): number {
  const [head, floor, page] = [order.indexOf('head'), order.indexOf('floor'), order.indexOf('page')];
  const last = observations.at(-1);
  let losing = 0;
  for (let first = 0; first < observations.length; first += 1) {
    for (let second = first; second < observations.length; second += 1) {
      for (let third = second; third < observations.length; third += 1) {
        const looks = [observations[first], observations[second], observations[third]];
        const bound = Math.min(looks[head]?.head ?? 0, looks[floor]?.floor ?? 0);
        if (bound > start && countUpTo(bound, looks[page]) < countUpTo(bound, last)) losing += 1;
      }
    }
  }
  return losing;
}

function countUpTo(bound: number, observation: Observation | undefined): number {
  return observation?.visible.filter(({ position }) => position <= bound).length ?? 0;
}
