import { InvalidArgumentError } from '../errors.ts';
import { checkWhole } from '../store/read-options.ts';
import { textProblem } from '../stream-name.ts';

/** What a policy knows when it is asked. */
export interface SnapshotFacts {
  /** Events since the last snapshot that was usable, or since the beginning. */
  readonly eventsSince: number;
  /** Their types. */
  readonly typesSince: ReadonlySet<string>;
  /** Milliseconds that the last load took to read and fold those that were there. */
  readonly replayMilliseconds: number;
  /** Milliseconds since the last snapshot was made; undefined where there is none. */
  readonly age: number | undefined;
}

/** Whether it is time for a snapshot. */
export type SnapshotPolicy = (facts: SnapshotFacts) => boolean;

/** How snapshots of a state are made; part of a decider or an aggregate. */
export interface SnapshotOptions<State> {
  /**
   * The version of the state's form, from 1. Raise it whenever `evolve` comes to another state from the same events:
   * snapshots of other versions are not used.
   */
  readonly schemaVersion: number;
  /**
   * When a snapshot is made, after a load or an append.
   * @defaultValue snapshotWhenSlow()
   */
  readonly when?: SnapshotPolicy | undefined;
  /**
   * How many of them are kept for each stream; the last is used, the others are for looking back.
   * @defaultValue 2
   */
  readonly keep?: number | undefined;
  /**
   * Whose state it is, where several deciders or aggregates of a category have snapshots.
   * @defaultValue the category
   */
  readonly name?: string | undefined;
  /** Makes JSON of a state that is none, such as one with dates or maps. */
  encode?(state: State): unknown;
  /** The way back. */
  decode?(stored: never): State;
}

/** After every `count` events since the last snapshot, however many of them come at once. */
export function snapshotEvery(count: number): SnapshotPolicy {
  checkWhole('snapshotEvery', count, 1);
  return ({ eventsSince }) => eventsSince >= count;
}

/** After an event of one of these types: the end of a month, say. */
export function snapshotAfter(...types: readonly string[]): SnapshotPolicy {
  if (types.length === 0) throw new InvalidArgumentError('snapshotAfter', 'has no event types');
  return ({ typesSince }) => types.some((type) => typesSince.has(type));
}

/** When something has happened since the last snapshot, and that is older than this. */
export function snapshotOlderThan(milliseconds: number): SnapshotPolicy {
  checkWhole('snapshotOlderThan', milliseconds, 1);
  return ({ age, eventsSince }) => eventsSince > 0 && (age === undefined || age >= milliseconds);
}

/**
 * When a load has taken this long to read and fold what came since the last snapshot: what costs nothing is not kept.
 * @param milliseconds - default 10
 */
export function snapshotWhenSlow(milliseconds = 10): SnapshotPolicy {
  checkWhole('snapshotWhenSlow', milliseconds, 1);
  return ({ replayMilliseconds, eventsSince }) => eventsSince > 0 && replayMilliseconds >= milliseconds;
}

/** Refuses options that cannot be used. */
export function checkSnapshotOptions(options: SnapshotOptions<unknown> | undefined): void {
  if (options === undefined) return;
  checkWhole('snapshots.schemaVersion', options.schemaVersion, 1);
  if (options.keep !== undefined) checkWhole('snapshots.keep', options.keep, 1);
  const { name = 'x' } = options;
  if (name === '' || textProblem(name) !== undefined) throw new InvalidArgumentError('snapshots.name', 'is not a name');
  for (const option of ['when', 'encode', 'decode'] as const) {
    const kind = typeof options[option];
    if (kind !== 'undefined' && kind !== 'function') {
      throw new InvalidArgumentError(`snapshots.${option}`, 'is not a function');
    }
  }
  if ((options.encode === undefined) !== (options.decode === undefined)) {
    throw new InvalidArgumentError('snapshots', 'give encode and decode together');
  }
}
