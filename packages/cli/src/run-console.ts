import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { platform, userInfo } from 'node:os';
import { resolve } from 'node:path';
import { createConsole, isLoopback, type Access, type Environment, type User } from '@mink/console';
import { loadConfig, type Config } from './config-file.ts';
import { serveConsole } from './console-server.ts';
import type { Context, GlobalOptions } from './context.ts';
import { withStore } from './database.ts';
import { ConsoleOpenError, UsageError } from './errors.ts';
import { aborted } from './interrupt.ts';
import { jsonText } from './json-text.ts';

/** Options of `mink console`. */
export interface ConsoleCommandOptions extends GlobalOptions {
  readonly port: number;
  readonly host: string;
  readonly environment: string;
  readonly tokenFile?: string | undefined;
  readonly role?: User['role'] | undefined;
  readonly payloads: User['payloads'];
  readonly allowActions?: boolean | undefined;
  readonly open?: boolean | undefined;
}

/** Runs until the signal is aborted, which is its ordinary end. */
export async function runConsole(context: Context, options: ConsoleCommandOptions): Promise<void> {
  const { stdout, stderr, signal } = context;
  const access = accessOf(options, await readToken(context, options));
  const isOther = options.url !== undefined || options.schema !== undefined;
  // Its code is that of its own store.
  const config = isOther ? undefined : await loadConfig(context.cwd, options.config);
  await withStore(context, options, async (store) => {
    await store.readBound();
    await using adminConsole = createConsole({
      store,
      access,
      ...(config?.store === undefined ? {} : codeOf(config)),
      isReadOnly: options.allowActions !== true,
      environment: environmentOf(options.environment),
    });
    await using server = await serveConsole(adminConsole, options);
    const { url } = server;
    await stdout.line(options.json === true ? jsonText({ url }) : `The console listens on ${url}\nCtrl-C stops it.`);
    if (options.open === true) openBrowser(url);
    await aborted(signal);
    if (options.json !== true) await stderr.line('Stopping the console.');
  });
}

function codeOf({ projections, folds }: Config) {
  return { projections, deciders: folds.map(({ target }) => target) };
}

/** Trimmed: editors end files with a line break. */
async function readToken({ env, cwd }: Context, { tokenFile }: ConsoleCommandOptions): Promise<string | undefined> {
  const fromEnvironment = env['MINK_CONSOLE_TOKEN'];
  if (tokenFile === undefined) return fromEnvironment === '' ? undefined : fromEnvironment;
  try {
    return (await readFile(resolve(cwd, tokenFile), 'utf8')).trim();
  } catch {
    throw new UsageError(`The token file "${tokenFile}" cannot be read.`);
  }
}

/** With a token, whoever has it; without one, whoever sits at this machine. */
function accessOf(options: ConsoleCommandOptions, token: string | undefined): Access {
  const { host, payloads, allowActions } = options;
  const role = options.role ?? (allowActions === true ? 'operator' : 'viewer');
  if (token !== undefined) return { tokens: [{ token, name: userName(), role, payloads }] };
  if (isLoopback(host)) return { anonymous: { role, payloads } };
  throw new ConsoleOpenError(host);
}

/** Whoever has started it has handed out its token. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'console';
  }
}

/** The kind gives the badge its colour. */
function environmentOf(name: string): Environment {
  if (/^prod/iu.test(name)) return { name, kind: 'production' };
  return { name, kind: /^(?:stag|test|qa|pre)/iu.test(name) ? 'staging' : 'development' };
}

const OPENERS: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
};

/** Where there is none, the address was printed. */
function openBrowser(url: string): void {
  const [command = 'xdg-open', ...parameters] = OPENERS[platform()] ?? [];
  const browser = spawn(command, [...parameters, url], { detached: true, stdio: 'ignore' });
  browser.on('error', () => undefined);
  browser.unref();
}
