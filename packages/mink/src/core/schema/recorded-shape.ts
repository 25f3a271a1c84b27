import type { Shape } from './shape.ts';

/** Whose payloads have a shape: events of one type and version. */
export interface ShapeOwner {
  readonly category: string;
  readonly type: string;
  readonly schemaVersion: number;
}

/** A shape that payloads in the log have, or may have: it is recorded before the append, and stays when that fails. */
export interface RecordedShape extends ShapeOwner {
  /** Of the shape; {@link REST_HASH} for the one that takes in whatever came when there were enough. */
  readonly hash: string;
  readonly shape: Shape;
  /** Milliseconds since 1970. */
  readonly recordedAt: number;
  /** How many events had it when the log was last scanned. */
  readonly eventCount: number;
  /** Of the events that were counted. */
  readonly firstPosition: number | undefined;
  readonly lastPosition: number | undefined;
}

/** A shape that is to be recorded. */
export interface NewShape extends ShapeOwner {
  readonly hash: string;
  readonly shape: Shape;
  /** For the one that takes in the rest: what it was before; undefined where there was none. */
  readonly replaces: Shape | undefined;
  /** Recorded in a transaction of the caller's, beside the others: it waits for nobody, and is kept whatever the number. */
  readonly isOfTransaction?: boolean | undefined;
}

/** What a scan has counted. */
export type ShapeCount = Pick<
  RecordedShape,
  'category' | 'type' | 'schemaVersion' | 'hash' | 'eventCount' | 'firstPosition' | 'lastPosition'
>;

/** One page of shapes, by category, type, version and hash in code point order. All conditions must hold. */
export interface ListShapesQuery {
  readonly category?: string | undefined;
  readonly type?: string | undefined;
  readonly schemaVersion?: number | undefined;
  /** The one after which the page begins. */
  readonly after?: Pick<RecordedShape, 'category' | 'type' | 'schemaVersion' | 'hash'> | undefined;
  readonly limit: number;
}

/** How many shapes of a type and version are told apart. */
export const MAX_SHAPES = 256;
/** Stands for a hash at the shape that takes in all that came later. */
export const REST_HASH = 'rest';
