import { setTimeout as sleep } from 'node:timers/promises';
import type { AnyProjection } from '../define-sql-projection.ts';
import { lagOf } from '../projection-status.ts';
import type { ProjectionId } from '../projection-storage.ts';
import { withShadow } from './with-shadow.ts';
import { findStored, storedOf, type VersionsContext } from './versions-context.ts';

/** What a build would do. */
export interface VersionPlan extends ProjectionId {
  /** Events that it would apply: what is built already is not built again. */
  readonly events: number;
  /** Events of a second, in a trial with the first of them. */
  readonly rate: number;
  /** Milliseconds that it takes at this rate. */
  readonly duration: number;
  /** Events of the trial that could not be applied, by key. */
  readonly parkedKeys: number;
  /** The version that is live; undefined where there is none. */
  readonly live: { readonly version: number; readonly size: number; readonly parkedKeys: number } | undefined;
}

/** Of a trial: whichever comes first. */
const MOST_EVENTS = 2_000;
const LONGEST = 2_000;
const LOOK = 20;

/** What a build would do: counts the events, and tries the first of them in a shadow. */
export async function planVersion(
  context: VersionsContext,
  projection: AnyProjection,
  { signal }: { readonly signal?: AbortSignal | undefined },
): Promise<VersionPlan> {
  const { name, version } = projection;
  const stored = await findStored(context, projection);
  const { position: upTo } = await context.storage.readBound();
  const limit = Number.MAX_SAFE_INTEGER;
  const { events } = await lagOf(context, projection, { known: stored, upTo, limit });
  const { rate, parkedKeys } = await withShadow(context, projection, { signal }, (shadow) =>
    tryOut(context, shadow, upTo),
  );
  const duration = events === 0 ? 0 : (events / Math.max(rate, 1)) * 1_000;
  return { name, version, events, rate, duration, parkedKeys, live: await liveOf(context, name) };
}

async function tryOut(
  context: VersionsContext,
  shadow: AnyProjection,
  upTo: number,
): Promise<{ readonly rate: number; readonly parkedKeys: number }> {
  const begun = performance.now();
  /** From its first batch on: what comes before is the start of an engine. */
  let first = { events: 0, at: begun };
  for (;;) {
    const stored = await storedOf(context, shadow);
    const { events, parkedKeys, state } = stored;
    const now = performance.now();
    const elapsed = now - begun;
    const isOver = events >= MOST_EVENTS || elapsed >= LONGEST || state === 'faulted';
    if (isOver || (await lagOf(context, shadow, { known: stored, upTo, limit: 1 })).events === 0) {
      const since = events > first.events ? first : { events: 0, at: begun };
      return { rate: ((events - since.events) / Math.max(1, now - since.at)) * 1_000, parkedKeys };
    }
    if (first.events === 0) first = { events, at: events === 0 ? begun : now };
    await sleep(LOOK);
  }
}

async function liveOf({ readModels }: VersionsContext, name: string): Promise<VersionPlan['live']> {
  const live = await readModels.readLiveVersion(name);
  if (live === undefined) return undefined;
  const { version } = live;
  const stored = await findStored({ readModels }, { name, version });
  const tables = (await readModels.readTables({ name, version })) ?? [];
  return {
    version,
    size: await readModels.measureSize({ name, version, tables }),
    parkedKeys: stored?.parkedKeys ?? 0,
  };
}
