import { access } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createJiti } from 'jiti';
import type { AnyEvents, AnyProjection, Decider } from 'mink';
import { ConfigInvalidError, ConfigNotFoundError } from './errors.ts';
import { isReadableStore, type ReadableStore } from './readable-store.ts';

/** What a config file exports, as far as the commands use it. */
export interface Config {
  /** As messages name the file; undefined when there is none. */
  readonly path: string | undefined;
  readonly url: string | undefined;
  readonly schema: string | undefined;
  readonly store: ReadableStore | undefined;
  /** Its deciders and aggregates. */
  readonly folds: readonly ConfigFold[];
  readonly projections: readonly AnyProjection[];
}

/** A decider or an aggregate, by shape: the config file may come with a mink of its own. */
export interface ConfigFold {
  /** Whose snapshots they are, where it has any. */
  readonly category: string;
  readonly hasSnapshots: boolean;
  /** What the store's methods take. */
  readonly target: AnyFold;
}

const NAMES = ['mink.config.js', 'mink.config.mjs', 'mink.config.ts'];
const NO_CONFIG: Config = {
  path: undefined,
  url: undefined,
  schema: undefined,
  store: undefined,
  folds: [],
  projections: [],
};

/** Loads the config file that was given, or the one in the current directory, if any. */
export async function loadConfig(cwd: string, given: string | undefined): Promise<Config> {
  const file = given === undefined ? await findConfig(cwd) : resolve(cwd, given);
  if (file === undefined) return NO_CONFIG;
  const path = relative(cwd, file);
  if (!(await exists(file))) throw new ConfigNotFoundError(given ?? path);
  return parseConfig(path, await evaluate(file, path));
}

async function findConfig(cwd: string): Promise<string | undefined> {
  for (const name of NAMES) {
    const file = join(cwd, name);
    if (await exists(file)) return file;
  }
  return undefined;
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch {
    return false;
  }
}

/** jiti reads TypeScript on every Node.js. Without its cache of compiled files, which other accounts could write to. */
async function evaluate(file: string, path: string): Promise<unknown> {
  const jiti = createJiti(pathToFileURL(file).href, { fsCache: false, interopDefault: false });
  try {
    return await jiti.import(file);
  } catch (error) {
    const [reason = '', next = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    // Of what cannot be parsed, the second line says where.
    const place = /:\d+:\d+$/u.test(next) ? ` at ${relative(dirname(file), next.trim())}` : '';
    throw new ConfigInvalidError(path, `cannot be loaded: ${reason.trim()}${place}`, { cause: error });
  }
}

function parseConfig(path: string, module: unknown): Config {
  const exported = exportsOf(path, module);
  const { store } = exported;
  if (store !== undefined && !isReadableStore(store)) {
    throw new ConfigInvalidError(
      path,
      'exports a "store" that is no event store. Export what createPostgresStore gives.',
    );
  }
  const folds = [...foldsOf(path, exported, 'deciders'), ...foldsOf(path, exported, 'aggregates')];
  const projections = projectionsOf(path, exported);
  const [url, schema] = [textOf(path, exported, 'url'), textOf(path, exported, 'schema')];
  return { path, url, schema, store, folds, projections };
}

function foldsOf(path: string, exported: Readonly<Record<string, unknown>>, name: string): readonly ConfigFold[] {
  const list = exported[name] ?? [];
  if (!Array.isArray(list)) throw new ConfigInvalidError(path, `exports "${name}" that are no array.`);
  return list.map((item: unknown) => {
    const fold: unknown = typeof item === 'function' && 'definition' in item ? item.definition : item;
    if (!isFold(fold))
      throw new ConfigInvalidError(path, `exports "${name}" of which one is neither decider nor aggregate.`);
    return { category: fold.category, hasSnapshots: fold.snapshots !== undefined, target: fold };
  });
}

function projectionsOf(path: string, exported: Readonly<Record<string, unknown>>): readonly AnyProjection[] {
  const list: unknown = exported['projections'] ?? [];
  if (Array.isArray(list) && list.every(isProjection)) return list;
  const what = 'what defineProjection(…).on(…), defineSqlProjection and defineSubscription give';
  throw new ConfigInvalidError(path, `exports "projections" that are no array of ${what}.`);
}

const KINDS: readonly unknown[] = ['rows', 'sql', 'subscription'] satisfies readonly AnyProjection['kind'][];

function isProjection(value: unknown): value is AnyProjection {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    'version' in value &&
    'kind' in value &&
    KINDS.includes(value.kind) &&
    'keysOf' in value &&
    typeof value.keysOf === 'function'
  );
}

type AnyFold = Decider<string, AnyEvents, unknown, unknown>;

function isFold(value: unknown): value is AnyFold {
  return (
    typeof value === 'object' &&
    value !== null &&
    'category' in value &&
    typeof value.category === 'string' &&
    'evolve' in value &&
    typeof value.evolve === 'function' &&
    'initialState' in value
  );
}

/** The exports by name, over the members of the default export. */
function exportsOf(path: string, module: unknown): Readonly<Record<string, unknown>> {
  const { default: main = {}, ...named } = membersOf(module);
  if (typeof main !== 'object' || main === null) {
    throw new ConfigInvalidError(path, 'has a default export that is no object. Export { url, schema, store }.');
  }
  const exported = { ...membersOf(main), ...named };
  if (Object.keys(exported).length > 0) return exported;
  throw new ConfigInvalidError(
    path,
    'exports nothing. Export url, schema, store, deciders, aggregates or projections.',
  );
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

/** Empty counts as absent: `url: process.env.DATABASE_URL ?? ''`. */
function textOf(path: string, exported: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = exported[name];
  if (value === undefined || value === '') return undefined;
  if (typeof value === 'string') return value;
  throw new ConfigInvalidError(path, `exports a "${name}" that is ${typeof value}, not text.`);
}
