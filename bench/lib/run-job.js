// Runs one job (one subject, one work, one round) in a process of its own, and watches the server while it measures.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const child = fileURLToPath(new URL('../child.js', import.meta.url));

/** Thrown with the last lines that the process wrote. */
class JobError extends Error {}

/**
 * Resolves with the result, and the server's CPU and WAL during the window. Never two at once.
 *
 * @param program for a subject that does not run in Node: the executable to start instead
 */
export async function runJob(job, { server, program, environment = {}, signal, timeoutSeconds }) {
  const [command, args] = program === undefined ? [process.execPath, [child]] : [program, []];
  const running = spawn(command, args, {
    env: { ...process.env, ...environment, MINK_BENCH_JOB: JSON.stringify(job) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = () => running.kill('SIGKILL');
  signal?.addEventListener('abort', kill);
  const timer = setTimeout(kill, timeoutSeconds * 1000);
  let errors = '';
  running.stderr.on('data', (chunk) => {
    errors = (errors + chunk).slice(-4_000);
  });
  const exited = new Promise((resolve) => {
    running.once('error', (error) => resolve(`could not be started: ${error.message}`));
    running.once('close', (code, killedBy) => resolve(code === 0 ? undefined : (killedBy ?? `exit code ${code}`)));
  });
  let result;
  const usage = {};
  for await (const line of createInterface({ input: running.stdout })) {
    const message = parseLine(line);
    if (message?.mark !== undefined) {
      usage[message.mark] = { cpuMs: server.cpuMs(), wal: await server.walPosition().catch(() => undefined) };
    }
    if (message?.result !== undefined) result = message.result;
  }
  const failure = await exited;
  clearTimeout(timer);
  signal?.removeEventListener('abort', kill);
  signal?.throwIfAborted();
  if (failure !== undefined || result === undefined) {
    throw new JobError(explain(failure, errors, timeoutSeconds));
  }
  return { ...result, ...serverUse(usage) };
}

function serverUse({ begin, end }) {
  if (begin === undefined || end === undefined) return {};
  return {
    serverCpuMs: difference(begin.cpuMs, end.cpuMs),
    walBytesTotal: difference(begin.wal, end.wal),
  };
}

function difference(before, after) {
  return before === undefined || after === undefined ? undefined : after - before;
}

/** Drivers may print notices between our lines. */
function parseLine(line) {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function explain(failure, errors, timeoutSeconds) {
  if (failure === 'SIGKILL') return `did not finish within ${timeoutSeconds} s`;
  const lines = errors.trim().split('\n');
  const message = lines.find((line) => /Error|error|panic/.test(line)) ?? lines[0] ?? '';
  return `failed (${failure ?? 'no result'}): ${message.trim().slice(0, 300)}`;
}
