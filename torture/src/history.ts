/** An event as it stands in the table, read without the library. */
export interface LoggedEvent {
  readonly position: number;
  readonly id: string;
  readonly streamName: string;
  readonly category: string;
  readonly version: number;
  readonly type: string;
  /** Milliseconds since 1970. */
  readonly recordedAt: number;
  readonly commitId: number;
  readonly commitIndex: number;
  readonly commitSize: number;
  /** Which attempt it belongs to, and its place there, by its own payload; undefined if the payload is another. */
  readonly origin: { readonly attempt: string; readonly index: number } | undefined;
}

/** What an append was told of one of its events. */
export interface AnsweredEvent {
  readonly id: string;
  readonly streamName: string;
  readonly version: number;
  readonly position: number;
  readonly recordedAt: number;
}

/** One stream of an attempt. Without types it is only checked. */
export interface AttemptEntry {
  readonly streamName: string;
  readonly expectedVersion: number | 'no_stream' | 'stream_exists' | 'any';
  readonly types: readonly string[];
}

/** An append as it was asked for, before anything was sent. */
export interface AttemptStart {
  /** Unique in the history; the payload of every event carries it. */
  readonly id: string;
  readonly entries: readonly AttemptEntry[];
  /** The event ids, if the caller gave them. */
  readonly eventIds: readonly string[] | undefined;
}

/** What became of an attempt, as far as its writer was told. */
export type Outcome =
  | { readonly status: 'acknowledged'; readonly events: readonly AnsweredEvent[] }
  | { readonly status: 'conflict'; readonly streamName: string; readonly actualVersion: number }
  /** Known not to be stored: rolled back, refused, or never sent. */
  | { readonly status: 'refused'; readonly reason: string }
  /** Stored or not. The ids are those that a retry would take. */
  | { readonly status: 'unknown'; readonly eventIds: readonly string[] | undefined };

/** An append and all answers it got; the answers to repeats of it, too. */
export interface Attempt extends AttemptStart {
  readonly outcomes: readonly Outcome[];
}

/** One event that a reader was given. */
export interface DeliveredEvent {
  readonly position: number;
  readonly id: string;
  readonly streamName: string;
  readonly version: number;
}

/** Where the writers write down what they do: in memory, or in a file that survives them. */
export interface Recorder {
  begin(attempt: AttemptStart): void;
  settle(attemptId: string, outcome: Outcome): void;
  /** Something that no run should see, such as an error of another type than documented. */
  unexpected(message: string): void;
}

/**
 * What is known of an attempt in the end, of all the answers it got. One acknowledgement says that it is stored, whatever
 * else was said; a conflict that it can be stored no more; and "refused" is worth something only if nothing is unknown.
 */
export function finalStatus({ outcomes }: Attempt): Outcome['status'] | 'pending' {
  const order = ['acknowledged', 'conflict', 'unknown', 'refused'] as const;
  return order.find((status) => outcomes.some((outcome) => outcome.status === status)) ?? 'pending';
}

/** Every attempt of a round, with what its writers were told. */
export class History implements Recorder {
  readonly #attempts = new Map<string, AttemptStart & { readonly outcomes: Outcome[] }>();
  readonly #unexpected: string[] = [];

  begin(attempt: AttemptStart): void {
    this.#attempts.set(attempt.id, { ...attempt, outcomes: [] });
  }

  settle(attemptId: string, outcome: Outcome): void {
    const attempt = this.#attempts.get(attemptId);
    if (attempt === undefined) this.unexpected(`an answer for an attempt nobody made: ${attemptId}`);
    else attempt.outcomes.push(outcome);
  }

  unexpected(message: string): void {
    this.#unexpected.push(message);
  }

  attempts(): readonly Attempt[] {
    return [...this.#attempts.values()];
  }

  /** A copy that does not change: what had been answered by now. */
  answered(): ReadonlyMap<string, readonly Outcome[]> {
    return new Map([...this.#attempts].map(([id, { outcomes }]) => [id, [...outcomes]]));
  }

  unexpectedMessages(): readonly string[] {
    return this.#unexpected;
  }
}
