import type { AnyProjection } from '../define-sql-projection.ts';
import type { ProjectionId } from '../projection-storage.ts';
import { untilCaughtUp, type BuildOptions } from './build-version.ts';
import { compareRows, type ComparedRows, type CompareOptions } from './compare-versions.ts';
import { readableOf, type VersionsContext } from './versions-context.ts';
import { withShadow } from './with-shadow.ts';

/** How to prove rows. */
export interface VerifyRowsOptions extends Omit<CompareOptions, 'against'>, BuildOptions {}

/** Whether the rows of a version are what its code makes of the log. */
export interface VerifiedRows extends ProjectionId, Omit<ComparedRows, 'isSame'> {
  /** No row differs, and the code fails at no event that was applied. */
  readonly ok: boolean;
}

/**
 * Applies the whole log to a shadow, and compares its rows with those of the version, at the same events: of an inline version, at
 * all that one snapshot can see.
 */
export async function verifyRows(
  context: VersionsContext,
  code: AnyProjection,
  options: VerifyRowsOptions,
): Promise<VerifiedRows> {
  const { name, version } = code;
  await readableOf(context, code);
  const { isSame, errors, ...found } = await withShadow(context, code, options, async (shadow) => {
    await untilCaughtUp(context, shadow, options);
    const before = { name, version, code };
    const after = { name, version: shadow.version, code: shadow };
    return compareRows(context, { before, after }, { ...options, isProof: true });
  });
  return { name, version, ok: isSame, ...found, errors: errors.map((error) => ({ ...error, version })) };
}
