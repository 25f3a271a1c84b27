import type { AnyFold } from '../deciders/decider.ts';
import type { RecordedEvent, Snapshot } from '../storage/event-storage.ts';
import type { LoadContext } from '../store/load.ts';
import { snapshotOptionsOf } from './snapshot-codec.ts';
import { snapshotWhenSlow } from './snapshot-options.ts';
import type { SnapshotTask } from './snapshot-writer.ts';

/** The log does not hold the event that a snapshot ends with. */
export class OtherHistory extends Error {}

/** How a state was come by: what was read and folded on top of a snapshot, or of nothing. */
export class Replay {
  readonly #snapshot: Snapshot | undefined;
  readonly #begin = performance.now();
  readonly #types = new Set<string>();
  #milliseconds = 0;
  #events = 0;
  #last: SnapshotTask['last'] | undefined;
  /** The last event of the snapshot was seen in the log. */
  #isConfirmed = false;

  constructor(snapshot: Snapshot | undefined) {
    this.#snapshot = snapshot;
  }

  get isOnSnapshot(): boolean {
    return this.#snapshot !== undefined;
  }

  /** Whether an event is in the snapshot already. Throws where it is not the one that should be there. */
  isCovered(event: RecordedEvent): boolean {
    const { id, streamVersion, globalPosition, recordedAt } = event;
    if (this.#snapshot?.streamVersion === streamVersion) {
      if (this.#snapshot.lastEventId !== id) throw new OtherHistory();
      this.#isConfirmed = true;
      return true;
    }
    this.#last = { id, streamVersion, globalPosition, recordedAt };
    return false;
  }

  /** One more event was folded. */
  count(type: string): void {
    this.#events += 1;
    this.#types.add(type);
  }

  /** Throws where the log ends before the snapshot does. */
  checkCovered(): void {
    if (this.#snapshot !== undefined && !this.#isConfirmed) throw new OtherHistory();
  }

  /** Everything that was there is folded. */
  end(): this {
    this.#milliseconds = performance.now() - this.#begin;
    return this;
  }

  /** These were appended on top of it. */
  append(
    events: readonly {
      readonly type: string;
      readonly id: string;
      readonly streamVersion: number;
      readonly globalPosition: number;
      readonly recordedAt: Date;
    }[],
  ): void {
    for (const { id, type, streamVersion, globalPosition, recordedAt } of events) {
      this.count(type);
      this.#last = { id, streamVersion, globalPosition, recordedAt: recordedAt.getTime() };
    }
  }

  /** The event that a snapshot would end with, if the fold's policy wants one. */
  wanted(fold: AnyFold<unknown>): SnapshotTask['last'] | undefined {
    const { when = snapshotWhenSlow() } = snapshotOptionsOf(fold).options;
    if (this.#last === undefined) return undefined;
    const isWanted = when({
      eventsSince: this.#events,
      typesSince: this.#types,
      replayMilliseconds: this.#milliseconds,
      age: this.#snapshot === undefined ? undefined : Date.now() - this.#snapshot.createdAt,
    });
    return isWanted ? this.#last : undefined;
  }
}

/** Has a snapshot made, if the policy wants one. A policy that fails fails nothing else. */
export function offerSnapshot(
  context: LoadContext,
  fold: AnyFold<unknown>,
  { streamName, state, replay }: { readonly streamName: string; readonly state: unknown; readonly replay: Replay },
): void {
  try {
    const last = replay.wanted(fold);
    if (last !== undefined) context.snapshotWriter.offer({ fold, streamName, state, last });
  } catch (error) {
    const { name } = snapshotOptionsOf(fold);
    context.reportSnapshotProblem({ streamName, name, flaw: 'failed', error });
  }
}
