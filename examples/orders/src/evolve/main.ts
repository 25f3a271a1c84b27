import { createTemporaryPostgres } from '@mink/dev';
import { createPostgresStorage } from 'mink/postgres';
import { createOrderStore } from '../order-store.ts';
import { describeFailure } from '../process/start-error.ts';
import { stopSignal } from '../process/stop-signal.ts';
import { HELP, parseArguments, UsageError, type Request } from './arguments.ts';
import { outcomeText, type Outcome } from './outcome.ts';
import { walk } from './walk.ts';

const BROKEN = 1;
const WRONG_USAGE = 2;
const STOPPED = 130;

async function run({ seconds, json }: Request, signal: AbortSignal): Promise<Outcome> {
  await using database = await openDatabase(process.env['DATABASE_URL']);
  signal.throwIfAborted();
  await using store = createOrderStore(createPostgresStorage({ url: database.url }));
  // The orders of a walk are not to come among those of others.
  const first = await store.readAll().first();
  if (first !== undefined) throw new UsageError('The database of DATABASE_URL has events already. Give an empty one.');
  const say = json ? console.error : console.log;
  say(`Database: ${database.url}`);
  // Awaited here: afterwards the store is closed.
  return await walk({ store, databaseUrl: database.url, seconds, signal, say });
}

async function openDatabase(url: string | undefined): Promise<AsyncDisposable & { readonly url: string }> {
  return url ? { url, async [Symbol.asyncDispose]() {} } : createTemporaryPostgres({ durable: false });
}

const signal = stopSignal();
try {
  const request = parseArguments(process.argv.slice(2));
  if (request === undefined) {
    console.log(HELP);
  } else {
    const outcome = await run(request, signal);
    console.log(request.json ? JSON.stringify(outcome) : `\n${outcomeText(outcome)}`);
    if (!outcome.ok) process.exitCode = BROKEN;
  }
} catch (error) {
  if (!signal.aborted) console.error(error instanceof UsageError ? error.message : describeFailure(error));
  process.exitCode = signal.aborted ? STOPPED : error instanceof UsageError ? WRONG_USAGE : BROKEN;
}
