import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseError } from '../../errors.ts';
import {
  ProjectionParkedError,
  ProjectionVersionBehindError,
  ProjectionVersionUnknownError,
} from '../../projection-version-errors.ts';
import { checkWhole } from '../../store/read-options.ts';
import type { AnyProjection } from '../define-sql-projection.ts';
import { lagOf, MAX_LAG } from '../projection-status.ts';
import type { ProjectionId } from '../projection-storage.ts';
import { untilCaughtUp } from './build-version.ts';
import type { StoredPosition } from './version-storage.ts';
import { engineFor, findCode, readableOf, storedOf, type VersionsContext } from './versions-context.ts';

/** How to let a name stand for another version. */
export interface SwitchOptions {
  /**
   * Also where keys are parked.
   * @defaultValue false
   */
  readonly isForced?: boolean | undefined;
  /**
   * Milliseconds to wait until it has caught up, and for readers that hold the views.
   * @defaultValue 30_000
   */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What was switched. */
export interface SwitchedVersion {
  readonly name: string;
  /** What was live before. */
  readonly from: number;
  readonly to: number;
  /** Events that it was behind when this began, counted up to 10,000; undefined where there is no code that could tell. */
  readonly lagEvents: number | undefined;
  /** Milliseconds. */
  readonly duration: number;
}

const LOOK = 20;
/** Milliseconds that the live version stands still, at most. */
const LONGEST_HOLD = 2_000;
const PAUSE = 100;

/** Lets a name stand for another version: one that is as far as the live one, and not before. */
export async function switchVersion(
  context: VersionsContext,
  { name, version: to }: ProjectionId,
  { isForced = false, timeout = 30_000, signal }: SwitchOptions,
): Promise<SwitchedVersion> {
  const begun = performance.now();
  const deadline = begun + checkWhole('timeout', timeout, 0);
  const live = await context.readModels.readLiveVersion(name);
  if (live === undefined) throw new ProjectionVersionUnknownError(name, undefined);
  const from = live.version;
  const { state } = await readableOf(context, { name, version: to });
  if (from === to) return { name, from, to, lagEvents: 0, duration: performance.now() - begun };
  await storedOf(context, { name, version: from });
  if (!isForced) await checkNotParked(context, { name, version: to });
  // What appends apply is as far as the log, and nobody else works on it.
  const isInline = state === 'inline';
  const code = isInline ? undefined : findCode(context, { name, version: to });
  const lagEvents = code === undefined ? (isInline ? 0 : undefined) : await checkNear(context, code);
  const engine = code === undefined ? undefined : engineFor(context, code);
  try {
    if (code !== undefined) await catchUp(context, code, { engine, timeout, signal });
    const isReady = (held: readonly StoredPosition[]): Promise<void> =>
      untilPassed(context, { name, version: to }, held);
    await untilDone(() => context.readModels.switchProjection({ name, from, to, isReady }), { deadline, signal });
  } finally {
    await engine?.close();
  }
  return { name, from, to, lagEvents, duration: performance.now() - begun };
}

/** The version that was live before becomes it again. */
export async function rollbackVersion(
  context: VersionsContext,
  name: string,
  options: SwitchOptions,
): Promise<SwitchedVersion> {
  const live = await context.readModels.readLiveVersion(name);
  if (live === undefined) throw new ProjectionVersionUnknownError(name, undefined);
  if (live.previous !== undefined) return switchVersion(context, { name, version: live.previous }, options);
  throw new ProjectionVersionUnknownError(
    name,
    undefined,
    'to go back to is not there: it is retired, or there never was one.',
  );
}

/** Refuses what has parked keys: it would be read. */
export async function checkNotParked({ readModels }: VersionsContext, { name, version }: ProjectionId): Promise<void> {
  const { parkedKeys } = await readableOf({ readModels }, { name, version });
  const [first] = await readModels.listParked({ name, version, limit: 1 });
  if (first !== undefined) throw new ProjectionParkedError(name, version, { keys: parkedKeys, error: first.error });
}

/** A switch waits for the rest; it does not build. */
async function checkNear(context: VersionsContext, code: AnyProjection): Promise<number> {
  const stored = await storedOf(context, code);
  const { position: wanted } = await context.storage.readBound();
  const { events } = await lagOf(context, code, { known: stored, upTo: wanted });
  if (events < MAX_LAG) return events;
  const { name, version, position } = stored;
  throw new ProjectionVersionBehindError(name, { version, position, wanted, events });
}

async function catchUp(
  context: VersionsContext,
  code: AnyProjection,
  {
    engine,
    timeout,
    signal,
  }: Pick<SwitchOptions, 'signal'> & {
    readonly engine: ReturnType<typeof engineFor> | undefined;
    readonly timeout: number;
  },
): Promise<void> {
  await engine?.start();
  const late = AbortSignal.timeout(timeout);
  try {
    await untilCaughtUp(context, code, { signal: signal === undefined ? late : AbortSignal.any([late, signal]) });
  } catch (error) {
    if (!late.aborted || signal?.aborted === true) throw error;
    const { name, version, position } = await storedOf(context, code);
    const { position: wanted } = await context.storage.readBound();
    const { events } = await lagOf(context, code, { known: await storedOf(context, code), upTo: wanted });
    throw new ProjectionVersionBehindError(name, { version, position, wanted, events });
  }
}

/** While the live version stands still, another one comes as far. Without its code, only the positions can tell. */
export async function untilPassed(
  context: VersionsContext,
  id: ProjectionId,
  held: readonly StoredPosition[],
): Promise<void> {
  const code = findCode(context, id);
  const wanted = Math.max(0, ...held.map(({ position }) => position));
  const end = performance.now() + LONGEST_HOLD;
  for (;;) {
    const stored = await readableOf(context, id);
    const { position } = stored;
    if (stored.state === 'inline') return;
    const events =
      code === undefined
        ? Math.max(0, wanted - position)
        : (await lagOf(context, code, { known: stored, upTo: wanted })).events;
    if (events === 0) return;
    if (performance.now() >= end) {
      throw new ProjectionVersionBehindError(id.name, { version: id.version, position, wanted, events });
    }
    await sleep(LOOK);
  }
}

/** Again while others hold what it needs, or it is not far enough: each time the live version goes on in between. */
export async function untilDone<T>(
  work: () => Promise<T>,
  { deadline, signal }: { readonly deadline: number; readonly signal?: AbortSignal | undefined },
): Promise<T> {
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      const isHeld = error instanceof DatabaseError && error.sqlState === '55P03';
      const mayWait = isHeld || error instanceof ProjectionVersionBehindError;
      if (!mayWait || performance.now() >= deadline) throw error;
    }
    await sleep(PAUSE);
  }
}
