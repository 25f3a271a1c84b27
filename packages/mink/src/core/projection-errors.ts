import { MinkError, type StoredPlace } from './errors.ts';

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

/** A projection has not come as far as it was waited for. */
export class ProjectionBehindError extends MinkError {
  readonly code = 'PROJECTION_BEHIND';
  readonly projection: string;
  readonly position: number;
  readonly wanted: number;

  constructor(projection: string, position: number, wanted: number) {
    super(
      `Projection "${projection}" is at position ${position}, and was to be at ${wanted}. See what keeps it with engine.status(), or wait longer.`,
    );
    this.projection = projection;
    this.position = position;
    this.wanted = wanted;
  }
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
