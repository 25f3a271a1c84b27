import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import {
  LiveVersionError,
  ProjectionInUseError,
  ProjectionRetiredError,
  ProjectionVersionUnknownError,
} from '../../projection-version-errors.ts';
import type { AnyProjection } from '../define-sql-projection.ts';
import { contextOf, workerContext, type ProjectionEngineOptions, type StoreOfEngine } from '../projection-engine.ts';
import type { ProjectionId } from '../projection-storage.ts';
import { buildVersion, untilCaughtUp, type BuildOptions, type BuiltVersion } from './build-version.ts';
import { compareSides, compareVersions, type ComparedVersions, type CompareOptions } from './compare-versions.ts';
import { planVersion, type VersionPlan } from './plan-version.ts';
import {
  planRebuildAll,
  rebuildAll,
  rebuildVersion,
  type RebuildAllOptions,
  type RebuildAllPlan,
  type RebuildOptions,
  type RebuiltVersion,
} from './rebuild-version.ts';
import { rollbackVersion, switchVersion, type SwitchedVersion, type SwitchOptions } from './switch-version.ts';
import { noteVerification } from '../note-verification.ts';
import { verifyRows, type VerifiedRows, type VerifyRowsOptions } from './verify-rows.ts';
import { codeOf, findCode, findStored, storedOf, type VersionsContext } from './versions-context.ts';
import { dropLeftShadows, withShadow } from './with-shadow.ts';

/** How to try code against the whole log. */
export interface WhatIfOptions extends CompareOptions, Omit<BuildOptions, 'signal'> {}

/**
 * The life of the versions of projections: plan, build, compare, switch, roll back, retire; and rebuild. Made by
 * {@link createProjectionVersions}.
 */
export class ProjectionVersions {
  readonly #context: VersionsContext;

  constructor(store: StoreOfEngine, projections: readonly AnyProjection[], options: ProjectionEngineOptions = {}) {
    const owner = `${hostname()}/${process.pid}/${randomUUID().slice(0, 8)}`;
    const context = workerContext(contextOf(store, projections), options);
    // A subscription keeps nothing to be compared, and what it does outside is not to be done once more.
    const code = projections.filter(({ kind }) => kind !== 'subscription');
    this.#context = { ...context, store, projections: code, options, owner };
  }

  /** What a build would do: how many events, how long, measured by a trial with the first of them. Changes nothing. */
  async plan(
    projection: ProjectionId,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<VersionPlan> {
    return planVersion(this.#context, codeOf(this.#context, projection), { signal });
  }

  /**
   * Fills the read model of a version, in this process, until it has caught up; or waits for whoever fills it. It may be stopped
   * or die at any time: what is built stays, and the next build goes on from there.
   *
   * Throws `ProjectionBuildError` where the version is faulted or paused, `ProjectionRetiredError`. Keys that are parked end
   * nothing: the result counts them.
   */
  async build(projection: ProjectionId, options: BuildOptions = {}): Promise<BuiltVersion> {
    return buildVersion(this.#context, codeOf(this.#context, projection), options);
  }

  /**
   * In what a version differs from the live one, row by row, at the same events. Changes nothing, and the live version goes on;
   * the version that is compared stands still, or the other one, where that which is compared is inline. With an inline version,
   * these are all events that one snapshot can see.
   *
   * Throws `CompareTimeoutError` when the time is over, `ProjectionVersionUnknownError` where it was not built.
   */
  async compare(projection: ProjectionId, options: CompareOptions = {}): Promise<ComparedVersions> {
    return compareVersions(this.#context, projection, options);
  }

  /**
   * In what the read model of this code would differ from the live one: applies the whole log to a shadow, compares, and drops the
   * shadow. Changes nothing, also where code has changed and its version has not.
   */
  async whatIf(projection: ProjectionId, options: WhatIfOptions = {}): Promise<ComparedVersions> {
    const context = this.#context;
    const code = codeOf(context, projection);
    const { name, version } = code;
    const against = options.against ?? (await context.readModels.readLiveVersion(name))?.version;
    if (against === undefined) throw new ProjectionVersionUnknownError(name, undefined);
    // Code of the same version is what is tried, not what was there.
    const known = against === version ? undefined : findCode(context, { name, version: against });
    const compared = await withShadow(context, code, options, async (shadow) => {
      await untilCaughtUp(context, shadow, options);
      const before = { name, version: against, code: known };
      return compareSides(context, { before, after: { name, version: shadow.version, code: shadow } }, options);
    });
    return { ...compared, version, errors: compared.errors.map((error) => ({ ...error, version })) };
  }

  /**
   * Proves the rows of a version, inline or not: applies the whole log to a shadow with its code, compares row by row, and drops the
   * shadow. Finds rows that somebody has changed by hand, and code that has changed though its version has not. Changes nothing, and
   * the version goes on.
   *
   * Keys of which events wait among the dead letters, or were given up, are left out, and counted as `keysApart`; in tables that a
   * handler writes, nobody knows their rows. Throws what {@link build} and {@link compare} do.
   *
   * @example
   * const { ok, tables } = await versions.verifyRows(cartSummary);
   */
  async verifyRows(projection: ProjectionId, options: VerifyRowsOptions = {}): Promise<VerifiedRows> {
    const verified = await verifyRows(this.#context, codeOf(this.#context, projection), options);
    await noteVerification(this.#context.readModels, projection, verified);
    return verified;
  }

  /**
   * Lets the name stand for another version, in one transaction: whoever reads the views finds the old rows or the new ones. The
   * version must be close to the end of the log; the rest is waited for, or applied here where there is code for it.
   *
   * Throws `ProjectionVersionBehindError` where it is not far enough in time, `ProjectionParkedError` where keys of it are parked.
   */
  async switchTo(projection: ProjectionId, options: SwitchOptions = {}): Promise<SwitchedVersion> {
    return switchVersion(this.#context, projection, options);
  }

  /** Lets the name stand for the version that was live before the last switch; otherwise as {@link switchTo}. */
  async rollback({ name }: Pick<ProjectionId, 'name'>, options: SwitchOptions = {}): Promise<SwitchedVersion> {
    return rollbackVersion(this.#context, name, options);
  }

  /**
   * Drops a version for good: its rows, checkpoints and dead letters. Engines that still have its code leave it alone.
   *
   * Throws `LiveVersionError` for the live one; `ProjectionInUseError` where somebody works on it, unless forced.
   */
  async retire(
    { name, version }: ProjectionId,
    { isForced = false }: { readonly isForced?: boolean | undefined } = {},
  ): Promise<void> {
    const known = await findStored(this.#context, { name, version });
    if (known?.state === 'inline' || known?.kind === 'subscription') await storedOf(this.#context, known);
    const result = await this.#context.readModels.retireProjection({ name, version }, { isForced });
    switch (result.outcome) {
      case 'retired':
        return;
      case 'live':
        throw new LiveVersionError(name, version, ': switch to another one before it is retired.');
      case 'in_use':
        throw new ProjectionInUseError(name, version, result.owner);
      case 'unknown': {
        const stored = await findStored(this.#context, { name, version });
        if (stored?.state === 'retired') throw new ProjectionRetiredError(name, version);
        throw new ProjectionVersionUnknownError(name, version, 'was never built.');
      }
    }
  }

  /**
   * Applies the whole log to a version again, beside it, and puts the result in its place in one transaction. Until then, what is
   * there is read as before, also where this fails or is stopped; the next rebuild goes on from there.
   *
   * Throws what {@link build} and {@link switchTo} do.
   */
  async rebuild(projection: ProjectionId, options: RebuildOptions = {}): Promise<BuiltVersion> {
    return rebuildVersion(this.#context, codeOf(this.#context, projection), options);
  }

  /**
   * Rebuilds all versions that there is code for, and goes on where an earlier run was stopped. One that fails stays as it was, and
   * the others are rebuilt all the same: the results say which.
   */
  async rebuildAll(options: RebuildAllOptions = {}): Promise<readonly RebuiltVersion[]> {
    return rebuildAll(this.#context, options);
  }

  /** Which versions {@link rebuildAll} would rebuild now, and how many an earlier run has rebuilt already. Nothing changes. */
  async planRebuildAll(options: Pick<RebuildOptions, 'isFresh'> = {}): Promise<RebuildAllPlan> {
    return planRebuildAll(this.#context, options);
  }

  /** Drops what crashes have left of rebuilds and of comparisons, and gives back how many. Nobody reads it; a rebuild begins anew. */
  async dropShadows(): Promise<number> {
    return dropLeftShadows(this.#context, { purposes: ['what_if', 'rebuild'] });
  }
}

/**
 * What can be done with versions of projections. `projections` is the code that there is: of a version that is built, compared by
 * its events or rebuilt; give the old versions, too, while they are kept.
 *
 * @example
 * const versions = createProjectionVersions(store, [cartSummaryV1, cartSummaryV2]);
 * await versions.build(cartSummaryV2);
 * const { isSame, tables } = await versions.compare(cartSummaryV2);
 * await versions.switchTo(cartSummaryV2);
 * await versions.retire(cartSummaryV1);
 */
export function createProjectionVersions(
  store: StoreOfEngine,
  projections: readonly AnyProjection[],
  options: ProjectionEngineOptions = {},
): ProjectionVersions {
  return new ProjectionVersions(store, projections, options);
}
