import { setTimeout as sleep } from 'node:timers/promises';
import { ProjectionBuildError } from '../../projection-version-errors.ts';
import type { AnyProjection } from '../define-sql-projection.ts';
import { lagOf, MAX_LAG } from '../projection-status.ts';
import type { ProjectionId, StoredProjection } from '../projection-storage.ts';
import { engineFor, storedOf, type VersionsContext } from './versions-context.ts';

/** How to fill a read model. */
export interface BuildOptions {
  /**
   * Events of a second, at most.
   * @defaultValue the `rate` of the options, or as many as can be
   */
  readonly rate?: number | undefined;
  /**
   * Events that are applied and stored together, at most.
   * @defaultValue the `batchSize` of the options
   */
  readonly batchSize?: number | undefined;
  /** Stops it: what is built stays, and the next build goes on from there. */
  readonly signal?: AbortSignal | undefined;
  /** Called several times a second. */
  readonly onProgress?: ((progress: BuildProgress) => void) | undefined;
}

/** How far a build is. */
export interface BuildProgress extends ProjectionId {
  readonly position: number;
  /** Events that were applied, since the first build of this version began. */
  readonly events: number;
  /** Events that are left. */
  readonly left: number;
  /** Events of a second, since this build began. */
  readonly rate: number;
  /** Milliseconds that it takes at this rate; undefined while there is none. */
  readonly timeLeft: number | undefined;
}

/** A read model that has caught up. */
export interface BuiltVersion extends ProjectionId {
  readonly position: number;
  /** Events that this build has applied. */
  readonly events: number;
  readonly rate: number;
  /** Milliseconds. */
  readonly duration: number;
  /** Keys whose events could not be applied. */
  readonly parkedKeys: number;
}

const LOOK = 100;

/** Fills a read model until it has caught up, and gives it free. */
export async function buildVersion(
  context: VersionsContext,
  projection: AnyProjection,
  options: BuildOptions,
): Promise<BuiltVersion> {
  const engine = engineFor(context, projection, options);
  try {
    await context.readModels.prepareProjection(projection);
    const meter = await createMeter(context, projection);
    await engine.start();
    return await untilCaughtUp(context, projection, { ...options, meter });
  } finally {
    await engine.close();
  }
}

/**
 * Waits while somebody fills a read model. It has caught up when it is as far as the log was a moment ago, and less than a batch
 * is left. Throws `ProjectionBuildError` where it does not go on.
 */
export async function untilCaughtUp(
  context: VersionsContext,
  projection: AnyProjection,
  options: BuildOptions & { readonly meter?: Meter | undefined },
): Promise<BuiltVersion> {
  const { batchSize = context.batchSize, signal, onProgress } = options;
  const { storage } = context;
  const meter = options.meter ?? (await createMeter(context, projection));
  let target = (await storage.readBound()).position;
  for (;;) {
    signal?.throwIfAborted();
    const stored = await storedOf(context, projection);
    checkGoing(stored);
    const { position: upTo } = await storage.readBound();
    const lag = await lagOf(context, projection, { known: stored, upTo });
    onProgress?.(meter.progress(stored, lag.events));
    const isThere = await hasPassed(context, projection, { stored, position: target });
    if (lag.events === 0 || (isThere && lag.events < batchSize)) return meter.built(stored);
    if (isThere) target = upTo;
    await sleep(LOOK, undefined, signal === undefined ? {} : { signal }).catch(() => signal?.throwIfAborted());
  }
}

/** Whether everything that a projection reads is applied up to a position. */
export async function hasPassed(
  context: VersionsContext,
  projection: AnyProjection,
  { stored, position }: { readonly stored: StoredProjection; readonly position: number },
): Promise<boolean> {
  return (await lagOf(context, projection, { known: stored, upTo: position })).events === 0;
}

function checkGoing({ name, version, position, state, error }: StoredProjection): void {
  if (state !== 'faulted' && state !== 'paused') return;
  const reason = state === 'paused' ? 'it is paused. Resume it.' : (error ?? 'it is faulted.');
  throw new ProjectionBuildError(name, { version, position, reason });
}

/** Measures a build. */
interface Meter {
  progress(stored: StoredProjection, lag: number): BuildProgress;
  built(stored: StoredProjection): BuiltVersion;
}

/** Counts from now on. What is left is counted once, if it is more than lags are counted to. */
export async function createMeter(context: VersionsContext, projection: AnyProjection): Promise<Meter> {
  const begun = performance.now();
  const first = await storedOf(context, projection);
  const { position: upTo } = await context.storage.readBound();
  const left = await lagOf(context, projection, { known: first, upTo, limit: Number.MAX_SAFE_INTEGER });
  const total = first.events + left.events;
  const rateOf = ({ events }: StoredProjection): number => {
    return ((events - first.events) / Math.max(1, performance.now() - begun)) * 1_000;
  };
  return {
    progress: (stored, lag) => {
      const rate = rateOf(stored);
      const rest = lag < MAX_LAG ? lag : Math.max(MAX_LAG, total - stored.events);
      const { name, version, position, events } = stored;
      const timeLeft = rate === 0 ? undefined : (rest / rate) * 1_000;
      return { name, version, position, events, left: rest, rate, timeLeft };
    },
    built: (stored) => {
      const { name, version, position, parkedKeys } = stored;
      const duration = performance.now() - begun;
      return {
        name,
        version,
        position,
        events: stored.events - first.events,
        rate: rateOf(stored),
        duration,
        parkedKeys,
      };
    },
  };
}
