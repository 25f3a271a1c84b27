import { rm } from 'node:fs/promises';

import type { Account } from './account.ts';
import type { PostgresBinaries } from './binaries.ts';
import { logTail, startClusterProcess } from './cluster-process.ts';
import { createClusterDraft, publishCluster } from './data-dir.ts';
import { PostgresStartError } from './errors.ts';
import { layout } from './layout.ts';
import { startWatchdog } from './watchdog.ts';

export interface InitializeOptions {
  readonly dataDir: string;
  readonly binaries: PostgresBinaries;
  readonly account: Account | undefined;
  /** Removed should this process die; its data need not survive a power failure either. */
  readonly temporaryDir: string | undefined;
}

/**
 * Makes the cluster beside its final name and renames it when it is complete: an interrupted initdb is
 * never mistaken for a cluster. Needs the lock.
 */
export async function initialize(options: InitializeOptions): Promise<void> {
  const { dataDir, binaries, account, temporaryDir } = options;
  const { log } = layout(dataDir);
  const draft = await createClusterDraft(dataDir, account);
  try {
    const initdb = await startClusterProcess('initdb', initdbArguments(options), {
      binDir: binaries.binDir,
      account,
      cluster: draft,
      log,
    });
    const watchdog = startWatchdog({ pid: initdb.pid, signal: 'KILL', temporaryDir });
    const { code, signal } = await initdb.exited;
    watchdog.dismiss();
    if (code !== 0) {
      const problem = `initdb ended with ${signal ?? `exit code ${code}`}`;
      throw new PostgresStartError({ dataDir, problem, log: await logTail(log) });
    }
    await publishCluster(draft, dataDir);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

function initdbArguments({ binaries, temporaryDir }: InitializeOptions): string[] {
  const [major] = binaries.version.split('.');
  return [
    '--username=postgres',
    '--auth=trust',
    '--encoding=UTF8',
    // No locale of the machine is used: sorting and case are the same everywhere. Since 17 PostgreSQL
    // brings a locale that knows the case of all letters, not of ASCII only.
    '--no-locale',
    ...(Number(major) >= 17 ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : []),
    ...(temporaryDir === undefined ? [] : ['--no-sync']),
  ];
}
