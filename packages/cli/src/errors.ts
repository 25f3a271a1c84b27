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
