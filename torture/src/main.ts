import { randomInt } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { HELP, parseArguments, type Request } from './arguments.ts';
import { UsageError } from './errors.ts';
import type { PlacedFinding } from './feed/run.ts';
import { SUITES, type SuiteReport } from './suites.ts';

const FAILED = 1;
const MISUSED = 2;
/** A process that ends because of a signal says so with this much more than the signal's number. */
const SIGNALLED = 128;
const SHOWN_OF_A_KIND = 3;

const stopping = new AbortController();
// Everybody in the run listens to it.
setMaxListeners(0, stopping.signal);
let signalled: 'SIGINT' | 'SIGTERM' | undefined;
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    // The second time at once; the server ends with us.
    if (signalled !== undefined) process.exit(SIGNALLED + constants.signals[name]);
    signalled = name;
    tell('stopping …');
    stopping.abort();
  });
}

try {
  const request = parseArguments(process.argv.slice(2), () => randomInt(2 ** 32));
  if (request === undefined) process.stdout.write(HELP);
  else process.exitCode = await run(request);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = MISUSED;
}

async function run(request: Request): Promise<number> {
  const directory = await makeDirectory(request.evidence);
  tell(`suite ${request.suite}, seed ${request.seed}, at least ${request.seconds} s and ${request.cycles} kill cycles`);
  let report: SuiteReport | undefined;
  try {
    report = await SUITES[request.suite](request, { signal: stopping.signal, tell, directory });
  } catch (error) {
    if (signalled === undefined) throw error;
  } finally {
    const hasFailed = signalled === undefined && report?.findings.length !== 0;
    if (hasFailed) tell(`seed ${request.seed}; what explains the failure is in ${directory}`);
    else await rm(directory, { recursive: true, force: true });
  }
  if (signalled !== undefined || report === undefined) return SIGNALLED + constants.signals[signalled ?? 'SIGINT'];
  for (const finding of examples(report.findings)) tell(describe(finding));
  for (const doubt of report.doubts) tell(`this run has proven nothing: ${doubt}`);
  process.stdout.write(`${JSON.stringify(report.summary)}\n`);
  return report.findings.length > 0 || report.doubts.length > 0 ? FAILED : 0;
}

/** A few of each kind and reader: one loss is often seen by many, many times. */
function examples(findings: readonly PlacedFinding[]): readonly PlacedFinding[] {
  const shown = new Map<string, number>();
  return findings.filter(({ kind, reader }) => {
    const which = `${kind} ${reader}`;
    shown.set(which, (shown.get(which) ?? 0) + 1);
    return (shown.get(which) ?? 0) <= SHOWN_OF_A_KIND;
  });
}

/** Its name ends with something new: what an earlier run has left stays. */
async function makeDirectory(evidence: string | undefined): Promise<string> {
  if (evidence !== undefined) await mkdir(evidence, { recursive: true });
  return mkdtemp(join(evidence ?? tmpdir(), 'mink-torture-'));
}

function describe({ phase, when, kind, message, ...facts }: PlacedFinding): string {
  return `${phase}, ${when}: ${kind.toUpperCase()}: ${message} ${JSON.stringify(facts)}`;
}

function tell(message: string): void {
  process.stderr.write(`torture: ${message}\n`);
}
