import { setTimeout as sleep } from 'node:timers/promises';
import {
  ProjectionInUseError,
  ProjectionRetiredError,
  ProjectionVersionBehindError,
} from '../../projection-version-errors.ts';
import type { AnyProjection } from '../define-sql-projection.ts';
import { checkWhole } from '../../store/read-options.ts';
import type { Lease, ProjectionId } from '../projection-storage.ts';
import type { Shadow } from './version-storage.ts';
import { buildVersion, createMeter, untilCaughtUp, type BuildOptions, type BuiltVersion } from './build-version.ts';
import { checkNotParked, untilDone, untilPassed } from './switch-version.ts';
import { engineFor, findStored, storedOf, type VersionsContext } from './versions-context.ts';

/** How to rebuild a version. */
export interface RebuildOptions extends BuildOptions {
  /**
   * Begins anew where an earlier rebuild was stopped: for when the code has changed since.
   * @defaultValue false
   */
  readonly isFresh?: boolean | undefined;
  /**
   * Also where keys are parked that the log, applied again, parks.
   * @defaultValue false
   */
  readonly isForced?: boolean | undefined;
  /**
   * Milliseconds to wait for readers that hold the views, when it takes the place of what was there.
   * @defaultValue 30_000
   */
  readonly timeout?: number | undefined;
}

const HOLD = 15_000;
const PATIENCE = 5_000;
const LOOK = 100;

/**
 * Fills a shadow of a version from the whole log, and puts it in the version's place in one transaction. Until then the version
 * is read and goes on as before, also where this fails or is stopped; the next rebuild goes on from there.
 */
export async function rebuildVersion(
  context: VersionsContext,
  projection: AnyProjection,
  options: RebuildOptions,
): Promise<BuiltVersion> {
  if ((await findStored(context, projection)) === undefined) return buildVersion(context, projection, options);
  await context.readModels.prepareProjection(projection);
  await storedOf(context, projection);
  const { version } = await shadowFor(context, projection, options);
  const shadow: AnyProjection = { ...projection, version };
  const engine = engineFor(context, shadow, options);
  try {
    const meter = await createMeter(context, shadow);
    await engine.start();
    const built = await untilCaughtUp(context, shadow, { ...options, meter });
    if (options.isForced !== true) await checkNotParked(context, shadow);
    const inScope = { ...context, projections: [shadow] };
    await takePlace(inScope, { shadow, projection, stop: () => engine.close() }, options);
    return { ...built, name: projection.name, version: projection.version };
  } finally {
    await engine.close();
  }
}

/** In as many partitions as the version has. */
async function createShadow(
  context: Pick<VersionsContext, 'readModels'>,
  projection: AnyProjection,
): Promise<ProjectionId> {
  const stored = await findStored(context, projection);
  const partitions = stored?.wantedPartitions ?? projection.partitions;
  return context.readModels.createShadow({ ...projection, partitions }, 'rebuild');
}

/** The one that an earlier rebuild has left, or a new one. One that somebody works on is waited for: he may have died. */
async function shadowFor(
  context: VersionsContext,
  projection: AnyProjection,
  { isFresh = false, signal }: RebuildOptions,
): Promise<ProjectionId> {
  const { readModels, leaseDuration } = context;
  const { name, version, tables } = projection;
  const deadline = performance.now() + leaseDuration + PATIENCE;
  for (;;) {
    signal?.throwIfAborted();
    const shadows = await readModels.listShadows(name);
    const left = shadows.find((shadow) => shadow.of === version && shadow.purpose === 'rebuild');
    if (left === undefined) return createShadow(context, projection);
    if (left.owner !== undefined) {
      if (performance.now() >= deadline) throw new ProjectionInUseError(name, version, left.owner);
      await sleep(LOOK);
      continue;
    }
    if (!isFresh && JSON.stringify(left.tables) === JSON.stringify(tables)) return left;
    await readModels.dropShadow(left);
  }
}

/** How to rebuild all versions. */
export interface RebuildAllOptions extends RebuildOptions {
  /**
   * Versions that are rebuilt at the same time.
   * @defaultValue 1
   */
  readonly parallel?: number | undefined;
  /** Called with the versions that are rebuilt, and with those that an earlier run has rebuilt already. */
  readonly onStart?: ((of: { readonly todo: number; readonly done: number }) => void) | undefined;
}

/** What became of a version; a failed one is as it was. */
export type RebuiltVersion =
  | (BuiltVersion & { readonly error: undefined })
  | (ProjectionId & { readonly error: unknown });

/**
 * Rebuilds all versions that there is code for, and goes on where an earlier run was stopped: it has made a shadow for each of
 * them, and those are left that it has not come to.
 */
export async function rebuildAll(
  context: VersionsContext,
  { parallel = 1, onStart, ...options }: RebuildAllOptions,
): Promise<readonly RebuiltVersion[]> {
  checkWhole('parallel', parallel, 1);
  const { todo, done, shadows } = await chooseVersions(context, options);
  await beginAll(context, { todo, shadows, isFresh: options.isFresh ?? false });
  onStart?.({ todo: todo.length, done });
  const queue = [...todo];
  const results: RebuiltVersion[] = [];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      options.signal?.throwIfAborted();
      results.push(await rebuildOne(context, next, options));
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
  return results;
}

/** Where one fails, the others are rebuilt all the same. */
async function rebuildOne(
  context: VersionsContext,
  projection: AnyProjection,
  options: RebuildOptions,
): Promise<RebuiltVersion> {
  const { name, version } = projection;
  try {
    // Its shadow is empty yet, or is to be gone on with.
    return { ...(await rebuildVersion(context, projection, { ...options, isFresh: false })), error: undefined };
  } catch (error) {
    options.signal?.throwIfAborted();
    return { name, version, error };
  }
}

/** Which versions a `rebuildAll` would rebuild, and how many an earlier run has rebuilt already. */
export interface RebuildAllPlan {
  readonly todo: readonly ProjectionId[];
  readonly done: number;
}

/** What {@link rebuildAll} would do now. Nothing changes. */
export async function planRebuildAll(
  context: VersionsContext,
  options: Pick<RebuildOptions, 'isFresh'>,
): Promise<RebuildAllPlan> {
  const { todo, done } = await chooseVersions(context, options);
  return { todo: todo.map(({ name, version }) => ({ name, version })), done };
}

/** Those that an earlier run has left, or else all that are not retired. */
async function chooseVersions(
  { readModels, projections }: VersionsContext,
  { isFresh = false }: Pick<RebuildOptions, 'isFresh'>,
): Promise<{ readonly todo: readonly AnyProjection[]; readonly done: number; readonly shadows: readonly Shadow[] }> {
  const shadows = (await readModels.listShadows()).filter(({ purpose }) => purpose === 'rebuild');
  const stored = await readModels.listProjections();
  const all = projections.filter(({ name, version }) => {
    return stored.every((it) => it.name !== name || it.version !== version || it.state !== 'retired');
  });
  const left = isFresh ? [] : projections.filter((projection) => shadowOf(shadows, projection) !== undefined);
  return left.length === 0
    ? { todo: all, done: 0, shadows }
    : { todo: left, done: all.filter((it) => !left.includes(it)).length, shadows };
}

function shadowOf(shadows: readonly Shadow[], { name, version }: ProjectionId): Shadow | undefined {
  return shadows.find((it) => it.name === name && it.of === version);
}

/** A shadow for each, from now on; those of an earlier run that are gone on with stay. */
async function beginAll(
  { readModels }: VersionsContext,
  {
    todo,
    shadows,
    isFresh,
  }: { readonly todo: readonly AnyProjection[]; readonly shadows: readonly Shadow[]; readonly isFresh: boolean },
): Promise<void> {
  for (const projection of todo) {
    const old = shadowOf(shadows, projection);
    if (old !== undefined && !isFresh) continue;
    if (old !== undefined) await readModels.dropShadow(old);
    await readModels.prepareProjection(projection);
    await createShadow({ readModels }, projection);
  }
}

/** The version stands still while its shadow comes as far; then nobody works on either, and they are swapped. */
async function takePlace(
  context: VersionsContext,
  of: { readonly shadow: AnyProjection; readonly projection: AnyProjection; readonly stop: () => Promise<void> },
  { timeout = 30_000, signal }: RebuildOptions,
): Promise<void> {
  const { shadow, projection, stop } = of;
  const { readModels, owner } = context;
  const seize = async (): Promise<readonly Lease[]> => {
    const seized = await readModels.seizeProjection(projection, { owner, duration: HOLD });
    // Without checkpoints it was retired meanwhile, for good.
    if (seized.length === 0) throw new ProjectionRetiredError(projection.name, projection.version);
    return seized;
  };
  const end = { deadline: performance.now() + timeout, signal };
  let leases = await seize();
  const wanted = furthest(leases);
  let isDone = false;
  try {
    await untilDone(() => untilPassed(context, shadow, leases.map(toPosition)), end);
    await stop();
    await untilDone(async () => {
      leases = await seize();
      const position = furthest(leases);
      if (position > wanted) throw behind(shadow, wanted, position);
      isDone = await readModels.adoptShadow(shadow, leases);
      if (!isDone) throw behind(shadow, wanted, position);
    }, end);
  } finally {
    if (!isDone) await readModels.releaseProjections(owner, leases).catch(() => undefined);
  }
}

function toPosition({ partition, position }: Lease): {
  readonly from: number;
  readonly to: number;
  readonly position: number;
} {
  return { ...partition, position };
}

function furthest(leases: readonly Lease[]): number {
  return Math.max(0, ...leases.map(({ position }) => position));
}

/** Somebody has worked on the version meanwhile. */
function behind({ name, version }: ProjectionId, position: number, wanted: number): ProjectionVersionBehindError {
  return new ProjectionVersionBehindError(name, { version, position, wanted, events: wanted - position });
}
