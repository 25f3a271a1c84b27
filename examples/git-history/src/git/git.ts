import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { GitHistoryError } from '../errors.ts';

const STDERR_LIMIT = 2_000;

/** Options of one call of git. */
export interface GitCall {
  /** What git reads from its standard input, in portions. */
  readonly input?: Iterable<string> | undefined;
  /** Aborting it ends git; the output then fails with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Git ended with another exit code than 0. */
export class GitFailedError extends GitHistoryError {
  readonly exitCode: number | null;
  readonly stderr: string;

  constructor(args: readonly string[], exitCode: number | null, stderr: string) {
    const said = stderr.trim().split('\n')[0] ?? '';
    super('GIT_FAILED', `git ${args.slice(0, 2).join(' ')} failed: ${said === '' ? `exit code ${exitCode}` : said}`);
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

/**
 * The output of git as it comes, so that memory stays flat. The end is only reached when git has ended well: whoever saw
 * the end has seen everything.
 */
export async function* gitOutput(
  path: string,
  args: readonly string[],
  { input = [], signal }: GitCall = {},
): AsyncGenerator<Buffer, void, undefined> {
  signal?.throwIfAborted();
  const child = start(path, args);
  const kill = (): void => void child.kill();
  signal?.addEventListener('abort', kill);
  try {
    const ended = endOf(child);
    await spawned(child);
    Readable.from(input).pipe(child.stdin);
    yield* child.stdout;
    const { exitCode, stderr } = await ended;
    signal?.throwIfAborted();
    if (exitCode !== 0) throw new GitFailedError(args, exitCode, stderr);
  } finally {
    signal?.removeEventListener('abort', kill);
    kill();
  }
}

/** The whole output of git, for answers that are known to be short. */
export async function git(path: string, args: readonly string[], call: GitCall = {}): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of gitOutput(path, args, call)) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8').trim();
}

/** In a process group of its own: Ctrl-C in the terminal is for the import, which ends git when it is ready to. */
function start(path: string, args: readonly string[]): ChildProcessWithoutNullStreams {
  return spawn('git', ['--no-pager', '--no-replace-objects', '-C', path, ...args], {
    env: environment(),
    stdio: 'pipe',
    detached: true,
    windowsHide: true,
  });
}

/** Without the variables that would point git at another repository than the path, as inside a hook. */
function environment(): NodeJS.ProcessEnv {
  const elsewhere = /^GIT_(DIR|COMMON_DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|NAMESPACE|PREFIX|SHALLOW_FILE)$/u;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !elsewhere.test(name)));
}

async function spawned(child: ChildProcessWithoutNullStreams): Promise<void> {
  try {
    await once(child, 'spawn');
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw isMissing
      ? new GitHistoryError('GIT_NOT_FOUND', 'Git was not found. Install it, or put it on the PATH.', { cause: error })
      : new GitHistoryError('GIT_FAILED', `Git could not be started: ${String(error)}`, { cause: error });
  }
}

function endOf(child: ChildProcessWithoutNullStreams): Promise<{ exitCode: number | null; stderr: string }> {
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (stderr.length < STDERR_LIMIT) stderr += text;
  });
  // Git may end before it has read everything; its exit code tells the rest.
  child.stdin.on('error', () => undefined);
  return new Promise((resolve) => {
    child.once('close', (exitCode) => resolve({ exitCode, stderr }));
  });
}
