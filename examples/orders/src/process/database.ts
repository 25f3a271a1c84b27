import { startPostgres } from '@mink/dev';
import { StartError } from './start-error.ts';

const DATA_DIR = '.mink/postgres';

export interface Database extends AsyncDisposable {
  readonly url: string;
  /** Where the orders are, for people. */
  readonly description: string;
  /** Rejects when the database has ended on its own. */
  readonly lost: Promise<never>;
}

/** The database at `url`, or else a PostgreSQL of our own that keeps its data in `.mink` of the current directory. */
export async function openDatabase(url: string | undefined): Promise<Database> {
  if (url !== undefined) {
    return {
      url,
      description: 'the database of DATABASE_URL',
      lost: new Promise(() => undefined),
      async [Symbol.asyncDispose]() {},
    };
  }
  const postgres = await startPostgres({ dataDir: DATA_DIR });
  let stopping = false;
  const lost = postgres.exited.then((): Promise<never> => {
    if (stopping) return new Promise(() => undefined);
    throw new StartError(`PostgreSQL has ended by itself; its log is in ${postgres.dataDir}. Start the service again.`);
  });
  lost.catch(() => undefined);
  return {
    url: postgres.url,
    description: `${postgres.dataDir} (PostgreSQL ${postgres.serverVersion})`,
    lost,
    async [Symbol.asyncDispose]() {
      stopping = true;
      await postgres.stop();
    },
  };
}
