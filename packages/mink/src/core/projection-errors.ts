import { counted } from './counted.ts';
import { MinkError, type MinkErrorOptions, type StoredPlace } from './errors.ts';

/** A projection could not apply an event. */
export class ProjectionFailedError extends MinkError {
  readonly code = 'PROJECTION_FAILED';
  readonly projection: string;
  readonly eventType: string;
  readonly streamName: string;
  readonly streamVersion: number;
  readonly globalPosition: number;

  constructor(projection: string, event: StoredPlace & { readonly type: string }, cause: unknown) {
    const { type, streamName, streamVersion, globalPosition } = event;
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(
      `Projection "${projection}" failed on event "${type}" at version ${streamVersion} of stream "${streamName}" (position ${globalPosition}): ${reason}`,
      { cause },
    );
    this.projection = projection;
    this.eventType = type;
    this.streamName = streamName;
    this.streamVersion = streamVersion;
    this.globalPosition = globalPosition;
  }
}

/** What a projection that is behind was seen to do. */
export interface BehindFacts {
  readonly position: number;
  readonly wanted: number;
  /** Events that it reads, and has not applied up to `wanted`. */
  readonly lagEvents: number;
  readonly state: string;
  /** What keeps it from going on. */
  readonly error?: string | undefined;
  /** The server's process whose transaction holds readers back below `wanted`; with it, no projection can go on. */
  readonly heldBy?: number | undefined;
}

/** A projection has not come as far as it was waited for. */
export class ProjectionBehindError extends MinkError {
  readonly code = 'PROJECTION_BEHIND';
  readonly projection: string;
  readonly position: number;
  readonly wanted: number;
  readonly lagEvents: number;
  readonly state: string;
  readonly error: string | undefined;
  readonly heldBy: number | undefined;

  constructor(projection: string, facts: BehindFacts) {
    const { position, wanted, lagEvents, state, error, heldBy } = facts;
    super(
      `Projection "${projection}" is at position ${position}, and was to be at ${wanted}: ${counted(lagEvents, 'event')} behind. ${reasonToBeBehind(facts)}`,
    );
    this.projection = projection;
    this.position = position;
    this.wanted = wanted;
    this.lagEvents = lagEvents;
    this.state = state;
    this.error = error;
    this.heldBy = heldBy;
  }
}

function reasonToBeBehind({ state, error, heldBy }: BehindFacts): string {
  if (heldBy !== undefined) {
    return `Process ${heldBy} of the database has an open transaction with appends, which holds readers back: see "mink feed".`;
  }
  if (error !== undefined) return `It is ${state}: ${error}`;
  if (state === 'stopped') return 'Nobody works on it: start an engine with it, or call catchUp.';
  return state === 'paused' ? 'It is paused: resume it.' : `It is ${state}: wait longer.`;
}

/** A version of a projection was made with other tables than its code has now. Nothing was changed. */
export class ReadModelChangedError extends MinkError {
  readonly code = 'READ_MODEL_CHANGED';
  readonly projection: string;
  readonly version: number;

  constructor(projection: string, version: number) {
    super(
      `Projection "${projection}" version ${version} was made with other columns or indexes. Raise its version: the new one is built beside it.`,
    );
    this.projection = projection;
    this.version = version;
  }
}

/** A handler has not come back in time. Nothing of its batch was stored. */
export class HandlerTimeoutError extends MinkError {
  readonly code = 'HANDLER_TIMEOUT';
  readonly projection: string;
  /** Milliseconds. */
  readonly timeout: number;

  constructor(projection: string, timeout: number) {
    super(
      `The handler of projection "${projection}" took longer than ${timeout} ms for a batch. Make it faster, its batches smaller, or raise "handlerTimeout".`,
    );
    this.projection = projection;
    this.timeout = timeout;
  }
}

/** A handler has committed or rolled back the transaction of its batch. What it wrote is not stored with the checkpoint any more. */
export class HandlerEndedTransactionError extends MinkError {
  readonly code = 'HANDLER_ENDED_TRANSACTION';
  readonly projection: string;

  constructor(projection: string, options?: { readonly cause?: unknown }) {
    super(
      `The handler of projection "${projection}" has ended the transaction of its batch, so what it wrote may be written again. Leave commit and rollback to the engine, and reset the projection.`,
      options,
    );
    this.projection = projection;
  }
}

/** A text that is no token of an append, or that of another store. */
export class InvalidTokenError extends MinkError {
  readonly code = 'INVALID_TOKEN';
  readonly reason: string;

  constructor(reason: string) {
    super(`The token cannot be used: ${reason}. Give the token of an append to this store as it was, or none.`);
    this.reason = reason;
  }
}

/** What was written has reached the projection, and could not be applied: its key is parked. */
export class KeyParkedError extends MinkError {
  readonly code = 'KEY_PARKED';
  readonly projection: string;
  readonly version: number;
  readonly key: string;
  /** Of the event that waits. */
  readonly position: number;

  constructor(
    projection: { readonly name: string; readonly version: number },
    parked: { readonly key: string; readonly position: number },
  ) {
    const { name, version } = projection;
    const { key, position } = parked;
    super(
      `The event at position ${position} waits among the dead letters of projection "${name}": key "${key}" is parked. Waiting longer does not help; see "mink deadletters show ${name} ${key}", and retry or discard them.`,
    );
    this.projection = name;
    this.version = version;
    this.key = key;
    this.position = position;
  }
}

/** A read model in memory would hold more keys than it may. */
export class ReadModelFullError extends MinkError {
  readonly code = 'READ_MODEL_FULL';
  readonly projection: string;
  readonly maxKeys: number;

  constructor(projection: string, maxKeys: number) {
    super(
      `The read model of projection "${projection}" in memory has ${maxKeys} keys, which is the limit. Raise maxKeys, or run it in an engine, which keeps them in the database.`,
    );
    this.projection = projection;
    this.maxKeys = maxKeys;
  }
}

/**
 * An inline projection could not apply an event of this append, or not in time. Nothing of the append was stored, and no other
 * append suffered.
 */
export class InlineProjectionError extends MinkError {
  readonly code = 'INLINE_PROJECTION';
  readonly projection: string;
  readonly eventType: string;
  readonly streamName: string;
  /** Undefined where the key itself could not be told. */
  readonly key: string | undefined;

  constructor(
    projection: string,
    facts: { readonly eventType: string; readonly streamName: string; readonly key: string | undefined },
    cause: unknown,
  ) {
    const { eventType, streamName, key } = facts;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const what = key === undefined ? 'could not tell the key of' : `failed for key ${JSON.stringify(key)} on`;
    super(
      `Inline projection "${projection}" ${what} event "${eventType}" of stream "${streamName}", so it was not appended: ${reason}`,
      { cause },
    );
    this.projection = projection;
    this.eventType = eventType;
    this.streamName = streamName;
    this.key = key;
  }
}

/**
 * The append does not apply the inline projections that are active in the database, so that rows would be lost. Nothing was
 * written; it may be tried again once they agree.
 */
export class InlineSetChangedError extends MinkError {
  readonly code = 'INLINE_SET_CHANGED';
  /** Active in the database and not in this process, as `name version 1`. */
  readonly missing: readonly string[];
  /** Given to this store and not active in the database. */
  readonly inactive: readonly string[];

  constructor(
    { missing, inactive }: { readonly missing: readonly string[]; readonly inactive: readonly string[] },
    options?: MinkErrorOptions,
  ) {
    const lacks = `every append applies ${missing.join(', ')} by now, which this store does not: give it to the store (inline), or deactivate it`;
    const early = `${inactive.join(', ')} is not active in the database, so that its rows would not be complete: call store.projections.activateInline()`;
    const other = 'other inline projections are active in the database than when this append began';
    const reason = missing.length > 0 ? lacks : inactive.length > 0 ? early : other;
    super(`Nothing was appended: ${reason}. Then try again.`, options);
    this.missing = missing;
    this.inactive = inactive;
  }
}

/** The handler of a subscription has not come back in time. The event is tried again; the handler may still be running. */
export class DeliveryTimeoutError extends MinkError {
  readonly code = 'DELIVERY_TIMEOUT';
  readonly subscription: string;
  /** Milliseconds. */
  readonly timeout: number;

  constructor(subscription: string, timeout: number) {
    super(
      `The handler of subscription "${subscription}" took longer than ${timeout} ms for an event. End what it waits for with the signal that it gets, or raise "timeout".`,
    );
    this.subscription = subscription;
    this.timeout = timeout;
  }
}

/** Another projection or subscription has what this one would need: its name, or its name as it is written in SQL. */
export class ProjectionNameTakenError extends MinkError {
  readonly code = 'PROJECTION_NAME_TAKEN';
  readonly projection: string;

  constructor(projection: string, by: string, options?: { readonly cause?: unknown }) {
    super(`The name "${projection}" is taken: ${by}. Give it another name.`, options);
    this.projection = projection;
  }
}

/** Read models in a storage of their own were begun with another log: their checkpoints say nothing of this one. */
export class ReadModelsOfAnotherLogError extends MinkError {
  readonly code = 'READ_MODELS_OF_ANOTHER_LOG';
  /** The id of the store whose log they follow. */
  readonly follows: string;
  readonly log: string;

  constructor({ follows, log }: { readonly follows: string; readonly log: string }) {
    super(
      `These read models follow the log of store ${follows}, not of ${log}: their checkpoints would pass over events of it. Give them the store that they follow, or keep those of this log in another schema.`,
    );
    this.follows = follows;
    this.log = log;
  }
}

/** A key of a subscription is being retried already, by this process or another one. Nothing was delivered. */
export class KeyBeingRetriedError extends MinkError {
  readonly code = 'KEY_BEING_RETRIED';
  readonly subscription: string;
  readonly key: string;

  constructor(subscription: string, key: string) {
    super(
      `Key ${JSON.stringify(key)} of subscription "${subscription}" is being retried already. Wait until that is over: two at once would break its order.`,
    );
    this.subscription = subscription;
    this.key = key;
  }
}
