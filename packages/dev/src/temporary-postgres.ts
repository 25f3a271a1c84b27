import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { PostgresOptions } from './options.ts';
import { resolveOptions } from './options.ts';
import type { RunningPostgres } from './start-postgres.ts';
import { startIn } from './start-postgres.ts';

export interface TemporaryPostgresOptions extends Omit<PostgresOptions, 'dataDir'> {
  /**
   * False gives up surviving a power failure for faster commits (`fsync` and
   * `full_page_writes` off). A crash of the server alone still loses nothing.
   * @defaultValue true
   */
  durable?: boolean | undefined;
}

// Less start-up work and less log to write; results, locks and plans stay those of a real server.
const testSettings = { jit: 'off', max_wal_senders: '0', wal_level: 'minimal' };
const notDurable = { fsync: 'off', full_page_writes: 'off' };

/**
 * A server in a directory of its own that is removed when the server stops or this process dies, for
 * tests. Throws what startPostgres throws.
 *
 * @example
 * await using postgres = await createTemporaryPostgres({ durable: false });
 */
export async function createTemporaryPostgres(options: TemporaryPostgresOptions = {}): Promise<RunningPostgres> {
  const { durable = true, ...rest } = options;
  const dataDir = await mkdtemp(join(tmpdir(), 'mink-postgres-'));
  const cleanUp = () => rm(dataDir, { recursive: true, force: true });
  const settings = { ...testSettings, ...(durable ? {} : notDurable), ...options.settings };
  try {
    return await startIn(resolveOptions({ ...rest, settings, dataDir }), {
      temporaryDir: dataDir,
      cleanUp,
    });
  } catch (error) {
    await cleanUp();
    throw error;
  }
}
