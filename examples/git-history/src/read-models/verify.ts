import type { Verification, VerifyProgress } from 'mink';
import type { HistoryStore } from '../events.ts';
import { readModels } from './read-models.ts';

/** Whether every event was applied to a read model exactly once. */
export interface VerifiedReadModel extends Verification {
  readonly name: string;
}

/** Compares what was applied to each read model with the log, which is read once for each. */
export async function verify(
  store: HistoryStore,
  {
    signal,
    onProgress,
  }: { readonly signal?: AbortSignal; readonly onProgress?: (name: string, progress: VerifyProgress) => void },
): Promise<readonly VerifiedReadModel[]> {
  const verified: VerifiedReadModel[] = [];
  for (const readModel of readModels) {
    const { name } = readModel;
    const show = (progress: VerifyProgress): void => onProgress?.(name, progress);
    verified.push({ name, ...(await store.projections.verify(readModel, { signal, onProgress: show })) });
  }
  return verified;
}
