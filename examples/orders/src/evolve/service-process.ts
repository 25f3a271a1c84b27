import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Beside this file, as they are built. */
const PROGRAMS = {
  old: fileURLToPath(new URL('../main.js', import.meta.url)),
  new: fileURLToPath(new URL('./next-release.js', import.meta.url)),
} as const;

export type Release = keyof typeof PROGRAMS;

/** A process of the service, with the code of one release. */
export interface ServiceProcess {
  readonly release: Release;
  readonly url: string;
  /** Ends it as a deployment does, and waits until it is gone. Throws where it ended otherwise than it should. */
  stop(): Promise<void>;
}

/** Starts the service on a free port, and waits until it listens. */
export async function startService(
  release: Release,
  { databaseUrl, signal }: { readonly databaseUrl: string; readonly signal: AbortSignal },
): Promise<ServiceProcess> {
  const env = { ...process.env, PORT: '0', DATABASE_URL: databaseUrl, LOG: '' };
  const child = spawn(process.execPath, [PROGRAMS[release]], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'close');
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const [code] = await ended;
    if (code !== 0 || errors !== '')
      throw new Error(`A process of the ${release} release ended with ${code}: ${errors}`);
  };
  try {
    return { release, url: await listening(child, signal), stop };
  } catch (error) {
    child.kill('SIGKILL');
    throw new Error(`A process of the ${release} release did not start. ${errors}`, { cause: error });
  }
}

async function listening(child: ChildProcess, signal: AbortSignal): Promise<string> {
  let printed = '';
  for await (const text of child.stdout?.iterator({ destroyOnReturn: false }) ?? []) {
    signal.throwIfAborted();
    printed += String(text);
    const [, url] = /listens on (http:\S+)/u.exec(printed) ?? [];
    if (url === undefined) continue;
    // What comes later is read, too, or it would fill its pipe.
    child.stdout?.resume();
    return url;
  }
  throw new Error('It has ended.');
}
