import { createPostgresStorage } from 'mink/postgres';
import { createApp } from './app.ts';
import { createOrderStore } from './order-store.ts';
import { openDatabase } from './process/database.ts';
import { listen } from './process/http-server.ts';
import { readSettings } from './process/settings.ts';
import { describeFailure } from './process/start-error.ts';
import { aborted, stopSignal } from './process/stop-signal.ts';
import { welcome } from './process/welcome.ts';

/** Runs until a signal comes. What was opened last is closed first: the server, then the store, then PostgreSQL. */
async function run(): Promise<void> {
  const stop = stopSignal();
  const { port, databaseUrl, logger } = readSettings(process.env);
  await using database = await openDatabase(databaseUrl);
  if (stop.aborted) return;
  await using store = createOrderStore(createPostgresStorage({ url: database.url }));
  await using server = await listen(createApp({ store, pipeline: { logger } }), port);
  console.log(await welcome(store, { url: server.url, data: database.description }));
  await Promise.race([aborted(stop), database.lost]);
}

try {
  await run();
} catch (error) {
  console.error(describeFailure(error));
  process.exitCode = 1;
}
