/** Every error of this package: `code` never changes, the facts are fields, the message says what to do. */
export abstract class MinkDevError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** An option has a value that cannot work. Nothing was started or written. */
export class InvalidPostgresOptionError extends MinkDevError {
  readonly code = 'INVALID_POSTGRES_OPTION';
  readonly option: string;

  constructor(option: string, problem: string) {
    super(`The option "${option}" ${problem}.`);
    this.option = option;
  }
}

/** The data directory is in use: its owner, in this or another process, is alive. */
export class PostgresAlreadyRunningError extends MinkDevError {
  readonly code = 'POSTGRES_ALREADY_RUNNING';
  readonly dataDir: string;
  /** The server's process, or that of its owner while there is no server yet. */
  readonly pid: number;
  /** The process that started the server; undefined when it was not started by this package. */
  readonly ownerPid: number | undefined;
  /** Undefined while the server is not up yet. */
  readonly port: number | undefined;

  constructor(facts: {
    dataDir: string;
    serverPid: number | undefined;
    ownerPid: number | undefined;
    port: number | undefined;
  }) {
    const { dataDir, serverPid, ownerPid, port } = facts;
    const server = serverPid === undefined ? 'is being started' : `is running (pid ${serverPid})`;
    const where = port === undefined ? '' : ` on port ${port}`;
    const owner = ownerPid === undefined ? 'by hand' : `by process ${ownerPid}`;
    super(
      `A PostgreSQL in "${dataDir}" ${server}${where}, started ${owner}. ` +
        'Use that one, stop it, or choose another dataDir.',
    );
    this.dataDir = dataDir;
    this.pid = serverPid ?? ownerPid ?? 0;
    this.ownerPid = ownerPid;
    this.port = port;
  }
}

/** The port that was asked for is taken by another program. */
export class PortInUseError extends MinkDevError {
  readonly code = 'PORT_IN_USE';
  readonly port: number;

  constructor(port: number, options?: { cause?: unknown }) {
    super(
      `Port ${port} on 127.0.0.1 is in use by another program. ` +
        'Stop that program, give another port, or leave the port out to get a free one.',
      options,
    );
    this.port = port;
  }
}

/** `initdb` or the server failed; `log` holds the last lines of what it said. */
export class PostgresStartError extends MinkDevError {
  readonly code = 'POSTGRES_START_FAILED';
  readonly dataDir: string;
  readonly log: string;

  constructor(facts: { dataDir: string; problem: string; log: string; cause?: unknown }) {
    const { dataDir, problem, log, cause } = facts;
    const lines = log === '' ? 'It logged nothing.' : `The last lines of its log:\n${log}`;
    super(`PostgreSQL in "${dataDir}" did not start: ${problem}. ${lines}`, { cause });
    this.dataDir = dataDir;
    this.log = log;
  }
}

/** No PostgreSQL binaries that run on this machine, or under the account they must run as. */
export class PostgresBinariesNotFoundError extends MinkDevError {
  readonly code = 'POSTGRES_BINARIES_NOT_FOUND';
  readonly platform: string;
  /** Where they were looked for, when a directory was found at all. */
  readonly binDir: string | undefined;

  constructor(facts: { binDir?: string | undefined; problem: string; cause?: unknown }) {
    const platform = `${process.platform}-${process.arch}`;
    super(
      `No usable PostgreSQL binaries for ${platform}: ${facts.problem}. Install PostgreSQL and give ` +
        'its `pg_config --bindir` as binDir, or use a database from elsewhere.',
      { cause: facts.cause },
    );
    this.platform = platform;
    this.binDir = facts.binDir;
  }
}

/** The data directory was made by another major version; PostgreSQL cannot read it. */
export class DataDirVersionError extends MinkDevError {
  readonly code = 'DATA_DIR_VERSION';
  readonly dataDir: string;
  readonly dataVersion: string;
  readonly serverVersion: string;

  constructor(facts: { dataDir: string; dataVersion: string; serverVersion: string }) {
    const { dataDir, dataVersion, serverVersion } = facts;
    super(
      `"${dataDir}" was made by PostgreSQL ${dataVersion}, but the binaries are ${serverVersion}. ` +
        `Give binDir of a PostgreSQL ${dataVersion}, or delete the directory if its data may be lost.`,
    );
    this.dataDir = dataDir;
    this.dataVersion = dataVersion;
    this.serverVersion = serverVersion;
  }
}

/** The directory holds files this package did not make, so it is not touched. */
export class ForeignDataDirError extends MinkDevError {
  readonly code = 'FOREIGN_DATA_DIR';
  readonly dataDir: string;

  constructor(dataDir: string, found: string) {
    super(
      `"${dataDir}" holds ${found} and was not made by @mink/dev, so it is left alone. ` +
        'Choose a directory that is empty or does not exist yet.',
    );
    this.dataDir = dataDir;
  }
}
