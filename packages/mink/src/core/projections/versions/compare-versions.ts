import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseError } from '../../errors.ts';
import { CompareTimeoutError, ProjectionVersionUnknownError } from '../../projection-version-errors.ts';
import { checkWhole } from '../../store/read-options.ts';
import { hasPassed } from './build-version.ts';
import type { ParkedKey, ProjectionId } from '../projection-storage.ts';
import { alignVersions, isConflict, type Side } from './align-versions.ts';
import { compareTables, type ComparedTable } from './compared-table.ts';
import { addFirstEvents } from './first-difference.ts';
import { findCode, storedOf, type VersionsContext } from './versions-context.ts';

/** How to compare. */
export interface CompareOptions {
  /**
   * The version to compare with.
   * @defaultValue the one that is live
   */
  readonly against?: number | undefined;
  /**
   * Rows that are shown of each table.
   * @defaultValue 10
   */
  readonly samples?: number | undefined;
  /**
   * Milliseconds. As long as it runs, PostgreSQL keeps the old versions of all rows.
   * @defaultValue 60_000
   */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** In what two versions differ, at the same position. */
export interface ComparedVersions {
  readonly name: string;
  /** The version that was compared. */
  readonly version: number;
  /** The version that it was compared with. */
  readonly against: number;
  /** Everything up to here was applied to both. */
  readonly position: number;
  /** No row and no column differs, and nothing failed that did not fail before. */
  readonly isSame: boolean;
  readonly tables: readonly ComparedTable[];
  /** Keys that are parked in this version, and not in the other one. */
  readonly errors: readonly ParkedKey[];
  /** Milliseconds. */
  readonly duration: number;
}

/** Two versions to compare, with what is known of their code. */
export interface Sides {
  readonly before: Side;
  readonly after: Side;
}

const PATIENCE = 5_000;
const LOOK = 20;
const MOST_ERRORS = 1_000;

/** A version against the live one, or another. */
export async function compareVersions(
  context: VersionsContext,
  { name, version }: ProjectionId,
  options: CompareOptions,
): Promise<ComparedVersions> {
  await storedOf(context, { name, version });
  const against = options.against ?? (await context.readModels.readLiveVersion(name))?.version;
  if (against === undefined) throw new ProjectionVersionUnknownError(name, undefined);
  const before = { name, version: against };
  const after = { name, version };
  const sides = {
    before: { ...before, code: findCode(context, before) },
    after: { ...after, code: findCode(context, after) },
  };
  return compareSides(context, sides, options);
}

/**
 * Compares rows at the same position: in a transaction that is rolled back, what lies between the checkpoints is applied to the
 * version that is behind. The version that is compared stands still meanwhile; the other one goes on.
 */
export async function compareSides(
  context: VersionsContext,
  { before, after }: Sides,
  options: CompareOptions,
): Promise<ComparedVersions> {
  const { samples = 10, timeout = 60_000, signal } = options;
  checkWhole('samples', samples, 0);
  checkWhole('timeout', timeout, 1);
  const begun = performance.now();
  await Promise.all([storedOf(context, before), storedOf(context, after)]);
  const { readModels, owner } = context;
  const leases = await readModels.seizeProjection(after, { owner, duration: timeout + PATIENCE });
  const late = AbortSignal.timeout(timeout);
  const either = signal === undefined ? late : AbortSignal.any([late, signal]);
  try {
    const found = await compareInScratch(context, { before, after }, { samples, timeout, signal: either });
    const { errors, position } = found;
    const replay = { before, after, upTo: position, signal: either };
    const tables = await addFirstEvents(context, replay, found.tables).catch((error: unknown) => {
      if (late.aborted && signal?.aborted !== true) return found.tables;
      throw error;
    });
    const isSame = errors.length === 0 && tables.every((table) => table.isSame);
    const duration = performance.now() - begun;
    return {
      name: after.name,
      version: after.version,
      against: before.version,
      position,
      isSame,
      tables,
      errors,
      duration,
    };
  } catch (error) {
    const isLate = late.aborted || (error instanceof DatabaseError && error.sqlState === '57014');
    if (isLate && signal?.aborted !== true) throw new CompareTimeoutError(after.name, timeout, { cause: error });
    throw error;
  } finally {
    await readModels.releaseProjections(owner, leases).catch(() => undefined);
  }
}

/** Again where somebody has begun to work on what was brought forward: from then on it comes by itself. */
async function compareInScratch(
  context: VersionsContext,
  { before, after }: Sides,
  { samples, timeout, signal }: { readonly samples: number; readonly timeout: number; readonly signal: AbortSignal },
): Promise<Pick<ComparedVersions, 'tables' | 'position' | 'errors'>> {
  for (;;) {
    await untilLiveIsThere(context, { before, after });
    signal.throwIfAborted();
    try {
      return await context.readModels.withScratch({ timeout }, async (scratch) => {
        await alignVersions(context, scratch, { before, after, timeout, signal });
        const stored = [await storedOf(scratch, before), await storedOf(scratch, after)];
        const tables = await compareTables(scratch, { before, after, samples });
        const errors = await newErrors(scratch, { before, after });
        return { tables, errors, position: Math.max(...stored.map(positionOf)) };
      });
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }
}

/** Where the other version is worked on, it comes by itself to where this one stands. */
async function untilLiveIsThere(context: VersionsContext, { before, after }: Sides): Promise<void> {
  const end = performance.now() + PATIENCE;
  const position = positionOf(await storedOf(context, after));
  for (;;) {
    const stored = await storedOf(context, before);
    if (stored.owner === undefined || stored.position >= position || performance.now() >= end) return;
    if (before.code !== undefined && (await hasPassed(context, before.code, { stored, position }))) return;
    await sleep(LOOK);
  }
}

/** Of several partitions, of the one that is furthest. */
function positionOf({ partitions }: { readonly partitions: readonly { readonly position: number }[] }): number {
  return Math.max(0, ...partitions.map(({ position }) => position));
}

async function newErrors(
  { readModels }: Pick<VersionsContext, 'readModels'>,
  { before, after }: Sides,
): Promise<readonly ParkedKey[]> {
  const parkedOf = ({ name, version }: Side): Promise<readonly ParkedKey[]> =>
    readModels.listParked({ name, version, limit: MOST_ERRORS });
  const known = new Set((await parkedOf(before)).map(({ key }) => key));
  return (await parkedOf(after)).filter(({ key }) => !known.has(key));
}
