import { createProjectionVersions, type AnyProjection, type ProjectionVersions } from 'mink';
import { loadConfig } from './config-file.ts';
import type { Context, GlobalOptions } from './context.ts';
import { noProjections, otherStore, withStore } from './database.ts';
import { UsageError } from './errors.ts';
import type { ReadableStore } from './readable-store.ts';

/** What the commands about versions work with. */
export interface VersionsOfConfig {
  readonly store: ReadableStore;
  readonly versions: ProjectionVersions;
  /** The code that there is. */
  readonly projections: readonly AnyProjection[];
  /** What to say where there is none. */
  readonly noCode: UsageError;
}

/** Works with the versions of a store; their code is that of the config file, if the store is its. */
export async function withVersions<T>(
  context: Context,
  options: GlobalOptions,
  work: (of: VersionsOfConfig) => Promise<T>,
): Promise<T> {
  const isOther = options.url !== undefined || options.schema !== undefined;
  const config = isOther ? undefined : await loadConfig(context.cwd, options.config);
  const projections = config?.projections ?? [];
  const noCode = isOther ? otherStore() : noProjections(config?.path);
  return withStore(context, options, (store) =>
    work({ store, projections, noCode, versions: createProjectionVersions(store, projections) }),
  );
}

/** The code of a projection: of the version that is asked for, or of the highest one. */
export function chooseCode(
  { projections, noCode }: VersionsOfConfig,
  name: string,
  version: number | undefined,
): AnyProjection {
  const own = projections.filter((it) => it.name === name && (version === undefined || it.version === version));
  const [last] = own.toSorted((left, right) => right.version - left.version);
  if (last !== undefined) return last;
  if (projections.length === 0) throw noCode;
  const known = projections.map((it) => `${it.name} version ${it.version}`).join(', ');
  throw new UsageError(
    `The config file has no code for "${name}"${version === undefined ? '' : ` version ${version}`}, only for: ${known}.`,
  );
}
