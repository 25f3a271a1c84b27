import { createProjectionVersions, type BuildProgress, type RebuiltVersion } from 'mink';
import type { HistoryStore } from '../events.ts';
import { ENGINE, readModels } from './read-models.ts';

/** A read model that was rebuilt; with an error it is as it was. */
export interface RebuiltReadModel {
  readonly name: string;
  readonly events: number;
  /** In it now. */
  readonly rows: number;
  readonly seconds: number;
  readonly eventsPerSecond: number;
  readonly parkedKeys: number;
  readonly error: string | undefined;
}

/** What a rebuild did. */
export interface Rebuilt {
  readonly readModels: readonly RebuiltReadModel[];
  /** How many a run that was stopped had rebuilt before. */
  readonly before: number;
}

/**
 * Rebuilds all read models, of all repositories of the store, beside those that are read meanwhile; each takes its place when it
 * has caught up. Aborting `signal` throws its reason: what is built stays, and the next rebuild goes on from there.
 */
export async function rebuild(
  store: HistoryStore,
  { signal, onProgress }: { readonly signal?: AbortSignal; readonly onProgress?: (progress: BuildProgress) => void },
): Promise<Rebuilt> {
  let before = 0;
  const onStart = ({ done }: { readonly done: number }): void => void (before = done);
  const versions = createProjectionVersions(store, readModels, ENGINE);
  const rebuilt = await versions.rebuildAll({ onStart, onProgress, signal });
  const results: RebuiltReadModel[] = [];
  for (const result of rebuilt) results.push(await describe(store, result));
  return { readModels: results, before };
}

async function describe(store: HistoryStore, result: RebuiltVersion): Promise<RebuiltReadModel> {
  const { name } = result;
  if (!('events' in result)) {
    const error = result.error instanceof Error ? result.error.message : String(result.error);
    return { name, events: 0, rows: 0, seconds: 0, eventsPerSecond: 0, parkedKeys: 0, error };
  }
  const readModel = readModels.find((it) => it.name === name);
  const rows = readModel === undefined ? 0 : await store.projections.readModel(readModel).count();
  const { events, duration, rate, parkedKeys } = result;
  const seconds = Math.round(duration / 10) / 100;
  return { name, events, rows, seconds, eventsPerSecond: Math.round(rate), parkedKeys, error: undefined };
}
