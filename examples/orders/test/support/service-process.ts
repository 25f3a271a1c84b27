import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const START_TIMEOUT_MS = 60_000;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The built service as a process of its own, as `npm start` runs it. */
export function spawnService(cwd: string, environment: Record<string, string> = {}) {
  if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing. Run "npm run build" first.`);
  const { DATABASE_URL: _, ...inherited } = process.env;
  const child = spawn(process.execPath, [MAIN], { cwd, env: { ...inherited, PORT: '0', ...environment } });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const exited = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });

  /** Waits until the output matches; fails with what was printed when the process ends before. */
  async function printed(pattern: RegExp): Promise<RegExpExecArray> {
    const find = () => pattern.exec(stdout);
    await vi.waitUntil(() => find() !== null || child.exitCode !== null || child.signalCode !== null, {
      timeout: START_TIMEOUT_MS,
      interval: 20,
    });
    const match = find();
    if (match === null) throw new Error(`The service ended without printing ${pattern}.\n${stdout}\n${stderr}`);
    return match;
  }

  return {
    exited,
    printed,
    signal: (signal: NodeJS.Signals) => child.kill(signal),
    async url(): Promise<string> {
      const [, url = ''] = await printed(/listens on (http:\S+)/);
      await printed(/Ctrl-C stops it/);
      return url;
    },
    async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
      child.kill(signal);
      return exited;
    },
  };
}
