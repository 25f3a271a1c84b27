import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createProjectionEngine } from 'mink';
import { createPostgresStore } from 'mink/postgres';
import { categories } from '../../../../../examples/git-history/src/events.ts';
import { openRepository } from '../../../../../examples/git-history/src/git/repository.ts';
import { identify } from '../../../../../examples/git-history/src/identify.ts';
import { importHistory } from '../../../../../examples/git-history/src/import/import-history.ts';
import { activity } from '../../../../../examples/git-history/src/read-models/activity.ts';
import { authors } from '../../../../../examples/git-history/src/read-models/authors.ts';
import { atDatabase, createDatabase, lastServer, openClient, runSql } from '../../../../mink/test/support/databases.ts';
import { TEMPLATE } from '../../../../mink/test/support/global-setup.ts';

const run = promisify(execFile);
const generator = fileURLToPath(
  new URL('../../../../../examples/git-history/scripts/make-repository.js', import.meta.url),
);

/** More than 100,000 events, most of them in one large commit, which is the fastest to make. */
const SIZE = ['--commits', '8000', '--large', '66000'];
/** Read models that take as many seconds as the import itself are left to be seen behind. */
const CAUGHT_UP = [authors, activity];
const HISTORY = 'console_git_history';
/** Held while the history is made: several test files want it at once. */
const LOCK = 4_466;

/** The URL of a new database that holds a Git history as events, and its read models: made once in a run, then copied. */
export async function createGitDatabase(): Promise<string> {
  const serverUrl = urlOfServer();
  const client = await openClient(atDatabase(serverUrl, 'postgres'));
  try {
    await client.query('select pg_advisory_lock($1)', [LOCK]);
    const { rows } = await client.query('select 1 from pg_database where datname = $1', [HISTORY]);
    if (rows.length === 0) await makeHistory(serverUrl);
    return await createDatabase(serverUrl, HISTORY);
  } finally {
    await client.end();
  }
}

function urlOfServer(): string {
  const [server] = lastServer();
  if (server?.url === undefined) throw new Error('There is no PostgreSQL to test with.');
  return server.url;
}

async function makeHistory(serverUrl: string): Promise<void> {
  const admin = atDatabase(serverUrl, 'postgres');
  const building = `${HISTORY}_building`;
  await runSql(admin, `create database ${building} template ${TEMPLATE}`);
  const folder = await mkdtemp(join(tmpdir(), 'mink-console-'));
  try {
    await run(process.execPath, [generator, join(folder, 'repository'), ...SIZE]);
    await using store = createPostgresStore({ url: atDatabase(serverUrl, building), categories });
    const git = await openRepository(join(folder, 'repository'));
    const { id } = await identify(store, git);
    await importHistory(store, { git, id });
    await using engine = createProjectionEngine(store, CAUGHT_UP);
    await engine.catchUp();
  } finally {
    await rm(folder, { recursive: true });
  }
  await runSql(admin, `alter database ${building} rename to ${HISTORY}`);
}
