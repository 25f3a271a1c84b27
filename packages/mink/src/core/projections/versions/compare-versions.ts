import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseError } from '../../errors.ts';
import { CompareTimeoutError, ProjectionVersionUnknownError } from '../../projection-version-errors.ts';
import { checkWhole } from '../../store/read-options.ts';
import { hasPassed } from './build-version.ts';
import type { ParkedKey, ProjectionId } from '../projection-storage.ts';
import { alignVersions, isConflict, type Side } from './align-versions.ts';
import { compareTables, type ComparedTable } from './compared-table.ts';
import { addFirstEvents } from './first-difference.ts';
import type { KeySample, Scratch } from './version-storage.ts';
import { findCode, readableOf, type VersionsContext } from './versions-context.ts';

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
   * Compares one key in so many: for tables that cannot all be compared in time. What differs elsewhere is not seen.
   * @defaultValue 1, all keys
   */
  readonly sample?: number | undefined;
  /**
   * Which keys `sample` chooses: with the same number, the same.
   * @defaultValue a random one, which the result says
   */
  readonly seed?: number | undefined;
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
  /** What part of the keys was compared, and counted; undefined where all were. */
  readonly sample: KeySample | undefined;
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
const MOST_SEEDS = 2 ** 31;

/** A version against the live one, or another. */
export async function compareVersions(
  context: VersionsContext,
  { name, version }: ProjectionId,
  options: CompareOptions,
): Promise<ComparedVersions> {
  await readableOf(context, { name, version });
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
  sides: Sides,
  options: CompareOptions,
): Promise<ComparedVersions> {
  const { name, version } = sides.after;
  const { keysApart: _none, ...found } = await compareRows(context, sides, options);
  return { name, version, against: sides.before.version, ...found };
}

/** How the rows of two versions are compared. */
export interface CompareRowsOptions extends CompareOptions {
  /**
   * The versions have the same code: where the rows of the first are not what it makes of the log, it is told since which event,
   * and keys of which it has not applied all events are left out.
   * @defaultValue false
   */
  readonly isProof?: boolean | undefined;
}

/** In what rows differ. */
export type ComparedRows = Omit<ComparedVersions, 'name' | 'version' | 'against'> & {
  /** Keys that were left out. */
  readonly keysApart: number;
};

/** The same, of two versions with the same code, too. */
export async function compareRows(
  context: VersionsContext,
  { before, after }: Sides,
  { isProof = false, ...options }: CompareRowsOptions,
): Promise<ComparedRows> {
  const { samples = 10, sample: oneIn = 1, seed = randomInt(MOST_SEEDS), timeout = 60_000, signal } = options;
  checkWhole('sample', oneIn, 1);
  checkWhole('seed', seed, 0);
  const sample = oneIn === 1 ? undefined : { oneIn, seed };
  checkWhole('samples', samples, 0);
  checkWhole('timeout', timeout, 1);
  const begun = performance.now();
  const { readModels, owner } = context;
  const leases = await readModels.seizeProjection(await heldOf(context, { before, after }), {
    owner,
    duration: timeout + PATIENCE,
  });
  const late = AbortSignal.timeout(timeout);
  const either = signal === undefined ? late : AbortSignal.any([late, signal]);
  try {
    const how = { samples, sample, timeout, isProof, late, signal: either };
    const found = await compareInScratch(context, { before, after }, how);
    const isSame = found.errors.length === 0 && found.tables.every((table) => table.isSame);
    return { ...found, sample, isSame, duration: performance.now() - begun };
  } catch (error) {
    const isLate = late.aborted || (error instanceof DatabaseError && error.sqlState === '57014');
    if (isLate && signal?.aborted !== true) throw new CompareTimeoutError(after.name, timeout, { cause: error });
    throw error;
  } finally {
    await readModels.releaseProjections(owner, leases).catch(() => undefined);
  }
}

/** Which of the two stands still: the one that is compared, unless appends apply it, which hold no lease. */
async function heldOf(context: VersionsContext, { before, after }: Sides): Promise<ProjectionId> {
  await readableOf(context, before);
  const { state } = await readableOf(context, after);
  return state === 'inline' ? before : after;
}

interface ScratchOptions {
  readonly samples: number;
  readonly sample: KeySample | undefined;
  readonly timeout: number;
  readonly isProof: boolean;
  /** Is over when the time is. */
  readonly late: AbortSignal;
  readonly signal: AbortSignal;
}

type InScratch = Omit<ComparedRows, 'isSame' | 'sample' | 'duration'>;

/** Again where somebody has begun to work on what was brought forward: from then on it comes by itself. */
async function compareInScratch(context: VersionsContext, sides: Sides, options: ScratchOptions): Promise<InScratch> {
  const { timeout, signal } = options;
  for (;;) {
    await untilLiveIsThere(context, sides);
    signal.throwIfAborted();
    try {
      return await context.readModels.withScratch({ timeout }, (scratch) =>
        compareWithin(context, scratch, { ...sides, ...options }),
      );
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }
}

async function compareWithin(
  context: VersionsContext,
  scratch: Scratch,
  { before, after, samples, sample, timeout, isProof, late, signal }: Sides & ScratchOptions,
): Promise<InScratch> {
  const position = await alignVersions(context, scratch, { before, after, timeout, signal });
  const keysApart = isProof ? await unappliedKeys(scratch, before) : [];
  const found = await compareTables(scratch, { before, after, samples, sample, keysApart });
  const errors = await newErrors(scratch, { before, after });
  const replay = { before, after, upTo: position, isProof, signal };
  // Where there is no time left for them, the differences are still worth knowing.
  const tables = await addFirstEvents(context, scratch, { replay, tables: found }).catch((error: unknown) => {
    if (late.aborted && signal.reason === late.reason) return found;
    throw error;
  });
  return { tables, errors, position, keysApart: keysApart.length };
}

/** Keys with events that wait among the dead letters, or were given up: their rows lack them. */
async function unappliedKeys({ readModels }: Scratch, of: ProjectionId): Promise<readonly string[]> {
  const { parked = [], discarded = [] } = (await readModels.readApplied(of)) ?? {};
  return [...new Set([...parked, ...discarded].map(({ key }) => key))];
}

/** Where the other version is worked on, it comes by itself to where this one stands. */
async function untilLiveIsThere(context: VersionsContext, { before, after }: Sides): Promise<void> {
  const end = performance.now() + PATIENCE;
  const position = positionOf(await readableOf(context, after));
  for (;;) {
    const stored = await readableOf(context, before);
    if (stored.state === 'inline') return;
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
