import { MOST_COUNTED } from '../lag-text.ts';
import type { Look, LookedProjection } from './look.ts';

/** A projection, and how it is getting on. */
export interface MovingProjection extends LookedProjection {
  /** Events applied in a second; undefined where it was not there before. */
  readonly rate: number | undefined;
  /** Seconds until it has caught up, as it goes now; Infinity where it does not come closer, undefined where nobody can tell. */
  readonly eta: number | undefined;
}

/** What has happened between two looks. */
export interface Movement {
  readonly look: Look;
  /** Seconds between them. */
  readonly seconds: number;
  /** Positions handed out in a second: events, and those of appends that were rolled back. */
  readonly appended: number;
  /** Bytes that the storage has grown by in a second. */
  readonly growth: number;
  readonly projections: readonly MovingProjection[];
}

/** The difference between two looks. */
export function movementOf(before: Look, look: Look): Movement {
  const seconds = (look.at - before.at) / 1_000;
  const perSecond = (now: number, then: number): number => (seconds > 0 ? Math.max(0, now - then) / seconds : 0);
  return {
    look,
    seconds,
    appended: perSecond(look.feed.head, before.feed.head),
    growth: perSecond(total(look.storage), total(before.storage)),
    projections: look.projections.map((it) => {
      const then = before.projections.find(({ name, version }) => name === it.name && version === it.version);
      if (then === undefined) return { ...it, rate: undefined, eta: it.behind === 0 ? 0 : undefined };
      return { ...it, rate: perSecond(it.events, then.events), eta: etaOf(then, it, seconds) };
    }),
  };
}

function etaOf(then: LookedProjection, now: LookedProjection, seconds: number): number | undefined {
  if (now.behind === 0) return 0;
  // A lag that is not counted to its end seems to stand still.
  const isCounted = now.waiting === undefined || now.behind < MOST_COUNTED;
  if (!isCounted || seconds <= 0) return undefined;
  const closer = (then.behind - now.behind) / seconds;
  return closer > 0 ? now.behind / closer : Infinity;
}

/** All parts together. */
export function total(storage: Look['storage']): number {
  return Object.values(storage).reduce((sum, bytes) => sum + bytes, 0);
}
