import { stat } from 'node:fs/promises';

import type { Account } from './account.ts';
import { serverAccount } from './account.ts';
import { findBinaries } from './binaries.ts';
import type { ProcessExit } from './cluster-process.ts';
import { checkVersion, claimDataDir, clusterVersion, giveTo, rememberPort } from './data-dir.ts';
import { PostgresAlreadyRunningError } from './errors.ts';
import { initialize } from './initialize.ts';
import { layout } from './layout.ts';
import { acquireLock } from './lock.ts';
import type { PostgresOptions, ResolvedOptions } from './options.ts';
import { resolveOptions } from './options.ts';
import { disownStalePid, liveServer } from './postmaster-file.ts';
import type { Server } from './server.ts';
import { launch, stopChild } from './server.ts';
import { shutDownOrphan } from './shutdown.ts';

export interface RunningPostgres {
  /** For any client, with the database in it; the user is the superuser `postgres`, without password. */
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  /** As PostgreSQL writes it: '18.4'. */
  readonly serverVersion: string;
  readonly pid: number;
  /** Resolves when the server has ended, by `stop()` or on its own, and the directory can be used again. */
  readonly exited: Promise<ProcessExit>;
  /** Shuts down in order, rolling back open transactions; by force when that takes 20 seconds. Idempotent. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a PostgreSQL for development and resolves when it answers. The server listens on 127.0.0.1 only
 * and trusts every local connection. It ends with this process, however this process ends.
 *
 * @throws PostgresAlreadyRunningError, PortInUseError, PostgresStartError,
 *   PostgresBinariesNotFoundError, DataDirVersionError, ForeignDataDirError, InvalidPostgresOptionError
 *
 * @example
 * await using postgres = await startPostgres({ dataDir: '.mink/postgres' });
 * const pool = new Pool({ connectionString: postgres.url });
 */
export function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  return startIn(resolveOptions(options), {
    temporaryDir: undefined,
    cleanUp: async () => undefined,
  });
}

/** The same for a directory that goes with its server; `cleanUp` runs when the server has ended. */
export async function startIn(
  options: ResolvedOptions,
  life: { temporaryDir: string | undefined; cleanUp: () => Promise<void> },
): Promise<RunningPostgres> {
  const { dataDir } = options;
  // Before anything is written: a machine without binaries gets no directories.
  const { version } = await findBinaries({
    binDir: options.binDir,
    account: await serverAccount(dataDir),
  });
  await claimDataDir(dataDir);
  const release = await lockDataDir(dataDir);
  const afterwards = async () => {
    await release();
    await life.cleanUp();
  };
  try {
    const server = await prepareAndLaunch(options, life.temporaryDir);
    return running(server, { options, version, afterwards });
  } catch (error) {
    await afterwards();
    throw error;
  }
}

/**
 * Takes the directory over from an owner that died, stopping the server it left behind. Throws
 * PostgresAlreadyRunningError while its owner lives, or when somebody started a server there by hand.
 */
async function lockDataDir(dataDir: string): Promise<() => Promise<void>> {
  const { cluster, lock } = layout(dataDir);
  const result = await acquireLock(lock);
  if (result.status === 'held') {
    const server = await liveServer(cluster);
    throw new PostgresAlreadyRunningError({
      dataDir,
      serverPid: server?.pid,
      ownerPid: result.pid,
      port: server?.port,
    });
  }
  try {
    if (result.afterCrash) await shutDownOrphan(cluster);
    const server = await liveServer(cluster);
    if (server !== undefined) {
      throw new PostgresAlreadyRunningError({
        dataDir,
        serverPid: server.pid,
        ownerPid: undefined,
        port: server.port,
      });
    }
    await disownStalePid(cluster);
    return result.release;
  } catch (error) {
    await result.release();
    throw error;
  }
}

async function prepareAndLaunch(options: ResolvedOptions, temporaryDir: string | undefined): Promise<Server> {
  const { dataDir, binDir } = options;
  // Looked at again under the lock: another process may have made the cluster meanwhile.
  const account = await serverAccount(dataDir);
  const binaries = await findBinaries({ binDir, account });
  const dataVersion = await clusterVersion(dataDir);
  if (dataVersion === undefined) {
    await initialize({ dataDir, binaries, account, temporaryDir });
  } else {
    checkVersion({ dataDir, dataVersion, serverVersion: binaries.version });
    if (account !== undefined) await adoptFromRoot(layout(dataDir).cluster, account);
  }
  const server = await launch({ options, binaries, account, temporaryDir });
  try {
    await rememberPort(dataDir, server.port);
    return server;
  } catch (error) {
    await stopChild(server.process);
    server.watchdog.dismiss();
    throw error;
  }
}

async function adoptFromRoot(cluster: string, account: Account): Promise<void> {
  if ((await stat(cluster)).uid === 0) await giveTo(account, cluster);
}

function running(
  { process, port, watchdog }: Server,
  context: { options: ResolvedOptions; version: string; afterwards: () => Promise<void> },
): RunningPostgres {
  const { dataDir, database } = context.options;
  const exited = process.exited.then(async (exit) => {
    watchdog.dismiss();
    await context.afterwards();
    return exit;
  });
  // Whoever waits for it, or stops the server, learns of a failed clean-up; nobody has to.
  exited.catch(() => undefined);
  const shutDown = async () => {
    await stopChild(process);
    await exited;
  };
  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= shutDown());
  return {
    url: `postgresql://postgres@127.0.0.1:${port}/${encodeURIComponent(database)}`,
    port,
    dataDir,
    serverVersion: context.version,
    pid: process.pid,
    exited,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
