// The process that owns a server in the tests: `node owner.mjs <library> <json>`. Says on one line of
// standard output what became of the start, and stops the server when a line or the end comes in.
import { once } from 'node:events';
import { pathToFileURL } from 'node:url';

const [library, json] = process.argv.slice(2);
const { createTemporaryPostgres, startPostgres } = await import(pathToFileURL(library).href);
const options = JSON.parse(json);

try {
  const start = options.dataDir === undefined ? createTemporaryPostgres : startPostgres;
  const postgres = await start(options);
  const { url, port, pid, dataDir, serverVersion } = postgres;
  console.log(JSON.stringify({ status: 'running', url, port, pid, dataDir, serverVersion }));
  process.stdin.resume();
  await once(process.stdin, 'data');
  process.stdin.pause();
  await postgres.stop();
} catch (error) {
  console.log(JSON.stringify({ status: 'failed', ...error, message: error.message }));
}
