import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const packageDir = fileURLToPath(new URL('../..', import.meta.url));
const script = fileURLToPath(new URL('owner.mjs', import.meta.url));

export interface Report {
  status: 'running' | 'failed';
  code?: string;
  message?: string;
  url: string;
  port: number;
  pid: number;
  ownerPid?: number;
  dataDir: string;
  serverVersion: string;
}

/** Compiles the package, which a plain Node.js process cannot load from source. */
export async function compile(): Promise<{ library: string; remove: () => Promise<void> }> {
  // Below the package, so that its dependencies are found; in node_modules, so that nothing else looks.
  await mkdir(join(packageDir, 'node_modules'), { recursive: true });
  const directory = await mkdtemp(join(packageDir, 'node_modules/.test-'));
  const tsc = join(packageDir, '../../node_modules/typescript/bin/tsc');
  const flags = ['--outDir', directory, '--tsBuildInfoFile', join(directory, '.tsbuildinfo')];
  await promisify(execFile)(process.execPath, [tsc, '-p', join(packageDir, 'tsconfig.build.json'), ...flags]);
  return {
    library: join(directory, 'index.js'),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

/** Another process that starts a server; `report` is what became of it. */
export function startOwner(
  library: string,
  options: Record<string, unknown>,
  how: { script?: string; uid?: number; gid?: number; env?: NodeJS.ProcessEnv } = {},
) {
  const { script: file = script, ...spawnOptions } = how;
  const child = spawn(process.execPath, [file, library, JSON.stringify(options)], {
    cwd: '/',
    stdio: ['pipe', 'pipe', 'inherit'],
    ...spawnOptions,
  });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const report = (async (): Promise<Report> => {
    const [line] = await Promise.race([once(lines, 'line'), once(lines, 'close')]);
    if (line === undefined) throw new Error('The owner ended without a word.');
    return JSON.parse(line);
  })();
  report.catch(() => undefined);
  return {
    report,
    pid: child.pid ?? 0,
    exited,
    async stop() {
      child.stdin.on('error', () => undefined);
      child.stdin.end('stop\n');
      await exited;
    },
    async crash() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
