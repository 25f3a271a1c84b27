import { counted } from './counted.ts';
import { MinkError } from './errors.ts';

/** What is filled for a while has a number that nobody else needs to know. */
function nameOf(projection: string, version: number): string {
  return version < 0 ? `the shadow of projection "${projection}"` : `version ${version} of projection "${projection}"`;
}

/** A version of a projection was retired: its tables are gone, and it is not made anew. */
export class ProjectionRetiredError extends MinkError {
  readonly code = 'PROJECTION_RETIRED';
  readonly projection: string;
  readonly version: number;

  constructor(projection: string, version: number) {
    super(`Projection "${projection}" version ${version} is retired. Use the live version, or define a new one.`);
    this.projection = projection;
    this.version = version;
  }
}

/** Another version of a projection is live than this calls for. Nothing was changed. */
export class LiveVersionError extends MinkError {
  readonly code = 'LIVE_VERSION';
  readonly projection: string;
  /** The version that is live; undefined where none is. */
  readonly version: number | undefined;

  constructor(projection: string, version: number | undefined, problem: string) {
    const live = version === undefined ? 'No version' : `Version ${version}`;
    super(`${live} of projection "${projection}" is live${problem} "mink projections list" shows which one is.`);
    this.projection = projection;
    this.version = version;
  }
}

/** There is no such version of a projection. */
export class ProjectionVersionUnknownError extends MinkError {
  readonly code = 'PROJECTION_VERSION_UNKNOWN';
  readonly projection: string;
  /** Undefined where there is none at all, or none to go back to. */
  readonly version: number | undefined;

  constructor(projection: string, version: number | undefined, what = 'was never built. Build it first.') {
    const which = version === undefined ? `a version of projection "${projection}"` : nameOf(projection, version);
    super(`${which.charAt(0).toUpperCase()}${which.slice(1)} ${what}`);
    this.projection = projection;
    this.version = version;
  }
}

/** A version is not as far as the live one. Nothing was switched. */
export class ProjectionVersionBehindError extends MinkError {
  readonly code = 'PROJECTION_VERSION_BEHIND';
  readonly projection: string;
  readonly version: number;
  readonly position: number;
  readonly wanted: number;
  /** Events that it has not applied, counted up to 10,000. */
  readonly events: number;

  constructor(
    projection: string,
    at: Pick<ProjectionVersionBehindError, 'version' | 'position' | 'wanted' | 'events'>,
  ) {
    const { version, position, wanted, events } = at;
    super(
      `Nothing was switched: ${nameOf(projection, version)} is ${counted(events, 'event')} behind, at position ${position} of ${wanted}. Build it, or let a process with its code run, and try again.`,
    );
    this.projection = projection;
    this.version = version;
    this.position = position;
    this.wanted = wanted;
    this.events = events;
  }
}

/** Keys of a version are parked: its rows are not what the log says. Nothing was switched. */
export class ProjectionParkedError extends MinkError {
  readonly code = 'PROJECTION_PARKED';
  readonly projection: string;
  readonly version: number;
  readonly parkedKeys: number;

  constructor(projection: string, version: number, parked: { readonly keys: number; readonly error: string }) {
    super(
      `Nothing was switched: ${counted(parked.keys, 'key')} of ${nameOf(projection, version)} ${parked.keys === 1 ? 'is' : 'are'} parked, the first because of: ${parked.error}. Retry or discard them, or force it.`,
    );
    this.projection = projection;
    this.version = version;
    this.parkedKeys = parked.keys;
  }
}

/** A build of a read model has stopped. What is live was not touched; what was built stays, and the next build goes on from there. */
export class ProjectionBuildError extends MinkError {
  readonly code = 'PROJECTION_BUILD';
  readonly projection: string;
  readonly version: number;
  readonly position: number;

  constructor(
    projection: string,
    at: { readonly version: number; readonly position: number; readonly reason: string },
  ) {
    super(`The build of ${nameOf(projection, at.version)} has stopped at position ${at.position}: ${at.reason}`);
    this.projection = projection;
    this.version = at.version;
    this.position = at.position;
  }
}

/** A version is worked on, and was not retired. */
export class ProjectionInUseError extends MinkError {
  readonly code = 'PROJECTION_IN_USE';
  readonly projection: string;
  readonly version: number;
  readonly owner: string;

  constructor(projection: string, version: number, owner: string) {
    super(
      `Version ${version} of projection "${projection}" is worked on by ${owner}. End the processes that have its code, or force it: they stop working on it.`,
    );
    this.projection = projection;
    this.version = version;
    this.owner = owner;
  }
}

/** A comparison took longer than it may. Nothing was changed. */
export class CompareTimeoutError extends MinkError {
  readonly code = 'COMPARE_TIMEOUT';
  readonly projection: string;
  /** Milliseconds. */
  readonly timeout: number;

  constructor(projection: string, timeout: number, options?: { readonly cause?: unknown }) {
    super(
      `Comparing versions of projection "${projection}" took longer than ${timeout} ms. Build the new version first, so that little is left to apply; give it more time; or compare a part of the keys (sample).`,
      options,
    );
    this.projection = projection;
    this.timeout = timeout;
  }
}
