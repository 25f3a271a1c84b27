import type { ExpectedVersion } from './expected-version.ts';

/** One thing that is wrong with a value, and where: `path` is `items[2].price`, or empty for the value as a whole. */
export interface Issue {
  readonly path: string;
  readonly reason: string;
}

/** Options every error takes: the error that caused it. */
export interface MinkErrorOptions {
  readonly cause?: unknown;
}

/**
 * The base of every error mink throws on purpose.
 *
 * Branch on `code`, which never changes, or on the class; never on the message. The facts of an error are its fields.
 */
export abstract class MinkError extends Error {
  /** Stable, upper snake case: `CONCURRENCY_CONFLICT`. */
  abstract readonly code: string;

  constructor(message: string, options?: MinkErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }

  /** The page that explains this error, relative to the repository: `docs/errors.md#concurrency_conflict`. */
  get docs(): string {
    return `docs/errors.md#${this.code.toLowerCase()}`;
  }
}

/** An option or argument that cannot be used. */
export class InvalidArgumentError extends MinkError {
  readonly code = 'INVALID_ARGUMENT';
  readonly argument: string;

  constructor(argument: string, reason: string, options?: MinkErrorOptions) {
    super(`${argument}: ${reason}`, options);
    this.argument = argument;
  }
}

/** A stream name that is not `Category-id`. */
export class InvalidStreamNameError extends MinkError {
  readonly code = 'INVALID_STREAM_NAME';
  readonly streamName: string;
  readonly reason: string;

  constructor(streamName: string, reason: string) {
    super(
      `Stream name ${JSON.stringify(streamName)} is not valid: ${reason}. Use "Category-id", for example "Order-42".`,
    );
    this.streamName = streamName;
    this.reason = reason;
  }
}

/** An append without any event. */
export class NoEventsError extends MinkError {
  readonly code = 'NO_EVENTS';
  readonly streamName: string;

  constructor(streamName: string) {
    super(
      `There are no events to append to stream "${streamName}". Give at least one, or skip the append when nothing happened.`,
    );
    this.streamName = streamName;
  }
}

/** An event type, or a whole category, that the store was not told about. */
export class UnknownEventTypeError extends MinkError {
  readonly code = 'UNKNOWN_EVENT_TYPE';
  readonly eventType: string;
  readonly category: string;
  /** Where the event is stored; undefined on append. */
  readonly globalPosition: number | undefined;
  readonly streamName: string | undefined;
  readonly streamVersion: number | undefined;
  /** The version of the stored payload, where it is one that this code does not know; undefined otherwise. */
  readonly schemaVersion: number | undefined;

  constructor(
    category: string,
    eventType: string,
    options: {
      readonly known: readonly string[];
      readonly stored?: StoredPlace;
      readonly schemaVersion?: number;
    },
  ) {
    const { stored, schemaVersion } = options;
    const at =
      stored === undefined
        ? ''
        : ` at position ${stored.globalPosition}, version ${stored.streamVersion} of stream "${stored.streamName}",`;
    const known = options.known.length === 0 ? 'no event types' : options.known.join(', ');
    const way = stored === undefined ? '' : ", or read with { unknownEvents: 'skip' }";
    super(
      schemaVersion === undefined
        ? `Event type "${eventType}"${at} is not defined for category "${category}", which has ${known}. Add it to defineEvents${way}.`
        : `Event "${eventType}"${at} of category "${category}" has version ${schemaVersion} of its payload, which this code does not know yet. Deploy the code that writes it${way}.`,
    );
    this.schemaVersion = schemaVersion;
    this.category = category;
    this.eventType = eventType;
    this.globalPosition = stored?.globalPosition;
    this.streamName = stored?.streamName;
    this.streamVersion = stored?.streamVersion;
  }
}

/** A payload or metadata that its schema refuses, or that JSON cannot hold. Nothing was written. */
export class InvalidEventDataError extends MinkError {
  readonly code = 'INVALID_EVENT_DATA';
  readonly eventType: string;
  readonly issues: readonly Issue[];
  /** Where the first issue is: `items[2].price`; empty for the payload as a whole. */
  readonly path: string;
  readonly reason: string;

  constructor(
    eventType: string,
    issues: readonly Issue[],
    options?: MinkErrorOptions & { readonly where?: string | undefined },
  ) {
    const list = issues.map(({ path, reason }) => (path === '' ? reason : `${path}: ${reason}`));
    super(`Event "${eventType}"${options?.where ?? ''} has invalid data. ${list.join('; ')}`, options);
    this.eventType = eventType;
    this.issues = issues;
    this.path = issues[0]?.path ?? '';
    this.reason = issues[0]?.reason ?? '';
  }
}

/** An upcaster threw, or returned something that is no payload. The event in the log is as it was. */
export class UpcastFailedError extends MinkError {
  readonly code = 'UPCAST_FAILED';
  readonly eventType: string;
  /** The version it was to lead on from. */
  readonly fromVersion: number;
  readonly streamName: string | undefined;
  readonly streamVersion: number | undefined;
  readonly globalPosition: number | undefined;

  constructor(
    eventType: string,
    fromVersion: number,
    options: {
      readonly place: StoredPlace | undefined;
      readonly cause: unknown;
    },
  ) {
    const { place, cause } = options;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const at =
      place === undefined
        ? ''
        : ` at version ${place.streamVersion} of stream "${place.streamName}" (position ${place.globalPosition})`;
    super(
      `The upcaster of event "${eventType}" from version ${fromVersion} failed${at}: ${reason}. It has to take every payload of that version that was ever stored.`,
      { cause },
    );
    this.eventType = eventType;
    this.fromVersion = fromVersion;
    this.streamName = place?.streamName;
    this.streamVersion = place?.streamVersion;
    this.globalPosition = place?.globalPosition;
  }
}

/** Where an event is stored. */
export interface StoredPlace {
  readonly globalPosition: number;
  readonly streamName: string;
  readonly streamVersion: number;
}

/** A payload above the store's limit. Nothing was written. */
export class PayloadTooLargeError extends MinkError {
  readonly code = 'PAYLOAD_TOO_LARGE';
  readonly eventType: string;
  readonly bytes: number;
  readonly maxPayloadBytes: number;

  constructor(eventType: string, bytes: number, maxPayloadBytes: number, part: 'data' | 'metadata' = 'data') {
    super(
      `${part === 'data' ? 'Event' : 'The metadata of event'} "${eventType}" has ${bytes} bytes of JSON, the limit is ${maxPayloadBytes}. Store large content elsewhere and its reference here, or raise maxPayloadBytes.`,
    );
    this.eventType = eventType;
    this.bytes = bytes;
    this.maxPayloadBytes = maxPayloadBytes;
  }
}

/** Another writer got there first: the stream is not at the version that was expected. Nothing was written. */
export class ConcurrencyConflictError extends MinkError {
  readonly code = 'CONCURRENCY_CONFLICT';
  readonly streamName: string;
  readonly expectedVersion: ExpectedVersion;
  /** The version the stream is at; 0 when it does not exist. */
  readonly actualVersion: number;

  constructor(streamName: string, expectedVersion: ExpectedVersion, actualVersion: number) {
    const actual = actualVersion === 0 ? 'does not exist' : `is at version ${actualVersion}`;
    super(
      `Stream "${streamName}" ${actual}, expected ${describeExpectation(expectedVersion)}. Reload it and decide again.`,
    );
    this.streamName = streamName;
    this.expectedVersion = expectedVersion;
    this.actualVersion = actualVersion;
  }
}

function describeExpectation(expected: ExpectedVersion): string {
  switch (expected) {
    case 'any':
      return 'any version';
    case 'no_stream':
    case 0:
      return 'no stream of that name';
    case 'stream_exists':
      return 'an existing stream';
    default:
      return `version ${expected}`;
  }
}

/** A conflict that remained after every try that was allowed, or that a resolver gave up on. Nothing was written. */
export class ConflictNotResolvedError extends MinkError {
  readonly code = 'CONFLICT_NOT_RESOLVED';
  readonly streamName: string;
  /** Tries that were made. */
  readonly tries: number;
  /** What was used up, or `'rejected'` by the resolver. */
  readonly reason: 'tries' | 'budget' | 'rejected';

  constructor(
    streamName: string,
    facts: { readonly tries: number; readonly reason: 'tries' | 'budget' | 'rejected' },
    cause: ConcurrencyConflictError,
  ) {
    const { tries, reason } = facts;
    const times = tries === 1 ? 'once' : `${tries} times`;
    const ending = {
      tries: 'Nothing was written. Allow more tries, execute in exclusive mode, or write to this stream less often.',
      budget: 'Nothing was written, and the budget is used up. Allow more time, or write to this stream less often.',
      rejected: 'Nothing was written: onConflict rejected it.',
    }[reason];
    super(`Another writer to stream "${streamName}" got there first, ${times}. ${ending}`, { cause });
    this.streamName = streamName;
    this.tries = tries;
    this.reason = reason;
  }
}

/** Event ids that are already in the stream, but not as this same append: other content, or only some of them. */
export class IdempotencyMismatchError extends MinkError {
  readonly code = 'IDEMPOTENCY_MISMATCH';
  readonly streamName: string;
  readonly eventIds: readonly string[];

  constructor(streamName: string, eventIds: readonly string[]) {
    super(
      `Stream "${streamName}" already holds event ids of this append, but not as the same append (${eventIds.join(', ')}). Use new ids for new events; repeat an append with exactly its first events.`,
    );
    this.streamName = streamName;
    this.eventIds = eventIds;
  }
}

/** Another stream holds a value of a unique set. Nothing was written. */
export class UniqueValueTakenError extends MinkError {
  readonly code = 'UNIQUE_VALUE_TAKEN';
  readonly streamName: string;
  readonly set: string;
  readonly value: string;
  /** The stream that holds it, or has held it in a set for all time. */
  readonly heldBy: string;

  constructor(
    streamName: string,
    { set, value, heldBy }: { readonly set: string; readonly value: string; readonly heldBy: string },
  ) {
    super(
      `Stream "${streamName}" cannot have ${JSON.stringify(value)} in the unique set "${set}": stream "${heldBy}" has it. Choose another value.`,
    );
    this.streamName = streamName;
    this.set = set;
    this.value = value;
    this.heldBy = heldBy;
  }
}

/** The `…OrThrow` forms found no stream. */
export class StreamNotFoundError extends MinkError {
  readonly code = 'STREAM_NOT_FOUND';
  readonly streamName: string;

  constructor(streamName: string, options: { readonly until?: unknown } = {}) {
    super(
      options.until === undefined
        ? `Stream "${streamName}" does not exist. Check the category and the id.`
        : `Stream "${streamName}" has no events up to the point that was asked for. Check the name, or choose a later one.`,
    );
    this.streamName = streamName;
  }
}

/** The stream was archived or tombstoned and takes no more events. */
export class StreamClosedError extends MinkError {
  readonly code = 'STREAM_CLOSED';
  readonly streamName: string;
  readonly state: 'archived' | 'tombstoned';

  constructor(streamName: string, state: 'archived' | 'tombstoned') {
    super(`Stream "${streamName}" is ${state} and takes no more events. Use a new stream.`);
    this.streamName = streamName;
    this.state = state;
  }
}

/** `evolve` threw, for instance because it changed the state in place. Nothing was written. */
export class EvolveFailedError extends MinkError {
  readonly code = 'EVOLVE_FAILED';
  readonly category: string;
  readonly eventType: string;

  constructor(category: string, eventType: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const hint =
      cause instanceof TypeError ? ' If it changes the state in place: the state is frozen, return a new one.' : '';
    super(`evolve of "${category}" failed on event "${eventType}": ${reason.replace(/\.$/u, '')}.${hint}`, { cause });
    this.category = category;
    this.eventType = eventType;
  }
}

/** The position to continue from is beyond the end of the log: the log was restored to an earlier state. */
export class LogRewoundError extends MinkError {
  readonly code = 'LOG_REWOUND';
  readonly after: number;
  readonly head: number;

  constructor(after: number, head: number) {
    const problem =
      after > head ? `the log ends at ${head}` : 'the event that was appended there is not, or another one is';
    super(
      `Cannot continue after position ${after}: ${problem}. The log was probably restored from a backup; rebuild this consumer, or start it at a position that exists.`,
    );
    this.after = after;
    this.head = head;
  }
}

/** The connection broke while the append was under way: it may or may not be in the log. */
export class AppendOutcomeUnknownError extends MinkError {
  readonly code = 'APPEND_OUTCOME_UNKNOWN';
  readonly streamNames: readonly string[];
  /** The ids of the events, in order. Appending the same events with these ids again is safe: it happens once. */
  readonly eventIds: readonly string[];

  constructor(streamNames: readonly string[], eventIds: readonly string[], cause: unknown) {
    super(
      `The connection broke while events were being appended to ${streamNames.join(', ')}: they may or may not be stored. Append the same events with the same ids (error.eventIds) again; they are stored once. An aggregate can be saved again; after execute, load the entity and look.`,
      { cause },
    );
    this.streamNames = streamNames;
    this.eventIds = eventIds;
  }
}

/** An append without `tx` in the middle of a transaction that was opened with `withTransaction`. Nothing was written. */
export class TransactionOpenError extends MinkError {
  readonly code = 'TRANSACTION_OPEN';
  readonly streamNames: readonly string[];

  constructor(streamNames: readonly string[]) {
    super(
      `An append to ${streamNames.join(', ')} was made inside withTransaction, but not as a part of it: it would stay when the transaction is rolled back, and may wait for streams that the transaction holds. Pass { tx }, or append before or after the transaction.`,
    );
    this.streamNames = streamNames;
  }
}

/** More appends are waiting than the store may hold. Nothing of this one was written. */
export class OverloadedError extends MinkError {
  readonly code = 'OVERLOADED';
  readonly maxQueuedAppends: number;

  constructor(maxQueuedAppends: number) {
    super(
      `${maxQueuedAppends} appends are waiting already, which is the limit. Nothing was written: try again later, shed load, or raise maxQueuedAppends.`,
    );
    this.maxQueuedAppends = maxQueuedAppends;
  }
}

/** The store, or the database behind it, cannot be reached. Reads and retries are safe. */
export class DatabaseUnavailableError extends MinkError {
  readonly code = 'DATABASE_UNAVAILABLE';
}

/** The database refused a statement. Nothing of it was written. */
export class DatabaseError extends MinkError {
  readonly code = 'DATABASE_ERROR';
  /** The five-character SQLSTATE, such as `42501` for missing rights. */
  readonly sqlState: string;

  constructor(message: string, sqlState: string, cause: unknown) {
    super(message, { cause });
    this.sqlState = sqlState;
  }
}

/** The schema in the database needs newer code, or this code needs a newer schema. */
export class SchemaVersionError extends MinkError {
  readonly code = 'SCHEMA_VERSION';
  readonly schema: string;
  readonly databaseVersion: number;

  constructor(message: string, facts: { readonly schema: string; readonly databaseVersion: number }) {
    super(message);
    this.schema = facts.schema;
    this.databaseVersion = facts.databaseVersion;
  }
}

/**
 * The sequence of positions is behind the log: it was restored without it. Appends would be put where readers have
 * passed, so nothing is appended and nothing is read from the log.
 */
export class SequenceBehindError extends MinkError {
  readonly code = 'SEQUENCE_BEHIND';
  readonly schema: string;
  /** The last position the sequence has handed out. */
  readonly lastDrawn: number;
  /** The highest position in the log. */
  readonly highest: number;

  constructor(
    schema: string,
    facts: { readonly lastDrawn: number; readonly highest: number },
    options?: MinkErrorOptions,
  ) {
    super(
      `Schema "${schema}" holds events up to position ${facts.highest}, but its sequence stands at ${facts.lastDrawn}: it was restored without the sequence. Nothing was written. Run "mink migrate" with the role that owns the schema; it raises the sequence.`,
      options,
    );
    this.schema = schema;
    this.lastDrawn = facts.lastDrawn;
    this.highest = facts.highest;
  }
}

/** The store was closed. */
export class StoreClosedError extends MinkError {
  readonly code = 'STORE_CLOSED';

  constructor() {
    super('The store is closed. Create a new one, or close it later.');
  }
}
