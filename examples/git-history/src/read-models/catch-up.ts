import { createProjectionEngine, type ProjectionStatus } from 'mink';
import type { HistoryStore } from '../events.ts';
import { withWayOut } from './way-out.ts';
import { ENGINE, readModels } from './read-models.ts';

/** Positions of the log between two calls of `onProgress`. */
const STEP = 10_000;
/** Milliseconds for one step: longer than a process that was killed keeps its lease. */
const STEP_TIMEOUT = 60_000;

/** Where catching up is now. */
export interface CatchUpProgress {
  readonly done: number;
  readonly total: number;
}

/** What was caught up. */
export interface CaughtUp {
  /** That were applied, once for each read model that reads them. */
  readonly events: number;
  /** Read models some of whose rows are not what the log says: their events wait among the dead letters. */
  readonly stale: readonly string[];
}

/**
 * Applies to the read models what they lack, in this process; what another process works on is waited for. Where nothing is
 * missing it costs a few queries. Aborting `signal` throws its reason: what was applied stays.
 *
 * Throws `GitHistoryError` `READ_MODEL_BROKEN` where a read model cannot go on.
 */
export async function catchUp(
  store: HistoryStore,
  {
    signal,
    onProgress,
  }: { readonly signal?: AbortSignal; readonly onProgress?: (progress: CatchUpProgress) => void } = {},
): Promise<CaughtUp> {
  return withWayOut(async () => {
    await using engine = createProjectionEngine(store, readModels, ENGINE);
    const before = await engine.status();
    const behind = before.filter(({ lagEvents }) => lagEvents > 0);
    const { position: end } = await store.feedStatus();
    const begin = Math.min(end, ...behind.map(({ position }) => position));
    // In steps, so that there is something to show: a catch-up is one call, however long it takes.
    for (let upTo = Math.min(begin + STEP, end); behind.length > 0; upTo = Math.min(upTo + STEP, end)) {
      await engine.catchUp(upTo, { timeout: STEP_TIMEOUT, ...(signal && { signal }) });
      onProgress?.({ done: upTo - begin, total: end - begin });
      if (upTo === end) break;
    }
    const after = behind.length > 0 ? await engine.status() : before;
    const stale = after.filter(({ parkedKeys }) => parkedKeys > 0).map(({ name }) => name);
    return { events: eventsOf(after) - eventsOf(before), stale };
  });
}

function eventsOf(all: readonly ProjectionStatus[]): number {
  return all.reduce((sum, { events }) => sum + events, 0);
}
