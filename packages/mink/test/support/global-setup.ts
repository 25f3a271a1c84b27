import { createTemporaryPostgres, findSystemPostgres, type RunningPostgres } from '@mink/dev';
import type { TestProject } from 'vitest/node';
import { createMigrator } from '../../src/postgres/index.ts';

/** A PostgreSQL to test against; `url` is missing where it cannot be had, and `missing` says why. */
export interface TestServer {
  readonly label: string;
  readonly url: string | undefined;
  readonly missing: string | undefined;
}

declare module 'vitest' {
  interface ProvidedContext {
    servers: readonly TestServer[];
  }
}

export const TEMPLATE = 'mink_template';

/** Starts one cluster for each PostgreSQL version, with a migrated template that each test clones. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const running: RunningPostgres[] = [];
  const servers: TestServer[] = [];
  const start = async (label: string, binDir: string | undefined): Promise<void> => {
    const server = await createTemporaryPostgres({
      binDir,
      database: TEMPLATE,
      durable: false,
      settings: { max_connections: '200', max_prepared_transactions: '10' },
    });
    running.push(server);
    await using migrator = createMigrator({ url: server.url });
    await migrator.up();
    servers.push({ label, url: server.url, missing: undefined });
  };
  await start('PostgreSQL 18 (npm)', undefined);
  const system = await findSystemPostgres();
  if (system === undefined) {
    if (process.env['MINK_NO_SKIP'] === '1') throw new Error('MINK_NO_SKIP=1, but there is no system PostgreSQL.');
    servers.push({
      label: 'PostgreSQL 15 (system)',
      url: undefined,
      missing: 'no system PostgreSQL was found (pg_config --bindir)',
    });
  } else {
    await start(`PostgreSQL ${system.version} (system)`, system.binDir);
  }
  project.provide('servers', servers);
  return async () => {
    await Promise.all(running.map((server) => server.stop()));
    for (const { label, missing } of servers) {
      if (missing !== undefined) console.log(`Skipped on ${label}: ${missing}.`);
    }
  };
}
