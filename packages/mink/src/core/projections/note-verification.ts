import type { ProjectionId, ProjectionStorage } from './projection-storage.ts';

/** Keeps that somebody has verified a projection, for `mink doctor`. Whoever may only read has verified it all the same. */
export async function noteVerification(
  readModels: Pick<ProjectionStorage, 'saveVerification'>,
  { name, version }: ProjectionId,
  { ok }: { readonly ok: boolean },
): Promise<void> {
  try {
    await readModels.saveVerification({ name, version }, ok);
  } catch {
    // What was found is what counts.
  }
}
