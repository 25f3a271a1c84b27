import { MinkError } from 'mink';
import { counted } from './counted.ts';

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
      `${counted(wrong, 'snapshot')} of "${category}" ${wrong === 1 ? 'does' : 'do'} not hold what the events say. Make what is wrong anew with "mink snapshots recreate --category ${category}", and raise snapshots.schemaVersion if evolve has changed.`,
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
      `${counted(unchecked, 'snapshot')} of "${category}" could not be checked, because the events cannot be loaded. Define the event types and upcasters that the errors above name.`,
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
      `The sets of "${category}" are built, but ${counted(shared, 'value')} ${shared === 1 ? 'is' : 'are'} claimed by more than one stream. The streams listed do not hold theirs: append an event that gives it up, or gives another.`,
    );
    this.category = category;
    this.shared = shared;
  }
}

/** Code that cannot read, or fold, what is in the log. */
export class SchemaBrokenError extends MinkError {
  readonly code = 'SCHEMA_BROKEN';
  readonly broken: number;

  constructor(broken: number) {
    super(
      `${counted(broken, 'shape')} would break. Add an upcaster, or let evolve take them. Where only the made-up value of a fixture is at fault, give the fixture a better one.`,
    );
    this.broken = broken;
  }
}

/** The code of a git ref cannot read what this code writes. */
export class OldCodeBrokenError extends MinkError {
  readonly code = 'OLD_CODE_BROKEN';
  readonly ref: string;
  readonly broken: number;

  constructor(ref: string, broken: number) {
    super(
      `The code of "${ref}" cannot read ${counted(broken, 'shape')} that this code writes. While both run, deploy what reads both first, and what writes the new one afterwards; or let its readers skip.`,
    );
    this.ref = ref;
    this.broken = broken;
  }
}

/** There are events, and no shapes of them. */
export class ShapesNotRecordedError extends MinkError {
  readonly code = 'SHAPES_NOT_RECORDED';

  constructor() {
    super('No shapes are recorded, so nothing was done. Run "mink schema scan" if there are events in the log.');
  }
}

/** A directory without fixtures: a check of nothing would pass. */
export class FixturesMissingError extends MinkError {
  readonly code = 'FIXTURES_MISSING';
  readonly directory: string;

  constructor(directory: string, options?: { readonly cause?: unknown }) {
    super(`There are no fixtures in "${directory}". Write them with "mink schema fixtures ${directory}".`, options);
    this.directory = directory;
  }
}

/** The code of a git ref cannot be had, or has no store. */
export class OldCodeError extends MinkError {
  readonly code = 'OLD_CODE';
  readonly ref: string;

  constructor(ref: string, reason: string, options?: { readonly cause?: unknown }) {
    super(`The code of "${ref}" cannot be tried: ${reason}. Give a git ref of this repository.`, options);
    this.ref = ref;
  }
}

/** Events that could not be applied this time either. */
export class DeadLettersLeftError extends MinkError {
  readonly code = 'DEAD_LETTERS_LEFT';
  readonly projection: string;
  readonly left: number;

  constructor(projection: string, left: number) {
    super(
      `${counted(left, 'event')} of "${projection}" ${left === 1 ? 'is' : 'are'} left. Mend what the first of each key fails with, and retry; or discard them.`,
    );
    this.projection = projection;
    this.left = left;
  }
}

/** What was applied to a read model is not what the log says. */
export class AppliedWrongError extends MinkError {
  readonly code = 'APPLIED_WRONG';
  readonly projection: string;

  constructor(projection: string) {
    super(
      `What was applied to "${projection}" is not what the log says, or its code has changed without a new version. Make it anew with "mink projections reset ${projection}".`,
    );
    this.projection = projection;
  }
}

/** The rows of a version are not what its code makes of the log. */
export class RowsWrongError extends MinkError {
  readonly code = 'ROWS_WRONG';
  readonly projection: string;
  readonly version: number;

  constructor(projection: string, version: number) {
    super(
      `The rows of "${projection}" version ${version} are not what its code makes of the log: somebody has changed them, or the code has changed without a new version. Make what is wrong anew with "mink projections rebuild ${projection}".`,
    );
    this.projection = projection;
    this.version = version;
  }
}

/** Two versions of a projection do not have the same rows, or one would have others with the code of now. */
export class VersionsDifferError extends MinkError {
  readonly code = 'VERSIONS_DIFFER';
  readonly projection: string;
  readonly version: number;
  readonly against: number;

  constructor(projection: string, version: number, against: number) {
    super(
      version === against
        ? `With this code, the rows of "${projection}" version ${version} would be others. If that is what you want, make them anew with "mink projections rebuild ${projection}".`
        : `The rows of "${projection}" version ${version} are not those of version ${against}. If that is what you want, switch to it.`,
    );
    this.projection = projection;
    this.version = version;
    this.against = against;
  }
}

/** A version was built, and events of some keys could not be applied. */
export class KeysParkedError extends MinkError {
  readonly code = 'KEYS_PARKED';
  readonly projection: string;
  readonly version: number;
  readonly parkedKeys: number;

  constructor(projection: string, version: number, parkedKeys: number) {
    super(
      `"${projection}" version ${version} has caught up, but ${counted(parkedKeys, 'key')} ${parkedKeys === 1 ? 'is' : 'are'} parked. "mink deadletters list" says why; a switch to it needs --force.`,
    );
    this.projection = projection;
    this.version = version;
    this.parkedKeys = parkedKeys;
  }
}

/** Projections that could not be rebuilt: they are as they were. */
export class RebuildsFailedError extends MinkError {
  readonly code = 'REBUILDS_FAILED';
  readonly projections: readonly string[];

  constructor(projections: readonly string[]) {
    super(
      `${projections.length} projections were not rebuilt, and are as they were: ${projections.join(', ')}. The output says why; the next run goes on with them.`,
    );
    this.projections = projections;
  }
}

/** A log in which something is not as it must be. */
export class StoreBrokenError extends MinkError {
  readonly code = 'STORE_BROKEN';
  readonly schema: string;
  readonly findings: number;

  constructor(schema: string, findings: number) {
    super(
      `Schema "${schema}" has ${counted(findings, 'finding')}. Let nobody write until you know where they come from; "mink migrate" mends guards and the sequence, and a backup the rest.`,
    );
    this.schema = schema;
    this.findings = findings;
  }
}

/** A store that a doctor has found something in. */
export class UnhealthyStoreError extends MinkError {
  readonly code = 'UNHEALTHY_STORE';
  readonly findings: readonly string[];

  constructor(findings: readonly string[]) {
    super(
      `${findings.length} ${findings.length === 1 ? 'check has' : 'checks have'} not passed: ${findings.join(', ')}. Each says what mends it.`,
    );
    this.findings = findings;
  }
}

/** A file that is there already, and is not written over. */
export class FileExistsError extends MinkError {
  readonly code = 'FILE_EXISTS';
  readonly path: string;

  constructor(path: string) {
    super(`"${path}" exists already, and is not written over. Give another name.`);
    this.path = path;
  }
}

/** The console would be open to whoever reaches its address. */
export class ConsoleOpenError extends MinkError {
  readonly code = 'CONSOLE_OPEN';
  readonly host: string;

  constructor(host: string) {
    super(
      `The console would be open to everybody who reaches ${host}. Give a token in MINK_CONSOLE_TOKEN or with --token-file (such as of "openssl rand -hex 32"), or leave out --host.`,
    );
    this.host = host;
  }
}

/** An address that cannot be listened on. */
export class CannotListenError extends MinkError {
  readonly code = 'CANNOT_LISTEN';
  readonly host: string;
  readonly port: number;

  constructor(host: string, port: number, cause: Error) {
    super(`Nothing can listen on ${host}, port ${port}: ${cause.message}. Give another --port, or 0 for a free one.`, {
      cause,
    });
    this.host = host;
    this.port = port;
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
