import { resolve } from 'node:path';

import { layout } from './layout.ts';
import { DEFAULT_DATABASE } from './options.ts';
import { liveServer } from './postmaster-file.ts';

/** A server that some process has started. */
export interface FoundPostgres {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
}

/**
 * The server that works in `dataDir` right now, whoever started it, or undefined. Changes nothing. The URL names the
 * default database.
 */
export async function findRunningPostgres(dataDir: string): Promise<FoundPostgres | undefined> {
  const server = await liveServer(layout(resolve(dataDir)).cluster);
  if (server?.port === undefined || !server.ready) return undefined;
  const { port, pid } = server;
  return { url: `postgresql://postgres@127.0.0.1:${port}/${DEFAULT_DATABASE}`, port, pid };
}
