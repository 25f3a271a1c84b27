import { constants } from 'node:os';
import { openStore } from './open-store.ts';
import { createProgress } from './output/progress.ts';
import { run } from './run.ts';

const FAILED = 1;
/** A process that ends because of a signal says so with this much more than the signal's number. */
const SIGNALLED = 128;

const stopping = new AbortController();
let signalled: 'SIGINT' | 'SIGTERM' | undefined;

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // The second time at once: whatever is cut off is not in the log, and the next import does it.
    if (signalled !== undefined) process.exit(SIGNALLED + constants.signals[signal]);
    signalled = signal;
    process.stderr.write('\nStopping after the batch under way …\n');
    stopping.abort();
  });
}

const outcome = await run(process.argv.slice(2), {
  openStore: () =>
    openStore(process.env, {
      directory: process.cwd(),
      onStart: (dataDir) => process.stderr.write(`Starting PostgreSQL in ${dataDir} …\n`),
    }),
  print: (text) => process.stdout.write(text),
  printError: (text) => process.stderr.write(text),
  progress: createProgress(process.stderr),
  signal: stopping.signal,
  now: () => performance.now(),
});

if (outcome === 'failed') process.exitCode = FAILED;
if (outcome === 'interrupted') process.exitCode = SIGNALLED + constants.signals[signalled ?? 'SIGINT'];
