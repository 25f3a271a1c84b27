import type { SnapshotFlaw } from '../snapshots/snapshot-codec.ts';
import type { AppendedStream } from '../store/append.ts';
import { inParts, inRole, rolesOf } from './observer-roles.ts';
import { quietly } from './quietly.ts';

/** An append that has ended. */
export interface ObservedAppend {
  /**
   * `stored` now, or `repeated`: it was stored before; `refused` for what it expected; `failed` for what it met; `unknown`: the
   * connection broke in the middle.
   */
  readonly status: 'stored' | 'repeated' | 'refused' | 'failed' | 'unknown';
  /** The stable code of the error it ended with. */
  readonly errorCode: string | undefined;
  /** What was stored, stream by stream; empty where nothing was. */
  readonly streams: readonly AppendedStream[];
  /** Seconds from the call to its answer, with the wait for others. */
  readonly seconds: number;
}

/** Appends that have travelled together, in one commit. */
export interface ObservedBatch {
  readonly appends: number;
}

/** An entity that was loaded. */
export interface ObservedLoad {
  readonly category: string;
  /** What it went on from: `cache` or `snapshot`; `events` where there was none. */
  readonly from: 'cache' | 'snapshot' | 'events';
  /** Events that were replayed. */
  readonly events: number;
  readonly seconds: number;
}

/** Events that a projection or a subscription has applied, stored together with how far it is now. */
export interface ObservedProjection {
  readonly projection: string;
  readonly version: number;
  /** The checkpoint now. */
  readonly position: number;
  /** Positions of the log behind it, as far as was known: it has not more events than that left. */
  readonly lag: number;
  /** Events that this was about, those that wait for a parked key included. */
  readonly events: number;
  /** Seconds from having read the events to having stored what follows. */
  readonly seconds: number;
}

/** A snapshot that was made or used, or could not be. */
export interface ObservedSnapshot {
  readonly category: string;
  /** Whose snapshot it is: that of a decider or an aggregate. */
  readonly name: string;
  /** `saved`, `used` in a load, or what was wrong with it: the state was replayed from the events then. */
  readonly status: 'saved' | 'used' | SnapshotFlaw;
  /** Of one that was used: events that have come since, which were replayed on top. */
  readonly behind: number | undefined;
  /** Of one that was used: seconds since it was made. */
  readonly age: number | undefined;
}

/** Something that has kept a projection from going on. */
export interface ObservedFailure {
  readonly projection: string;
  readonly version: number;
  /** What comes next: it is tried again, its key was parked, or the projection stands still. */
  readonly next: 'retry' | 'park' | 'fault';
  readonly errorCode: string;
  /** What it says, cut to 10,000 characters. */
  readonly error: string;
  /** What was thrown. */
  readonly cause: unknown;
}

/** What there is to be heard, by name. */
interface Observations {
  /** An append ended. */
  readonly appended: ObservedAppend;
  /** Appends were sent together. */
  readonly batched: ObservedBatch;
  /** An entity was loaded. */
  readonly loaded: ObservedLoad;
  /** A projection or a subscription stored its checkpoint. */
  readonly projected: ObservedProjection;
  /** A snapshot was saved or used, or something was wrong with one. */
  readonly snapshot: ObservedSnapshot;
  /** A projection or a subscription met something that keeps it. */
  readonly projectionFailed: ObservedFailure;
}

/**
 * Whoever counts, logs or traces what a store does. Called beside the work, when it is done: what it throws, or rejects with, changes
 * nothing, and nobody waits for it. Listen only to what you want to hear.
 *
 * @example
 * createPostgresStore({ url, observer: { appended: ({ seconds }) => histogram.observe(seconds) } });
 */
export type Observer = { readonly [K in keyof Observations]?: ((observed: Observations[K]) => void) | undefined };

/** One observer of several; each hears everything, whatever the others throw. */
export function observers(...all: readonly Observer[]): Observer {
  const tell =
    <K extends keyof Observations>(name: K) =>
    (observed: Observations[K]): void => {
      for (const observer of all) tellObserver(observer, name, observed);
    };
  const each = inRole([...new Set(all.flatMap(rolesOf))], {
    appended: tell('appended'),
    batched: tell('batched'),
    loaded: tell('loaded'),
    projected: tell('projected'),
    snapshot: tell('snapshot'),
    projectionFailed: tell('projectionFailed'),
  });
  return inParts(all, each);
}

/** Tells an observer something, if there is one. */
export function tellObserver<K extends keyof Observations>(
  observer: Observer | undefined,
  name: K,
  observed: Observations[K],
): void {
  if (observer !== undefined) quietly(() => observer[name]?.(observed));
}
