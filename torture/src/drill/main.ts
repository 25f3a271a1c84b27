import { findSystemPostgres } from '@mink/dev';
import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../errors.ts';
import { Random } from '../random.ts';
import { drill, drillTable } from './drill.ts';
import { HELP, parseDrillArguments, type DrillRequest } from './drill-arguments.ts';

const FAILED = 1;
const MISUSED = 2;
/** A process that ends because of a signal says so with this much more than the signal's number. */
const SIGNALLED = 128;

const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    // The second time at once; the servers end with us.
    if (stopping.signal.aborted) process.exit(SIGNALLED + constants.signals[name]);
    tell('stopping after this exercise …');
    stopping.abort();
  });
}

try {
  const request = parseDrillArguments(process.argv.slice(2), () => randomInt(2 ** 32));
  if (request === undefined) process.stdout.write(HELP);
  else process.exitCode = await run(request);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = MISUSED;
}

async function run({ only, seconds, seed, isJson, keep }: DrillRequest): Promise<number> {
  const system = await findSystemPostgres();
  if (system === undefined) throw new UsageError('no PostgreSQL is installed (pg_config --bindir)');
  const directory = await mkdtemp(join(tmpdir(), 'mink-drill-'));
  tell(`seed ${seed}, PostgreSQL ${system.version}`);
  const began = performance.now();
  try {
    const random = new Random(`drill/${seed}`);
    const { signal } = stopping;
    const options = { names: only, binDir: system.binDir, directory, random, seconds, signal, tell };
    const exercises = await drill(options);
    const ok = exercises.length === only.length && exercises.every((it) => it.ok);
    for (const { name, problems } of exercises) for (const problem of problems) tell(`${name}: ${problem}`);
    const summary = { seed, ok, seconds: Math.round((performance.now() - began) / 100) / 10, exercises };
    process.stdout.write(isJson ? `${JSON.stringify(summary)}\n` : `${drillTable(exercises)}\n`);
    if (signal.aborted) return SIGNALLED + constants.signals.SIGINT;
    return ok ? 0 : FAILED;
  } finally {
    if (keep) tell(`what is left is in ${directory}`);
    else await rm(directory, { recursive: true, force: true });
  }
}

function tell(message: string): void {
  process.stderr.write(`drill: ${message}\n`);
}
