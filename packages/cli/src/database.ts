import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findRunningPostgres } from '@mink/dev';
import type { AnyProjection } from 'mink';
import { createPostgresStore } from 'mink/postgres';
import { audited } from './audited.ts';
import { loadConfig, type Config, type ConfigFold } from './config-file.ts';
import type { Context, GlobalOptions } from './context.ts';
import { NoDatabaseError, UsageError } from './errors.ts';
import type { ReadableStore } from './readable-store.ts';

export const DEFAULT_SCHEMA = 'mink';
/** Where `mink dev` keeps its data, below the current directory. */
export const DEV_DIRECTORY = join('.mink', 'postgres');
const MAX_CONNECTIONS = 2;
/** Milliseconds that the end of a command waits for statements under way. */
const CLOSE_TIMEOUT = 2_000;
// A page becomes one text, and a payload may have a megabyte.
const PAGE_SIZE = 250;

const NO_CONFIG_FILE = 'There is no config file in this directory, and none is given with --config';

/** A database and the schema in it. */
export interface Target {
  readonly url: string;
  readonly schema: string;
}

/** Works with the store that the options, the environment or the config file name, and closes it. */
export async function withStore<T>(
  context: Context,
  options: GlobalOptions,
  work: (store: ReadableStore) => Promise<T>,
): Promise<T> {
  const store = await openStore(context, options);
  try {
    return await audited(context, store, () => work(store));
  } finally {
    await closeInTime(store);
  }
}

/** Works with the store of the config file, for what only its definitions know, and closes it. */
export async function withConfiguredStore<T>(
  context: Context,
  options: GlobalOptions,
  work: (store: ReadableStore) => Promise<T>,
): Promise<T> {
  const { path, store } = await loadConfig(context.cwd, options.config);
  if (store === undefined) {
    const problem = path === undefined ? NO_CONFIG_FILE : `"${path}" exports no "store"`;
    throw new UsageError(`${problem}. Export the store from mink.config.ts: its categories say what is needed here.`);
  }
  if (options.url !== undefined || options.schema !== undefined) {
    await store.close();
    throw otherStore();
  }
  try {
    return await audited(context, store, () => work(store));
  } finally {
    await closeInTime(store);
  }
}

/** `--url` or `--schema` was given where definitions of the config file are needed, which are those of its own store. */
export function otherStore(): UsageError {
  return new UsageError('--url and --schema name another store than that of the config file, which is needed here.');
}

/** A statement that gets no answer keeps nobody who wants to leave: its connection ends with the process. */
async function closeInTime(store: ReadableStore): Promise<void> {
  const over = new AbortController();
  try {
    await Promise.race([store.close(), sleep(CLOSE_TIMEOUT, undefined, { signal: over.signal })]);
  } finally {
    over.abort();
  }
}

/** Works with the store of the config file and its projections, whose code is needed. */
export async function withProjections<T>(
  context: Context,
  options: GlobalOptions,
  work: (store: ReadableStore, projections: readonly AnyProjection[]) => Promise<T>,
): Promise<T> {
  const { path, projections } = await loadConfig(context.cwd, options.config);
  if (projections.length === 0) {
    throw noProjections(path);
  }
  return withConfiguredStore(context, options, (store) => work(store, projections));
}

/** The code of projections is needed, and there is none. */
export function noProjections(path: string | undefined): UsageError {
  const problem = path === undefined ? NO_CONFIG_FILE : `"${path}" exports no "projections"`;
  return new UsageError(`${problem}. Export an array of the projections from mink.config.ts, beside the store.`);
}

/** The decider or aggregate of the config file for a category. */
export async function findFold(
  context: Context,
  options: GlobalOptions,
  category: string,
): Promise<ConfigFold | undefined> {
  const { folds } = await loadConfig(context.cwd, options.config);
  return folds.find((fold) => fold.category === category);
}

/** All deciders and aggregates of the config file that have snapshots. */
export async function foldsWithSnapshots(context: Context, options: GlobalOptions): Promise<readonly ConfigFold[]> {
  const { folds, path } = await loadConfig(context.cwd, options.config);
  const found = folds.filter(({ hasSnapshots }) => hasSnapshots);
  if (found.length > 0) return found;
  const where = path === undefined ? NO_CONFIG_FILE : `"${path}" exports no decider or aggregate with snapshots`;
  throw new UsageError(
    `${where}. Export "deciders" or "aggregates" from mink.config.ts, with { snapshots } in their definitions.`,
  );
}

/**
 * The database that the options, the environment or the config file name, in this order; else that of `mink dev`. A config file that
 * exports its store comes before the environment: no two commands work on different databases.
 */
export async function findTarget(context: Context, options: GlobalOptions): Promise<Target> {
  return targetOf(context, options, await configFor(context, options));
}

/**
 * The config's store knows types and upcasters; but it is another store than one that is asked for with an option. One
 * of our own reads everything as it is stored, and never changes the schema.
 */
async function openStore(context: Context, options: GlobalOptions): Promise<ReadableStore> {
  const config = await configFor(context, options);
  const asked = options.url !== undefined || options.schema !== undefined;
  if (config?.store !== undefined && !asked) return config.store;
  const target = await targetOf(context, options, config);
  return createPostgresStore({ ...target, migrate: 'never', maxConnections: MAX_CONNECTIONS, pageSize: PAGE_SIZE });
}

async function configFor({ cwd }: Context, { url, schema, config }: GlobalOptions): Promise<Config | undefined> {
  const needed = config !== undefined || url === undefined || schema === undefined;
  return needed ? loadConfig(cwd, config) : undefined;
}

async function targetOf({ env, cwd }: Context, options: GlobalOptions, config: Config | undefined): Promise<Target> {
  const fromEnvironment = env['DATABASE_URL'] === '' ? undefined : env['DATABASE_URL'];
  const ofStore = config?.store === undefined ? undefined : config.url;
  const named = options.url ?? ofStore ?? fromEnvironment ?? config?.url;
  const url = named ?? (await findRunningPostgres(join(cwd, DEV_DIRECTORY)))?.url;
  if (url === undefined) throw new NoDatabaseError(problemOf(config));
  return { url, schema: options.schema ?? config?.schema ?? DEFAULT_SCHEMA };
}

function problemOf(config: Config | undefined): string | undefined {
  if (config?.path === undefined) return undefined;
  const missing =
    config.store === undefined ? 'exports no "url"' : 'exports a store, but no "url", which is needed here';
  return `No database is given, and "${config.path}" ${missing}.`;
}
