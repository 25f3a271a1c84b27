import { PortInUseError, PostgresStartError, startPostgres, type RunningPostgres } from '@mink/dev';
import { createMigrator } from 'mink/postgres';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '../random.ts';
import { pause } from '../waiting.ts';
import { applySabotage, type Sabotage } from './sabotage.ts';
import { sendSignal } from './send-signal.ts';
import { connect, disconnect, query, retrySql, runSql } from './sql.ts';
import { killStragglers } from './stragglers.ts';

export interface ClusterOptions {
  /** Where it keeps its data; it stays there when the cluster stops. */
  readonly directory: string;
  /** PostgreSQL's programs; undefined takes those of npm. */
  readonly binDir: string | undefined;
  readonly random: Random;
  readonly sabotage: Sabotage | undefined;
  /** Told when the server ended on its own. */
  readonly tell: (message: string) => void;
}

/** Durable, as in production: `fsync` and `synchronous_commit` stay on, which is PostgreSQL's default. */
const SETTINGS = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  max_connections: '200',
  max_prepared_transactions: '50',
  deadlock_timeout: '200ms',
  jit: 'off',
  // How recovery makes sure that what an earlier crash has left is on the disk: by file system instead of file by file.
  ...(process.platform === 'linux' ? { recovery_init_sync_method: 'syncfs' } : {}),
};

/** Milliseconds of one start, and of all that are tried. */
const START_TIMEOUT = 25_000;
const RESTART_TIMEOUT = 90_000;
const LOG_LINES = 25;
/** How often a server may end on its own before the run is given up. */
const MOST_ENDS = 5;

const TERMINATE = `
  select pg_terminate_backend(pid)
  from pg_catalog.pg_stat_activity
  where datname = $1 and backend_type = 'client backend' and pid <> pg_backend_pid()`;

/**
 * A PostgreSQL cluster of its own that can be killed, and comes back on the same port with the same data. As a service would
 * be, it is started again when it ends on its own: a machine that is out of memory or processes may do that to it.
 */
export class Cluster {
  readonly #options: ClusterOptions;
  readonly #port: number;
  #server: RunningPostgres;
  /** Ends of the server that nobody here has asked for. */
  #ends = 0;
  /** Those that are ended from here. */
  readonly #expected = new Set<RunningPostgres>();
  /** One start at a time, whoever asks. */
  #restarting: Promise<void> | undefined;

  private constructor(options: ClusterOptions, server: RunningPostgres) {
    this.#options = options;
    this.#server = server;
    this.#port = server.port;
    this.#supervise(server);
  }

  static async start(options: ClusterOptions): Promise<Cluster> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        // Below the range from which connections get their own ports: a client that knocks at a dead server's port again
        // and again would otherwise, some day, be connected to itself, and hold the port.
        return new Cluster(options, await startOn(options, options.random.int(20_000, 29_999)));
      } catch (error) {
        if (!(error instanceof PortInUseError) || attempt === 20) throw error;
      }
    }
  }

  get version(): string {
    return this.#server.serverVersion;
  }

  get port(): number {
    return this.#port;
  }

  url(database: string, port: number = this.#port): string {
    return `postgresql://postgres@127.0.0.1:${port}/${database}`;
  }

  /** A new database with the schema in place, broken if the run is to be sabotaged. */
  async createDatabase(name: string): Promise<string> {
    await retrySql(this.url('postgres'), `create database ${name}`);
    const url = this.url(name);
    await using migrator = createMigrator({ url });
    await migrator.up();
    if (this.#options.sabotage !== undefined) await applySabotage(url, this.#options.sabotage);
    return url;
  }

  /** Never throws: what is left goes with the cluster, and an error here would hide the one that has led to it. */
  async dropDatabase(name: string): Promise<void> {
    await retrySql(this.url('postgres'), `drop database if exists ${name} with (force)`).catch(() => undefined);
  }

  /** `kill -9` of the postmaster and of every process of it, found by a connection. */
  async kill(): Promise<void> {
    const pids = await this.processes();
    await this.killAll(pids);
  }

  /** The same for processes that are known already: nothing comes between the decision and the kill. */
  async killAll(pids: readonly number[]): Promise<void> {
    const server = this.#server;
    this.#expected.add(server);
    sendSignal(server.pid, 'SIGKILL');
    for (const pid of pids) sendSignal(pid, 'SIGKILL');
    await server.exited;
  }

  /** A process of the server that was killed may live on for a moment, and hold its port or its memory. */
  restart(): Promise<void> {
    this.#restarting ??= this.#restart().finally(() => {
      this.#restarting = undefined;
    });
    return this.#restarting;
  }

  async #restart(): Promise<void> {
    const deadline = performance.now() + RESTART_TIMEOUT;
    for (;;) {
      try {
        await killStragglers(join(this.#options.directory, 'postgres', 'data'));
        this.#server = await startOn(this.#options, this.#port);
        this.#supervise(this.#server);
        return;
      } catch (error) {
        const mayPass = error instanceof PortInUseError || error instanceof PostgresStartError;
        if (!mayPass || performance.now() > deadline) throw error;
        await pause(100);
      }
    }
  }

  /** All connections to a database; those that listen for appends learn of none until they listen again. */
  async cutConnections(database: string): Promise<void> {
    await retrySql(this.url('postgres'), TERMINATE, [database]);
  }

  /** The processes below the postmaster, but for the one that answers this. */
  async processes(): Promise<readonly number[]> {
    const rows = await retrySql(
      this.url('postgres'),
      'select pid from pg_catalog.pg_stat_activity where pid <> pg_backend_pid()',
    );
    return rows.map(([pid]) => Number(pid));
  }

  /** The processes that serve connections to a database. */
  async backends(database: string, condition = 'true'): Promise<readonly number[]> {
    const rows = await retrySql(
      this.url('postgres'),
      `select pid from pg_catalog.pg_stat_activity
      where backend_type = 'client backend' and datname = $1 and (${condition})`,
      [database],
    );
    return rows.map(([pid]) => Number(pid));
  }

  /** Stops the process that writes what is not urgent: then every crash loses it. */
  async stopWalWriter(): Promise<number> {
    const [row] = await runSql(
      this.url('postgres'),
      `select pid from pg_catalog.pg_stat_activity where backend_type = 'walwriter'`,
    );
    const pid = Number(row?.[0]);
    sendSignal(pid, 'SIGSTOP');
    return pid;
  }

  /** That fsync and the rest are really on. */
  async checkDurable(): Promise<void> {
    const client = await connect(this.url('postgres'));
    try {
      for (const setting of ['fsync', 'synchronous_commit', 'full_page_writes']) {
        const [row] = await query(client, `show ${setting}`);
        if (row?.[0] !== 'on')
          throw new Error(`the cluster has ${setting} ${String(row?.[0])}; nothing would be proven`);
      }
    } finally {
      await disconnect(client);
    }
  }

  async stop(): Promise<void> {
    this.#expected.add(this.#server);
    await this.#server.stop();
  }

  /** Whoever waits for an answer of the server waits for the new one meanwhile; without one they fail, and say so. */
  #supervise(server: RunningPostgres): void {
    const onEnd = async (): Promise<void> => {
      const { code, signal } = await server.exited;
      if (this.#expected.has(server)) return;
      this.#ends += 1;
      const log = await readFile(join(this.#options.directory, 'postgres', 'postgres.log'), 'utf8').catch(() => '');
      const tail = log.trimEnd().split('\n').slice(-LOG_LINES).join('\n');
      this.#options.tell(`the server ended on its own with ${signal ?? `exit code ${code}`}:\n${tail}`);
      if (this.#ends <= MOST_ENDS) await this.restart();
    };
    onEnd().catch((error: unknown) => this.#options.tell(`the server could not be started again: ${String(error)}`));
  }
}

function startOn({ directory, binDir }: ClusterOptions, port: number): Promise<RunningPostgres> {
  return startPostgres({
    dataDir: join(directory, 'postgres'),
    binDir,
    port,
    settings: SETTINGS,
    startTimeoutMs: START_TIMEOUT,
  });
}
