import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { until } from './until.ts';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** Builds what the built program consists of, where it is not built yet. */
export async function build(): Promise<void> {
  const tsc = `${root}/node_modules/typescript/bin/tsc`;
  await promisify(execFile)(process.execPath, [tsc, '-b', 'packages/cli/tsconfig.build.json'], { cwd: root });
}

/** The built program in a process of its own. */
export function spawnMink(
  args: readonly string[],
  options: { cwd: string; url?: string | undefined; input?: string | Uint8Array | undefined },
) {
  const { cwd, url, input } = options;
  const { DATABASE_URL: _ignored, ...inherited } = process.env;
  const env = url === undefined ? inherited : { ...inherited, DATABASE_URL: url };
  const child = spawn(process.execPath, [main, ...args], { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(input);
  onTestFinished(() => void child.kill('SIGKILL'));
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const done = once(child, 'close').then(([exitCode]) => ({ exitCode: Number(exitCode), stdout, stderr }));
  return {
    child,
    done,
    stdout: () => stdout,
    untilPrinted: (text: string) => until(`it prints ${text} (stderr: ${stderr})`, () => stdout.includes(text)),
  };
}
