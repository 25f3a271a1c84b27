import { join } from 'node:path';
import { PostgresAlreadyRunningError, startPostgres, type RunningPostgres } from '@mink/dev';
import { createPostgresStore } from 'mink/postgres';
import { GitHistoryError } from './errors.ts';
import { categories, type HistoryStore } from './events.ts';

/** Of its own, so that the other examples can use the same database. */
const SCHEMA = 'git_history';

/** A store, and what must be closed with it. */
export interface OpenStore extends AsyncDisposable {
  readonly store: HistoryStore;
}

/** Opens the store in the PostgreSQL of `DATABASE_URL`, or in one that is started here and ends with this process. */
export async function openStore(
  environment: NodeJS.ProcessEnv,
  { directory, onStart }: { readonly directory: string; readonly onStart: (dataDir: string) => void },
): Promise<OpenStore> {
  const { DATABASE_URL: url = '' } = environment;
  if (url !== '') return opened(url, undefined);
  const dataDir = join(directory, '.mink', 'postgres');
  onStart(dataDir);
  const postgres = await start(dataDir);
  return opened(postgres.url, postgres);
}

function opened(url: string, postgres: RunningPostgres | undefined): OpenStore {
  const store = createPostgresStore({ url, schema: SCHEMA, categories });
  return {
    store,
    async [Symbol.asyncDispose]() {
      try {
        await store.close();
      } finally {
        await postgres?.stop();
      }
    },
  };
}

async function start(dataDir: string): Promise<RunningPostgres> {
  try {
    return await startPostgres({ dataDir });
  } catch (error) {
    if (!(error instanceof PostgresAlreadyRunningError)) throw error;
    const { pid, port } = error;
    const share =
      port === undefined ? '' : `, or set DATABASE_URL=postgresql://postgres@127.0.0.1:${port}/mink to share it`;
    throw new GitHistoryError(
      'POSTGRES_IN_USE',
      `The PostgreSQL in ${JSON.stringify(dataDir)} is in use by another program (process ${error.ownerPid ?? pid}). Let that one end${share}.`,
      { cause: error },
    );
  }
}
