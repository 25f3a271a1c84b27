import type { AnyProjection } from '../define-sql-projection.ts';
import type { BuildOptions } from './build-version.ts';
import { engineFor, type VersionsContext } from './versions-context.ts';

/** Works with a shadow of a projection while an engine fills it, and drops it. Those that a crash has left are dropped first. */
export async function withShadow<T>(
  context: VersionsContext,
  projection: AnyProjection,
  options: Pick<BuildOptions, 'rate' | 'batchSize' | 'signal'>,
  work: (shadow: AnyProjection) => Promise<T>,
): Promise<T> {
  const { readModels } = context;
  await dropLeftShadows(context, { name: projection.name, purposes: ['what_if'] });
  options.signal?.throwIfAborted();
  const { version } = await readModels.createShadow(projection, 'what_if');
  const shadow: AnyProjection = { ...projection, version };
  const engine = engineFor(context, shadow, options);
  try {
    await engine.start();
    return await work(shadow);
  } finally {
    await engine.close();
    await readModels.dropShadow(shadow);
  }
}

/** Drops the shadows whose makers are gone, and gives back how many. */
export async function dropLeftShadows(
  { readModels }: Pick<VersionsContext, 'readModels'>,
  of: { readonly name?: string | undefined; readonly purposes: readonly ('what_if' | 'rebuild')[] },
): Promise<number> {
  const shadows = await readModels.listShadows(of.name);
  const left = shadows.filter(({ isLeft, purpose }) => isLeft && of.purposes.includes(purpose));
  for (const shadow of left) await readModels.dropShadow(shadow);
  return left.length;
}
