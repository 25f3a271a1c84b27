import { MinkError } from 'mink';

/** The options do not fit together, or a value cannot be used. */
export class UsageError extends MinkError {
  readonly code = 'USAGE';
}

/** No URL was given, and no configuration names one. */
export class NoDatabaseError extends MinkError {
  readonly code = 'NO_DATABASE';

  constructor(problem = 'No database is given.') {
    super(
      `${problem} Use --url, set DATABASE_URL, or export "url" from mink.config.ts; or start one here with "mink dev".`,
    );
  }
}

/** The file given with `--config` does not exist. */
export class ConfigNotFoundError extends MinkError {
  readonly code = 'CONFIG_NOT_FOUND';
  readonly path: string;

  constructor(path: string) {
    super(`Config file "${path}" does not exist. Check the path given with --config.`);
    this.path = path;
  }
}

/** The config file cannot be loaded, or exports something else than it should. */
export class ConfigInvalidError extends MinkError {
  readonly code = 'CONFIG_INVALID';
  readonly path: string;
  readonly reason: string;

  constructor(path: string, reason: string, options?: { readonly cause?: unknown }) {
    super(`Config file "${path}" ${reason}`, options);
    this.path = path;
    this.reason = reason;
  }
}

/** Snapshots that do not hold what the events say. */
export class SnapshotsWrongError extends MinkError {
  readonly code = 'SNAPSHOTS_WRONG';
  readonly category: string;
  readonly wrong: number;

  constructor(category: string, wrong: number) {
    super(
      `${wrong} snapshots of "${category}" do not hold what the events say. Make them anew with "mink snapshots recreate --category ${category}", and raise snapshots.schemaVersion if evolve has changed.`,
    );
    this.category = category;
    this.wrong = wrong;
  }
}

/** Snapshots whose streams cannot be loaded, so that nothing is known of them. */
export class SnapshotsNotCheckedError extends MinkError {
  readonly code = 'SNAPSHOTS_NOT_CHECKED';
  readonly category: string;
  readonly unchecked: number;

  constructor(category: string, unchecked: number) {
    super(
      `${unchecked} snapshots of "${category}" could not be checked, because their events cannot be loaded. Define the event types and upcasters that the errors above name.`,
    );
    this.category = category;
    this.unchecked = unchecked;
  }
}

/** States that could not be kept. */
export class SnapshotsNotMadeError extends MinkError {
  readonly code = 'SNAPSHOTS_NOT_MADE';
  readonly category: string;
  readonly failed: number;

  constructor(category: string, failed: number) {
    super(
      `${failed} states of "${category}" could not be kept. Set onSnapshotProblem of the config's store to see why; loads are right all the same.`,
    );
    this.category = category;
    this.failed = failed;
  }
}

/** Values of unique sets that more than one stream has by its events. */
export class UniqueValuesSharedError extends MinkError {
  readonly code = 'UNIQUE_VALUES_SHARED';
  readonly category: string;
  readonly shared: number;

  constructor(category: string, shared: number) {
    super(
      `The sets of "${category}" are built, but ${shared} values are claimed by more than one stream. The streams listed do not hold theirs: append an event that gives it up, or gives another.`,
    );
    this.category = category;
    this.shared = shared;
  }
}

/** The development server ended on its own. */
export class DevServerStoppedError extends MinkError {
  readonly code = 'DEV_SERVER_STOPPED';
  readonly log: string;

  constructor(how: string, log: string) {
    super(`PostgreSQL stopped on its own (${how}). Its log is "${log}".`);
    this.log = log;
  }
}

/** The output cannot be written: the disk is full, for instance. */
export class OutputFailedError extends MinkError {
  readonly code = 'OUTPUT_FAILED';

  constructor(cause: Error) {
    super(`The output cannot be written: ${cause.message}.`, { cause });
  }
}
